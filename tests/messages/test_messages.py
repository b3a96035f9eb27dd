"""The contract: topics, payloads, and the page that explains them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edged.commands.schema import schema_of
from edged.messages.catalogue import PAYLOADS
from edged.messages.commands import Reply, What
from edged.messages.device import (
    CameraInfo,
    HealthMessage,
    Info,
    ModelInfo,
    Percentiles,
    StageTimes,
)
from edged.messages.exercise import (
    ExerciseState,
    RepEvent,
    RepFigures,
    SetEvent,
    WorkoutEvent,
)
from edged.messages.fields import VERSION, Payload
from edged.messages.streams import PoseMessage, labels_message, pose_message
from edged.messages.topics import Topics
from edged.types import KEYPOINT_NAMES, SKELETON, Classification, Frame, Label, Pose

PAGE = Path(__file__).parents[2] / "docs" / "mqtt.md"


def frame() -> Frame:
    return Frame(pixels=np.zeros((4, 4, 3), np.uint8), seq=7, sensor_ns=1, ts=1767225600.1234567)


def pose() -> Pose:
    keypoints = np.linspace(-0.1, 1.1, 17 * 3, dtype=np.float32).reshape(17, 3)
    keypoints[:, 2] = np.linspace(0, 1, 17)
    return Pose(keypoints=keypoints, score=0.123456)


def percentiles() -> Percentiles:
    return Percentiles(p50=1.0, p95=2.0, p99=3.0)


ID = "0199d0c0-6d5e-7d6c-9d53-0f3c5a5c7a11"
EVENT: Mapping[str, Any] = {"id": ID, "ts": 1.0, "exercise": "squat", "person": 1, "workout": ID}
REP: Mapping[str, Any] = {
    "side": "both",
    "duration_s": 2.5,
    "eccentric_s": 1.0,
    "concentric_s": 1.5,
    "range": 1.0,
    "measured": "knee",
    "start_value": 170.0,
    "peak_value": None,
    "symmetry": 0.9,
    "peak_speed": 1.5,
    "flags": ("shallow",),
}

EXAMPLES: Mapping[str, Payload] = {
    "pose": pose_message(frame(), [pose()], age_ms=1.23456, model="m", accelerator="cpu"),
    "labels": labels_message(
        frame(),
        Classification([Label("cat", 3, 0.75)], confident=True),
        age_ms=0.0,
        model="m",
        accelerator="cpu",
    ),
    "info": Info(
        version="0.1.0",
        camera=CameraInfo(source="a.mp4", width=640, height=480, fps=0.0),
        models=[ModelInfo(name="m", kind="pose", width=192, height=192, licence="Apache-2.0")],
        accelerator="cpu",
        runtime="ai_edge_litert",
    ),
    "health": HealthMessage(
        ts=1.0,
        state="degraded",
        problems=["no frames"],
        uptime_s=1.0,
        fps=0.0,
        frames=0,
        dropped=0,
        failed=0,
        worker_restarts=0,
        reconnects=0,
        unsent=0,
        invoke_ms=percentiles(),
        age_ms=None,
        stage_ms=StageTimes(
            capture=percentiles(),
            preprocess=percentiles(),
            infer=percentiles(),
            decode=percentiles(),
            fitness=percentiles(),
            publish=percentiles(),
        ),
        accelerator="cpu",
        temperatures={"cpu": 50.0},
        rss_mb=1.0,
    ),
    "exercise": ExerciseState(
        ts=1.0,
        exercise="squat",
        wanted="auto",
        phase="set",
        present=True,
        person=1,
        reps=1,
        partial_reps=0,
        held_s=0.0,
        set=1,
        sets=0,
        last_rep=RepFigures(**REP),
        target_reps=0,
        is_target_reached=False,
        rest_s=0.0,
        rest_since=None,
        workout_since=1.0,
    ),
    "event/rep": RepEvent(
        **EVENT, set=ID, count=1, is_full=True, rep=RepFigures(**REP), replaces=(ID,)
    ),
    "event/set": SetEvent(
        **EVENT,
        number=1,
        reps=5,
        partial_reps=1,
        held_s=0.0,
        began=1.0,
        duration_s=20.0,
        mean_rep_s=2.5,
        mean_range=None,
        flags={"shallow": 1},
        target_reps=0,
    ),
    "reply": Reply(ts=1.0, command="pause", ok=False, reason="no"),
    "event/workout": WorkoutEvent(
        id=ID, ts=1.0, began=1.0, duration_s=9.0, sets=1, reps={"squat": 5}, held_s={}
    ),
}


def check(topic: str, payload: Any) -> None:
    Draft202012Validator(schema_of(topic)).validate(payload)


def documented(topic: str) -> str:
    """The section of the page about a topic."""
    section = re.search(
        rf"^## `{topic}`\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert section, f"{PAGE} says nothing of {topic}"
    return section[1]


def test_topics_are_prefix_device_and_what() -> None:
    topics = Topics("home/gym", "pi-1")
    assert topics.status == "home/gym/pi-1/status"
    assert topics.info == "home/gym/pi-1/info"
    assert topics.pose == "home/gym/pi-1/pose"
    assert topics.labels == "home/gym/pi-1/labels"
    assert topics.health == "home/gym/pi-1/health"
    assert topics.paused == "home/gym/pi-1/paused"
    assert topics.reply == "home/gym/pi-1/reply"
    assert topics.set("pause") == "home/gym/pi-1/set/pause"
    assert topics.everything == "home/gym/pi-1/#"


@pytest.mark.parametrize("topic", PAYLOADS)
def test_what_is_sent_is_what_the_schema_says(topic: str) -> None:
    check(topic, json.loads(msgspec.json.encode(EXAMPLES[topic])))


@pytest.mark.parametrize("topic", PAYLOADS)
def test_what_is_sent_is_read_back_the_same(topic: str) -> None:
    sent = msgspec.json.encode(EXAMPLES[topic])
    assert msgspec.json.decode(sent, type=PAYLOADS[topic]) == EXAMPLES[topic]


@pytest.mark.parametrize("topic", PAYLOADS)
def test_a_reader_ignores_keys_that_it_does_not_know(topic: str) -> None:
    sent = json.loads(msgspec.json.encode(EXAMPLES[topic])) | {"new": {"in": "1.1"}}
    check(topic, sent)
    assert msgspec.convert(sent, PAYLOADS[topic]) == EXAMPLES[topic]


def test_a_pose_is_rounded_to_what_a_model_can_tell() -> None:
    message = EXAMPLES["pose"]
    assert isinstance(message, PoseMessage)
    assert (message.seq, message.ts, message.age_ms) == (7, 1767225600.123457, 1.235)
    (person,) = message.poses
    assert person.score == 0.1235
    assert person.keypoints[0] == (-0.1, -0.076, 0.0)
    assert all(value == round(value, 4) for row in person.keypoints for value in row)


def test_nobody_is_an_empty_list() -> None:
    message = pose_message(frame(), [], age_ms=1.0, model="m", accelerator="cpu")
    assert message.poses == []
    check("pose", json.loads(msgspec.json.encode(message)))


def test_info_names_the_keypoints_and_the_lines_between_them() -> None:
    sent = json.loads(msgspec.json.encode(EXAMPLES["info"]))
    assert sent["keypoint_names"] == list(KEYPOINT_NAMES)
    assert sent["skeleton"] == [list(pair) for pair in SKELETON]


@pytest.mark.parametrize("topic", PAYLOADS)
def test_the_examples_of_the_page_are_valid(topic: str) -> None:
    examples = re.findall(r"^```json\n(.*?)^```$", documented(topic), re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        payload = json.loads(example)
        check(topic, payload)
        message = msgspec.convert(payload, PAYLOADS[topic])
        sent = json.loads(msgspec.json.encode(message))
        assert sent == payload, "the example lacks or invents a key"


def test_every_json_example_of_the_page_belongs_to_a_topic() -> None:
    in_topics = sum(documented(topic).count("```json") for topic in PAYLOADS)
    assert PAGE.read_text().count("```json") == in_topics


def test_the_page_has_every_command() -> None:
    table = re.findall(r"^\| `set/(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert table == list(get_args(What))


def test_the_version_is_the_one_that_payloads_carry() -> None:
    assert get_args(get_type_hints(Payload)["v"]) == (VERSION,)
