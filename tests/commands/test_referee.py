"""The referee knows the athlete as well as the source does."""

from __future__ import annotations

from threading import Thread

import msgspec
import pytest
import told

from edged.capture.athlete.source import open_athlete
from edged.commands.referee import RECENT, Referee
from edged.errors import SourceError
from edged.messages.streams import PosePayload
from edged.messages.topics import Topics
from edged.sections import Camera

CAMERA = Camera(source="athlete:squat?seed=1", width=64, height=48, fps=20.0)
TOPICS = Topics("edged", "demo")
ATHLETE = open_athlete(CAMERA)


def exact(seq: int, *, off: float = 0.0, score: float = 0.9) -> PosePayload:
    """The athlete where it is in this frame, or beside it."""
    points = ATHLETE.truth(ATHLETE.at(seq / CAMERA.fps)).keypoints.tolist()
    rows = [(min(x + off, 2.0), y, 0.9) for x, y in points]
    return PosePayload(id=1, score=score, box=(0.0, 0.0, 1.0, 1.0), keypoints=rows)


def payload(*people: PosePayload, seq: int) -> bytes:
    return msgspec.json.encode(told.pose(people, seq=seq))


@pytest.fixture
def referee() -> Referee:
    return Referee(CAMERA, TOPICS)


def shown(referee: Referee) -> dict[str, str]:
    return {note.name: note.value for note in referee.notes()}


def test_before_the_first_message_there_is_nothing_to_say(referee: Referee) -> None:
    assert referee.notes() == ()
    assert referee.mean_oks is None


def test_who_tells_the_truth_is_right(referee: Referee) -> None:
    for seq in (0, 7, 3000):  # frames may be missing
        referee.take(TOPICS.pose, payload(exact(seq), seq=seq))
    assert referee.mean_oks == pytest.approx(1.0, abs=1e-3)
    moment = ATHLETE.at(3000 / CAMERA.fps)
    assert shown(referee) == {
        "athlete": f"squat {moment.reps}",
        "phase": moment.phase,
        "OKS": "1.00",
    }


def test_it_is_the_likeliest_person_who_counts(referee: Referee) -> None:
    referee.take(TOPICS.pose, payload(exact(0, off=0.5, score=0.3), exact(0), seq=0))
    assert referee.mean_oks == pytest.approx(1.0, abs=1e-3)


def test_nobody_is_a_mistake(referee: Referee) -> None:
    referee.take(TOPICS.pose, payload(exact(0), seq=0))
    referee.take(TOPICS.pose, payload(seq=1))
    assert referee.mean_oks == pytest.approx(0.5, abs=1e-3)


def test_what_is_shown_is_of_the_last_frames_and_the_mean_is_of_all(referee: Referee) -> None:
    referee.take(TOPICS.pose, payload(seq=0))
    for seq in range(1, RECENT + 1):
        referee.take(TOPICS.pose, payload(exact(seq), seq=seq))
    assert shown(referee)["OKS"] == "1.00"
    assert referee.mean_oks == pytest.approx(RECENT / (RECENT + 1), abs=1e-3)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b"[" * 100_000, b"null", payload(exact(0), seq=0)[:-3]]
)
def test_messages_that_are_none_are_left_alone(referee: Referee, data: bytes) -> None:
    referee.take(TOPICS.pose, data)
    referee.take(TOPICS.health, payload(exact(0), seq=0))
    assert referee.notes() == ()


def test_any_frame_number_of_the_contract_is_a_moment(referee: Referee) -> None:
    referee.take(TOPICS.pose, payload(seq=2**53))
    assert shown(referee)["athlete"].startswith("squat ")


def test_it_may_be_told_and_asked_by_different_threads(referee: Referee) -> None:
    def tell(first: int) -> None:
        for seq in range(first, first + 20):
            referee.take(TOPICS.pose, payload(exact_ones[seq], seq=seq))
            referee.notes()

    exact_ones = [exact(seq) for seq in range(60)]
    threads = [Thread(target=tell, args=(first,)) for first in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert referee.mean_oks == pytest.approx(1.0, abs=1e-3)


def test_half_reps_are_told_beside_the_good_ones(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("half") / "half.toml"
    path.write_text('[[set]]\nexercise = "squat"\nreps = 3\nbad = [2]\n')
    camera = msgspec.structs.replace(CAMERA, source=f"athlete:{path}")
    referee = Referee(camera, TOPICS)
    referee.take(TOPICS.pose, payload(seq=100_000))
    assert shown(referee)["athlete"] == "squat 2 + 1 half"


def test_an_athlete_that_there_is_not_has_no_referee() -> None:
    with pytest.raises(SourceError, match="did you mean"):
        Referee(msgspec.structs.replace(CAMERA, source="athlete:sqat"), TOPICS)
