"""What Home Assistant is told of a device: pure payloads; tests/vm/ has the real one read them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2.sandbox
import msgspec
import pytest
from gym_messages import EVENT, HEALTH, NOBODY, PAUSED, REP, SET, STATE, WORKOUT
from hypothesis import given
from hypothesis import strategies as st

from edged.messages.topics import Topics
from edged.mqtt.homeassistant import (
    BIRTH,
    REMOVED,
    Description,
    birth_topic,
    device_id,
    discovery,
    discovery_topic,
    encoded,
    expire_after_s,
    is_birth,
)

TOPICS = Topics("edged", "gym")
EXERCISES = ("squat", "push-up", "plank")
DESCRIBED = Description(
    version="1.2.3", name="Gym", model="movenet", exercises=EXERCISES, sensors=("cpu-thermal",)
)
names = st.text("abcXYZ019_-", min_size=1, max_size=20)


def told(described: Description = DESCRIBED, topics: Topics = TOPICS) -> dict[str, Any]:
    """The payload, as Home Assistant reads it."""
    found: dict[str, Any] = json.loads(encoded(discovery(topics, described)))
    return found


def rendered(template: str, payload: bytes, known: str | None = None) -> str:
    """What Home Assistant makes of a payload; it fails where that one would write a warning."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.filters["as_datetime"] = lambda at: datetime.fromtimestamp(at, UTC)
    values: dict[str, Any] = {"value": payload.decode(), "this": {"attributes": {"id": known}}}
    if payload:
        values["value_json"] = json.loads(payload)
    return environment.from_string(template).render(values).strip()


def values(message: msgspec.Struct | bytes, topic: str) -> dict[str, str]:
    """What every entity of a topic shows after a message."""
    payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return {
        key: rendered(one["value_template"], payload)
        for key, one in told()["components"].items()
        if one.get("state_topic") == topic and "value_template" in one
    }


def test_the_device_is_named_and_said_to_be_there_or_not() -> None:
    found = told()
    assert found["device"] == {
        "identifiers": ["edged_gym"],
        "name": "Gym",
        "manufacturer": "edged",
        "model": "movenet",
        "sw_version": "1.2.3",
    }
    assert found["origin"] == {"name": "edged", "sw_version": "1.2.3"}
    assert found["availability_topic"] == TOPICS.status
    assert (found["payload_available"], found["payload_not_available"]) == ("online", "offline")


def test_everything_that_was_asked_for_is_there() -> None:
    found = {
        (one["platform"], one["default_entity_id"].partition(".gym_")[2])
        for one in told()["components"].values()
    }
    assert found >= {
        *(("sensor", name) for name in ("reps", "set", "exercise", "tempo", "range")),
        *(("sensor", name) for name in ("fps", "inference", "age", "accelerator")),
        ("sensor", "temperature_cpu_thermal"),
        *(("binary_sensor", name) for name in ("person", "problem")),
        *(("event", name) for name in ("rep", "set_done", "workout_done")),
        ("switch", "pause"),
        ("select", "wanted_exercise"),
        ("number", "target_reps"),
        ("button", "reset"),
    }


def test_what_a_set_shows() -> None:
    assert values(STATE, TOPICS.exercise) == {
        "exercise": "squat",
        "phase": "rest",
        "reps": "7",
        "partial_reps": "1",
        "set": "2",
        "sets": "2",
        "held": "0.0",
        "tempo": "2.4",
        "lowering": "1.5",
        "lifting": "0.9",
        "range": "103.4",
        "symmetry": "92.0",
        "rest_since": "2025-06-15T15:06:40.250000+00:00",
        "person": "ON",
        "wanted_exercise": "auto",
        "target_reps": "10",
        "target_rest": "90.0",
    }


def test_what_is_not_known_is_unknown() -> None:
    shown = values(NOBODY, TOPICS.exercise)
    unknown = {"exercise", "tempo", "lowering", "lifting", "range", "symmetry", "rest_since"}
    assert {key for key, value in shown.items() if value == "None"} == unknown
    assert shown["person"] == "OFF"


def test_how_the_device_is() -> None:
    assert values(HEALTH, TOPICS.health) == {
        "problem": "ON",
        "fps": "29.97",
        "inference": "2.6",
        "age": "12.5",
        "memory": "101.5",
        "accelerator": "cpu",
        "temperature_cpu_thermal": "51.5",
    }
    shown = values(PAUSED, TOPICS.health)
    assert shown["problem"] == "OFF"
    unknown = {"inference", "age", "temperature_cpu_thermal"}
    assert {key for key, value in shown.items() if value == "None"} == unknown


def test_a_problem_says_what_is_wrong() -> None:
    template = told()["components"]["problem"]["json_attributes_template"]
    found = json.loads(rendered(template, msgspec.json.encode(HEALTH)))
    assert found == {"problems": HEALTH.problems}
    assert json.loads(rendered(template, b"")) == {"problems": []}


@pytest.mark.parametrize(
    ("key", "event", "kind"),
    [
        ("rep", REP, "rep"),
        ("rep", msgspec.structs.replace(REP, is_full=False), "partial_rep"),
        ("set_done", SET, "set"),
        ("workout_done", WORKOUT, "workout"),
    ],
)
def test_an_event_happens_once_with_all_that_is_told(
    key: str, event: msgspec.Struct, kind: str
) -> None:
    component = told()["components"][key]
    payload = msgspec.json.encode(event)
    assert kind in component["event_types"]
    found = json.loads(rendered(component["value_template"], payload))
    assert found == json.loads(payload) | {"event_type": kind}
    assert rendered(component["value_template"], payload, known=EVENT) == ""
    assert component["qos"] == 1


