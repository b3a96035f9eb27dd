"""The real Home Assistant finds the real daemon, shows what it sees and is obeyed."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, healths, info, poses
from gym_messages import HEALTH, NOBODY, PAUSED, REP, STATE
from vm import roots
from vm.home_assistant import HomeAssistant
from vm.home_assistant_api import Api
from vm.home_assistant_tree import installed
from vm.rig import Rig

from edged.config import Config
from edged.messages.topics import OFFLINE, ONLINE, Topics
from edged.mqtt.homeassistant import (
    REMOVED,
    Description,
    birth_topic,
    device_id,
    discovery,
    discovery_topic,
    encoded,
)
from edged.sections import Camera, Fitness, PoseModel

Figure = Callable[[str, object], None]

PREFIX = "homeassistant"
SOON_S = 30.0
IS_WIRED = "homeassistant" in Config.__struct_fields__
"""The daemon tells of itself; until it does, `Herald` tells from what the daemon says."""

SCRIPT = """
[workout]
seed = 5
repeat = true
[[set]]
exercise = "squat"
reps = 5
tempo = [0.8, 0.1, 0.7, 0.2]
rest_s = 14.0
"""

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
COUNTERS = {"sensor.gym_reps", "sensor.gym_set", "sensor.gym_sets", "sensor.gym_held"}


class Herald:
    """Tells Home Assistant of the daemon, from what the daemon tells everybody, and at its birth.

    Args:
        broker: Where all of them meet.
    """

    def __init__(self, broker: Broker) -> None:
        self._subscriber = Subscriber(broker.port)
        self._births = 0
        self._told = b""

    def tell(self) -> None:
        """Tells, if there is something new."""
        device, last = info(self._subscriber), healths(self._subscriber)
        births = len(self._subscriber.of(birth_topic(PREFIX)))
        if device is None or not last:
            return
        described = Description(
            version=device.version,
            name="Gym",
            model=", ".join(model.name for model in device.models),
            exercises=device.exercises,
            sensors=tuple(last[-1].temperatures),
            health_interval_s=0.5,
        )
        payload = encoded(discovery(TOPICS, described))
        if (payload, births) != (self._told, self._births):
            self._told, self._births = payload, births
            retain(self._subscriber, discovery_topic(TOPICS, PREFIX), payload)

    def close(self) -> None:
        """Hangs up."""
        self._subscriber.close()


def retain(subscriber: Subscriber, topic: str, payload: bytes) -> None:
    subscriber._client.publish(topic, payload, qos=1, retain=True)


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
    directory = rig.directory("home")
    with (
        roots.private_copy(found.tree, directory) as root,
        HomeAssistant(root, found, broker.port, rig.directory("home.log")) as home,
    ):
        yield home


class Device:
    """The daemon, as `edged run` on this machine, with an athlete for a camera."""

    def __init__(self, directory: Path, broker: Broker) -> None:
        directory.mkdir()
        self._directory = directory
        script = directory / "script.toml"
        script.write_text(SCRIPT)
        self._config = msgspec.structs.replace(
            configuration(Path("unused"), Path("unused"), broker.port),
            camera=Camera(source=f"athlete:{script}", width=320, height=240, fps=15, loop=True),
            pose=PoseModel(model="athlete-pose"),
            fitness=Fitness(set_ends_s=5.0, workout_ends_s=10.0, gone_s=5.0),
        )
        self._daemon: Daemon | None = None
        self._herald = None if IS_WIRED else Herald(broker)

    @property
    def daemon(self) -> Daemon:
        """The process."""
        assert self._daemon is not None
        return self._daemon

    def start(self) -> None:
        """Starts it, or starts it again."""
        self._daemon = Daemon(self._directory, self._config)

    def until(self, what: str, condition: Callable[[], bool], timeout_s: float = SOON_S) -> float:
        """Waits; meanwhile the herald does its work.

        Returns:
            The seconds it took.
        """
        started = time.monotonic()

        def look() -> bool:
            if self._herald is not None:
                self._herald.tell()
            time.sleep(0.05)
            return condition()

        until(look, what, timeout_s)
        return time.monotonic() - started

    def close(self) -> None:
        """Ends it, however it is."""
        if self._herald is not None:
            self._herald.close()
        if self._daemon is not None:
            self._daemon.__exit__()


@pytest.fixture(scope="module")
def device(rig: Rig, broker: Broker) -> Iterator[Device]:
    device = Device(rig.directory("device"), broker)
    try:
        yield device
    finally:
        device.close()


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
    assert home.complaints() == []


def scenario_the_device_is_found_by_itself(
    home: HomeAssistant, device: Device, subscriber: Subscriber, figure: Figure
) -> None:
    device.start()
    took_s = device.until("a device", lambda: bool(home.api.devices()), 60)
    figure("found after the daemon's start s", took_s)
    (found,) = home.api.devices()
    told = info(subscriber)
    assert told is not None
    assert (found.name, found.manufacturer, found.version) == ("Gym", "edged", told.version)
    assert found.identifiers == (("mqtt", device_id(TOPICS)),)
    device.until("all available", lambda: not unavailable(home))


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
        assert name == f"Gym {one.name}"
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
    home: HomeAssistant, device: Device, subscriber: Subscriber, figure: Figure
) -> None:
    device.until("a workout", lambda: bool(ids(home.api, "event.gym_workout_done")), 120)
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


def scenario_how_the_device_is(home: HomeAssistant, device: Device, figure: Figure) -> None:
    device.until("fps", lambda: number(home, "sensor.gym_fps") > 1.0)
    for name in ("fps", "inference", "age", "memory"):
        figure(name, state(home, f"sensor.gym_{name}"))
        assert number(home, f"sensor.gym_{name}") > 0.0
    assert state(home, "sensor.gym_accelerator") == "cpu"
    assert state(home, "binary_sensor.gym_problem") == "off"


def scenario_the_pause_switch_pauses_and_follows(
    home: HomeAssistant, device: Device, subscriber: Subscriber, figure: Figure
) -> None:
    assert state(home, "switch.gym_pause") == "off"
    home.api.call("switch.turn_on", "switch.gym_pause")
    figure("on after s", home.api.until_state("switch.gym_pause", "on", SOON_S))
    assert subscriber.last(TOPICS.paused) == b"ON"
    device.until("no picture", lambda: healths(subscriber)[-1].state == "paused")
    home.api.until_state("sensor.gym_inference", "unknown", SOON_S)
    home.api.until_state("binary_sensor.gym_person", "unknown", SOON_S)
    count = len(poses(subscriber))
    home.api.call("switch.turn_off", "switch.gym_pause")
    figure("off after s", home.api.until_state("switch.gym_pause", "off", SOON_S))
    device.until("poses", lambda: len(poses(subscriber)) > count)


def scenario_what_is_chosen_is_what_counts(
    home: HomeAssistant, device: Device, subscriber: Subscriber
) -> None:
    api = home.api
    api.call("select.select_option", "select.gym_wanted_exercise", option="push-up")
    api.call("number.set_value", "number.gym_target_reps", value=12)
    api.call("number.set_value", "number.gym_target_rest", value=90)
    device.until("push-up", lambda: state(home, "select.gym_wanted_exercise") == "push-up")
    device.until("12 reps", lambda: number(home, "number.gym_target_reps") == 12.0)
    device.until("90 s", lambda: number(home, "number.gym_target_rest") == 90.0)
    told = json.loads(subscriber.last(TOPICS.exercise) or b"{}")
    assert (told["wanted"], told["target_reps"], told["rest_s"]) == ("push-up", 12, 90.0)
    api.call("select.select_option", "select.gym_wanted_exercise", option="auto")
    device.until("auto", lambda: state(home, "select.gym_wanted_exercise") == "auto")


def scenario_the_button_begins_anew(
    home: HomeAssistant, device: Device, subscriber: Subscriber
) -> None:
    device.until("a rep", lambda: number(home, "sensor.gym_reps") >= 1.0, 60)
    home.api.call("button.press", "button.gym_reset")
    device.until("an answer", lambda: b'"reset"' in (subscriber.last(TOPICS.reply) or b""))
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
    figure("back after s", device.until("available", lambda: not unavailable(home)))


def scenario_a_restart_of_home_assistant_finds_everything_again(
    home: HomeAssistant, device: Device, subscriber: Subscriber, figure: Figure
) -> None:
    before = home.api.entities()
    told = len(subscriber.of(discovery_topic(TOPICS, PREFIX)))
    home.stop()
    figure("Home Assistant is back after s", home.start())
    home.api.listen()
    figure("all is there after s more", device.until("all", lambda: not unavailable(home)))
    assert home.api.entities() == before
    device.until("reps", lambda: number(home, "sensor.gym_reps") >= 0.0)
    device.until("fps", lambda: number(home, "sensor.gym_fps") > 0.0)
    device.until("the pause's state", lambda: state(home, "switch.gym_pause") == "off")
    # At its birth it was told again, whether or not the broker has kept the first time.
    device.until("again", lambda: len(subscriber.of(discovery_topic(TOPICS, PREFIX))) > told)


def scenario_a_template_for_people_works(home: HomeAssistant) -> None:
    """The words of docs/homeassistant.md."""
    said = home.api.rendered("{{ state_attr('event.gym_set_done', 'reps') }}")
    assert said.isdigit() or said == "None"


def scenario_nothing_was_complained_about_and_it_goes_when_it_is_removed(
    home: HomeAssistant, device: Device, subscriber: Subscriber
) -> None:
    assert home.complaints() == []
    assert device.daemon.stop() == 0
    home.api.until("unavailable", lambda _: unavailable(home) == set(ENTITIES), SOON_S)
    retain(subscriber, discovery_topic(TOPICS, PREFIX), REMOVED)
    home.api.until("no device", lambda api: api.devices() == [], SOON_S)
    assert home.api.entities() == {}
    assert home.complaints() == []
