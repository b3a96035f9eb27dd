"""`edged config`: check a configuration file, show the configuration in force."""

from __future__ import annotations

from pathlib import Path

from edged.config import dump, load, masked


def check(file: Path) -> None:
    """Say that a file is fine.

    Raises:
        ConfigError: it is not; a line for each thing wrong with it.
    """
    load(file)
    print(f"{file}: ok")


def show(file: Path | None) -> None:
    """Print the configuration in force as TOML, secrets masked.

    Raises:
        ConfigError: as `check`.
    """
    print(dump(masked(load(file))), end="")
