"""What is a command, and how often: `set/<what>` and its payload."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.messages.commands import COMMAND_BYTES, Reply, What
from edged.messages.topics import Topics
from edged.mqtt.commands import (
    AimAtReps,
    AimAtRest,
    ChooseExercise,
    Command,
    CommandError,
    Correct,
    Pause,
    Reset,
    UseModel,
    WatchPerson,
    parse,
)
from edged.mqtt.inbox import (
    BURST,
    EACH_SECOND,
    MOST_ANSWERS,
    Allowance,
    Answers,
    Asked,
    Heard,
    Inbox,
    Order,
    answer_of,
    why_not,
)

TOPICS = Topics("edged", "gym")
SECOND = 1_000_000_000
WHATS: tuple[str, ...] = get_args(What)


@pytest.mark.parametrize(
    ("what", "payload", "command"),
    [
        ("pause", b"ON", Pause(is_on=True)),
        ("pause", b"off", Pause(is_on=False)),
        ("pause", b"True", Pause(is_on=True)),
        ("pause", b" 0\n", Pause(is_on=False)),
        ("model", b"movenet-thunder", UseModel("movenet-thunder")),
        ("model", "/srv/modèle.tflite".encode(), UseModel("/srv/modèle.tflite")),
        ("exercise", b"Squat", ChooseExercise("squat")),
        ("exercise", b"auto", ChooseExercise("auto")),
        ("reset", b"", Reset()),
        ("reset", b"PRESS", Reset()),
        ("correct", b"-1", Correct(-1)),
        ("correct", b"+2", Correct(2)),
        ("target_reps", b"12", AimAtReps(12)),
        ("target_reps", b"12.0", AimAtReps(12)),
        ("rest_s", b"90", AimAtRest(90.0)),
        ("rest_s", b"7.5", AimAtRest(7.5)),
        ("person", b"auto", WatchPerson(None)),
        ("person", b"3", WatchPerson(3)),
    ],
)
def test_what_home_assistant_and_people_send(what: str, payload: bytes, command: Command) -> None:
    assert parse(what, payload) == command


@pytest.mark.parametrize(
    ("what", "payload", "words"),
    [
        ("pause", b"maybe", 'expected ON or OFF, got "maybe"'),
        ("pause", b"", "expected ON or OFF, got nothing"),
        ("model", b" ", "expected the name or path of a model, got nothing"),
        ("model", b"a\x00b", 'expected the name or path of a model, got "a?b"'),
        ("exercise", b"a/b", 'expected "auto" or the name of an exercise, got "a/b"'),
        ("correct", b"101", 'expected an integer -100 to 100, got "101"'),
        ("correct", b"1e1", 'expected an integer -100 to 100, got "1e1"'),
        ("target_reps", b"-1", 'expected an integer 0-1000, got "-1"'),
        ("target_reps", b"2.5", 'expected an integer 0-1000, got "2.5"'),
        ("target_reps", "١٢".encode(), 'expected an integer 0-1000, got "١٢"'),
        ("rest_s", b"3601", 'expected a number 0-3600, got "3601"'),
        ("rest_s", b"nan", 'expected a number 0-3600, got "nan"'),
        ("person", b"-1", 'expected "auto" or the id of a person, got "-1"'),
        ("pause", b"\xff", "expected text in UTF-8, got other bytes"),
        ("reset", b"x" * 257, "expected at most 256 bytes, got 257"),
        ("exercise", b"x" * 65, f'expected "auto" or the name of an exercise, got "{"x" * 40}..."'),
        (
            "reboot",
            b"",
            f"there is no set/reboot; what can be set: {', '.join(WHATS)}",
        ),
    ],
)
def test_what_is_wrong_is_said_for_a_person(what: str, payload: bytes, words: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse(what, payload)
    assert str(caught.value) == words


@given(what=st.sampled_from(WHATS) | st.text(), payload=st.binary(max_size=COMMAND_BYTES + 8))
def test_anything_is_a_command_or_a_reason_on_one_line(what: str, payload: bytes) -> None:
    reason = ""
    try:
        parse(what, payload)
    except CommandError as error:
        reason = str(error)
    assert reason.isprintable()


@given(reps=st.integers(-200, 2000))
def test_numbers_have_their_bounds(reps: int) -> None:
    def accepts(what: str) -> bool:
        try:
            parse(what, str(reps).encode())
        except CommandError:
            return False
        return True

    assert accepts("correct") == (-100 <= reps <= 100)
    assert accepts("target_reps") == (0 <= reps <= 1000)
    assert accepts("person") == (reps >= 0)


@pytest.mark.parametrize(
    "topic",
    ["clients/phone/answers", "edged/gym/reply", "edged/gym/reply/phone", "edgedness", "réponse"],
)
def test_an_answer_goes_where_its_sender_wants_it(topic: str) -> None:
    assert why_not(topic, TOPICS) == ""


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "a/+/b",
        "#",
        "$SYS/broker",
        "$share/group/topic",
        "a\x00b",
        "x" * 257,
        "é" * 129,
        "edged/gym/status",
        "edged/gym/set/pause",
        "edged/gym/replys",
        "edged/other/set/reset",
        "edged/other/reply",
    ],
)
def test_nobody_makes_a_device_speak_for_another_or_for_the_broker(topic: str) -> None:
    assert why_not(topic, TOPICS)


@given(topic=st.text(max_size=300))
def test_an_answer_never_goes_to_what_is_no_topic(topic: str) -> None:
    if not why_not(topic, TOPICS):
        assert topic
        assert not set(topic) & set("+#\x00")
        assert not topic.startswith("$")
        assert len(topic.encode()) <= 256


@given(gaps=st.lists(st.integers(0, 3 * SECOND), max_size=200))
def test_no_more_than_a_burst_and_the_rate(gaps: list[int]) -> None:
    allowance, now_ns, taken = Allowance(BURST, EACH_SECOND), 10 * SECOND, 0
    began_ns = now_ns
    for gap in gaps:
        now_ns += gap
        taken += allowance.take(now_ns)
        assert taken <= BURST + EACH_SECOND * (now_ns - began_ns) / 1e9 + 1e-6


def test_who_waits_may_send_a_burst_again() -> None:
    allowance = Allowance(2, 5.0)
    assert [allowance.take(SECOND) for _ in range(3)] == [True, True, False]
    assert allowance.take(SECOND + SECOND // 4)
    assert [allowance.take(9 * SECOND) for _ in range(3)] == [True, True, False]


class Desk:
    """An inbox between lists."""

    def __init__(self, refusal: str = "") -> None:
        self.orders: list[Order] = []
        self.answers: list[tuple[Asked, str]] = []
        self._refusal = refusal
        self._inbox = Inbox(TOPICS, self._take, lambda *answer: self.answers.append(answer))

    def _take(self, order: Order) -> str:
        self.orders.append(order)
        return self._refusal

    def hear(
        self,
        what: str,
        payload: bytes = b"",
        *,
        now_ns: int = SECOND,
        is_retained: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        heard = Heard(TOPICS.set(what), payload, is_retained, response_topic, correlation)
        self._inbox.hear(heard, now_ns)


def test_a_command_becomes_an_order() -> None:
    desk = Desk()
    desk.hear("pause", b"ON")
    assert desk.orders == [Order(Pause(is_on=True), Asked("pause", TOPICS.reply))]
    assert desk.answers == []


def test_an_order_bears_where_its_answer_goes() -> None:
    desk = Desk()
    desk.hear("reset", response_topic="phone/answers", correlation=b"7")
    assert desk.orders == [Order(Reset(), Asked("reset", "phone/answers", b"7"))]


def test_what_is_no_command_is_answered_where_the_sender_listens() -> None:
    desk = Desk()
    desk.hear("correct", b"x", response_topic="phone/answers", correlation=b"7")
    expected = 'expected an integer -100 to 100, got "x"'
    assert desk.answers == [(Asked("correct", "phone/answers", b"7"), expected)]
    assert desk.orders == []


@pytest.mark.parametrize(
    ("topic", "correlation", "words"),
    [
        ("edged/other/set/reset", None, "the response topic is one of edged's own"),
        ("phone/answers", b"x" * 257, "the correlation data has more than 256 bytes"),
    ],
)
def test_who_names_a_wrong_topic_is_answered_on_reply_and_gets_nothing_done(
    topic: str, correlation: bytes | None, words: str
) -> None:
    desk = Desk()
    desk.hear("reset", response_topic=topic, correlation=correlation)
    assert desk.orders == []
    ((asked, reason),) = desk.answers
    assert asked == Asked("reset", TOPICS.reply)
    assert words in reason


def test_who_cannot_be_served_now_is_told_so() -> None:
    desk = Desk(refusal="busy")
    desk.hear("reset")
    assert desk.answers == [(Asked("reset", TOPICS.reply), "busy")]


def test_a_retained_command_was_meant_for_another_time(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.hear("pause", b"OFF", is_retained=True)
    desk.hear("reset", is_retained=True)
    assert (desk.orders, desk.answers) == ([], [])
    assert caplog.text.count("a retained command is ignored") == 1


def test_a_flood_is_answered_once_a_second() -> None:
    desk = Desk()
    for number in range(1000):
        desk.hear("reset", now_ns=SECOND + number * SECOND // 1000)
    assert BURST <= len(desk.orders) <= BURST + EACH_SECOND
    assert [reason for _, reason in desk.answers] == ["too many commands"]
    desk.hear("reset", now_ns=3 * SECOND)
    assert len(desk.answers) == 1


def test_an_answer_repeats_no_long_name() -> None:
    desk = Desk()
    desk.hear("x" * 1000)
    ((asked, reason),) = desk.answers
    assert len(asked.what) == 64
    assert len(reason) < 200


def test_answers_wait_in_order_not_too_many_and_not_too_long() -> None:
    answers = Answers()
    for number in range(MOST_ANSWERS + 1):
        answers.put(answer_of(Asked(str(number), "t"), ""), number)
    assert len(answers) == MOST_ANSWERS
    first = answers.take(100)
    assert first is not None
    assert msgspec.json.decode(first.payload, type=Reply).command == "1"
    assert answers.take(61 * SECOND) is None


def test_an_answer_says_whether_it_was_done() -> None:
    done = msgspec.json.decode(answer_of(Asked("pause", "t"), "").payload, type=Reply)
    assert (done.command, done.ok, done.reason) == ("pause", True, "")
    refused = msgspec.json.decode(answer_of(Asked("pause", "t"), "no").payload, type=Reply)
    assert (refused.ok, refused.reason) == (False, "no")
