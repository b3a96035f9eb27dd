"""What a model needs is worked out from its catalog entry or its tensors."""

from __future__ import annotations

import hashlib
import io
import itertools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from tiny_files import CATALOG, TINY, tiny, tiny_catalog, unknown

from edged.errors import ModelError
from edged.inference import catalog
from edged.inference.specs import describe
from edged.types import TensorInfo

MOVENET_IN = TensorInfo("image", "uint8", (1, 192, 192, 3))
MOVENET_OUT = TensorInfo("keypoints", "float32", (1, 1, 17, 3))
CLASSES_IN = TensorInfo("input", "uint8", (1, 224, 224, 3), 1 / 128, 128)
CLASSES_OUT = TensorInfo("classes", "uint8", (1, 3), 1 / 256, 0)


def maps(channels: int, rows: int = 12) -> TensorInfo:
    """One of PoseNet's outputs."""
    return TensorInfo(f"map {channels}", "uint8", (1, rows, 12, channels), 0.1, 128)


def test_movenet_is_known_by_its_tensors() -> None:
    spec = describe(unknown(Path("m.tflite")), [MOVENET_IN], [MOVENET_OUT])
    assert (spec.decoder, spec.kind, spec.fit) == ("movenet", "pose", "track")
    assert (spec.width, spec.height, spec.table, spec.labels) == (192, 192, None, None)


def test_heatmaps_are_known_by_their_tensors() -> None:
    picture = TensorInfo("i", "float32", (1, 160, 160, 3))
    out = TensorInfo("o", "int8", (1, 20, 20, 51), 0.01, 0)
    spec = describe(unknown(Path("m.tflite")), [picture], [out])
    assert (spec.decoder, spec.kind, spec.fit) == ("heatmaps", "pose", "track")
    assert spec.table is not None
    assert spec.table[[0, 255]].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_posenet_is_known_by_its_maps_in_any_order(order: tuple[int, ...]) -> None:
    outputs = [[maps(17), maps(34), maps(64)][place] for place in order]
    spec = describe(unknown(Path("m.tflite")), [MOVENET_IN], outputs)
    assert (spec.decoder, spec.kind, spec.fit) == ("posenet", "pose", "letterbox")
    assert [outputs[place] for place in spec.outputs] == [maps(17), maps(34), maps(64)]
    assert spec.tensors == (maps(17), maps(34), maps(64))


@pytest.mark.parametrize(
    ("decoder", "shape", "pixels"),
    [
        ("multipose", (1, 6, 56), (256, 256)),
        ("yolo", (1, 56, 8400), (640, 640)),
        ("yolo", (1, 56, 6300), (480, 640)),
        ("yolo", (1, 1029, 56), (224, 224)),
        ("yolo", (1, 56, 34000), (1280, 1280)),
        ("yolo", (1, 56, 8500), (640, 640)),
    ],
)
def test_models_of_several_people_are_known_by_their_tensors_and_look_at_the_whole(
    decoder: str, shape: tuple[int, ...], pixels: tuple[int, int]
) -> None:
    picture = TensorInfo("i", "float32", (1, *pixels, 3))
    spec = describe(unknown(Path("m.tflite")), [picture], [TensorInfo("o", "float32", shape)])
    assert (spec.decoder, spec.kind, spec.fit) == (decoder, "pose", "letterbox")
    assert spec.table is not None
    assert spec.table[255] == (1.0 if decoder == "yolo" else 255.0)


