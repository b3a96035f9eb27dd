"""Networks of users become int8 models, or it is told in a line why not. Needs the extra `train`.

`tests/proofs/training.py` runs these in an environment that has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edged.commands.files import write_picture
from edged.types import Pixels

tf = pytest.importorskip("tensorflow", reason="needs the extra `train`")
keras = pytest.importorskip("keras")

from models.training import quantize  # noqa: E402
from models.training.convert import to_float, to_int8  # noqa: E402
from models.training.fidelity import Converted, compare  # noqa: E402
from models.training.network import build  # noqa: E402
from models.training.networks import Normalization, of_call, of_keras  # noqa: E402
from models.training.operators import operators, refusals  # noqa: E402
from models.training.plan import Shape  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

SIZE = 16
TINY = Shape(size=64, stem=4, channels=(4, 4, 4, 4), convolutions=(1, 2, 1, 1), pyramid=4)


def noise(count: int = 12, size: int = SIZE) -> Pixels:
    return np.random.default_rng(2).integers(0, 256, (count, size, size, 3), np.uint8)


def network(height: int | None = SIZE, width: int | None = SIZE, channels: int = 3) -> Any:
    """Two outputs whose layers' names are in the other order, of like shapes."""
    keras.utils.set_random_seed(3)
    picture = keras.Input((height, width, channels))
    x = keras.layers.Conv2D(4, 3, activation="relu")(picture)
    first = keras.layers.Conv2D(2, 1, name="zebra")(x)
    second = keras.layers.Conv2D(2, 1, name="ape", bias_initializer="ones")(x)
    return keras.Model(picture, [first, second])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(noise(12, 20)):
        write_picture(folder / f"{number}.png", picture)
    (folder / "damaged.png").write_bytes(b"no")
    return folder


@pytest.fixture
def run(
    tmp_path: Path, pictures: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, list[str]]]:
    """Runs the command on a model; gives the exit code, what it says, and what it complains of."""

    def call(model: Path, *more: str) -> tuple[int, str, list[str]]:
        capfd.readouterr()
        out = tmp_path / "out.tflite"
        code = quantize.main([str(model), "--images", str(pictures), "--out", str(out), *more])
        told = capfd.readouterr()
        return code, told.out, told.err.splitlines()

    return call


def save(model: Any, folder: Path, kind: str) -> Path:
    path = folder / f"model{kind}"
    if kind:
        model.save(path)
    else:
        model.export(path, verbose=False)
    return path


@pytest.mark.parametrize("kind", [".keras", ".h5", ""], ids=["keras", "h5", "SavedModel"])
def test_every_kind_of_file_is_quantized(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]], kind: str
) -> None:
    path = save(network(), tmp_path, kind)
    code, said, complaints = run(path, "--json")
    assert code == 0
    assert [line.startswith("left out: ") for line in complaints] == [True]
    told = json.loads(said)
    assert told["input"]["shape"] == [1, SIZE, SIZE, 3]
    assert told["input"]["dtype"] == "uint8"
    assert told["input"]["scale"] == pytest.approx(1 / 255, rel=1e-5)
    assert told["input"]["zero_point"] == 0
    assert [one["dtype"] for one in told["outputs"]] == ["int8", "int8"]
    assert all(one["snr_db"] > 25 for one in told["outputs"])
    assert told["refused"] == []
    assert (told["pictures"], told["measured"], told["held_back"]) == (12, 2, True)
    assert (tmp_path / "out.tflite").stat().st_size == told["bytes"]
    assert not list(tmp_path.glob(".edged-*"))


def test_the_model_that_is_written_answers_as_the_network_does(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    model = network()
    code, said, _ = run(save(model, tmp_path, ".keras"))
    assert code == 0
    assert "its compiler takes all of them" in said
    converted = Converted((tmp_path / "out.tflite").read_bytes())
    picture = noise(1)[0]
    expected = model(picture[None] / np.float32(255), training=False)
    for stored, output, real in zip(
        converted.ask(picture), converted.outputs, expected, strict=True
    ):
        scale, zero = output["quantization"]
        assert np.abs(scale * (stored.astype(float) - zero) - real).mean() < 0.02


@pytest.mark.parametrize(
    ("mean", "std"), [("127.5", "127.5"), ("0", "1"), ("123.7,116.3,103.5", "58.4,57.1,57.4")]
)
def test_the_normalization_is_the_network_s(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]], mean: str, std: str
) -> None:
    """A network that gives back what it was given."""
    picture = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(picture, keras.layers.MaxPooling2D(1)(picture))
    code, said, _ = run(save(model, tmp_path, ".keras"), "--mean", mean, "--std", std, "--json")
    assert code == 0
    (output,) = json.loads(said)["outputs"]
    assert output["snr_db"] is None or output["snr_db"] > 30
    means, stds = ([float(part) for part in word.split(",")] for word in (mean, std))
    brightest = max((255 - one) / other for one, other in zip(means, stds, strict=True))
    assert output["high"] == pytest.approx(brightest, abs=25 / min(stds))


