"""The table of topics: whole, and as docs/mqtt.md and the topic strings have it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edged.messages.catalogue import CHANNELS, PAYLOADS, Channel, Text
from edged.messages.topics import OFFLINE, ONLINE, Topics

PAGE = Path(__file__).parents[2] / "docs" / "mqtt.md"
ROW = re.compile(r"^\| \[`(?P<topic>[^`]+)`\]\([^)]*\) \|(?P<rest>.*)\|$", re.MULTILINE)
ROWS = {
    match["topic"]: [cell.strip() for cell in match["rest"].split("|")]
    for match in ROW.finditer(PAGE.read_text())
}


def test_the_page_has_the_topics_in_their_order() -> None:
    assert [topic.replace("<what>", "{what}") for topic in ROWS] == [
        channel.topic for channel in CHANNELS
    ]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.topic)
def test_the_page_says_how_it_is_sent(channel: Channel) -> None:
    payload, qos, retained, when = ROWS[channel.topic.replace("{what}", "<what>")]
    assert payload.endswith("JSON") != isinstance(channel.payload, Text)
    assert qos == str(channel.qos)
    assert (retained.partition(",")[0] == "yes") == channel.is_retained
    assert when == channel.when


def test_every_topic_string_is_in_the_table() -> None:
    topics = Topics("a/b", "c")
    strings = {
        getattr(topics, name) for name, kind in vars(Topics).items() if isinstance(kind, property)
    }
    listed = {f"a/b/c/{channel.topic}" for channel in CHANNELS if not channel.choices}
    assert strings == listed | {topics.everything}
    commands = {f"a/b/c/{c.topic}" for c in CHANNELS if c.choices}
    assert commands == {topics.set("{what}")}


def test_texts_are_what_is_sent() -> None:
    (status,) = (c.payload for c in CHANNELS if c.topic == "status")
    assert isinstance(status, Text)
    assert all(re.fullmatch(status.pattern, word.decode()) for word in (ONLINE, OFFLINE))
    assert status.values == ("online", "offline")


def test_json_payloads_are_told_by_topic() -> None:
    assert list(PAYLOADS) == sorted(PAYLOADS)
    assert all(PAYLOADS[c.topic] is c.payload for c in CHANNELS if c.topic in PAYLOADS)
