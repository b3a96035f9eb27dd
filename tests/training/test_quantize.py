"""`python -m models.training.quantize` as far as it goes without TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import heatmap_model

from edged.commands.files import write_picture
from edged.errors import ModelError
from edged.types import Pixels
from models.training import quantize
from models.training.fidelity import Fidelity, Input
from models.training.networks import Normalization
from models.training.operators import Refusal


def run(model: Path, out: Path, *more: str) -> int:
    return quantize.main([str(model), "--images", str(model.parent), "--out", str(out), *more])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.keras", None, "there is no such model"),
        ("empty", "directory", "is no SavedModel: there is no saved_model.pb in it"),
        ("model.tflite", b"", "is a TensorFlow Lite model already"),
        ("model.onnx", b"", "is no model: expected .keras, .h5, .hdf5, or the directory of"),
        ("saved_model.pb", b"", "give the directory it lies in"),
    ],
)
def test_what_is_no_network_is_told_in_a_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | str | None,
    told: str,
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    assert run(path, tmp_path / "out.tflite") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path}")
    assert told in line


def test_without_tensorflow_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.keras").touch()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert run(tmp_path / "model.keras", tmp_path / "out.tflite") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'edged[train]'" in line


def test_an_out_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.keras"
    assert run(model, tmp_path) == 2
    assert "is a directory: name a file in it" in capsys.readouterr().err
    assert run(model, tmp_path / "no" / "out.tflite") == 2
    assert "there is no directory" in capsys.readouterr().err
    assert run(model, Path("/proc/out.tflite")) == 1
    assert "--out: cannot be written: /proc/out.tflite: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--mean", "1,2"],
        ["--mean", "inf"],
        ["--mean", "1,nan,3"],
        ["--std", "0"],
        ["--std", "x"],
        ["--std", "nan"],
        ["--std", "1,2,-inf"],
        ["--limit", "3"],
        ["--fit", "x"],
        ["--output", "int4"],
    ],
)
def test_wrong_options_are_a_matter_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "model.keras", tmp_path / "out.tflite", *wrong)
    assert ended.value.code == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert f"argument {wrong[0]}: invalid" in line
    assert wrong[1] in line


def test_no_directory_of_pictures_is_told_before_tensorflow_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.keras").touch()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    out = tmp_path / "out.tflite"
    for images in (tmp_path / "none", tmp_path / "model.keras"):
        words = [str(tmp_path / "model.keras"), "--images", str(images), "--out", str(out)]
        assert quantize.main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"error: --images: {images} is no directory: give one with pictures in it"


class Echo:
    """A network whose output is the first bytes of the picture, as that of `heatmap_model`."""

    width = height = 32
    asked: list[Pixels]

    def __init__(self) -> None:
        self.asked = []

    def ask(self, picture: Pixels) -> dict[str, npt.NDArray[np.float32]]:
        self.asked.append(picture)
        first = picture.ravel()[:51].reshape(1, 1, 1, 51)
        return {"heat": (first / 100).astype(np.float32)}


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    network = Echo()
    monkeypatch.setattr(quantize, "open_network", lambda *_: network)
    return network


def folder(directory: Path, count: int) -> Path:
    rng = np.random.default_rng(count)
    for number in range(count):
        picture = rng.integers(0, 256, (32, 32, 3), np.uint8)
        write_picture(directory / f"{number}.png", picture)
    return directory


@pytest.mark.parametrize(
    ("count", "measured", "line"),
    [
        (11, 11, "measured on the same 11: too few to hold any back"),
        (12, 2, "measured on 2 of them, held back from the ranges"),
        (40, 8, "measured on 8 of them, held back from the ranges"),
    ],
)
def test_errors_are_measured_on_pictures_that_had_no_part_in_the_ranges(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    echo: Echo,
    count: int,
    measured: int,
    line: str,
) -> None:
    ranged: list[Pixels] = []

    def convert(_network: object, pixels: Pixels, _output: str) -> bytes:
        ranged.extend(pixels)
        return heatmap_model(1, 1)

    monkeypatch.setattr(quantize, "to_int8", convert)
    model, out = folder(tmp_path, count) / "model.keras", tmp_path / "out.tflite"
    assert run(model, out, "--json") == 0
    told = msgspec.json.decode(capsys.readouterr().out, type=quantize.Summary)
    assert (told.pictures, told.measured, told.held_back) == (count, measured, measured < count)
    assert told.outputs[0].mean_error < 1e-6
    assert out.read_bytes() == heatmap_model(1, 1)
    given, asked = ({one.tobytes() for one in pixels} for pixels in (ranged, echo.asked))
    assert len(asked) == measured
    assert len(given | asked) == count
    assert bool(given & asked) is (not told.held_back)
    assert line in quantize.text(told)


@pytest.mark.usefixtures("echo")
def test_what_goes_wrong_is_a_line_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = folder(tmp_path, 9) / "model.keras", tmp_path / "out.tflite"
    assert run(model, out) == 2
    assert "has 9 pictures: at least 10 of the kind" in capsys.readouterr().err
    folder(tmp_path, 10)

    def ends(error: BaseException) -> tuple[int, list[str]]:
        def convert(*_: object) -> bytes:
            raise error

        monkeypatch.setattr(quantize, "to_int8", convert)
        return run(model, out), capsys.readouterr().err.splitlines()

    assert ends(ModelError("the converter refuses it")) == (1, ["error: the converter refuses it"])
    assert ends(KeyboardInterrupt()) == (130, [])
    monkeypatch.setattr(quantize, "to_int8", lambda *_: b"no model")
    assert run(model, out) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: the model cannot be run: ")
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".png"]


def test_a_byte_becomes_what_the_network_expects() -> None:
    picture = np.array([[[0, 51, 255]]], np.uint8)
    assert Normalization().outside(picture).ravel() == pytest.approx([0, 0.2, 1])
    signed = Normalization((127.5,), (127.5,))
    assert signed.outside(picture).ravel() == pytest.approx([-1, -0.6, 1])
    assert not signed.in_graph
    assert not Normalization((5.0,) * 3, (2.0,) * 3).in_graph
    each = Normalization((0.0, 51.0, 255.0), (1.0, 2.0, 3.0))
    assert each.in_graph
    assert each.outside(picture).ravel().tolist() == [0, 51, 255]
    assert each.inside(each.outside(picture)).ravel().tolist() == [0, 0, 0]


SUMMARY = quantize.Summary(
    model="model.keras",
    out="model.tflite",
    bytes=881_784,
    input=Input(shape=(1, 160, 160, 3), dtype="uint8", scale=1 / 255, zero_point=0),
    pictures=40,
    measured=8,
    held_back=True,
    left_out=("bad.jpg: damaged",),
    outputs=[
        Fidelity(
            name="output",
            shape=(1, 20, 20, 51),
            dtype="int8",
            scale=0.02,
            zero_point=4,
            low=-4.459,
            high=1.597,
            max_error=0.1304,
            mean_error=0.01058,
            snr_db=29.94,
        )
    ],
    operators={"CONV_2D": 18, "ADD": 9},
    refused=[],
)


def test_the_report_is_a_few_lines() -> None:
    head, given, pictures, errors, _, titles, output, _, operators, verdict = quantize.text(
        SUMMARY
    ).splitlines()
    assert head == "model.tflite: 881,784 bytes"
    assert given == "input      uint8 [1, 160, 160, 3]: a step is 0.00392157, 0 is 0"
    assert pictures == "pictures   40, 1 left out"
    assert errors == "errors     measured on 8 of them, held back from the ranges"
    assert " ".join(titles.split()) == "output type shape values max error mean error S/N"
    assert " ".join(output.split()) == (
        "output int8 [1, 20, 20, 51] -4.459 to 1.597 0.1304 0.01058 29.9 dB"
    )
    assert operators == "operators  18 CONV_2D, 9 ADD"
    assert verdict.startswith("Edge TPU   its compiler takes all of them")


def test_what_the_edge_tpu_does_not_take_is_told_with_the_reason() -> None:
    refused = [Refusal("GELU", "the Edge TPU has no such operator", 2)]
    told = quantize.text(msgspec.structs.replace(SUMMARY, refused=refused)).splitlines()
    assert told[-1] == "           2 GELU: the Edge TPU has no such operator"
    assert "would leave to the CPU" in told[-2]
