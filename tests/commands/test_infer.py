"""`edged infer` as a shell sees it, with real models on real pictures and videos."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import numpy.typing as npt
import psutil
import pytest
from brokers import until
from jsonschema import Draft202012Validator
from tiny_models import pose_model

from edged import options
from edged.capture.source import KINDS, PICTURES
from edged.commands.schema import schema_of
from edged.masking import MASK
from edged.sections import PoseFit
from edged.types import Pixels

DEADLINE_S = 30.0
MOVENET = "movenet_single_pose_lightning_ptq.tflite"
REFERENCE = "movenet_single_pose_lightning_ptq_reference.csv"
CLASSIFIERS = ["mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"]

Done = subprocess.CompletedProcess[str]


class Command:
    """Runs `edged infer`."""

    def __init__(self, shared: Path) -> None:
        self.models, self.images = shared / "models", shared / "images"
        self._environment = {**os.environ, "EDGED_MODELS": str(self.models), "EDGED_DEBUG": ""}

    def __call__(self, *words: str | Path, cwd: Path | None = None, limit: int = 0) -> Done:
        """To the end; `limit`: the most blocks of 512 or 1024 bytes that a file may have."""
        shell = ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh"] if limit else []
        return subprocess.run(
            [*shell, sys.executable, "-m", "edged", "infer", *words],
            cwd=cwd,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def start(self, *words: str | Path, **streams: Any) -> subprocess.Popen[str]:
        """And leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "edged", "infer", *words],
            env=self._environment,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
        )


@pytest.fixture
def infer(shared: Path) -> Command:
    return Command(shared)


@pytest.fixture
def squat(infer: Command) -> Path:
    return infer.images / "squat.bmp"


@pytest.fixture
def make_video(tmp_path: Path, squat: Path) -> Callable[..., Path]:
    def make(name: str = "squat.avi", *, frames: int = 8, fps: float = 12.5) -> Path:
        picture = cv2.resize(read(squat), (320, 240))
        path = tmp_path / name
        codec = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
        video = cv2.VideoWriter(str(path), codec, fps, (320, 240))
        for _ in range(frames):
            video.write(picture)
        video.release()
        return path

    return make


def read(path: Path) -> Pixels:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def keypoints(line: dict[str, Any]) -> npt.NDArray[np.float64]:
    (pose,) = line["poses"]
    return np.asarray(pose["keypoints"])


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return [a["source"], a["frame"], a["poses"]] == [b["source"], b["frame"], b["poses"]]


def test_stretched_keypoints_are_those_of_the_reference(infer: Command, squat: Path) -> None:
    done = infer(squat, "--model", infer.models / MOVENET, "--fit", "stretch", "--json")
    (line,) = lines(done)
    with (infer.models / REFERENCE).open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["keypoint_id"]))
    expected = [[float(row["keypoint_x"]), float(row["keypoint_y"])] for row in rows]
    assert np.abs(keypoints(line)[:, :2] - expected).max() <= 0.04
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_classifiers_are_right_with_the_labels_beside_them(infer: Command, model: str) -> None:
    cat, parrot = infer.images / "cat.bmp", infer.images / "parrot.jpg"
    done = infer(cat, parrot, "--model", infer.models / model, "--json")
    first = [line["labels"][0]["label"] for line in lines(done)]
    assert first == ["Egyptian cat", "macaw"]
    assert all(line["confident"] for line in lines(done))


