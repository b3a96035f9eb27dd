"""What scenarios do with a guest, whether it is a container or an emulated machine."""

from __future__ import annotations

import shlex
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

LINES = 60  # of a journal and of a console, for somebody who has to find out


class GuestError(AssertionError):
    """The guest did not do what was asked; the message has what it said."""


@dataclass(frozen=True)
class Ended:
    """A command that ended in the guest."""

    command: str
    status: int
    output: str  # both stdout and stderr, in the order in which they were written
    seconds: float

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.output.rstrip()}\n[{self.status} in {self.seconds:.1f} s]"


class Guest(ABC):
    """A running guest. Use as a context manager, which ends it."""

    name: str
    booted_s: float  # from power on until commands are taken

    @abstractmethod
    def ask(self, command: str, timeout_s: float) -> Ended:
        """Runs a shell line as root and waits for its end.

        Raises:
            GuestError: It did not end in time; the guest is told to kill it.
        """

    @abstractmethod
    def put(self, path: str, content: bytes) -> None:
        """Writes a file."""

    @abstractmethod
    def close(self) -> None:
        """Ends the guest and everything that belongs to it, in whichever state it is."""

    @abstractmethod
    def console(self) -> str:
        """All that came out of its console."""

    @abstractmethod
    def is_running(self) -> bool:
        """Whether it has not been ended, and has not ended by itself."""

    def last_words(self) -> str:
        """The end of its journal, as far as it still answers, and of its console."""
        try:
            journal = self.ask(f"journalctl --no-pager -b -n {LINES}", 30).output.rstrip()
        except GuestError as error:
            journal = str(error)
        console = "\n".join(filter(str.strip, self.console().splitlines()[-LINES:]))
        return f"journal of the {self.name}:\n{journal}\nits console:\n{console}"

    def run(self, command: str, timeout_s: float = 60) -> str:
        """Runs a shell line that has to succeed.

        Returns:
            What it printed, without the white space around it.

        Raises:
            GuestError: It failed or took too long; with its output.
        """
        ended = self.ask(command, timeout_s)
        if ended.status:
            raise GuestError(f"in the {self.name}:\n{ended}")
        return ended.output.strip()

    def until(self, what: str, check: str | Callable[[], bool], timeout_s: float) -> float:
        """Waits until a shell line succeeds or a function is true.

        Returns:
            The seconds it took.

        Raises:
            GuestError: It did not in time; with what the line said last.
        """
        started = time.monotonic()
        while True:
            if isinstance(check, str):
                ended = self.ask(check, timeout_s)
                fine, said = ended.status == 0, f"\n{ended}"
            else:
                fine, said = check(), ""
            took_s = time.monotonic() - started
            if fine:
                return took_s
            if took_s > timeout_s:
                raise GuestError(f"{what}: not within {timeout_s:g} s in the {self.name}{said}")
            time.sleep(0.1)

    def unit(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a systemd unit."""
        command = f"systemctl show {shlex.quote(unit)} -p {','.join(properties)}"
        return dict(line.split("=", 1) for line in self.run(command).splitlines() if "=" in line)

    def wait_booted(self, timeout_s: float) -> str:
        """Waits until systemd has started what it starts.

        Returns:
            What systemd says of itself: `running`, or `degraded` with the failed units.
        """
        bus = "until test -S /run/dbus/system_bus_socket; do sleep 0.1; done"  # by which it waits
        wait = "systemctl is-system-running --wait; systemctl --failed --plain --no-legend"
        return self.ask(f"{bus}; {wait}", timeout_s).output.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if isinstance(error, Exception):
            error.add_note(self.last_words())
        self.close()