def test_outputs_get_the_type_that_is_wanted(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    path = save(network(), tmp_path, ".keras")
    for kind, refused in (("uint8", set()), ("float32", {"DEQUANTIZE"})):
        code, said, _ = run(path, "--output", kind, "--json")
        assert code == 0
        told = json.loads(said)
        assert {one["dtype"] for one in told["outputs"]} == {kind}
        assert {one["name"] for one in told["refused"]} == refused


def test_what_cannot_be_quantized_is_told_in_a_line(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    one, other = (
        keras.Input((SIZE, SIZE, 3), name="one"),
        keras.Input((SIZE, SIZE, 3), name="other"),
    )
    picture = keras.Input((SIZE, SIZE, 3))
    batch = keras.Input(batch_shape=(4, SIZE, SIZE, 3))
    wrong = {
        "2 inputs (one, other)": keras.Model([one, other], keras.layers.Add()([one, other])),
        "give it a fixed height and width": network(None, None),
        "expected [batch, height, width, 3]": network(channels=1),
        "save it with a batch of 1": keras.Model(batch, keras.layers.ReLU()(batch)),
        "converter refuses it: ": keras.Model(picture, keras.ops.erfinv(picture / 2)),
    }
    for told, model in wrong.items():
        code, said, (*_, line) = run(save(model, tmp_path, ".keras"))
        assert (code, said) == (1, ""), told
        assert line.startswith("error: "), told
        assert told in line
    assert not (tmp_path / "out.tflite").exists()


def test_what_is_damaged_is_told_in_a_line(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 not a zip")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"no graph")
    for name, told in (
        ("model.keras", "cannot be read as a Keras model"),
        ("saved", "cannot be read as a SavedModel"),
    ):
        code, _, (line,) = run(tmp_path / name)
        assert code == 1
        assert told in line


def test_layers_of_somebody_s_own_are_told_with_the_way_out(
    tmp_path: Path, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    class Own(keras.layers.Layer):  # type: ignore[misc, name-defined, unused-ignore]
        def call(self, x: Any) -> Any:
            return 2 * x

    picture = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(picture, Own()(picture))
    code, _, (line,) = run(save(model, tmp_path, ".keras"))
    assert code == 1
    assert "model.export(DIRECTORY)" in line
    assert run(save(model, tmp_path, ""))[0] == 0


def test_our_network_keeps_to_what_the_edge_tpu_takes() -> None:
    model = build(TINY)
    made = to_int8(of_keras(model, Normalization(), "ours"), noise(12, TINY.size))
    found = operators(made)
    assert {one.name for one in found} == {"QUANTIZE", "CONV_2D", "ADD", "RESIZE_NEAREST_NEIGHBOR"}
    assert refusals(found) == []
    assert Converted(made).input.shape == (1, 64, 64, 3)


def test_in_float_nothing_is_lost() -> None:
    whole = of_keras(build(TINY), Normalization(), "ours")
    (told,) = compare(whole, to_int8(whole, noise(12, TINY.size)), noise(3, TINY.size))
    assert 0 < told.mean_error < told.max_error
    exact = Converted(to_float(whole))
    picture = noise(1, TINY.size)[0]
    (answer,) = exact.ask(whole.normalization.outside(picture))
    assert answer == pytest.approx(whole.ask(picture)["output"], abs=1e-5)


def test_outputs_that_hold_nothing_have_no_noise() -> None:
    still = of_call(
        lambda real: tf.nn.relu(real * 0 - 1), (None, 8, 8, 3), Normalization(), None, "still"
    )
    (told,) = compare(still, to_int8(still, noise(10, 8)), noise(2, 8))
    assert told.snr_db is None
    assert told.max_error == 0
