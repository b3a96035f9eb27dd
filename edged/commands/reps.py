"""`edged reps`: count what somebody does in a video, or in a file of keypoints."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

import msgspec

from edged.commands import clips, reps_plot
from edged.commands.ending import ends_by_sigterm
from edged.commands.files import write_bytes
from edged.commands.progress import bar
from edged.commands.second_stage import SecondStage
from edged.config import model_directories
from edged.errors import EdgedError, EngineError, SourceError, UsageError
from edged.evaluation import plot
from edged.fitness import sets
from edged.fitness.coach import News, Recognized
from edged.fitness.crew import Crew
from edged.fitness.exercises import AUTO, Exercises, chosen, known, load
from edged.fitness.reps import Rep
from edged.inference.alone import spec_of
from edged.inference.catalog import resolve
from edged.inference.engine import Engine
from edged.pipeline import ModelFiles, Pipeline
from edged.sections import Fitness, Inference, LabelModel, PoseModel

_DIGITS = 3


class RepLine(msgspec.Struct, frozen=True, kw_only=True):
    """One full rep."""

    began_s: float
    peak_s: float
    ended_s: float
    side: str
    eccentric_s: float
    concentric_s: float
    range: float
    """In the textbook's ranges."""
    start_value: float | None
    peak_value: float | None
    symmetry: float | None
    peak_speed: float
    flags: tuple[str, ...]


class SetLine(msgspec.Struct, frozen=True, kw_only=True):
    """One set."""

    exercise: str
    reps: int
    partial_reps: int
    held_s: float
    began_s: float
    ended_s: float


class ClipLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in a clip."""

    source: str
    exercise: str | None
    """That was given, or of which there is most; None: nothing was recognized."""
    reps: int
    """Full ones of that exercise, in all sets."""
    partial_reps: int
    held_s: float
    """Of a hold, all together."""
    seconds: float
    """Of the clip."""
    sets: tuple[SetLine, ...]
    each: tuple[RepLine, ...]
    """The reps of that exercise."""


@dataclass(slots=True)
class Tally:
    """What has been told of a clip so far."""

    crew: Crew
    is_traced: bool = False
    """Whether to keep what a plot shows."""
    log: sets.Log = field(default_factory=sets.Log)
    done: list[sets.Set] = field(default_factory=list)
    reps: list[Rep] = field(default_factory=list)
    traces: dict[str, list[reps_plot.Sample]] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, seen: clips.Seen) -> None:
        """The next frame."""
        news = self.crew.update(seen.t_s, seen.poses, seen.aspect)
        self._note(news)
        self.log, ended = sets.told(self.log, news)
        self._close(ended)
        self.log, ended = sets.passed(self.log, seen.t_s, present=bool(seen.poses))
        self._close(ended)
        self.seconds = seen.t_s
        for name, counter in self.crew.coach.counters.items() if self.is_traced else ():
            sample = reps_plot.Sample(seen.t_s, counter.depth, counter.cycles.levels)
            self.traces.setdefault(name, []).append(sample)

    def finish(self) -> None:
        """The clip is over."""
        self.log, ended = sets.finished(self.log)
        self._close(ended)

    def _note(self, news: Iterable[News]) -> None:
        for one in news:
            if isinstance(one, Recognized):
                wrong = [rep for rep in self.reps if rep.exercise == one.instead_of][-one.reps :]
                self.reps = [rep for rep in self.reps if not one.reps or rep not in wrong]
            elif isinstance(one, Rep):
                if self.reps and sets.is_same(self.reps[-1], one):
                    self.reps.pop()
                self.reps.append(one)

    def _close(self, ended: Iterable[sets.Ended]) -> None:
        self.done += [one.set for one in ended if isinstance(one, sets.SetEnded)]


def run(
    sources: Sequence[str],
    *,
    exercise: str,
    exercises_file: Path | None,
    model: str,
    rotate: clips.Rotate,
    threads: int,
    classifier: Fitness | None = None,
    plot_file: Path | None,
    json: bool,
) -> int:
    """Count in every clip and print a line for each.

    A clip that cannot be read is told on standard error, and the others go on. `classifier` names a
    second model, that helps to recognize.

    Returns:
        The exit code: 1 when something was told.

    Raises:
        UsageError: words that do not fit, or the plot cannot be drawn.
        ConfigError: the file of exercises is wrong.
        EdgedError: the model cannot be used, or the plot cannot be written.
    """
    exercises = known(load(exercises_file) if exercises_file is not None else None)
    if exercise != AUTO:
        chosen(exercise, exercises)
        if classifier is not None:
            raise UsageError("--classifier helps to recognize what --exercise says: leave one out")
    _check(sources, plot_file)
    code = 0
    with ends_by_sigterm(), contextlib.ExitStack() as undo:
        films = _Films(undo, model, threads)
        second = SecondStage(undo, classifier) if classifier is not None else None
        advance = undo.enter_context(
            bar(len(sources), is_wanted=not (json and sys.stdout.isatty()))
        )
        for source in sources:
            tally = Tally(Crew(exercises, exercise), is_traced=plot_file is not None)
            try:
                for seen in films.frames(source, rotate, lambda share: advance("", share)):
                    tally.add(seen)
                    if second is not None:
                        second.tell(tally.crew, seen)
            except (SourceError, EngineError) as error:
                print(f"edged: {error}", file=sys.stderr)
                code = 1
                continue
            tally.finish()
            line = told(source, tally, exercise)
            print(msgspec.json.encode(line).decode() if json else as_text(line), flush=True)
            if plot_file is not None:
                _draw(plot_file, line, tally, exercises)
    return code


def _check(sources: Sequence[str], plot_file: Path | None) -> None:
    """Raises `UsageError` when a clip is no file, or cannot be drawn."""
    if plot_file is not None:
        plot.check(plot_file)
        if len(sources) > 1:
            raise UsageError(f"--plot draws one clip, got {len(sources)}")
    for source in sources:
        clips.check_video(source)


class _Films:
    """Frames of clips; a model is started when the first one needs it."""

    def __init__(self, undo: contextlib.ExitStack, model: str, threads: int) -> None:
        self._undo, self._model, self._threads = undo, model, threads
        self._started: tuple[Engine, Pipeline] | None = None

    def frames(
        self, source: str, rotate: clips.Rotate, advance: reps_plot.Advance
    ) -> Iterator[clips.Seen]:
        if clips.is_keypoints(source):
            yield from clips.from_keypoints(Path(source).expanduser(), rotate)
            return
        engine, pipeline = self._pipeline()
        yield from clips.from_video(source, engine, pipeline, rotate, advance)

    def _pipeline(self) -> tuple[Engine, Pipeline]:
        if self._started is None:
            file = resolve(self._model, model_directories())
            engine = self._undo.enter_context(
                contextlib.closing(Engine([file.path], Inference(threads=self._threads)))
            )
            engine.start()
            spec = spec_of(file, engine)
            if spec.kind != "pose":
                raise UsageError(f"--model: {spec.name} finds no poses: there is nothing to count")
            pipeline = Pipeline(engine, ModelFiles(file, None), PoseModel(), LabelModel())
            self._started = engine, pipeline
        return self._started


def told(source: str, tally: Tally, wanted: str) -> ClipLine:
    """What is printed of a clip."""
    main = wanted if wanted != AUTO else _main(tally.done)
    mine = [one for one in tally.done if one.exercise == main]
    return ClipLine(
        source=source,
        exercise=main,
        reps=sum(one.reps for one in mine),
        partial_reps=sum(one.partial_reps for one in mine),
        held_s=round(sum(one.held_s for one in mine), _DIGITS),
        seconds=round(tally.seconds, _DIGITS),
        sets=tuple(_set_line(one) for one in tally.done),
        each=tuple(_rep_line(r) for r in tally.reps if r.exercise == main and r.is_full),
    )


def _main(done: Iterable[sets.Set]) -> str | None:
    """The exercise with most reps; where there are none, what was held for longest."""
    much: dict[str, tuple[int, float, int]] = {}
    for one in done:
        reps, held_s, parts = much.get(one.exercise, (0, 0.0, 0))
        much[one.exercise] = reps + one.reps, held_s + one.held_s, parts + one.partial_reps
    return max(much, key=lambda name: much[name], default=None)


def _set_line(one: sets.Set) -> SetLine:
    return SetLine(
        exercise=one.exercise,
        reps=one.reps,
        partial_reps=one.partial_reps,
        held_s=round(one.held_s, _DIGITS),
        began_s=round(one.began_s, _DIGITS),
        ended_s=round(one.last_s, _DIGITS),
    )


def _rep_line(rep: Rep) -> RepLine:
    return RepLine(
        began_s=round(rep.began_s, _DIGITS),
        peak_s=round(rep.peak_s, _DIGITS),
        ended_s=round(rep.ended_s, _DIGITS),
        side=rep.side,
        eccentric_s=round(rep.eccentric_s, _DIGITS),
        concentric_s=round(rep.concentric_s, _DIGITS),
        range=round(rep.range, _DIGITS),
        start_value=_known(rep.start_value),
        peak_value=_known(rep.peak_value),
        symmetry=None if rep.symmetry is None else round(rep.symmetry, _DIGITS),
        peak_speed=round(rep.peak_speed, _DIGITS),
        flags=rep.flags,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, _DIGITS)


def as_text(line: ClipLine) -> str:
    """For people: `squat.mp4: squat, 8 reps, 1 partial`."""
    if line.exercise is None or not (line.reps or line.partial_reps or line.held_s):
        what = "nothing" if line.exercise is None else f"{line.exercise}, 0 reps"
        return f"{line.source}: {what}"
    words = [line.exercise]
    if line.reps or not line.held_s:
        words.append(f"{line.reps} rep{'' if line.reps == 1 else 's'}")
    if line.partial_reps:
        words.append(f"{line.partial_reps} partial")
    if line.held_s:
        words.append(f"held for {line.held_s:.0f} s")
    flags: dict[str, int] = {}
    for rep in line.each:
        for flag in rep.flags:
            flags[flag] = flags.get(flag, 0) + 1
    remarks = "; ".join(f"{flag}: {times}" for flag, times in flags.items())
    others = [f"{one.exercise}, {one.reps}" for one in line.sets if one.exercise != line.exercise]
    more = f" (also {'; '.join(others)})" if others else ""
    return f"{line.source}: {', '.join(words)}{more}{f' [{remarks}]' if remarks else ''}"


def _draw(target: Path, line: ClipLine, tally: Tally, exercises: Exercises) -> None:
    """Write the plot. Raises `EdgedError`."""
    if line.exercise is None or line.exercise not in tally.traces:
        raise EdgedError(f"{target}: nothing to draw: {line.source} shows no reps")
    reps = [rep for rep in tally.reps if rep.exercise == line.exercise]
    picture = reps_plot.drawn(
        f"{Path(line.source).name}: {line.exercise}, {line.reps} reps",
        exercises[line.exercise],
        tally.traces[line.exercise],
        reps,
        target.suffix,
    )
    write_bytes(target, picture)
    print(f"plot: {target}", file=sys.stderr)
