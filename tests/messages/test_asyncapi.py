"""The AsyncAPI document: what a tool of theirs needs, and nothing that the payloads are not.

No validator of AsyncAPI for Python is kept well, so their rules are checked here by hand; their own
parser for Node.js (@asyncapi/parser) has read it without a complaint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator

from edged.messages.asyncapi import document
from edged.messages.catalogue import CHANNELS, PAYLOADS, Channel
from edged.messages.commands import What
from edged.messages.encoding import JSON_TYPE, MSGPACK_TYPE
from edged.messages.topics import STREAM_EXPIRY_S

PAGE = Path(__file__).parents[2] / "docs" / "mqtt.md"
DOCUMENT = document(CHANNELS)


def references(part: Any) -> Iterator[str]:
    """Every `$ref` of a document."""
    if isinstance(part, Mapping):
        yield from (value for key, value in part.items() if key == "$ref")
        yield from (found for value in part.values() for found in references(value))
    elif isinstance(part, list):
        yield from (found for value in part for found in references(value))


def resolve(reference: str, within: Any) -> Any:
    for word in reference.removeprefix("#/").split("/"):
        within = within[word]
    return within


def example(topic: str) -> Any:
    """The first one of the page, which are all those of real payloads."""
    text = PAGE.read_text().partition(f"\n## `{topic}`\n")[2]
    found = re.search(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return json.loads(found[1])


def operation(topic: str) -> Any:
    """That of the channel with this address."""
    (found,) = (
        one
        for one in DOCUMENT["operations"].values()
        if resolve(one["channel"]["$ref"], DOCUMENT)["address"] == f"{{prefix}}/{{device}}/{topic}"
    )
    return found


def test_it_says_what_it_is() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["version"] == "1.0.0"
    assert {server["protocol"] for server in DOCUMENT["servers"].values()} == {
        "mqtt",
        "secure-mqtt",
    }


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert all(resolve(reference, DOCUMENT) for reference in found)
    used = {reference for reference in found if reference.startswith("#/components/schemas/")}
    assert used == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.topic)
def test_every_topic_has_a_channel_a_message_and_an_operation(channel: Channel) -> None:
    found = operation(channel.topic)
    address = resolve(found["channel"]["$ref"], DOCUMENT)
    assert set(address["parameters"]) == {"prefix", "device"} | ({"what"} & {channel.topic[5:-1]})
    message, *others = found["messages"]
    assert bool(others) == (channel.topic in {"pose", "labels"})
    message = resolve(resolve(message["$ref"], DOCUMENT)["$ref"], DOCUMENT)
    assert all(one["summary"] for one in (message, found, address))
    is_text = channel.topic not in PAYLOADS
    assert message["contentType"] == ("text/plain" if is_text else "application/json")
    assert found["action"] == ("receive" if channel.kind == "command" else "send")


def test_streams_expire_states_stay_and_events_come_at_least_once() -> None:
    told = {topic: operation(topic)["bindings"]["mqtt"] for topic in ("pose", "info", "event/rep")}
    assert all(binding.pop("bindingVersion") == "0.2.0" for binding in told.values())
    assert told == {
        "pose": {"qos": 0, "retain": False, "messageExpiryInterval": STREAM_EXPIRY_S},
        "info": {"qos": 1, "retain": True},
        "event/rep": {"qos": 1, "retain": False},
    }


@pytest.mark.parametrize("topic", PAYLOADS)
def test_what_is_sent_is_what_its_schemas_say(topic: str) -> None:
    schema = {"$ref": f"#/components/schemas/{PAYLOADS[topic].__name__}", **DOCUMENT}
    sent = example(topic)
    Draft7Validator.check_schema(DOCUMENT["components"]["schemas"][PAYLOADS[topic].__name__])
    Draft7Validator(schema).validate(sent)
    assert not Draft7Validator(schema).is_valid(sent | {"v": 2})


def test_tuples_are_as_strict_as_in_the_other_schemas() -> None:
    schema = {"$ref": "#/components/schemas/PoseMessage", **DOCUMENT}
    sent = example("pose")
    sent["poses"][0]["keypoints"][3] = [0.5, 0.5, 1.5]
    assert not Draft7Validator(schema).is_valid(sent)
    sent["poses"][0]["keypoints"][3] = [0.5, 0.5, 1.0, 1.0]
    assert not Draft7Validator(schema).is_valid(sent)


@pytest.mark.parametrize("topic", ["pose", "labels"])
def test_what_may_be_messagepack_is_told_as_both(topic: str) -> None:
    messages = [
        resolve(resolve(message["$ref"], DOCUMENT)["$ref"], DOCUMENT)
        for message in operation(topic)["messages"]
    ]
    assert [message["contentType"] for message in messages] == [JSON_TYPE, MSGPACK_TYPE]
    assert messages[0]["payload"] == messages[1]["payload"]


def test_commands_are_received_and_answered() -> None:
    asked = operation("set/{what}")
    assert asked["bindings"]["mqtt"]["retain"] is False
    channel = resolve(asked["channel"]["$ref"], DOCUMENT)
    assert channel["parameters"]["what"]["enum"] == list(get_args(What))
    answer = resolve(asked["reply"]["channel"]["$ref"], DOCUMENT)
    assert answer["address"] == "{prefix}/{device}/reply"
