"""The buffer of streams: one message a topic, the newest, and every one accounted for."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edged.mqtt.latest import LatestPerTopic

EXPIRY_NS = 100
TOPICS = st.sampled_from(["pose", "labels", "health"])


class Latest(RuleBasedStateMachine):
    """Compares with a list of all that was put and not yet told."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = LatestPerTopic(EXPIRY_NS)
        self.now = 0
        self.count = 0
        self.taken = 0
        self.turns: list[str] = []
        self.newest: dict[str, tuple[int, bytes]] = {}

    @rule(topic=TOPICS)
    def put(self, topic: str) -> None:
        self.count += 1
        payload = b"%d" % self.count
        self.buffer.put(topic, payload, self.now)
        if topic not in self.turns:
            self.turns.append(topic)
        self.newest[topic] = (self.now, payload)

    @rule(ns=st.integers(0, 2 * EXPIRY_NS))
    def time_passes(self, ns: int) -> None:
        self.now += ns

    @rule()
    def take(self) -> None:
        expected = None
        while self.turns and expected is None:
            topic = self.turns.pop(0)
            put_ns, payload = self.newest[topic]
            if self.now - put_ns <= EXPIRY_NS:
                expected = (topic, payload)
        assert self.buffer.take(self.now) == expected
        self.taken += expected is not None

    @rule()
    def refuse(self) -> None:
        self.count += 1
        self.buffer.refuse()

    @precondition(lambda self: bool(self.turns))
    @rule()
    def clear(self) -> None:
        self.buffer.clear()
        self.turns.clear()

    @invariant()
    def every_message_is_taken_dropped_or_waits(self) -> None:
        assert self.buffer.dropped + self.taken + len(self.buffer) == self.count

    @invariant()
    def one_message_a_topic_waits(self) -> None:
        assert len(self.buffer) <= 3


TestLatestPerTopic = Latest.TestCase


def test_a_topic_that_is_put_often_does_not_keep_another_waiting() -> None:
    buffer = LatestPerTopic(EXPIRY_NS)
    buffer.put("health", b"1", 0)
    for number in range(10):
        buffer.put("pose", b"%d" % number, 0)
    assert buffer.take(0) == ("health", b"1")
    buffer.put("health", b"2", 0)
    assert buffer.take(0) == ("pose", b"9")
    assert buffer.dropped == 9
