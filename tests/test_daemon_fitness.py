"""The service counts: an athlete who squats, our own model, a real broker."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pose_classifiers
import pytest
from brokers import Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, info, poses

from edged.config import Config
from edged.fitness.exercises import built_in
from edged.messages.exercise import ExerciseState, RepEvent, SetEvent, WorkoutEvent
from edged.sections import Camera, Fitness, PoseModel


@pytest.fixture
def config(tmp_path: Path, broker: Broker) -> Config:
    script = tmp_path / "script.toml"
    script.write_text(
        "[workout]\nseed = 5\n[[set]]\nexercise = 'squat'\nreps = 60\n"
        "tempo = [0.6, 0.1, 0.5, 0.2]\n"
    )
    config = configuration(Path("unused"), Path("unused"), broker.port)
    return msgspec.structs.replace(
        config,
        camera=Camera(source=f"athlete:{script}", width=320, height=240),
        pose=PoseModel(model="athlete-pose"),
        fitness=Fitness(target_reps=2),
    )


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as subscriber:
        yield subscriber


def state(subscriber: Subscriber) -> ExerciseState | None:
    payload = subscriber.last(TOPICS.exercise)
    return msgspec.json.decode(payload, type=ExerciseState) if payload else None


def reps(subscriber: Subscriber) -> list[RepEvent]:
    decode = msgspec.json.Decoder(RepEvent).decode
    return [decode(message.payload) for message in subscriber.of(TOPICS.event_rep)]


def test_a_workout_before_the_camera_is_counted_and_told(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    with Daemon(tmp_path, config) as daemon:
        until(lambda: len(reps(subscriber)) >= 3, "three reps")
        assert daemon.stop() == 0
    told = info(subscriber)
    assert told is not None
    assert told.exercises == tuple(built_in())
    assert [rep.count for rep in reps(subscriber)][:3] == [1, 2, 3]
    (over,) = subscriber.of(TOPICS.event_set)
    (workout,) = subscriber.of(TOPICS.event_workout)
    ended = msgspec.json.decode(over.payload, type=SetEvent)
    assert (ended.exercise, ended.reps, ended.target_reps) == ("squat", len(reps(subscriber)), 2)
    assert msgspec.json.decode(workout.payload, type=WorkoutEvent).reps == {"squat": ended.reps}
    last = poses(subscriber)[-1]
    assert last.active == last.poses[0].id == 1
    assert last.depth is not None


def test_reps_are_counted_over_a_reload_and_forgotten_when_it_is_switched_off(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    def count() -> int:
        told = state(subscriber)
        return told.reps if told else 0

    def reload(to: Config) -> None:
        reloads = daemon.log().count("configuration reloaded")
        daemon.configure(to)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: daemon.log().count("configuration reloaded") > reloads, "the reload")

    with Daemon(tmp_path, config) as daemon:
        until(lambda: count() >= 1, "a rep")
        mqtt = msgspec.structs.replace(config.mqtt, keepalive_s=30)  # another publisher
        other_goal = Fitness(target_reps=50)
        reload(msgspec.structs.replace(config, mqtt=mqtt, fitness=other_goal))
        until(lambda: (told := state(subscriber)) is not None and told.target_reps == 50, "a goal")
        before = count()
        until(lambda: count() >= before + 1, "another rep, in the same set")
        assert {rep.set for rep in reps(subscriber)} == {reps(subscriber)[0].set}
        reload(msgspec.structs.replace(config, mqtt=mqtt, fitness=Fitness(enabled=False)))
        until(lambda: subscriber.last(TOPICS.exercise) == b"", "no state that stays")
        until(lambda: len(subscriber.of(TOPICS.event_set)) == 1, "the set's event")
        frames = len(poses(subscriber))
        until(lambda: len(poses(subscriber)) > frames + 2, "poses")
        assert poses(subscriber)[-1].active is None
        assert daemon.stop() == 0


def test_an_exercise_that_nobody_knows_is_a_wrong_configuration(
    tmp_path: Path, config: Config
) -> None:
    wrong = msgspec.structs.replace(config, fitness=Fitness(exercise="squats"))
    with Daemon(tmp_path, wrong) as daemon:
        assert daemon.process.wait(30) == 78
    assert '[fitness] exercise: no exercise is called "squats", did you mean squat?' in daemon.log()
    assert "Traceback" not in daemon.log()


def test_a_model_of_poses_says_what_looks_like_something_else(
    tmp_path: Path, config: Config, subscriber: Subscriber
) -> None:
    """By the exercises of this user, a squat looks like a lunge."""
    model, labels = pose_classifiers.write(tmp_path)
    own = tmp_path / "exercises.toml"
    own.write_text(pose_classifiers.confused())
    fitness = Fitness(
        exercises=str(own), classifier=str(model), classifier_labels=str(labels), set_ends_s=5.0
    )
    with Daemon(tmp_path, msgspec.structs.replace(config, fitness=fitness)) as daemon:
        until(lambda: [rep.exercise for rep in reps(subscriber)][-2:] == ["squat"] * 2, "squats")
        assert daemon.stop() == 0
    told = info(subscriber)
    assert told is not None
    assert [(one.kind, one.width) for one in told.models][1:] == [("exercise", 0)]
    last = subscriber.of(TOPICS.event_set)[-1]
    assert msgspec.json.decode(last.payload, type=SetEvent).exercise == "squat"
