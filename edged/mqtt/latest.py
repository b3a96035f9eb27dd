"""The stream messages that wait to be sent: the newest of every topic."""

from __future__ import annotations

from collections.abc import Iterator


class LatestPerTopic:
    """At most one message a topic: a newer one takes the place of the one that waits.

    Times are monotonic nanoseconds and passed in. For one thread at a time.
    """

    def __init__(self, expiry_ns: int) -> None:
        self._expiry_ns = expiry_ns
        self._waiting: dict[str, tuple[int, bytes]] = {}
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Messages that were replaced, expired or refused."""
        return self._dropped

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[str]:
        return iter(self._waiting)

    def put(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Let a message wait. It inherits the turn of the one that it replaces."""
        if topic in self._waiting:
            self._dropped += 1
        self._waiting[topic] = (now_ns, payload)

    def take(self, now_ns: int) -> tuple[str, bytes] | None:
        """The message whose topic has waited longest; None: no message that is still of use."""
        while self._waiting:
            topic = next(iter(self._waiting))
            put_ns, payload = self._waiting.pop(topic)
            if now_ns - put_ns <= self._expiry_ns:
                return topic, payload
            self._dropped += 1
        return None

    def refuse(self) -> None:
        """Count a message that nobody can take."""
        self._dropped += 1

    def clear(self) -> None:
        """Drop what waits."""
        self._dropped += len(self._waiting)
        self._waiting.clear()
