"""A service manager for tests: the datagram socket that NOTIFY_SOCKET names, as systemd has it."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from brokers import until


@dataclass(frozen=True, slots=True)
class Notice:
    """A datagram as it came: its assignments."""

    values: dict[str, str]
    at_ns: int
    """Monotonic."""


class NotifySocket:
    """Takes notices into a list."""

    def __init__(self, directory: Path, *, watchdog_s: float | None = None) -> None:
        self.address = str(directory / "notify")
        self.notices: list[Notice] = []
        self.environment = {"NOTIFY_SOCKET": self.address}
        if watchdog_s is not None:
            self.environment["WATCHDOG_USEC"] = f"{watchdog_s * 1e6:.0f}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while data := self._socket.recv(65536):
            values = dict(line.split("=", 1) for line in data.decode().split("\n"))
            self.notices.append(Notice(values, time.monotonic_ns()))

    def of(self, key: str) -> list[Notice]:
        """What came so far with this assignment."""
        return [notice for notice in list(self.notices) if key in notice.values]

    def until(self, key: str, count: int = 1) -> Notice:
        """Wait for the notice number `count` with this assignment."""
        until(lambda: len(self.of(key)) >= count, f"{key}: {self.notices}")
        return self.of(key)[count - 1]

    def until_status(self, words: str) -> str:
        """Wait for a status with these words."""

        def found() -> list[str]:
            statuses = [notice.values["STATUS"] for notice in self.of("STATUS")]
            return [status for status in statuses if words in status]

        until(lambda: bool(found()), f"{words!r} in a status: {self.notices}")
        return found()[0]

    def until_fed(self, count: int) -> None:
        """Wait for so many more feeds of the watchdog."""
        self.until("WATCHDOG", len(self.of("WATCHDOG")) + count)

    def until_starved(self, seconds: float) -> None:
        """Wait, as systemd does, until the watchdog was not fed for so long."""

        def last_ns() -> int:
            return self.of("WATCHDOG")[-1].at_ns

        until(lambda: time.monotonic_ns() - last_ns() > seconds * 1e9, "a hungry watchdog")

    def close(self) -> None:
        """Let go of the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.sendto(b"", self.address)  # nobody else sends nothing: the end
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