@pytest.mark.parametrize("payload", [b"", b"{}"], ids=["forgotten", "of another version"])
def test_a_payload_without_any_key_is_unknown_and_no_complaint(payload: bytes) -> None:
    for topic in (TOPICS.exercise, TOPICS.health):
        assert set(values(payload, topic).values()) == {"None"}
    for topic in (TOPICS.event_rep, TOPICS.event_set, TOPICS.event_workout):
        assert set(values(payload, topic).values()) == {""}


def test_a_word_that_is_no_option_is_unknown() -> None:
    other = msgspec.structs.replace(STATE, exercise="pull-up", wanted="pull-up")
    shown = values(other, TOPICS.exercise)
    assert (shown["exercise"], shown["wanted_exercise"]) == ("None", "None")


def test_controls_go_where_commands_are_taken() -> None:
    found = told()["components"]
    assert {key: one["command_topic"] for key, one in found.items() if "command_topic" in one} == {
        "pause": TOPICS.set("pause"),
        "wanted_exercise": TOPICS.set("exercise"),
        "target_reps": TOPICS.set("target_reps"),
        "target_rest": TOPICS.set("rest_s"),
        "reset": TOPICS.set("reset"),
    }
    assert found["pause"]["state_topic"] == TOPICS.paused
    assert found["wanted_exercise"]["options"] == ["auto", *EXERCISES]
    assert "optimistic" not in json.dumps(found)  # a switch that shows what is


def test_what_is_said_now_and_then_is_unknown_when_it_stays_away() -> None:
    expiring = {
        key for key, one in told()["components"].items() if one.get("state_topic") == TOPICS.health
    }
    assert expiring == {k for k, one in told()["components"].items() if "expire_after" in one}
    assert [expire_after_s(interval) for interval in (0.1, 10.0, 60.0)] == [30, 35, 210]


def test_without_fitness_its_entities_disappear() -> None:
    with_it = told()["components"]
    without = told(Description(version="1", name="Gym"))["components"]
    gone = {key for key, one in without.items() if set(one) == {"platform"}}
    assert {"reps", "exercise", "rep", "target_reps", "reset", "person"} <= gone
    assert all(without[key]["platform"] == with_it[key]["platform"] for key in gone)
    assert {"pause", "fps", "problem"} <= set(without) - gone


@given(prefix=names, device=names, sensors=st.lists(st.text(max_size=20), max_size=5))
def test_names_are_unique_and_stay(prefix: str, device: str, sensors: list[str]) -> None:
    topics = Topics(prefix, device)
    described = Description("1", "Gym", exercises=EXERCISES, sensors=tuple(sensors))
    found = told(described, topics)["components"]
    ids = [one["unique_id"] for one in found.values()]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith(f"{device_id(topics)}_") for one in ids)
    later = told(Description("2", "Cellar", "x", EXERCISES, tuple(sensors)), topics)
    assert [one["unique_id"] for one in later["components"].values()] == ids


@given(prefix=names, device=names)
def test_every_topic_is_one_of_the_contract(prefix: str, device: str) -> None:
    topics = Topics(prefix, device)
    ours = {
        *(topics.exercise, topics.health, topics.paused),
        *(topics.event_rep, topics.event_set, topics.event_workout),
        *(topics.set(what) for what in ("pause", "exercise", "target_reps", "rest_s", "reset")),
    }
    found = {
        value
        for one in told(DESCRIBED, topics)["components"].values()
        for key, value in one.items()
        if key.endswith("_topic")
    }
    assert found == ours


@given(sensor=st.text(max_size=40).filter(str.isprintable))
def test_any_name_of_a_sensor_can_be_asked_for(sensor: str) -> None:
    found = told(Description("1", "Gym", sensors=(sensor,)))["components"]
    (template,) = (
        one["value_template"] for key, one in found.items() if key.startswith("temperature_")
    )
    payload = json.dumps({"temperatures": {sensor: 40.5}}).encode()
    assert rendered(template, payload) == "40.5"


def test_the_discovery_topic_has_only_signs_that_home_assistant_takes() -> None:
    assert discovery_topic(TOPICS, "homeassistant") == "homeassistant/device/edged_gym/config"
    odd = Topics("höme/b.1", "gym-2")
    assert discovery_topic(odd, "ha") == "ha/device/h_me_b_1_gym-2/config"
    assert REMOVED == b""


def test_the_birth_message_is_known() -> None:
    assert birth_topic("homeassistant") == "homeassistant/status"
    assert is_birth("homeassistant/status", BIRTH, "homeassistant")
    assert not is_birth("homeassistant/status", b"offline", "homeassistant")
    assert not is_birth("edged/gym/status", BIRTH, "homeassistant")


def test_the_payload_is_small() -> None:
    exercises = tuple(f"exercise-number-{number}" for number in range(40))
    sensors = tuple(f"sensor-{number}" for number in range(10))
    described = Description("1", "Gym", exercises=exercises, sensors=sensors)
    assert len(encoded(discovery(TOPICS, described))) < 32_000


def test_the_page_about_it_names_what_there_is() -> None:
    text = (Path(__file__).parents[2] / "docs/homeassistant.md").read_text()
    found = {one["default_entity_id"] for one in told()["components"].values()}
    named = set(re.findall(r"\b[a-z_]+\.gym_[a-z_]*[a-z]\b(?!_)", text))
    tables = [line for line in text.splitlines() if line.startswith("| `")]
    for line in tables:
        first, *more = re.findall(r"`([^`]+)`", line.split("|")[1])
        kind = first[: first.index("gym_") + len("gym")]
        named |= {f"{kind}{name}" for name in more}
    named -= {"sensor.gym_temperature"}
    assert named <= found
    assert {name for name in found if "_temperature_" not in name} <= named
