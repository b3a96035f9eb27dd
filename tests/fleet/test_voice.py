"""What simulated devices say is what real ones do: of the contract, and plausible."""

from __future__ import annotations

import random
import time
import uuid

import msgspec
import pytest

from edged.fleet.person import poses
from edged.fleet.voice import Voice
from edged.messages.catalogue import PAYLOADS
from edged.messages.device import Info
from edged.messages.encoding import Encoding, Reader, encoder, is_msgpack
from edged.messages.exercise import RepEvent
from edged.messages.streams import PoseMessage, PosePayload


@pytest.fixture(scope="module")
def shown() -> tuple[PosePayload, ...]:
    return poses(2.0)


@pytest.fixture
def voice(shown: tuple[PosePayload, ...]) -> Voice:
    return Voice(shown, encoder("json"), random.Random(1))


def test_the_person_moves_and_is_seen(shown: tuple[PosePayload, ...]) -> None:
    assert len(shown) == 30
    hips = [pose.keypoints[11][1] for pose in shown]
    assert max(hips) - min(hips) > 0.05  # of the frame: it squats
    for pose in shown:
        assert 0.3 < pose.score < 1.0
        assert pose.box[3] > 0.1


def test_the_same_seed_is_the_same_person(shown: tuple[PosePayload, ...]) -> None:
    assert poses(2.0) == shown
    assert poses(2.0, seed=8) != shown


def test_payloads_are_of_the_contract(voice: Voice) -> None:
    event, state = voice.rep()
    told = {
        "info": voice.info(),
        "pose": voice.pose(),
        "health": voice.health(reconnects=1, unsent=2, fps=10.0),
        "event/rep": event,
        "exercise": state,
    }
    for topic, payload in told.items():
        read = msgspec.json.decode(payload, type=PAYLOADS[topic])
        assert msgspec.json.encode(read) == payload


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_streams_are_written_as_asked(shown: tuple[PosePayload, ...], encoding: Encoding) -> None:
    voice = Voice(shown, encoder(encoding), random.Random(1))
    first, second = (Reader(PoseMessage).decode(voice.pose()) for _ in range(2))
    assert (first.seq, second.seq) == (1, 2)
    assert abs(time.time() - first.ts) < 60
    assert is_msgpack(voice.pose()) == (encoding == "msgpack")
    assert not is_msgpack(voice.info())
    assert msgspec.json.decode(voice.info(), type=Info).camera is not None


def test_devices_do_not_move_in_step(shown: tuple[PosePayload, ...]) -> None:
    voices = [Voice(shown, encoder("json"), random.Random(number)) for number in range(5)]
    first = {str(Reader(PoseMessage).decode(voice.pose()).poses) for voice in voices}
    assert len(first) > 1


def test_reps_count_up_and_have_an_id_each(voice: Voice) -> None:
    told = [msgspec.json.decode(voice.rep()[0], type=RepEvent) for _ in range(5)]
    assert [event.count for event in told] == [1, 2, 3, 4, 5]
    assert len({event.id for event in told}) == 5
    assert len({event.set for event in told}) == 1


def test_an_id_is_a_uuid_of_version_7_and_of_this_moment(voice: Voice) -> None:
    told = uuid.UUID(msgspec.json.decode(voice.rep()[0], type=RepEvent).id)
    assert (told.version, told.variant) == (7, uuid.RFC_4122)
    assert abs((told.int >> 80) / 1000 - time.time()) < 60
