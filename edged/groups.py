"""The commands that come in groups: `edged config ...`, `edged models ...`. See `edged.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edged.options import CatalogName, CatalogNames, Json

config_app = typer.Typer(help="Check and show the configuration.")
exercises_app = typer.Typer(help="Exercises that edged counts: list, test a file of your own.")
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