def test_labels_can_be_given(infer: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("\n".join(["nothing", *(f"thing {number}" for number in range(1, 1001))]))
    done = infer("parrot.jpg", "-m", "mobilenet-v2", "--labels", own, cwd=infer.images)
    assert done.stdout.startswith("parrot.jpg: thing 89 1.00")


def test_lines_for_people_say_what_is_there(infer: Command) -> None:
    assert infer("cat.bmp", "squat.bmp", cwd=infer.images).stdout == (
        "cat.bmp: nobody\nsquat.bmp: 1 person (0.72)\n"
    )
    told = infer("cat.bmp", "test_image.bmp", "-m", "mobilenet-v2", cwd=infer.images).stdout
    cat, people = told.splitlines()
    assert cat.startswith("cat.bmp: Egyptian cat 0.")
    assert people.startswith("test_image.bmp: not confident: ")


def test_paths_of_all_kinds_go_together(
    infer: Command, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    (tmp_path / "day").mkdir()
    for name in ("squat2.bmp", "squat10.bmp"):
        shutil.copy(infer.images / "squat.bmp", tmp_path / "day" / name)
    shutil.copy(infer.images / "parrot.jpg", tmp_path / "one.jpg")
    make_video(frames=3)
    done = infer("squat.avi", "day", "*.jpg", "./one.jpg", "--json", cwd=tmp_path)
    assert [(line["source"], line["frame"]) for line in lines(done)] == [
        ("squat.avi", 0),
        ("squat.avi", 1),
        ("squat.avi", 2),
        ("day/squat2.bmp", 0),
        ("day/squat10.bmp", 0),
        ("one.jpg", 0),
        ("./one.jpg", 0),
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("model", "topic"), [("movenet-lightning", "pose"), ("mobilenet-v2", "labels")]
)
def test_a_line_is_the_message_of_the_contract_and_says_where_it_is_from(
    infer: Command, squat: Path, model: str, topic: str
) -> None:
    (line,) = lines(infer(squat, "--model", model, "--json"))
    Draft202012Validator(schema_of(topic)).validate(line)
    assert set(line) - set(schema_of(topic)["properties"]) == {"source", "frame"}
    assert line["model"] == model
    assert 0 < line["age_ms"] < 5_000


def test_pictures_have_nothing_to_do_with_each_other(infer: Command, squat: Path) -> None:
    couple = infer.images / "test_image.bmp"
    alone = lines(infer(couple, "--json"))
    among = lines(infer(squat, couple, squat, squat, "--json"))
    assert same(among[1], alone[0])
    assert same(among[0], among[2])
    assert same(among[0], among[3])


def test_a_picture_is_looked_at_closely(infer: Command, tmp_path: Path, squat: Path) -> None:
    picture = read(squat)
    small = np.full((1500, 2000, 3), 150, np.uint8)
    small[500 : 500 + 610, 300 : 300 + 500] = picture
    cv2.imwrite(str(tmp_path / "small.png"), small)
    words = (tmp_path / "small.png", squat, "--json")
    small_line, line = lines(infer(*words))
    far_line, _ = lines(infer(*words, "--fit", "letterbox"))
    true = (keypoints(line)[:, :2] * (500, 610) + (300, 500)) / (2000, 1500)
    close, far = (np.abs(keypoints(found)[:, :2] - true) for found in (small_line, far_line))
    assert np.median(close) < np.median(far) / 2


def test_the_frames_of_a_video_follow_the_person(
    infer: Command, make_video: Callable[..., Path]
) -> None:
    path = make_video(frames=3)
    followed = lines(infer(path, path, "--json"))
    whole = lines(infer(path, "--fit", "letterbox", "--json"))
    assert same(followed[0], whole[0])
    assert not same(followed[2], whole[2])
    assert same(followed[3], followed[0])  # and the next video begins anew


def test_what_cannot_be_read_is_told_and_the_others_go_on(
    infer: Command, tmp_path: Path, squat: Path
) -> None:
    for name in ("1.bmp", "3.bmp"):
        shutil.copy(squat, tmp_path / name)
    (tmp_path / "2.bmp").write_bytes(b"BM nothing")
    (tmp_path / "film.avi").write_bytes(b"nothing")
    done = infer(".", "missing.jpg", "film.avi", "no*.jpg", "3.bmp", cwd=tmp_path)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "1.bmp",
        "3.bmp",
        "3.bmp",
    ]
    told = done.stderr.splitlines()
    assert told[:2] == [
        f"edged: missing.jpg: not there; a source is {KINDS}",
        f"edged: no*.jpg: no picture there ({', '.join(sorted(PICTURES))})",
    ]
    assert [line.partition(": damaged")[0] for line in told[2:]] == [
        "edged: 2.bmp",
        "edged: film.avi",
    ]
    assert done.returncode == 1


def test_a_video_cut_in_half_is_told_after_its_frames(
    infer: Command, make_video: Callable[..., Path]
) -> None:
    video = make_video(frames=60)
    os.truncate(video, video.stat().st_size // 2)
    done = infer(video, "--json")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edged: {video}: damaged, ")
    assert 10 < len(done.stdout.splitlines()) < 50
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Missing argument 'PATH...'"),
        (["/dev/video0"], "/dev/video0: expected a file, got a camera; edged run watches cameras"),
        (["rtsp://u:geheim@cam/"], f"rtsp://u:{MASK}@cam/: expected a file, got a camera"),
        (["cat.bmp", "--fit", "bogus"], "Invalid value for '--fit'"),
        (["cat.bmp", "--overlay", "out.txt"], "out.txt: expected .bmp, "),
        (["cat.bmp", "--overlay", "cat.bmp"], "cat.bmp is an input and is not written over"),
        (["cat.bmp", "--labels", "x.txt"], "--labels goes with classifiers"),
        (["cat.bmp", "-m", "mobilenet-v2", "--fit", "track"], "--fit goes with models of poses"),
    ],
)
def test_wrong_use_gets_one_line_and_exit_code_2(
    infer: Command, words: Sequence[str], told: str
) -> None:
    done = infer(*words, cwd=infer.images)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edged: {told}")
    assert (done.returncode, done.stdout) == (2, "")


