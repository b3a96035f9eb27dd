"""What comes in: commands, and the answers to them. For the publisher's thread, but for `Answers`.

A message becomes an `Order` for whoever carries it out, or is answered here: it is no command, or
there are too many. One that the broker has retained was meant for another time and is left out.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from edged.messages.commands import REPLY_EXPIRY_S, Reply
from edged.messages.topics import Topics
from edged.mqtt.commands import Command, CommandError, parse

log = logging.getLogger(__name__)

BURST = 20
"""Commands that may come at once: as many as somebody presses buttons."""
EACH_SECOND = 5.0
"""Commands that may come in the long run."""
COMPLAIN_EVERY_S = 1.0
"""How often a sender of too many is told so."""
TOPIC_BYTES = 256
"""Of a response topic."""
CORRELATION_BYTES = 256
NAME_CHARACTERS = 64
"""What an answer repeats of a name."""
MOST_ANSWERS = 64
"""That wait for the wire."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it came."""

    topic: str
    payload: bytes
    is_retained: bool
    """The broker kept it from earlier."""
    response_topic: str | None = None
    """Where the sender wants the answer, by MQTT 5."""
    correlation: bytes | None = None
    """What the answer has to bear."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and where the answer goes."""

    what: str
    answer_to: str
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A command to carry out, and who asked for it."""

    command: Command
    asked: Asked


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out."""

    topic: str
    payload: bytes
    correlation: bytes | None


def answer_of(asked: Asked, reason: str) -> Answer:
    """What to tell somebody: done, or the `reason` why not."""
    reply = Reply(ts=round(time.time(), 3), command=asked.what, ok=not reason, reason=reason)
    return Answer(asked.answer_to, msgspec.json.encode(reply), asked.correlation)


def why_not(response_topic: str, topics: Topics) -> str:
    """Why nothing is told to a response topic; empty: it is.

    MQTT 5 lets a sender have us publish anywhere. That is used as it is meant, for somebody's own
    topic: never for what other devices of ours tell or are told, nor for what is the broker's.
    """
    if len(response_topic.encode(errors="replace")) > TOPIC_BYTES:
        return f"is longer than {TOPIC_BYTES} bytes"
    if not response_topic or not response_topic.isprintable() or set(response_topic) & {"+", "#"}:
        return "is no name of a topic"
    if response_topic.startswith("$"):
        return "begins with $, which is the broker's"
    is_reply = response_topic == topics.reply or response_topic.startswith(f"{topics.reply}/")
    if response_topic.startswith(f"{topics.prefix}/") and not is_reply:
        return f"is one of edged's own, and not {topics.reply}"
    return ""


class Allowance:
    """A token bucket: `burst` at once, `each_second` in the long run. Monotonic nanoseconds."""

    def __init__(self, burst: int, each_second: float) -> None:
        self._burst = float(burst)
        self._each_ns = each_second / 1e9
        self._left = float(burst)
        self._at_ns = 0

    def take(self, now_ns: int) -> bool:
        """Whether one more is allowed now."""
        gained = max(0, now_ns - self._at_ns) * self._each_ns
        self._left = min(self._burst, self._left + gained)
        self._at_ns = now_ns
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Inbox:
    """Makes orders of messages. Belongs to the publisher's thread."""

    def __init__(
        self,
        topics: Topics,
        take: Callable[[Order], str],
        answer: Callable[[Asked, str], None],
    ) -> None:
        """Connect both sides.

        Args:
            topics: of the device.
            take: is given each order, must not block; says why it does not take it, or nothing.
            answer: is told where an order is not taken, and why.
        """
        self._topics = topics
        self._take = take
        self._answer = answer
        self._allowance = Allowance(BURST, EACH_SECOND)
        self._pauses = Allowance(BURST, EACH_SECOND)
        self._complaints = Allowance(1, 1 / COMPLAIN_EVERY_S)
        self._is_retained_told = False
        self._deafness = ""

    def hear(self, heard: Heard, now_ns: int) -> None:
        """Pass a message on, or answer it."""
        what = heard.topic.removeprefix(self._topics.set(""))
        if heard.is_retained:
            if not self._is_retained_told:
                self._is_retained_told = True
                log.warning("%s: a retained command is ignored", heard.topic)
            return
        asked = Asked(what[:NAME_CHARACTERS], self._topics.reply)
        # Whoever wants privacy is not made to wait by whoever turns a knob.
        if not (self._pauses if what == "pause" else self._allowance).take(now_ns):
            if self._complaints.take(now_ns):
                self._answer(asked, "too many commands")
                log.warning("too many commands over MQTT", extra={"event": "too-many-commands"})
            return
        try:
            asked = self._asked(asked, heard)
            refusal = self._take(Order(parse(what, heard.payload), asked))
        except CommandError as error:
            refusal = str(error)
        if refusal:
            self._answer(asked, refusal)

    def note(self, deafness: str, where: str) -> None:
        """Say once why the broker `where` tells us no commands, if it does not: that is legal."""
        if deafness and deafness != self._deafness:
            log.warning("%s tells us no commands: %s", where, deafness)
        self._deafness = deafness

    def _asked(self, asked: Asked, heard: Heard) -> Asked:
        """With the sender's own topic for the answer.

        Raises:
            CommandError: it cannot be used; the answer to that goes to `reply`.
        """
        if heard.response_topic is None:
            return asked
        if refusal := why_not(heard.response_topic, self._topics):
            raise CommandError(f"the response topic {refusal}")
        if heard.correlation is not None and len(heard.correlation) > CORRELATION_BYTES:
            raise CommandError(f"the correlation data has more than {CORRELATION_BYTES} bytes")
        return Asked(asked.what, heard.response_topic, heard.correlation)


class Answers:
    """Answers that wait to be sent; the oldest is dropped for one too many. For one at a time."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Answer]] = deque(maxlen=MOST_ANSWERS)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, answer: Answer, now_ns: int) -> None:
        """Let an answer wait."""
        self._waiting.append((now_ns, answer))

    def take(self, now_ns: int) -> Answer | None:
        """The one that has waited longest and is still of use."""
        while self._waiting:
            put_ns, answer = self._waiting.popleft()
            if now_ns - put_ns <= REPLY_EXPIRY_S * 1_000_000_000:
                return answer
        return None
