"""Tells an outage from a fight: two clients of one name who push each other out. Pure."""

from __future__ import annotations

from edged.mqtt.reasons import NoConnectionError, another

STABLE_S = 10.0
"""A connection that lived this long was a good one."""
FIGHT = 3
"""More brief connections than this in a row, and no attempt failed between them."""


class Endings:
    """Counts connections that were there at once and did not last. Monotonic nanoseconds."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._brief = 0

    @property
    def is_fight(self) -> bool:
        """Connection after connection did not last: that is no outage."""
        return self._brief > FIGHT

    def began(self, now_ns: int) -> None:
        """There is a connection."""
        self._since_ns = now_ns

    def left(self) -> None:
        """We have ended it ourselves."""
        self._since_ns = None

    def ended(self, now_ns: int) -> bool:
        """It has ended, or none came about. Returns whether that is news, and no fight."""
        was_connected = self._since_ns is not None
        is_brief = self._since_ns is not None and now_ns - self._since_ns <= STABLE_S * 1e9
        self._brief = self._brief + 1 if is_brief else 0
        self._since_ns = None
        return was_connected and not self.is_fight

    def explain(self, error: Exception, client_id: str) -> str:
        """What ended a connection, or why there was none, for a person."""
        if not isinstance(error, NoConnectionError):
            return f"mqtt: {type(error).__name__}: {error}"
        if self.is_fight and not error.is_explained:
            # Mosquitto gives an MQTT 3.1.1 client, and some versions any client, no reason.
            return f"{error}, time and again: {another(client_id)}"
        return str(error)