def test_the_command_line_and_the_configuration_know_the_same_fits() -> None:
    assert tuple(fit.value for fit in options.Fit) == get_args(PoseFit)


def test_a_model_that_is_none_is_exit_code_1(infer: Command, squat: Path) -> None:
    done = infer(squat, "--model", squat)
    (line,) = done.stderr.splitlines()
    assert "is no TensorFlow Lite model" in line
    assert (done.returncode, done.stdout) == (1, "")


def test_an_overlay_shows_the_person(infer: Command, tmp_path: Path, squat: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"what was there")
    (line,) = lines(infer(squat, "--overlay", out, "--json"))
    drawn, plain = read(out), read(squat)
    assert drawn.shape == plain.shape
    x, y = (keypoints(line)[13, :2] * (500, 610)).astype(int)  # the left knee, in amber (BGR)
    assert drawn[y, x].tolist() == [0, 170, 255]
    assert (drawn[:20] == plain[:20]).all()


def test_overlays_of_all_kinds_go_to_a_directory(
    infer: Command, tmp_path: Path, squat: Path, make_video: Callable[..., Path]
) -> None:
    video = make_video("squat.mp4", frames=5)
    out = tmp_path / "out"
    done = infer(squat, video, infer.images, "--overlay", out, "-m", "mobilenet-v2")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [
        *("cat.bmp", "parrot.jpg", "squat.bmp", "squat.mp4", "test_image.bmp"),
    ]
    drawn = cv2.VideoCapture(str(out / "squat.mp4"))
    told = [
        drawn.get(cv2.CAP_PROP_FPS),
        drawn.get(cv2.CAP_PROP_FRAME_COUNT),
        *drawn.read()[1].shape,
    ]
    drawn.release()
    assert told == [12.5, 5, 240, 320, 3]


