"""The `edged` command: names, options, help and exit codes. The work is in `edged.commands`.

Each command imports its module when it is called: `edged run` pays for what it uses only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from edged import measuring
from edged.errors import ConfigError, EdgedError
from edged.groups import config_app, exercises_app, fleet_app, models_app
from edged.options import (
    Accelerators,
    BrokerAddress,
    ConfigFile,
    Fit,
    Json,
    ModelName,
    OptionalModelName,
)

app = typer.Typer(
    name="edged",
    help="See people move: a camera in, keypoints and labels out over MQTT.",
    epilog="Exit codes: 0 fine, 1 failed, 2 wrong use, 78 bad configuration, 130 interrupted, "
    "143 terminated.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(exercises_app, name="exercises")
app.add_typer(fleet_app, name="fleet")


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"edged {version('edged')}")
        raise typer.Exit


@app.callback()
def _edged(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def run(config_file: ConfigFile = None) -> int:
    """Run the daemon: camera in, messages out, until SIGTERM; SIGHUP reloads the configuration."""
    from edged.commands import run

    return run.run(config_file)


@app.command()
def infer(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Pictures, videos, directories and globs of pictures.",
            show_default=False,
        ),
    ],
    model: ModelName = "movenet-lightning",
    fit: Annotated[
        Fit,
        typer.Option(
            help="How a frame becomes the input, for models of poses: a crop that follows the "
            "person, the whole frame with borders, or stretched; auto: as the model does best."
        ),
    ] = Fit.AUTO,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A label a line, for classifiers; default: the model's own."
        ),
    ] = None,
    overlay: Annotated[
        str,
        typer.Option(
            metavar="OUT",
            help="Draw what is seen: a picture or video (.mp4, .avi), or a directory for several.",
        ),
    ] = "",
    threads: Annotated[
        int, typer.Option(min=0, max=64, help="Of the model; 0: as many as cores, at most 4.")
    ] = 0,
    accelerator: Accelerators = None,
    json: Json = False,
) -> int:
    """Run a model on pictures and videos: a line a frame."""
    from edged.commands import infer

    return infer.run(
        paths,
        model=model,
        fit=fit.value,
        labels=labels,
        threads=threads,
        accelerators=accelerator or [],
        overlay=overlay,
        json=json,
    )


@app.command()
def watch(
    broker: BrokerAddress = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", "-d", metavar="NAME", help="Default: the first by name that is online."
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="End by itself; exit code 1 when the device was never there."),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            readable=False,  # the file's own error tells more
            help="Takes broker, password, TLS and prefix from [mqtt]; default: "
            "/etc/edged/edged.toml, where it is and may be read, unless --broker is named.",
        ),
    ] = None,
) -> int:
    """Watch a device live in the terminal; into a pipe or file, a line a second. q ends it."""
    from edged.commands import watch

    return watch.run(config_file, broker, device, seconds)


@app.command()
def demo(
    model: OptionalModelName = None,
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "-s",
            metavar="SOURCE",
            help="athlete (rendered; also athlete:squat?seed=7), a webcam, stream, video, picture.",
        ),
    ] = "athlete",
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End by itself, so long after the first frame.")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            "--broker",
            "-b",
            metavar="ADDRESS",
            help="As of edged watch; default: 127.0.0.1:1883, or one of its own if none is there.",
        ),
    ] = None,
    accelerator: Accelerators = None,
) -> int:
    """Run all of edged on this machine and watch what comes out. q ends it and leaves nothing."""
    from edged.commands import demo

    return demo.run(model, source, seconds, broker, accelerators=accelerator or [])


@app.command()
def check(
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            readable=False,  # that it is not is a finding
            help="Default: /etc/edged/edged.toml, else the defaults of every key.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Tell what is wrong on this machine, and what to do; exit code 1 when edged cannot work."""
    from edged.commands import check

    return check.run(config_file, json=json)


@app.command()
def devices(
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            readable=False,
            help="Default: /etc/edged/edged.toml, else the defaults of every key.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Tell which accelerators are here; exit code 1 when one that is here cannot be used."""
    from edged.commands import devices

    return devices.run(config_file, json=json)


for _measuring in (measuring.athlete, measuring.evaluate, measuring.reps, measuring.bench):
    app.command()(_measuring)


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when a file is stale.")
    ] = False,
    directory: Annotated[
        Path, typer.Option("--directory", help="Where the schemas are written.")
    ] = Path("docs/schema"),
) -> None:
    """Write the JSON Schemas of the MQTT payloads."""
    from edged.commands import schema

    schema.run(directory, check=check)


def main() -> None:
    """Run the command line and exit: one line and the right code for every failure."""
    try:
        code = app(prog_name="edged", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "edged")
        print(
            f"edged: {error.format_message().rstrip('.')} (see {command} --help)", file=sys.stderr
        )
        code = error.exit_code
    except BrokenPipeError:
        # The reader left, as `head` does. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:  # noqa: BLE001 (a traceback is for those who ask for one)
        code = _told(error)
    sys.exit(code or 0)


def _told(error: Exception) -> int:
    from edged.config import debug_wanted

    if debug_wanted():
        raise error
    if isinstance(error, ConfigError):  # its lines begin with the file
        print(error, file=sys.stderr)
    elif isinstance(error, OSError) and not isinstance(error, EdgedError):
        where = f"{error.filename}: " if error.filename else ""
        print(f"edged: {where}{error.strerror or error}", file=sys.stderr)
    elif isinstance(error, EdgedError):
        print(f"edged: {error}", file=sys.stderr)
    else:
        what = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"edged: unforeseen {what} (EDGED_DEBUG=1 shows where)", file=sys.stderr)
    return error.exit_code if isinstance(error, EdgedError) else EdgedError.exit_code
