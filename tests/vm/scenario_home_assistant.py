"""The real Home Assistant finds the real daemon, shows what it sees and is obeyed."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
from brokers import Broker, Subscriber, retained, until
from daemons import TOPICS, healths, info, poses
from gym_messages import HEALTH, NOBODY, PAUSED, REP, STATE
from vm import roots
from vm.checkout import ROOT
from vm.home_assistant import HomeAssistant
from vm.home_assistant_api import Api
from vm.home_assistant_device import PREFIX, SOON_S, Device, retain
from vm.home_assistant_tree import installed
from vm.rig import Rig

from edged.messages.topics import OFFLINE, ONLINE, Topics
from edged.mqtt.homeassistant import (
    REMOVED,
    Description,
    device_id,
    discovery,
    discovery_topic,
    encoded,
)

Figure = Callable[[str, object], None]

PAGE = ROOT / "docs/homeassistant.md"
# As they appear: device class, unit, category.
NONE, DIAGNOSTIC, CONFIG = None, "diagnostic", "config"
ENTITIES = {
    "sensor.gym_exercise": ("enum", None, NONE),
    "sensor.gym_phase": ("enum", None, NONE),
    "sensor.gym_reps": (None, "reps", NONE),
    "sensor.gym_partial_reps": (None, "reps", NONE),
    "sensor.gym_set": (None, None, NONE),
    "sensor.gym_sets": (None, "sets", NONE),
    "sensor.gym_held": ("duration", "s", NONE),
    "sensor.gym_tempo": ("duration", "s", NONE),
    "sensor.gym_lowering": ("duration", "s", NONE),
    "sensor.gym_lifting": ("duration", "s", NONE),
    "sensor.gym_range": (None, "%", NONE),
    "sensor.gym_symmetry": (None, "%", NONE),
    "sensor.gym_rest_since": ("timestamp", None, NONE),
    "binary_sensor.gym_person": ("occupancy", None, NONE),
    "event.gym_rep": (None, None, NONE),
    "event.gym_set_done": (None, None, NONE),
    "event.gym_workout_done": (None, None, NONE),
    "select.gym_wanted_exercise": (None, None, NONE),
    "number.gym_target_reps": (None, "reps", CONFIG),
    "number.gym_target_rest": ("duration", "s", CONFIG),
    "button.gym_reset": (None, None, NONE),
    "switch.gym_pause": (None, None, NONE),
    "binary_sensor.gym_problem": ("problem", None, DIAGNOSTIC),
    "sensor.gym_fps": (None, "fps", DIAGNOSTIC),
    "sensor.gym_inference": ("duration", "ms", DIAGNOSTIC),
    "sensor.gym_age": ("duration", "ms", DIAGNOSTIC),
    "sensor.gym_memory": ("data_size", "MB", DIAGNOSTIC),
    "sensor.gym_accelerator": (None, None, DIAGNOSTIC),
}


@pytest.fixture(scope="module")
def broker(rig: Rig) -> Iterator[Broker]:
    directory = rig.directory("broker")
    directory.mkdir()
    with Broker(directory) as broker:
        yield broker


@pytest.fixture(scope="module")
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as subscriber:
        yield subscriber


@pytest.fixture(scope="module")
def home(rig: Rig, broker: Broker) -> Iterator[HomeAssistant]:
    found = installed()
    (automation,) = re.findall(r"```yaml\n(- id: .*?)```", PAGE.read_text(), re.DOTALL)
    log = rig.directory("home.log")
    with (
        roots.private_copy(found.tree, rig.directory("home")) as root,
        HomeAssistant(root, found, broker.port, log, automation) as home,
    ):
        yield home


@pytest.fixture(scope="module")
def device(rig: Rig, broker: Broker) -> Iterator[Device]:
    device = Device(rig.directory("device"), broker)
    try:
        yield device
    finally:
        device.close()


def within(what: str, condition: Callable[[], bool], timeout_s: float = SOON_S) -> float:
    """Waits. Returns the seconds it took."""
    started = time.monotonic()
    until(condition, what, timeout_s)
    return time.monotonic() - started


def state(home: HomeAssistant, entity_id: str) -> str:
    found = home.api.states().get(entity_id)
    return "not there" if found is None else found.state


def number(home: HomeAssistant, entity_id: str) -> float:
    try:
        return float(state(home, entity_id))
    except ValueError:
        return math.nan


def unavailable(home: HomeAssistant) -> set[str]:
    states = home.api.states()
    return {one for one in ENTITIES if one not in states or states[one].state == "unavailable"}


def scenario_home_assistant_starts(home: HomeAssistant, figure: Figure) -> None:
    figure("Home Assistant runs after s", home.started_s)
    assert home.api.devices() == []
    home.api.listen()


def scenario_every_value_is_shown_and_none_is_complained_about(
    home: HomeAssistant, subscriber: Subscriber
) -> None:
    """A device that says all that may be said: nulls, no word of a key, what is forgotten."""
    topics = Topics("edged", "cellar")
    sensors = ("cpu-thermal", 'it\'s "odd" \\ }} {{ °')
    described = Description("1", "Cellar", "m", ("squat", "plank"), sensors)
    retain(subscriber, discovery_topic(topics, PREFIX), encoded(discovery(topics, described)))
    retain(subscriber, topics.status, ONLINE)
    retain(subscriber, topics.paused, b"OFF")
    warm = {"cpu-thermal": 51.5, sensors[1]: -3.25}
    retain(subscriber, topics.exercise, msgspec.json.encode(STATE))
    # Streams are not retained; here they have to be, as nobody says them again.
    healthy = msgspec.structs.replace(HEALTH, temperatures=warm)
    retain(subscriber, topics.health, msgspec.json.encode(healthy))
    expected = {
        "sensor.cellar_exercise": "squat",
        "sensor.cellar_tempo": "2.4",
        "sensor.cellar_range": "103.4",
        "sensor.cellar_rest_since": "2025-06-15T15:06:40+00:00",
        "binary_sensor.cellar_person": "on",
        "number.cellar_target_reps": "10",
        "number.cellar_target_rest": "90.0",
        "select.cellar_wanted_exercise": "auto",
        "switch.cellar_pause": "off",
        "binary_sensor.cellar_problem": "on",
        "sensor.cellar_inference": "2.6",
        "sensor.cellar_temperature_cpu_thermal": "51.5",
        "sensor.cellar_temperature_it_s_odd": "-3.25",
        "event.cellar_rep": "unknown",
    }
    for entity, value in expected.items():
        home.api.until_state(entity, value, SOON_S)
    problem = home.api.states()["binary_sensor.cellar_problem"]
    assert problem.attributes["problems"] == HEALTH.problems
    warmth = home.api.states()["sensor.cellar_temperature_cpu_thermal"].attributes
    assert (warmth["device_class"], warmth["unit_of_measurement"], warmth["state_class"]) == (
        *("temperature", "°C", "measurement"),
    )
    for exercise, health in (
        (NOBODY, PAUSED),
        (msgspec.structs.replace(STATE, exercise="new", wanted="new", present=None), PAUSED),
    ):
        retain(subscriber, topics.exercise, msgspec.json.encode(STATE))
        retain(subscriber, topics.health, msgspec.json.encode(healthy))
        home.api.until_state("sensor.cellar_exercise", "squat", SOON_S)
        home.api.until_state("sensor.cellar_inference", "2.6", SOON_S)
        retain(subscriber, topics.exercise, msgspec.json.encode(exercise))
        retain(subscriber, topics.health, msgspec.json.encode(health))
        home.api.until_state("sensor.cellar_exercise", "unknown", SOON_S)
        home.api.until_state("sensor.cellar_inference", "unknown", SOON_S)
        home.api.until_state("binary_sensor.cellar_problem", "off", SOON_S)
    home.api.until_state("binary_sensor.cellar_person", "unknown", SOON_S)
    for payload in (b"{}", b""):
        retain(subscriber, topics.exercise, payload)
        retain(subscriber, topics.health, payload)
        subscriber.publish(topics.event_rep, payload)
    retain(subscriber, topics.paused, b"")
    twice = msgspec.json.encode(REP)
    subscriber.publish(topics.event_rep, twice)
    subscriber.publish(topics.event_rep, twice)
    again = msgspec.structs.replace(REP, id=REP.id[:-1] + "2", is_full=False)
    subscriber.publish(topics.event_rep, msgspec.json.encode(again))
    home.api.until("events", lambda api: len(kinds(api, "event.cellar_rep")) >= 2, SOON_S)
    assert kinds(home.api, "event.cellar_rep") == ["rep", "partial_rep"]
    retain(subscriber, topics.status, OFFLINE)
    home.api.until_state("switch.cellar_pause", "unavailable", SOON_S)
    for topic in (topics.status, topics.health, topics.exercise):
        retain(subscriber, topic, b"")
    assert home.complaints() == []


def scenario_without_fitness_its_entities_disappear(
    home: HomeAssistant, subscriber: Subscriber
) -> None:
    topics = Topics("edged", "cellar")
    assert "sensor.cellar_reps" in home.api.states()
    described = Description("1", "Cellar", "m")
    retain(subscriber, discovery_topic(topics, PREFIX), encoded(discovery(topics, described)))
    home.api.until("none", lambda api: "sensor.cellar_reps" not in api.states(), SOON_S)
    left = {one.unique_id for one in home.api.entities().values()}
    assert "edged_cellar_fps" in left
    assert not left & {"edged_cellar_exercise", "edged_cellar_rep", "edged_cellar_reset"}
    retain(subscriber, discovery_topic(topics, PREFIX), REMOVED)
    home.api.until("no device", lambda api: api.devices() == [], SOON_S)


def scenario_the_device_is_found_by_itself(
    home: HomeAssistant, device: Device, subscriber: Subscriber, figure: Figure
) -> None:
    device.start()
    took_s = within("a device", lambda: bool(home.api.devices()), 60)
    figure("found after the daemon's start s", took_s)
    (found,) = home.api.devices()
    told = info(subscriber)
    assert told is not None
    assert (found.name, found.manufacturer, found.version) == ("gym", "edged", told.version)
    assert found.identifiers == (("mqtt", device_id(TOPICS)),)
    within("all available", lambda: not unavailable(home))


def scenario_every_entity_has_its_class_unit_and_category(home: HomeAssistant) -> None:
    states = home.api.states()
    registered = {one.entity_id: one for one in home.api.entities().values()}
    shown = {
        one: (
            states[one].attributes.get("device_class"),
            states[one].attributes.get("unit_of_measurement"),
            registered[one].category,
        )
        for one in registered
        if "_temperature_" not in one
    }
    assert shown == ENTITIES
    for entity_id, one in registered.items():
        assert one.unique_id == f"edged_gym_{entity_id.partition('.gym_')[2]}"
        name = states[entity_id].attributes["friendly_name"]
        assert name == f"gym {one.name}"
        if "unit_of_measurement" in states[entity_id].attributes and entity_id[:6] == "sensor":
            assert states[entity_id].attributes["state_class"] == "measurement"
    assert states["select.gym_wanted_exercise"].attributes["options"][:2] == ["auto", "squat"]
    assert states["number.gym_target_reps"].attributes["max"] == 1000


def kinds(api: Api, entity_id: str) -> list[str]:
    """What an event entity has told, in order."""
    happened = (one for one in api.changes(entity_id) if "id" in one.attributes)
    by_id = itertools.groupby(happened, key=lambda one: one.attributes["id"])
    return [str(next(same).attributes["event_type"]) for _, same in by_id]


def ids(api: Api, entity_id: str) -> list[str]:
    happened = (one.attributes["id"] for one in api.changes(entity_id) if "id" in one.attributes)
    return [one for one, _ in itertools.groupby(happened)]


def scenario_a_set_of_squats_moves_the_reps_and_fires_events(
    home: HomeAssistant, subscriber: Subscriber, figure: Figure
) -> None:
    within("a workout", lambda: bool(ids(home.api, "event.gym_workout_done")), 120)
    for entity_id, topic in (
        ("event.gym_rep", TOPICS.event_rep),
        ("event.gym_set_done", TOPICS.event_set),
        ("event.gym_workout_done", TOPICS.event_workout),
    ):
        told = [json.loads(message.payload)["id"] for message in subscriber.of(topic)]
        shown = ids(home.api, entity_id)
        assert shown == told[-len(shown) :] or shown == told[: len(shown)], entity_id
        assert len(told) - len(shown) <= 1, entity_id  # one that was told in between
    reps = [one.state for one in home.api.changes("sensor.gym_reps")]
    figure("the sensor of the reps went", " ".join(reps))
    assert {"1", "2", "3"} <= set(reps)
    last = home.api.states()["event.gym_rep"].attributes
    assert last["event_type"] in {"rep", "partial_rep"}
    assert last["exercise"] == "squat"
    assert 0.5 < last["rep"]["duration_s"] < 5.0
    seen = {one.state for one in home.api.changes("sensor.gym_exercise")}
    assert "squat" in seen
    tempo = [one.state for one in home.api.changes("sensor.gym_tempo")]
    assert any(0.5 < float(one) < 5.0 for one in tempo if one not in {"unknown", "unavailable"})
    assert {"rep", "rest"} <= {one.state for one in home.api.changes("sensor.gym_phase")}
    assert "on" in {one.state for one in home.api.changes("binary_sensor.gym_person")}


def scenario_the_automation_of_the_documentation_says_it(home: HomeAssistant) -> None:
    (said,) = {
        words for words in home.api.notifications() if words.startswith("Set 1: ")
    }  # once a set, whatever happened between
    assert re.fullmatch(r"Set 1: [1-5] squat reps in [0-9]+ seconds\.", said), said


def scenario_how_the_device_is(home: HomeAssistant, figure: Figure) -> None:
    within("fps", lambda: number(home, "sensor.gym_fps") > 1.0)
    for name in ("fps", "inference", "age", "memory"):
        figure(name, state(home, f"sensor.gym_{name}"))
        assert number(home, f"sensor.gym_{name}") > 0.0
    assert state(home, "sensor.gym_accelerator") == "cpu"
    assert state(home, "binary_sensor.gym_problem") == "off"


def scenario_the_pause_switch_pauses_and_follows(
    home: HomeAssistant, subscriber: Subscriber, figure: Figure
) -> None:
    assert state(home, "switch.gym_pause") == "off"
    home.api.call("switch.turn_on", "switch.gym_pause")
    figure("on after s", home.api.until_state("switch.gym_pause", "on", SOON_S))
    assert subscriber.last(TOPICS.paused) == b"ON"
    within("no picture", lambda: healths(subscriber)[-1].state == "paused")
    home.api.until_state("sensor.gym_inference", "unknown", SOON_S)
    home.api.until_state("binary_sensor.gym_person", "unknown", SOON_S)
    count = len(poses(subscriber))
    home.api.call("switch.turn_off", "switch.gym_pause")
    figure("off after s", home.api.until_state("switch.gym_pause", "off", SOON_S))
    within("poses", lambda: len(poses(subscriber)) > count)


def scenario_what_is_chosen_is_what_counts(home: HomeAssistant, subscriber: Subscriber) -> None:
    api = home.api
    api.call("select.select_option", "select.gym_wanted_exercise", option="push-up")
    api.call("number.set_value", "number.gym_target_reps", value=12)
    api.call("number.set_value", "number.gym_target_rest", value=90)
    within("push-up", lambda: state(home, "select.gym_wanted_exercise") == "push-up")
    within("12 reps", lambda: number(home, "number.gym_target_reps") == 12.0)
    within("90 s", lambda: number(home, "number.gym_target_rest") == 90.0)
    told = json.loads(subscriber.last(TOPICS.exercise) or b"{}")
    assert (told["wanted"], told["target_reps"], told["rest_s"]) == ("push-up", 12, 90.0)
    api.call("select.select_option", "select.gym_wanted_exercise", option="auto")
    within("auto", lambda: state(home, "select.gym_wanted_exercise") == "auto")


def scenario_the_button_begins_anew(home: HomeAssistant, subscriber: Subscriber) -> None:
    within("a rep", lambda: number(home, "sensor.gym_reps") >= 1.0, 60)
    home.api.call("button.press", "button.gym_reset")
    within("an answer", lambda: b'"reset"' in (subscriber.last(TOPICS.reply) or b""))
    assert json.loads(subscriber.last(TOPICS.reply) or b"{}")["ok"]


def scenario_it_is_unavailable_when_killed_and_comes_back(
    home: HomeAssistant, device: Device, figure: Figure
) -> None:
    device.daemon.process.kill()
    started = time.monotonic()
    home.api.until("unavailable", lambda _: unavailable(home) == set(ENTITIES), SOON_S)
    figure("unavailable after s", time.monotonic() - started)
    device.daemon.process.wait(SOON_S)
    device.start()
    figure("back after s", within("available", lambda: not unavailable(home)))


def scenario_a_restart_of_home_assistant_finds_everything_again(
    home: HomeAssistant, subscriber: Subscriber, figure: Figure
) -> None:
    before = home.api.entities()
    told = len(subscriber.of(discovery_topic(TOPICS, PREFIX)))
    sets = len(subscriber.of(TOPICS.event_set))
    home.stop()
    figure("Home Assistant is back after s", home.start())
    home.api.listen()
    figure("all is there after s more", within("all", lambda: not unavailable(home)))
    assert home.api.entities() == before
    within("reps", lambda: number(home, "sensor.gym_reps") >= 0.0)
    within("fps", lambda: number(home, "sensor.gym_fps") > 0.0)
    within("the pause's state", lambda: state(home, "switch.gym_pause") == "off")
    # An event entity shows its last event again: the documentation's automation knows better.
    said = [words for words in home.api.notifications() if words.startswith("Set ")]
    assert len(said) <= len(subscriber.of(TOPICS.event_set)) - sets
    # At its birth it was told again, whether or not the broker has kept the first time.
    within("again", lambda: len(subscriber.of(discovery_topic(TOPICS, PREFIX))) > told)


def scenario_switched_off_it_goes_and_switched_on_it_is_back(
    home: HomeAssistant, device: Device, figure: Figure
) -> None:
    before = {(one.unique_id, one.entity_id) for one in home.api.entities().values()}
    device.announce(enabled=False)
    figure("gone after s", within("no device", lambda: home.api.devices() == []))
    assert home.api.entities() == {}
    device.announce(enabled=True)
    figure("back after s", within("all", lambda: not unavailable(home)))
    assert {(one.unique_id, one.entity_id) for one in home.api.entities().values()} == before


def scenario_an_uninstallation_leaves_nothing_and_nothing_was_complained_about(
    home: HomeAssistant, device: Device, broker: Broker
) -> None:
    assert device.daemon.stop() == 0
    home.api.until("unavailable", lambda _: unavailable(home) == set(ENTITIES), SOON_S)
    assert device.forget().startswith("ok ")
    home.api.until("no device", lambda api: api.devices() == [], SOON_S)
    assert home.api.entities() == {}
    assert [topic for topic in retained(broker) if "gym" in topic] == []
    assert home.complaints() == []


def scenario_a_device_that_is_deleted_by_hand_is_announced_no_more(
    home: HomeAssistant, subscriber: Subscriber
) -> None:
    """The last one: Home Assistant complains about what it says itself here."""
    topics = Topics("edged", "attic")
    topic = discovery_topic(topics, PREFIX)
    retain(subscriber, topic, encoded(discovery(topics, Description("1", "Attic"))))
    home.api.until("a device", lambda api: len(api.devices()) == 1, SOON_S)
    (found,) = home.api.devices()
    home.api.delete(found)
    assert home.api.devices() == []
    subscriber.until(topic, REMOVED)
