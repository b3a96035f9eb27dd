"""A model's name or path becomes files, and with its tensors all that it needs."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from edged.config import model_directories
from edged.errors import ModelError
from edged.inference import catalog
from edged.inference.catalog import ModelFile
from edged.types import TensorInfo

MOVENET_IN = TensorInfo("image", "uint8", (1, 192, 192, 3))
MOVENET_OUT = TensorInfo("keypoints", "float32", (1, 1, 17, 3))
CLASSES_IN = TensorInfo("input", "uint8", (1, 224, 224, 3), 1 / 128, 128)
CLASSES_OUT = TensorInfo("classes", "uint8", (1, 3), 1 / 256, 0)

TINY = b"\x1c\x00\x00\x00TFL3" + bytes(100)
"""As much of a model as the checks before an interpreter look at."""

CATALOG = """
address = "https://example.org/models/"
[models.tiny]
title = "Tiny"
decoder = "classify"
width = 224
height = 224
fit = "crop"
crop = 0.875
licence = "CC0-1.0"
file = { path = "some/tiny.tflite", bytes = 108, sha256 = "%s" }
labels = { path = "tiny_labels.txt" }
"""


def tiny(folder: Path, name: str = "tiny.tflite", content: bytes = TINY) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def tiny_catalog(folder: Path) -> None:
    text = CATALOG % hashlib.sha256(TINY).hexdigest()
    (folder / "catalog.toml").write_text(text)


def unknown(path: Path) -> ModelFile:
    return ModelFile(name=path.stem, path=path, edgetpu=None, entry=None, labels=None)


# Names


def test_every_bundled_model_can_be_had_checked_and_used_by_a_known_decoder() -> None:
    models = catalog.bundled()
    assert {"movenet-lightning", "movenet-thunder", "mobilenet-v2", "mobilenet-v2-tf2"} <= set(
        models
    )
    for entry in models.values():
        for file in filter(None, (entry.file, entry.edgetpu, entry.labels)):
            assert file.address.startswith("https://")
            assert file.address.endswith(f"/{file.path}")
            assert file.sha256 or file.blob
        assert (entry.labels is not None) == (entry.decoder == "classify")


def test_bundled_files_are_the_real_ones(shared: Path) -> None:
    checked = 0
    for entry in catalog.bundled().values():
        for file in filter(None, (entry.file, entry.edgetpu, entry.labels)):
            path = shared / "models" / file.name
            if path.exists():
                content = path.read_bytes()
                assert file.bytes == len(content)
                assert file.sha256 == hashlib.sha256(content).hexdigest()
                checked += 1
    assert checked >= 6


def test_an_unknown_name_gets_the_nearest_and_the_list(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as told:
        catalog.resolve("movenet-lightening", [tmp_path])
    assert "did you mean movenet-lightning?" in str(told.value)
    assert "mobilenet-v2" in str(told.value)


def test_a_model_that_is_not_here_tells_where_to_get_it_and_where_to_put_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(ModelError) as told:
        catalog.resolve("movenet-lightning", [tmp_path / "a", tmp_path / "b"])
    assert "https://raw.githubusercontent.com/google-coral/" in str(told.value)
    assert f"_ptq.tflite into {tmp_path / 'a'}" in str(told.value)


def test_a_model_is_found_in_any_directory_with_its_twin_and_labels(shared: Path) -> None:
    models = shared / "models"
    file = catalog.resolve("movenet-lightning", [Path("/nowhere"), models])
    assert file.path == models / "movenet_single_pose_lightning_ptq.tflite"
    assert file.edgetpu == models / "movenet_single_pose_lightning_ptq_edgetpu.tflite"
    labels = catalog.resolve("mobilenet-v2", [models]).labels
    assert labels == models / "imagenet_labels.txt"


def test_missing_labels_of_a_named_model_are_told(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path)
    with pytest.raises(ModelError, match=r"tiny_labels.txt is not on this .*example.org/models/t"):
        catalog.resolve("tiny", [tmp_path])


def test_a_truncated_file_is_told_with_both_sizes(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path, content=TINY[:60])
    with pytest.raises(ModelError, match="is truncated: 60 of 108 bytes"):
        catalog.resolve("tiny", [tmp_path])


def test_a_directory_of_models_can_add_to_the_catalog(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path)
    (tmp_path / "tiny_labels.txt").write_text("a\nb\nc\n")
    file = catalog.resolve("tiny", [tmp_path])
    spec = catalog.describe(file, [CLASSES_IN], [CLASSES_OUT])
    assert (spec.name, spec.kind, spec.crop, spec.licence) == ("tiny", "labels", 0.875, "CC0-1.0")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("colour = 3\n[models]", "unknown field `colour`"),
        ("[models.x]\ntitle = 3", "title"),
        ("[models", "catalog.toml"),
        ("\ufeff\x00", "catalog.toml"),
    ],
)
def test_a_wrong_catalog_is_told_with_its_path(tmp_path: Path, wrong: str, told: str) -> None:
    (tmp_path / "catalog.toml").write_text(wrong)
    with pytest.raises(ModelError, match=told) as error:
        catalog.resolve("movenet-lightning", [tmp_path])
    assert str(tmp_path / "catalog.toml") in str(error.value)


def test_directories_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("EDGED_MODELS", raising=False)
    system = Path("/var/lib/edged/models")
    home = Path("/home/somebody/.local/share/edged/models")
    assert model_directories() == (home, system)
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert model_directories() == (home, system)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("EDGED_MODELS", "/extra")
    assert model_directories() == (Path("/extra"), Path("/data/edged/models"), system)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("HOME")
    assert model_directories() == (Path("/extra"), system)


# Paths


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "m.tflite", "is empty"),
        (b"hello, this is text", "m.tflite", "bytes 4 to 8 are not TFL3"),
        (b"abc", "m.tflite", "bytes 4 to 8 are not TFL3"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "m.tflite", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "m.tflite", "web page"),
        (b"\x89HDF\r\n\x1a\n", "m.tflite", "Keras"),
        (b"PK\x03\x04........", "m.keras", "zip or Keras"),
        (b"\x08\x07\x12\x07pytorch", "m.onnx", "ONNX"),
        (b"\x1f\x8b\x08\x00....", "m.tflite", "gzip"),
    ],
)
def test_what_is_no_model_is_told_by_what_it_is(
    tmp_path: Path, content: bytes, name: str, told: str
) -> None:
    path = tiny(tmp_path, name, content)
    with pytest.raises(ModelError, match=told) as error:
        catalog.resolve(str(path), [tmp_path])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_directory_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.tflite: No such file or directory"):
        catalog.resolve("nothing.tflite", [tmp_path])
    with pytest.raises(ModelError, match="is a directory"):
        catalog.resolve(str(tmp_path), [tmp_path])


def test_a_file_without_ending_is_a_path_when_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny(tmp_path, "mymodel")
    assert catalog.resolve("mymodel", [tmp_path]).path == Path("mymodel")


def test_a_renamed_file_of_the_catalog_is_recognised(tmp_path: Path, shared: Path) -> None:
    path = tmp_path / "renamed.tflite"
    shutil.copyfile(shared / "models" / "mobilenet_v1_0.25_128_quant.tflite", path)
    file = catalog.resolve(str(path), [shared / "models"])
    assert file.name == "mobilenet-v1-0.25-128"
    assert file.labels == shared / "models" / "imagenet_labels.txt"


def test_a_file_of_the_same_size_is_not_taken_for_the_catalog_s(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    path = tiny(tmp_path, content=TINY[:-1] + b"\x01")
    assert catalog.resolve(str(path), [tmp_path]).entry is None


def test_a_file_known_by_git_s_name_is_recognised(tmp_path: Path) -> None:
    blob = hashlib.sha1(b"blob 108\0" + TINY, usedforsecurity=False).hexdigest()
    text = CATALOG.replace("bytes = 108, sha256", "blob") % blob
    (tmp_path / "catalog.toml").write_text(text)
    assert catalog.resolve(str(tiny(tmp_path)), [tmp_path]).name == "tiny"
    assert catalog.resolve(str(tiny(tmp_path, "other.tflite")), [tmp_path]).name == "other"


def test_a_compiled_model_needs_the_one_it_was_compiled_from(tmp_path: Path) -> None:
    compiled = tiny(tmp_path, "m_edgetpu.tflite", TINY + b"edgetpu-custom-op")
    with pytest.raises(ModelError, match=r"runs on an Edge TPU only: .* m\.tflite"):
        catalog.resolve(str(compiled), [tmp_path])
    plain = tiny(tmp_path, "m.tflite")
    for path in (compiled, plain):
        file = catalog.resolve(str(path), [tmp_path])
        assert (file.path, file.edgetpu) == (plain, compiled)


# Tensors


def test_movenet_is_known_by_its_tensors() -> None:
    spec = catalog.describe(unknown(Path("m.tflite")), [MOVENET_IN], [MOVENET_OUT])
    assert (spec.decoder, spec.kind, spec.fit) == ("movenet", "pose", "track")
    assert (spec.width, spec.height, spec.table, spec.labels) == (192, 192, None, None)


def test_a_classifier_is_known_by_its_tensors(tmp_path: Path) -> None:
    wide = TensorInfo("input", "uint8", (1, 96, 160, 3))
    for shape in ((1, 3), (1, 1, 1, 3)):
        out = TensorInfo("classes", "float32", shape)
        spec = catalog.describe(unknown(tmp_path / "m.tflite"), [wide], [out])
        assert (spec.decoder, spec.kind, spec.fit) == ("classify", "labels", "crop")
        assert (spec.width, spec.height, spec.logits) == (160, 96, None)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([], [MOVENET_OUT]),
        ([MOVENET_IN, MOVENET_IN], [MOVENET_OUT]),
        ([TensorInfo("i", "uint8", (1, 192, 192, 1))], [MOVENET_OUT]),
        ([TensorInfo("i", "uint8", (4, 192, 192, 3))], [MOVENET_OUT]),
        ([TensorInfo("i", "uint8", (1, 3))], [MOVENET_OUT]),
        ([TensorInfo("i", "float16", (1, 192, 192, 3))], [MOVENET_OUT]),
        ([MOVENET_IN], []),
        ([MOVENET_IN], [MOVENET_OUT, CLASSES_OUT]),
        ([MOVENET_IN], [TensorInfo("o", "float32", ())]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 6, 56))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 1))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (7,))]),
    ],
)
def test_other_tensors_are_refused_with_what_was_found(
    inputs: list[TensorInfo], outputs: list[TensorInfo]
) -> None:
    with pytest.raises(ModelError, match=r"m.tflite: it has inputs .* and outputs .*: convert"):
        catalog.describe(unknown(Path("m.tflite")), inputs, outputs)


def test_a_catalog_model_with_other_tensors_is_refused(shared: Path) -> None:
    file = catalog.resolve("mobilenet-v2", [shared / "models"])
    small = TensorInfo("input", "uint8", (1, 192, 192, 3))
    with pytest.raises(ModelError, match="the catalog says of mobilenet-v2: classify, 224 x 224"):
        catalog.describe(file, [small], [CLASSES_OUT])


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1 / 127.5, 0), (1 / 128, 0), (1 / 255, -128), (1.0, -128), (1.0, 0)]
)
def test_usual_int8_inputs_take_bytes_less_128(scale: float, zero_point: int) -> None:
    picture = TensorInfo("i", "int8", (1, 192, 192, 3), scale, zero_point)
    spec = catalog.describe(unknown(Path("m.tflite")), [picture], [MOVENET_OUT])
    assert spec.table is not None
    assert spec.table.dtype == np.int8
    assert spec.table.tolist() == list(range(-128, 128))


def test_other_int8_inputs_are_refused_with_their_range() -> None:
    picture = TensorInfo("i", "int8", (1, 192, 192, 3), 0.02, -10)
    with pytest.raises(ModelError, match=r"stands for -2.36 to 2.74, .* mean and std"):
        catalog.describe(unknown(Path("m.tflite")), [picture], [MOVENET_OUT])


def test_float_classifiers_take_minus_1_to_1_and_movenet_bytes(tmp_path: Path) -> None:
    picture = TensorInfo("i", "float32", (1, 192, 192, 3))
    classes = catalog.describe(unknown(tmp_path / "m.tflite"), [picture], [CLASSES_OUT]).table
    poses = catalog.describe(unknown(tmp_path / "m.tflite"), [picture], [MOVENET_OUT]).table
    assert classes is not None
    assert poses is not None
    assert classes.dtype == poses.dtype == np.float32
    assert classes[[0, 255]].tolist() == [-1.0, 1.0]
    assert poses[[0, 255]].tolist() == [0.0, 255.0]


def test_a_catalog_s_mean_and_std_meet_the_quantization(tmp_path: Path) -> None:
    text = CATALOG % hashlib.sha256(TINY).hexdigest()
    (tmp_path / "catalog.toml").write_text(text + "mean = 100.0\nstd = 50.0\n")
    tiny(tmp_path)
    (tmp_path / "tiny_labels.txt").write_text("a\nb\nc\n")
    picture = TensorInfo("i", "int8", (1, 224, 224, 3), 0.02, -10)
    file = catalog.resolve("tiny", [tmp_path])
    table = catalog.describe(file, [picture], [CLASSES_OUT]).table
    assert table is not None
    assert [int(table[byte]) for byte in (0, 100, 101, 255)] == [-110, -10, -9, 127]


# Labels


def test_labels_come_from_the_user_the_model_beside_it_or_nowhere(tmp_path: Path) -> None:
    path = tiny(tmp_path)

    def origin(given: Path | None = None) -> str:
        spec = catalog.describe(unknown(path), [CLASSES_IN], [CLASSES_OUT], given)
        return spec.labels.origin if spec.labels else "nowhere"

    assert origin() == "nowhere"
    for name in ("labels.txt", "tiny.txt"):
        (tmp_path / name).write_text("a\nb\nc\n")
        assert origin() == str(tmp_path / name)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("inside.txt", "x\ny\nz\n")
    path.write_bytes(TINY + archive.getvalue())
    assert origin() == f"the labels inside {path}"
    (tmp_path / "mine.txt").write_text("\ufeffq\r\nr\r\ns")
    assert origin(tmp_path / "mine.txt") == str(tmp_path / "mine.txt")


@given(st.data())
def test_damaged_metadata_is_no_reason_to_refuse_a_model(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("inside.txt", "x\ny\nz\n" * 9)
    damaged = bytearray(archive.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    path = tiny(tmp_path_factory.getbasetemp(), "damaged.tflite", TINY + bytes(damaged))
    catalog.describe(unknown(path), [CLASSES_IN], [CLASSES_OUT])


def test_labels_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    (tmp_path / "utf16.txt").write_text("cat", "utf-16")
    for name, told in (("none.txt", "No such file"), ("utf16.txt", "no UTF-8 text")):
        with pytest.raises(ModelError, match=told):
            catalog.describe(unknown(path), [CLASSES_IN], [CLASSES_OUT], tmp_path / name)


def info(detail: dict[str, Any]) -> TensorInfo:
    """What an interpreter tells of a tensor."""
    return TensorInfo(
        detail["name"],
        np.dtype(detail["dtype"]).name,
        tuple(int(length) for length in detail["shape"]),
        *detail["quantization"],
    )


def test_real_models_are_described(shared: Path) -> None:
    found = {}
    for path in sorted((shared / "models").glob("*.tflite")):
        if "posenet" in path.name or "edgetpu" in path.name or "error" in path.name:
            continue
        interpreter = Interpreter(str(path))
        spec = catalog.describe(
            catalog.resolve(str(path), [shared / "models"]),
            [info(detail) for detail in interpreter.get_input_details()],
            [info(detail) for detail in interpreter.get_output_details()],
        )
        found[spec.name] = (spec.kind, spec.width, spec.table is None)
    assert found == {
        "mobilenet-v1-0.25-128": ("labels", 128, True),
        "mobilenet-v2": ("labels", 224, True),
        "mobilenet-v2-tf2": ("labels", 224, True),
        "movenet-lightning": ("pose", 192, True),
    }