def test_a_full_disk_is_told_and_leaves_no_half_video(
    infer: Command, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    video = make_video(frames=100)
    done = infer(video, "--overlay", tmp_path / "out.avi", limit=600)
    assert done.stderr == f"edged: {tmp_path}/out.avi: not written whole (is the disk full?)\n"
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == [video]


def worker_of(process: subprocess.Popen[str]) -> psutil.Process:
    children = psutil.Process(process.pid).children
    # Beside it there may be one on its way out, that has looked for an Edge TPU.
    until(lambda: len(children()) == 1, "one worker")
    return children()[0]


def test_a_worker_that_dies_costs_no_frame(infer: Command, make_video: Callable[..., Path]) -> None:
    path = make_video(frames=600)
    with infer.start(path, "--json") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        worker_of(process).kill()
        rest, told = process.communicate(timeout=DEADLINE_S)
    assert [json.loads(line)["frame"] for line in (first + rest).splitlines()] == list(range(600))
    assert "was killed by SIGKILL" in told
    assert "Traceback" not in told
    assert process.returncode == 0


def test_a_frame_without_an_answer_is_told(
    infer: Command, tmp_path: Path, squat: Path, make_video: Callable[..., Path]
) -> None:
    model = tmp_path / "infinite.tflite"
    factor, infinite = struct.pack("<f", 1 / 250), struct.pack("<f", float("inf"))
    model.write_bytes(pose_model().replace(factor, infinite))
    video = make_video(frames=2)
    done = infer(squat, video, "--model", model, "--overlay", tmp_path / "out", "--json")
    told = done.stderr.splitlines()
    assert [line.partition(": no answer: ")[0] for line in told] == [
        f"edged: {squat}",
        f"edged: {video} 0",
        f"edged: {video} 1",
    ]
    assert (done.returncode, done.stdout) == (1, "")
    # The video keeps its time; of the picture there is nothing to show.
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["squat.avi"]


@pytest.fixture
def slow(infer: Command, make_video: Callable[..., Path]) -> Iterator[subprocess.Popen[str]]:
    """A long video, on its way to an overlay."""
    video = make_video(frames=1500)
    with infer.start(video, "--overlay", video.with_name("out.mp4")) as process:
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_at_once_and_leaves_nothing(
    slow: subprocess.Popen[str], tmp_path: Path, sent: signal.Signals
) -> None:
    assert slow.stdout is not None
    slow.stdout.readline()
    worker = worker_of(slow)
    began = time.monotonic()
    slow.send_signal(sent)
    _, told = slow.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - began < 8
    assert (slow.returncode, told) == (128 + sent, "")
    psutil.wait_procs([worker], timeout=2)
    assert not worker.is_running()
    assert [path.name for path in tmp_path.iterdir()] == ["squat.avi"]


def test_a_reader_that_leaves_ends_it_too(slow: subprocess.Popen[str], tmp_path: Path) -> None:
    assert slow.stdout is not None
    slow.stdout.readline()
    slow.stdout.close()
    assert slow.wait(DEADLINE_S) == 1
    assert slow.stderr is not None
    assert slow.stderr.read() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["squat.avi"]


class Terminal:
    """What a command writes to a terminal."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, 200))  # room for the long paths of tests

    def watch(self, process: subprocess.Popen[str]) -> str:
        """Everything until the end of the command."""
        os.close(self.theirs)
        seen = bytearray()
        try:
            while chunk := os.read(self._ours, 65536):
                seen += chunk
        except OSError:  # how Linux says that the other side has closed
            pass
        finally:
            os.close(self._ours)
        assert process.wait(DEADLINE_S) == 0
        return seen.decode()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_terminal_sees_a_bar_and_a_pipe_the_lines_only(
    infer: Command, make_video: Callable[..., Path], form: list[str]
) -> None:
    terminal = Terminal()
    with infer.start(make_video(), *form, stderr=terminal.theirs) as process:
        seen = terminal.watch(process)
        assert process.stdout is not None
        output = process.stdout.read()
    assert "100%" in seen
    assert len(output.splitlines()) == 8
    assert "\x1b" not in output


@pytest.mark.parametrize(("form", "has_bar"), [([], True), (["--json"], False)])
def test_json_on_a_terminal_is_json_alone(
    infer: Command, make_video: Callable[..., Path], form: list[str], *, has_bar: bool
) -> None:
    terminal = Terminal()
    both = {"stdout": terminal.theirs, "stderr": terminal.theirs}
    with infer.start(make_video(), *form, **both) as process:
        seen = terminal.watch(process)
    assert ("100%" in seen) is has_bar
    assert ("\x1b" in seen) is has_bar
    assert seen.count("squat.avi") >= 8
