"""What systemd is told of the service, and the journal's handler; silent where there is no systemd.

Notices go out as sd_notify(3) describes them, a datagram each, so that a unit of `Type=notify`
needs no library. The handler of the journal is there when systemd-python is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 1.0
"""systemd takes a datagram at once; one that stands still must not stop the service."""
STDERR = 2
"""By its number: `sys.stderr` is None in a process that was started without."""
IDENTIFIER = "edged"
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""The least level for each syslog priority (RFC 5424, 6.2.1)."""
DEBUG_PRIORITY = 7
RECORD_FIELDS = ("event", "accelerator", "previous", "reason")
"""Of a log record, beside its message, where it has them."""


class Manager:
    """The systemd that has started us. Without an address, whatever it is told goes nowhere.

    No method raises: a notice that is lost costs at most a restart.
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """Take note of the place.

        Args:
            address: of a datagram socket, `@` before an abstract one; empty: there is no systemd.
            watchdog_s: how long `alive` may not be said; None: nobody waits for it.
        """
        self.is_there = bool(address)
        self.watchdog_s = watchdog_s if address else None
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self, status: str) -> None:
        """The service is up, or has reloaded."""
        self._tell("READY=1", _status(status))

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        self._tell(_status(text))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def reloading(self, status: str) -> None:
        """The service reads its configuration again; `ready` follows."""
        clock = f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
        self._tell("RELOADING=1", clock, _status(status))

    def stopping(self, status: str) -> None:
        """The service is about to end."""
        self._tell("STOPPING=1", _status(status))

    def _tell(self, *lines: str) -> None:
        if not self.is_there:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
                wire.settimeout(SEND_TIMEOUT_S)
                wire.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError as error:
            log.debug("systemd does not listen: %s", error)


def own_unit(cgroup: Path = Path("/proc/self/cgroup")) -> str:
    """What a person calls our unit at systemctl, `edged@door`: by cgroups(7), or else `edged`."""
    try:
        last = cgroup.read_text().strip().rpartition("/")[2]
    except OSError:
        return "edged"
    name = last.removesuffix(".service")
    return name if name != last and name.startswith("edged") else "edged"


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"  # a line break would begin another assignment


def manager() -> Manager:
    """The systemd that the environment tells of. Children are not to speak to it: it is taken out.

    The watchdog is that of another process where WATCHDOG_PID is not ours, see
    sd_watchdog_enabled(3).
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    limit = os.environ.pop("WATCHDOG_USEC", "")
    owner = os.environ.pop("WATCHDOG_PID", "")
    if not address.startswith(("/", "@")):  # vsock: is a virtual machine's host
        return Manager()
    watchdog_s = None
    if owner in {"", str(os.getpid())}:
        with contextlib.suppress(ValueError):
            watchdog_s = int(limit) / 1e6
    return Manager(address, watchdog_s if watchdog_s and watchdog_s > 0 else None)


def journal_handler() -> logging.Handler | None:
    """A handler that writes into the journal; None: what we write does not go there.

    Without systemd-python the lines go to stderr with their priority before them, as sd-daemon(3)
    has it: systemd reads that off, but there are no other fields.
    """
    if not _is_journal(STDERR):
        return None
    try:
        from systemd import journal  # noqa: PLC0415 - there on a Pi only
    except ImportError:
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(PriorityFormatter())
        return handler
    return JournalHandler(journal.send)


def _is_journal(descriptor: int) -> bool:
    """Whether a descriptor leads to the journal, by systemd.exec(5), JOURNAL_STREAM."""
    try:
        state = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{state.st_dev}:{state.st_ino}"


class JournalHandler(logging.Handler):
    """Writes records with their fields, so that `journalctl EDGED_PART=capture` finds them."""

    def __init__(self, send: Callable[..., Any]) -> None:
        """`send` is `systemd.journal.send`: the message, and the fields by their names."""
        super().__init__()
        self.setFormatter(logging.Formatter())  # the journal has its own time and level
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._send(self.format(record), **fields(record))
        except Exception:  # noqa: BLE001 - logging must not end what it tells of
            self.handleError(record)


class PriorityFormatter(logging.Formatter):
    """Begins every line with the priority: `<4>the broker is away`."""

    def format(self, record: logging.LogRecord) -> str:
        """A record, its exception too."""
        mark = f"<{priority(record.levelno)}>"
        return "\n".join(mark + line for line in super().format(record).splitlines() or [""])


def priority(level: int) -> int:
    """The syslog priority, 2 (critical) to 7 (debug), of a level of logging."""
    return next((number for least, number in PRIORITIES if level >= least), DEBUG_PRIORITY)


def fields(record: logging.LogRecord) -> dict[str, str | int]:
    """The journal's fields beside the message, as `systemd.journal.send` takes them.

    EDGED_PART is the part that speaks (`capture`, `mqtt`, `daemon`), EDGED_EVENT what has happened,
    where the record names it: `log.info(..., extra={"event": "camera-lost"})`. Of accelerators,
    EDGED_ACCELERATOR is the one that serves or was tried, EDGED_PREVIOUS the one before it,
    EDGED_REASON why.
    """
    _, _, inner = record.name.partition("edged.")
    told: dict[str, str | int] = {
        "PRIORITY": str(priority(record.levelno)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "EDGED_PART": (inner or record.name).partition(".")[0],
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
        "CODE_FILE": record.pathname,
        "CODE_LINE": record.lineno,
        "CODE_FUNC": record.funcName or "",
    }
    for name in RECORD_FIELDS:
        if value := getattr(record, name, ""):
            told[f"EDGED_{name.upper()}"] = str(value)
    return told
