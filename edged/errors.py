"""What can go wrong, told in one line: what, where, what to do.

Each error carries the exit code that a command ends with when the error reaches its end.
"""

from __future__ import annotations


class EdgedError(Exception):
    """Any failure that edged foresees. Its text is one line for a person."""

    exit_code = 1


class UsageError(EdgedError, ValueError):
    """A command was called with words that do not fit."""

    exit_code = 2


class ConfigError(EdgedError, ValueError):
    """A configuration file cannot be used. Its text has a line for each thing wrong with it."""

    exit_code = 78  # EX_CONFIG of sysexits.h, which systemd shows as CONFIG


class SourceError(EdgedError, OSError):
    """A camera, stream or file gives no frames."""


class ModelError(EdgedError, ValueError):
    """A model file, its labels or its catalog entry cannot be used."""


class PullError(ModelError):
    """A file of a model that the catalog knows is missing or not whole: to pull it mends that."""

    def __init__(self, wrong: str, model: str) -> None:
        """`wrong` is what, `model` the name in the catalog."""
        super().__init__(f"{wrong}: {self.pull(model)}")
        self.wrong = wrong
        self.model = model

    @staticmethod
    def pull(model: str, *, for_service: bool = False) -> str:
        """The command that gets a model, for oneself or for the service."""
        return f"{'sudo ' if for_service else ''}edged models pull {model}"


class DownloadError(EdgedError, OSError):
    """A file cannot be had from any of its addresses."""


class UnreachableError(DownloadError):
    """No address of a file answers: the next file's would not either."""


class EngineError(EdgedError, RuntimeError):
    """No answer from the model for this frame; the engine mends itself before the next one."""


class BrokerError(EdgedError, ConnectionError):
    """An MQTT broker cannot be reached or refuses us."""