def test_a_classifier_is_known_by_its_tensors(tmp_path: Path) -> None:
    wide = TensorInfo("input", "uint8", (1, 96, 160, 3))
    for shape in ((1, 3), (1, 1, 1, 3)):
        out = TensorInfo("classes", "float32", shape)
        spec = describe(unknown(tmp_path / "m.tflite"), [wide], [out])
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
        ([TensorInfo("i", "uint8", (4, 3, 192, 192))], [MOVENET_OUT]),
        ([TensorInfo("i", "uint8", (1, 4, 192, 192))], [MOVENET_OUT]),
        ([MOVENET_IN], []),
        ([MOVENET_IN], [MOVENET_OUT, CLASSES_OUT]),
        ([MOVENET_IN], [TensorInfo("o", "float32", ())]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 7, 56))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 56, 755))]),
        ([MOVENET_IN], [maps(17), maps(34)]),
        ([MOVENET_IN], [maps(17), maps(34), maps(64), maps(34)]),
        ([MOVENET_IN], [maps(17), maps(34), TensorInfo("o", "uint8", (1, 13, 12, 64))]),
        ([MOVENET_IN], [maps(17, 1), maps(34, 1), maps(64, 1)]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 20, 20, 17))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (2, 20, 20, 51))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (1, 1))]),
        ([MOVENET_IN], [TensorInfo("o", "float32", (7,))]),
    ],
)
def test_other_tensors_are_refused_with_what_was_found(
    inputs: list[TensorInfo], outputs: list[TensorInfo]
) -> None:
    with pytest.raises(ModelError, match=r"m.tflite: it has inputs .* and outputs .*: convert"):
        describe(unknown(Path("m.tflite")), inputs, outputs)


def test_a_catalog_model_with_other_tensors_is_refused(shared: Path) -> None:
    file = catalog.resolve("mobilenet-v2", [shared / "models"])
    small = TensorInfo("input", "uint8", (1, 192, 192, 3))
    with pytest.raises(ModelError, match="the catalog says of mobilenet-v2: classify, 224 x 224"):
        describe(file, [small], [CLASSES_OUT])


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1 / 127.5, 0), (1 / 128, 0), (1 / 255, -128), (1.0, -128), (1.0, 0)]
)
def test_usual_int8_inputs_take_bytes_less_128(scale: float, zero_point: int) -> None:
    picture = TensorInfo("i", "int8", (1, 192, 192, 3), scale, zero_point)
    spec = describe(unknown(Path("m.tflite")), [picture], [MOVENET_OUT])
    assert spec.table is not None
    assert spec.table.dtype == np.int8
    assert spec.table.tolist() == list(range(-128, 128))


def test_other_int8_inputs_are_refused_with_their_range() -> None:
    picture = TensorInfo("i", "int8", (1, 192, 192, 3), 0.02, -10)
    with pytest.raises(ModelError, match=r"stands for -2.36 to 2.74, .* mean and std"):
        describe(unknown(Path("m.tflite")), [picture], [MOVENET_OUT])


def test_float_classifiers_take_minus_1_to_1_and_movenet_bytes(tmp_path: Path) -> None:
    picture = TensorInfo("i", "float32", (1, 192, 192, 3))
    classes = describe(unknown(tmp_path / "m.tflite"), [picture], [CLASSES_OUT]).table
    poses = describe(unknown(tmp_path / "m.tflite"), [picture], [MOVENET_OUT]).table
    assert classes is not None
    assert poses is not None
    assert classes.dtype == poses.dtype == np.float32
    assert classes[[0, 255]].tolist() == [-1.0, 1.0]
    assert poses[[0, 255]].tolist() == [0.0, 255.0]


def test_the_layout_of_the_input_is_known_by_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for shape, layout in (((1, 96, 160, 3), "nhwc"), ((1, 3, 96, 160), "nchw")):
        for out in (MOVENET_OUT, CLASSES_OUT):
            spec = describe(unknown(path), [TensorInfo("i", "uint8", shape)], [out])
            assert (spec.layout, spec.width, spec.height, spec.table) == (layout, 160, 96, None)


