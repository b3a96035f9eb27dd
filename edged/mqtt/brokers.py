"""Which broker comes next: the first of the configuration, its fallbacks, and the way back. Pure.

Times are monotonic nanoseconds and passed in. For one thread at a time.
"""

from __future__ import annotations

import re

import msgspec

from edged.mqtt.reasons import address
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

LASTING_S = 300.0
"""A return to the first broker that lasted so long was no mistake."""
WILL_MARGIN_S = 5.0
_PLACE = re.compile(r"(?:\[(?P<bracketed>.+)\]|(?P<host>[^:]+))(?::(?P<port>\d+))?")


def places(settings: Mqtt) -> tuple[Mqtt, ...]:
    """The settings for each broker, best first: the same but for host and port."""
    others = []
    for fallback in settings.fallbacks:
        found = _PLACE.fullmatch(fallback)
        if found is None:
            raise ValueError(f"{fallback!r} is no broker")  # the configuration lets none through
        host, port = found["bracketed"] or found["host"], int(found["port"] or settings.port)
        others.append(msgspec.structs.replace(settings, host=host, port=port, fallbacks=()))
    return settings, *others


class Brokers:
    """Which is tried when, of several brokers that are as good as each other but for their order.

    Each has its own backoff, so that one that refuses us is left alone while others are tried. A
    connection that ends is tried once more before another broker is: most ends are brief.
    """

    def __init__(self, settings: Mqtt, retry: Retry) -> None:
        self.each = places(settings)
        self._retry = retry
        self._present = 0
        self._before: int | None = None
        """The broker of the last connection."""
        self._cursor = 0
        self._once_more = False
        self._failures = [0] * len(self.each)
        self._again_ns = [0] * len(self.each)
        self._problems: list[str | None] = [None] * len(self.each)
        self._since_ns = 0
        self._is_return = False
        self._hasty = 0
        """Returns to the first broker, in a row, that did not last."""
        self._assure_ns: int | None = None

    @property
    def present(self) -> Mqtt:
        """The broker that is connected, or was tried last."""
        return self.each[self._present]

    @property
    def is_home(self) -> bool:
        """Whether that is the first."""
        return self._present == 0

    @property
    def problem(self) -> str | None:
        """What is wrong with them all while none is connected."""
        return "; ".join(dict.fromkeys(filter(None, self._problems))) or None

    @property
    def shortcoming(self) -> str | None:
        """What is wrong while one is connected: it is not the first."""
        if self.is_home:
            return None
        return f"{self._problems[0]}; {address(self.present)} serves instead"

    def choose(self, now_ns: int) -> float:
        """Make the broker to try next the present one; after so many seconds."""
        if self._once_more:
            self._once_more = False
        else:
            count = len(self.each)
            round_trip = [(self._cursor + step) % count for step in range(count)]
            ready = (number for number in round_trip if self._again_ns[number] <= now_ns)
            soonest = min(round_trip, key=lambda number: self._again_ns[number])
            self._present = next(ready, soonest)
            self._cursor = (self._present + 1) % count
        return max(0.0, (self._again_ns[self._present] - now_ns) / 1e9)

    def established(self, now_ns: int) -> None:
        """The present one has accepted us."""
        number = self._present
        self._failures[number], self._problems[number] = 0, None
        if number == 0:
            self._problems = [None] * len(self.each)
        self._since_ns = now_ns
        is_other = self._before not in (None, number)
        self._is_return = is_other and number == 0
        # The will of a connection that broke comes when its broker notices, and from a broker that
        # is bridged to this one it then comes here, after our `online`.
        patience_s = 1.5 * self.present.keepalive_s + WILL_MARGIN_S
        self._assure_ns = now_ns + int(patience_s * 1e9) if is_other else None
        self._before = number

    def failed(self, problem: str, now_ns: int, *, slowly: bool, was_connected: bool) -> None:
        """The present one cannot be had, or its connection has ended."""
        number = self._present
        self._problems[number] = problem
        self._failures[number] = 1 if was_connected else self._failures[number] + 1
        wait_s = self._retry.wait_s(self._failures[number], slowly=slowly)
        self._again_ns[number] = now_ns + int(wait_s * 1e9)
        if was_connected:
            self._note_end(now_ns)
            self._once_more = not slowly
            self._cursor = 0

    def go_home(self) -> None:
        """The first one answers again and is next."""
        self._cursor = self._again_ns[0] = self._failures[0] = 0

    def home_refused(self, problem: str) -> None:
        """The first one has been looked at, and why it cannot be had yet."""
        self._problems[0] = problem

    def look_home_s(self, looks: int, *, slowly: bool) -> float:
        """Seconds until the first broker is looked at, after `looks` (0..) in vain."""
        return self._retry.until_look_s(looks + self._hasty, slowly=slowly)

    def is_assurance_due(self, now_ns: int) -> bool:
        """Whether to say `online` again, once: the will of the last broker may have come."""
        if self._assure_ns is None or now_ns < self._assure_ns:
            return False
        self._assure_ns = None
        return True

    def _note_end(self, now_ns: int) -> None:
        if now_ns - self._since_ns > LASTING_S * 1e9:
            self._hasty = 0
        elif self._is_return:
            self._hasty += 1
