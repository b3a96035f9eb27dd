"""The commands that come in groups: `edged config ...`, `edged models ...`. See `edged.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edged.options import CatalogName, CatalogNames, ConfigFile, Encoding, Json

config_app = typer.Typer(help="Check and show the configuration.")
exercises_app = typer.Typer(help="Exercises that edged counts: list, test a file of your own.")
fleet_app = typer.Typer(help="Fleets of devices: simulate one, to size brokers.")
models_app = typer.Typer(help="Models that edged knows by name: list, pull, verify, remove.")


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The TOML file.")],
    only_file: Annotated[
        bool, typer.Option("--only-file", help="Models and files that it names may be missing.")
    ] = False,
) -> None:
    """Tell all for which the service would not start: exit code 78, as it would end with itself."""
    from edged.commands import config

    config.check(file, only_file=only_file)


@config_app.command("show")
def config_show(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", readable=False, help="Default: the defaults of every key."),
    ] = None,
) -> None:
    """Print the configuration in force, secrets masked."""
    from edged.commands import config

    config.show(file)


@models_app.command("list")
def models_list(json: Json = False) -> None:
    """Tell every model of the catalog, and which are on this machine."""
    from edged.commands import models

    models.show(json=json)


@models_app.command("pull")
def models_pull(
    names: CatalogNames = [],  # noqa: B006 - not changed by anybody
    everything: Annotated[bool, typer.Option("--all", help="All of the catalog.")] = False,
    edgetpu: Annotated[
        bool, typer.Option(help="Also the half that is compiled for the Edge TPU.")
    ] = True,
) -> int:
    """Download models, and check them; goes on where it was interrupted."""
    from edged.commands import models

    return models.pull(names, everything=everything, edgetpu=edgetpu)


@models_app.command("verify")
def models_verify(
    names: CatalogNames = [],  # noqa: B006
    json: Json = False,
) -> int:
    """Check these models, or all that are here; exit code 1 when a file is not right."""
    from edged.commands import models

    return models.verify(names, json=json)


@models_app.command("path")
def models_path(
    name: CatalogName,
    edgetpu: Annotated[
        bool, typer.Option("--edgetpu", help="Of the half that is compiled for the Edge TPU.")
    ] = False,
) -> None:
    """Print where a model's file is; exit code 1 when it is not on this machine."""
    from edged.commands import models

    models.path(name, edgetpu=edgetpu)


@models_app.command("remove")
def models_remove(names: CatalogNames) -> int:
    """Delete models that were pulled; never those that come with edged or lie elsewhere."""
    from edged.commands import models

    return models.remove(names)


@exercises_app.command("list")
def exercises_list(json: Json = False) -> None:
    """Tell every built-in exercise, and by what it is counted."""
    from edged.commands import exercises

    exercises.show(json=json)


@exercises_app.command("test")
def exercises_test(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The TOML file.")],
) -> None:
    """Tell all that is wrong with a file of exercises."""
    from edged.commands import exercises

    exercises.test(file)


@fleet_app.command("simulate")
def fleet_simulate(
    devices: Annotated[
        int,
        typer.Option("--devices", "-n", min=1, max=9999, help="How many, with a connection each."),
    ] = 10,
    broker: Annotated[
        list[str] | None,
        typer.Option(
            "--broker",
            "-b",
            metavar="ADDRESS",
            help="As of edged watch; {device} in the user is the device's name. May be repeated: "
            "devices spread over them, and turn to the next one. Default: that of --config.",
        ),
    ] = None,
    poses_per_s: Annotated[float, typer.Option(min=0.0, max=120.0, help="Of each device.")] = 10.0,
    events_per_min: Annotated[
        float, typer.Option(min=0.0, max=6000.0, help="Reps of each device.")
    ] = 12.0,
    connects_per_s: Annotated[
        float, typer.Option(min=0.1, max=10_000.0, help="Of all devices, at the start.")
    ] = 100.0,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="End by itself, so long after all are connected."),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="SECONDS", help="For all to be connected, when the last has begun to."
        ),
    ] = 15.0,
    encoding: Annotated[
        Encoding | None, typer.Option(help="Of the poses; default: that of --config.")
    ] = None,
    config_file: ConfigFile = None,
    json: Json = False,
) -> int:
    """Let simulated devices talk to a broker as real ones do, and tell how it bears them.

    They are called sim-0001 and so on; the broker forgets them at the end. Exit code 1 when one was
    never connected, or an event was not acknowledged.
    """
    from edged.commands import fleet

    return fleet.simulate(
        devices,
        broker or [],
        poses_per_s=poses_per_s,
        events_per_min=events_per_min,
        config_file=config_file,
        encoding=None if encoding is None else encoding.word,
        connects_per_s=connects_per_s,
        patience_s=patience,
        seconds=seconds,
        json=json,
    )
