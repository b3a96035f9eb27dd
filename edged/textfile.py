"""Small files of text, read whole: configurations and secrets."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from edged.errors import ConfigError

SECRET_BYTES = 65_535
"""The longest password that MQTT can carry."""


def read(path: Path, limit: int, *, denied: str = "") -> str:
    """The text of a file of at most `limit` bytes. `denied`: what to do where we may not read it.

    Raises:
        ConfigError: it cannot be read, is larger, or is no UTF-8.
    """
    try:
        # A pipe could keep us waiting for ever, and a device has no end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: expected a file, got a directory, pipe or device")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        todo = f": {denied}" if denied and isinstance(error, PermissionError) else ""
        raise ConfigError(f"{path}: {why}{todo}") from error
    if len(data) > limit:
        raise ConfigError(f"{path}: expected at most {limit} bytes, got more")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: line {line}: expected UTF-8 text, got byte 0x{data[error.start]:02x}"
        ) from error


def is_blank(path: Path, *, denied: str = "") -> bool:
    """Whether a file of a secret holds nothing but blanks. Raises `ConfigError` as `read`."""
    return not read(path, SECRET_BYTES, denied=denied).strip()


def secret(path: Path, *, denied: str = "") -> str:
    """The one line of a file.

    Raises:
        ConfigError: as `read`, or there is no line or more than one.
    """
    text = read(path, SECRET_BYTES, denied=denied).rstrip("\r\n")
    if not text:
        raise ConfigError(f"{path}: expected a password, got an empty file")
    if not text.isprintable():
        raise ConfigError(f"{path}: expected one line of text, got more lines or other characters")
    return text