def test_float_classifiers_with_planes_take_imagenet_s_normalization(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    picture = TensorInfo("i", "float32", (1, 3, 192, 192))
    table = describe(unknown(path), [picture], [CLASSES_OUT]).table
    assert table is not None
    assert table.dtype == np.float32
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert table == pytest.approx((np.arange(256)[:, None] / 255 - mean) / std, abs=1e-5)
    poses = describe(unknown(path), [picture], [MOVENET_OUT]).table
    assert poses is not None
    assert poses[[0, 255]].tolist() == [0.0, 255.0]


def test_int32_inputs_take_the_bytes() -> None:
    picture = TensorInfo("i", "int32", (1, 192, 192, 3))
    table = describe(unknown(Path("m.onnx")), [picture], [MOVENET_OUT]).table
    assert table is not None
    assert table.dtype == np.int32
    assert table.tolist() == list(range(256))


def test_classifiers_of_imagenet_look_at_the_middle(tmp_path: Path) -> None:
    for classes, crop in ((1000, 0.875), (1001, 0.875), (3, 1.0)):
        out = TensorInfo("classes", "float32", (1, classes))
        assert describe(unknown(tmp_path / "m.onnx"), [CLASSES_IN], [out]).crop == crop


def test_a_catalog_tells_mean_and_std_of_each_channel(tmp_path: Path) -> None:
    text = CATALOG % hashlib.sha256(TINY).hexdigest()
    (tmp_path / "catalog.toml").write_text(text + "mean = [0, 10, 20.5]\nstd = [1, 2, 4]\n")
    tiny(tmp_path)
    (tmp_path / "tiny_labels.txt").write_text("a\nb\nc\n")
    file = catalog.resolve("tiny", [tmp_path])
    picture = TensorInfo("i", "float32", (1, 224, 224, 3))
    table = describe(file, [picture], [CLASSES_OUT]).table
    assert table is not None
    assert table[100].tolist() == [100.0, 45.0, 19.875]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("mean = [1, 2]", "length 3, got 2"),
        ("std = [1, 0, 1]", "Expected every `std` > 0.0"),
        ("std = 0", "Expected every `std` > 0.0"),
        ('mean = ["a", 1, 2]', "Expected `float`, got `str`"),
    ],
)
def test_a_mean_or_std_that_is_none_is_told(tmp_path: Path, keys: str, told: str) -> None:
    (tmp_path / "catalog.toml").write_text(CATALOG % hashlib.sha256(TINY).hexdigest() + keys)
    with pytest.raises(ModelError, match=told):
        catalog.known([tmp_path])


def test_a_catalog_s_mean_and_std_meet_the_quantization(tmp_path: Path) -> None:
    text = CATALOG % hashlib.sha256(TINY).hexdigest()
    (tmp_path / "catalog.toml").write_text(text + "mean = 100.0\nstd = 50.0\n")
    tiny(tmp_path)
    (tmp_path / "tiny_labels.txt").write_text("a\nb\nc\n")
    picture = TensorInfo("i", "int8", (1, 224, 224, 3), 0.02, -10)
    file = catalog.resolve("tiny", [tmp_path])
    table = describe(file, [picture], [CLASSES_OUT]).table
    assert table is not None
    assert [int(table[byte]) for byte in (0, 100, 101, 255)] == [-110, -10, -9, 127]


# Labels


def test_labels_come_from_the_user_the_model_beside_it_or_nowhere(tmp_path: Path) -> None:
    path = tiny(tmp_path)

    def origin(given: Path | None = None) -> str:
        spec = describe(unknown(path), [CLASSES_IN], [CLASSES_OUT], given)
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


def test_missing_labels_of_a_named_model_are_told_unless_others_are_given(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path)
    picture = TensorInfo("in", "uint8", (1, 224, 224, 3))
    file = catalog.resolve("tiny", [tmp_path])
    told = "tiny_labels.txt is not on this machine: edged models pull tiny"
    with pytest.raises(ModelError, match=told):
        describe(file, [picture], [CLASSES_OUT])
    mine = tmp_path / "mine.txt"
    mine.write_text("q\nr\ns")
    labels = describe(file, [picture], [CLASSES_OUT], mine).labels
    assert labels is not None
    assert labels.origin == str(mine)


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
    describe(unknown(path), [CLASSES_IN], [CLASSES_OUT])


def test_labels_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    (tmp_path / "utf16.txt").write_text("cat", "utf-16")
    for name, told in (("none.txt", "No such file"), ("utf16.txt", "no UTF-8 text")):
        with pytest.raises(ModelError, match=told):
            describe(unknown(path), [CLASSES_IN], [CLASSES_OUT], tmp_path / name)


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
        spec = describe(
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


def test_integers_without_a_scale_are_refused_before_the_first_frame() -> None:
    plain = TensorInfo("classes", "int64", (1, 10))
    with pytest.raises(ModelError, match=r"m\.tflite: its output is int64 without a quantization"):
        describe(unknown(Path("m.tflite")), [CLASSES_IN], [plain])
