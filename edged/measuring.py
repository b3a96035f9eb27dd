"""The commands that measure, and the one that makes what is measured. See `edged.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edged.options import Accelerators, Json, Layout, ModelName, Pace, Rotate, Units


def athlete(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="VIDEO", help="An .mp4 or .avi file.")
    ],
    exercise: Annotated[
        str | None,
        typer.Option(
            "--exercise", "-e", metavar="NAME", help="As squat; default: each of the nine in turn."
        ),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE.toml", help="A workout, see docs/athlete.md."),
    ] = None,
    reps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Of a set; default: 10, of each of nine 6.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", "-t", metavar="FILE.json", help="Keypoints, angles, reps, phases."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, help="Who, where and seen from where; default: 0."),
    ] = None,
    view: Annotated[
        float | None,
        typer.Option(
            min=-360.0,
            max=360.0,
            metavar="DEGREES",
            help="0: from in front, 90: from the athlete's left; default: by the seed.",
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=16, max=4096, help="Pixels, even.")] = 640,
    height: Annotated[int, typer.Option(min=16, max=4096, help="Pixels, even.")] = 480,
    fps: Annotated[float, typer.Option(min=1.0, max=120.0, help="Frames a second.")] = 30.0,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End there; default: with the workout.")
    ] = None,
) -> None:
    """Render somebody who works out, with the truth about every frame: for tests of your own."""
    from edged.commands import athlete

    athlete.run(
        exercise,
        script,
        out=out,
        truth=truth,
        reps=reps,
        seed=seed,
        view_deg=view,
        size=(width, height),
        fps=fps,
        seconds=seconds,
    )


def evaluate(
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="SOURCE",
            help="athlete: another person and place in each frame; athlete:squat?seed=7: one of "
            "them, followed; or a video with its --truth.",
        ),
    ] = "athlete",
    model: ModelName = "athlete-pose",
    truth: Annotated[
        Path | None,
        typer.Option("--truth", "-t", metavar="FILE.json", help="As edged athlete writes it."),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most.")] = 1000,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**30, help="Of the first of --source athlete.")
    ] = None,
    looks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2,
            help="At each frame of --source athlete: 2 (default) as edged infer, 1 at the whole.",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=0, max=64, help="Of the model; 0: as many as cores, at most 4.")
    ] = 0,
    accelerator: Accelerators = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the table: .png, .svg or .pdf; default: evaluation.png, where matplotlib "
            "is installed.",
        ),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
    json: Json = False,
) -> None:
    """Measure how near a model's poses are to the truth: OKS and PCK."""
    from edged.commands import evaluate

    evaluate.run(
        source,
        model=model,
        truth=truth,
        frames=frames,
        seed=seed,
        looks=None if looks is None else 1 if looks == 1 else 2,
        threads=threads,
        accelerators=accelerator or [],
        plot_file=plot,
        draws=not no_plot,
        json=json,
    )


def reps(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIP...",
            help="Videos, or keypoint files (.npz with t_s and keypoints).",
            show_default=False,
        ),
    ],
    exercise: Annotated[
        str,
        typer.Option(
            "--exercise", "-e", metavar="NAME", help="As biceps-curl; auto: whichever it is."
        ),
    ] = "auto",
    exercises: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            readable=False,
            help="Exercises of your own, see edged exercises test.",
        ),
    ] = None,
    model: ModelName = "movenet-lightning",
    rotate: Annotated[
        Rotate, typer.Option(help="Degrees clockwise that make the clip upright.")
    ] = Rotate.NONE,
    threads: Annotated[
        int, typer.Option(min=0, max=64, help="Of the model; 0: as many as cores, at most 4.")
    ] = 0,
    classifier: Annotated[
        str,
        typer.Option(
            metavar="FILE.tflite",
            help="A model of poses, of 51 numbers, that helps to recognize; see docs/fitness.md.",
            show_default=False,
        ),
    ] = "",
    classifier_labels: Annotated[
        str,
        typer.Option(
            metavar="FILE.txt",
            help="Its labels, one a line; default: those inside or beside it.",
            show_default=False,
        ),
    ] = "",
    classifier_layout: Annotated[
        Layout, typer.Option(help="How it takes a keypoint: y, x, score or x, y, score.")
    ] = Layout.YXS,
    classifier_units: Annotated[
        Units, typer.Option(help="Of x and y: pixels, or 0 to 1 of the frame.")
    ] = Units.AUTO,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw how a clip was counted: .png, .svg or .pdf."),
    ] = None,
    json: Json = False,
) -> int:
    """Count what somebody does in videos: a line a clip."""
    from edged.commands import reps, second_stage

    return reps.run(
        clips,
        exercise=exercise,
        exercises_file=exercises,
        model=model,
        rotate=rotate.degrees,
        threads=threads,
        classifier=second_stage.settings(
            classifier, classifier_labels, layout=classifier_layout, units=classifier_units
        ),
        plot_file=plot,
        json=json,
    )


def bench(
    model: ModelName = "movenet-lightning",
    source: Annotated[
        str, typer.Option("--source", "-s", help="A video file; default: a pattern of our own.")
    ] = "",
    seconds: Annotated[
        float, typer.Option(min=1.0, help="Seconds of each program at each pace.")
    ] = 10.0,
    threads: Annotated[int, typer.Option(min=1, help="Of the model.")] = 1,
    accelerator: Accelerators = None,
    pace: Annotated[
        Pace,
        typer.Option(
            help="fast: as many frames as are taken; realtime: the video's own rate; "
            "overload: ten times what the model can take; all: one after the other."
        ),
    ] = Pace.ALL,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PROGRAM", help="Another program to measure in the same run; may be repeated."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure edged through a real broker: frames a second, ages, CPU, memory, start."""
    from edged.commands import bench

    bench.run(
        model,
        source,
        seconds=seconds,
        threads=threads,
        accelerators=accelerator or [],
        pace=pace,
        peers=against or [],
        json=json,
    )
