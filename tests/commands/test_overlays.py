"""Which file an overlay goes to, and files that are whole or not there."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.commands.files import write_picture
from edged.commands.overlays import Overlays, targets
from edged.errors import EdgedError, UsageError
from edged.types import Frame, Pixels

PICTURE = np.full((48, 64, 3), (200, 100, 50), np.uint8)
NAMES = st.lists(
    st.sampled_from(
        ["a.jpg", "b/a.jpg", "c/a.jpg", "a-2.jpg", "a.avi", "b/a.avi", "a.mov", "t.txt"]
    )
)


def test_one_picture_goes_to_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert targets(str(out), [tmp_path / "in.jpg"]) == {tmp_path / "in.jpg": out}


@pytest.mark.parametrize("out", ["there", "new/"])
def test_a_directory_gets_files_of_the_same_names(tmp_path: Path, out: str) -> None:
    (tmp_path / "there").mkdir()
    found = targets(f"{tmp_path}/{out}", [Path("x/a.jpg")])
    assert found == {Path("x/a.jpg"): tmp_path / out / "a.jpg"}


def test_several_inputs_go_to_a_new_directory(tmp_path: Path) -> None:
    inputs = [Path("a.JPG"), Path("x/a.JPG"), Path("gray.pgm"), Path("a.mov"), Path("b.avi")]
    found = targets(str(tmp_path / "out"), inputs)
    assert [found[file].name for file in inputs] == [
        "a.JPG",
        "a-2.JPG",
        "gray.png",
        "a.mp4",
        "b.avi",
    ]


@given(names=NAMES)
def test_no_two_inputs_share_a_file(names: list[str]) -> None:
    found = targets("/nowhere/out/", [Path(name) for name in names])
    assert set(found) == {Path(name) for name in names}
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    ("out", "inputs", "told"),
    [
        ("out.txt", ["a.jpg"], r"out\.txt: expected \.bmp, .* got \.txt"),
        ("out", ["a.jpg"], "got no ending"),
        ("out.mp4", ["a.jpg"], r"for a picture, .*got \.mp4"),
        ("out.png", ["a.avi"], r"expected \.avi, \.mp4 for a video"),
        ("out.png", ["a.jpg", "b.jpg"], "expected a directory for 2 inputs"),
        ("out.txt", ["a.jpg", "b.jpg"], "expected a directory for 2 inputs"),
        ("no/out.png", ["a.jpg"], "there is no directory"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, out: str, inputs: list[str], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        targets(str(tmp_path / out), [Path(name) for name in inputs])


@pytest.mark.parametrize("way", ["itself", "directory", "link", "later"])
def test_an_input_is_never_written_over(tmp_path: Path, way: str) -> None:
    (tmp_path / "x").mkdir()
    inputs = [tmp_path / "a.jpg", tmp_path / "x" / "a.jpg"]
    for file in inputs:
        file.touch()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    out, read = {
        "itself": (str(inputs[0]), inputs[:1]),
        "directory": (str(tmp_path), inputs[:1]),
        "link": (str(tmp_path / "link.jpg"), inputs[:1]),
        "later": (str(tmp_path / "x"), inputs),
    }[way]
    with pytest.raises(UsageError, match="is an input"):
        targets(out, read)


@pytest.mark.parametrize("ending", [".bmp", ".png", ".jpg", ".webp", ".tiff"])
def test_a_picture_is_written_in_its_colours(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"new{ending}"
    write_picture(path, PICTURE)
    written = cv2.imread(str(path))
    assert written is not None
    assert np.abs(written[:, :, ::-1].astype(int) - PICTURE).max() < 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_there_is_replaced_and_gets_the_usual_permissions(tmp_path: Path) -> None:
    path, usual = tmp_path / "out.png", tmp_path / "usual"
    path.write_bytes(b"old")
    usual.touch()
    write_picture(path, PICTURE)
    assert cv2.imread(str(path)) is not None
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgedError, match=r"out\.png: .*(Not a directory|exists)"):
        write_picture(tmp_path / "file" / "out.png", PICTURE)
    with pytest.raises(EdgedError, match="20000 x 2 is no size"):
        write_picture(tmp_path / "out.webp", np.zeros((2, 20_000, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Lent:
    """Frames, and whether they came back."""

    def __init__(self) -> None:
        self.out = 0

    def frame(self, number: int = 0, pixels: Pixels = PICTURE) -> Frame:
        self.out += 1
        return Frame(pixels.copy(), number, 0, 0.0, self._give_back)

    def _give_back(self) -> None:
        self.out -= 1


@pytest.fixture
def lent() -> Iterator[Lent]:
    lent = Lent()
    yield lent
    assert lent.out == 0


def as_it_is(_picture: Pixels) -> None:
    """Draw nothing."""


@pytest.mark.parametrize("ending", [".avi", ".mp4"])
def test_a_video_has_all_frames_and_their_rate(tmp_path: Path, lent: Lent, ending: str) -> None:
    first, second = tmp_path / "one.mov", tmp_path / "two.mov"
    files = {first: tmp_path / f"one{ending}", second: tmp_path / f"two{ending}"}
    with Overlays(files) as overlays:
        for file in (first, second, second):  # what is read twice is written twice
            for number in range(7):
                overlays.add(file, lent.frame(number), 12.5, as_it_is)
            other_size = lent.frame(7, PICTURE[::2, ::2])
            overlays.add(file, other_size, 12.5, as_it_is)
    for path in files.values():
        video = cv2.VideoCapture(str(path))
        size = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        told = [video.get(what) for what in (cv2.CAP_PROP_FPS, *size, cv2.CAP_PROP_FRAME_COUNT)]
        video.release()
        assert told == [12.5, 64, 48, 8]
    assert sorted(tmp_path.iterdir()) == sorted(files.values())


def test_what_is_drawn_is_written(tmp_path: Path, lent: Lent) -> None:
    def blacken(picture: Pixels) -> None:
        picture[:] = 0

    with Overlays({Path("in.png"): tmp_path / "out.png"}) as overlays:
        overlays.add(Path("in.png"), lent.frame(), 0.0, blacken)
    written = cv2.imread(str(tmp_path / "out.png"))
    assert written is not None
    assert not written.any()


def test_a_video_that_is_broken_off_leaves_what_was_there(tmp_path: Path, lent: Lent) -> None:
    path = tmp_path / "out.avi"
    path.write_bytes(b"old")
    file = tmp_path / "in.avi"

    def break_off() -> None:
        with Overlays({file: path}) as overlays:
            overlays.add(file, lent.frame(), 25.0, as_it_is)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("frames", [1, 2])
def test_what_cannot_be_written_is_told(tmp_path: Path, lent: Lent, frames: int) -> None:
    (tmp_path / "file").touch()
    file, out = Path("in.avi"), tmp_path / "file" / "out.avi"

    def write() -> None:
        with Overlays({file: out}) as overlays:
            for number in range(frames):
                overlays.add(file, lent.frame(number), 25.0, as_it_is)

    with pytest.raises(EdgedError, match=r"out\.avi: "):
        write()


def test_a_drawing_that_fails_leaves_no_part_of_a_video(tmp_path: Path, lent: Lent) -> None:
    def fail(_picture: Pixels) -> None:
        raise ZeroDivisionError

    file = Path("in.avi")

    def write() -> None:
        with Overlays({file: tmp_path / "out.avi"}) as overlays:
            overlays.add(file, lent.frame(), 25.0, as_it_is)
            overlays.add(file, lent.frame(1), 25.0, fail)

    with pytest.raises(ZeroDivisionError):
        write()
    assert list(tmp_path.iterdir()) == []
