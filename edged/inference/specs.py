"""What a model needs and gives: from its catalog entry, or else worked out from its tensors."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edged.errors import ModelError
from edged.inference.catalog import (
    FINDS_ONE,
    KINDS,
    Channels,
    Decoder,
    Fit,
    Kind,
    ModelFile,
    not_here,
)
from edged.inference.preprocess import Layout
from edged.types import TensorInfo

_HEATMAP_CHANNELS = 51
"""Of a cell, see `edged.decoders.heatmaps`."""

Shape: TypeAlias = tuple[int, ...]

_SHAPES: Mapping[Shape, Decoder] = {(1, 1, 17, 3): "movenet", (1, 6, 56): "multipose"}
"""Of the only output."""

_POSENET_CHANNELS = (17, 34, 64)
"""Of a cell in its outputs, see `edged.decoders.posenet`."""

_YOLO_VALUES, _YOLO_STRIDES = 56, (8, 16, 32, 64)
"""Of a candidate; and pixels between two of them, see `edged.decoders.yolo`."""

_MAX_LABELS_BYTES = 4 * 1024 * 1024
"""A larger labels file is none."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A labels file as it is, and where it was found."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpec:
    """What a model needs and gives."""

    name: str
    decoder: Decoder
    width: int
    height: int
    """Pixels of the input."""
    fit: Fit
    crop: float
    table: npt.NDArray[Any] | None
    """(256,) or, with a column for each channel, (256, 3) int8, int32 or float32: what each byte of
    the picture becomes; None: the input takes bytes. See `preprocess.Preprocessor`."""
    layout: Layout
    """Of the input."""
    outputs: tuple[int, ...]
    """Which of the model's outputs the decoder reads, in its order."""
    tensors: tuple[TensorInfo, ...]
    """The same outputs."""
    logits: bool | None
    labels: Labels | None
    """None: the classes have numbers only, or it is a pose model."""
    licence: str
    """Empty: unknown."""

    @property
    def kind(self) -> Kind:
        """What it finds."""
        return KINDS[self.decoder]

    @property
    def output(self) -> TensorInfo:
        """The only output that the decoder reads, or the first."""
        return self.tensors[0]


def describe(
    file: ModelFile,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    labels: Path | None = None,
) -> ModelSpec:
    """What a model needs, from its catalog entry or else from its tensors.

    Args:
        file: as `resolve` found it.
        inputs: of the model, as the interpreter tells them.
        outputs: likewise.
        labels: a file that the user gave; otherwise the catalog's, one inside the model, or one
            beside it (`NAME.txt`, `labels.txt`) is taken.

    Raises:
        ModelError: the tensors are none that edged can use, or not those of the catalog entry; or
            the labels cannot be read.
    """
    found = f"it has inputs {told(inputs)} and outputs {told(outputs)}"
    picture = inputs[0] if len(inputs) == 1 else None
    layout = _layout_of(picture) if picture is not None else None
    if picture is None or layout is None:
        raise ModelError(
            f"{file.path}: {found}; edged needs one input [1, height, width, 3] or "
            "[1, 3, height, width] of uint8, int8, int32 or float32: convert the model with such "
            "an input"
        )
    height, width = picture.shape[1:3] if layout == "nhwc" else picture.shape[2:]
    decoder = _decoder_of([tensor.shape for tensor in outputs], (width, height))
    if decoder is None:
        raise ModelError(
            f"{file.path}: {found}; edged reads MoveNet ([1, 1, 17, 3], or [1, 6, 56] of several "
            f"people), heatmaps with offsets ([1, rows, columns, {_HEATMAP_CHANNELS}]), PoseNet "
            "(three outputs [1, rows, columns, 17 | 34 | 64]), YOLO pose ([1, 56, candidates]) and "
            "classification ([1, classes]): convert the model with such outputs"
        )
    order = _order(decoder, outputs)
    for place in order:
        check_values(file.path, outputs[place])
    entry = file.entry
    if entry is None:
        fit = _default_fit(decoder)
        is_imagenet = decoder == "classify" and max(outputs[0].shape) in _IMAGENET_CLASSES
        crop, logits, licence = _IMAGENET_CROP if is_imagenet else 1.0, None, ""
        table = _default_table(file.path, picture, decoder, layout)
    else:
        wanted = (entry.decoder, entry.width, entry.height)
        if (decoder, width, height) != wanted:
            raise ModelError(
                f"{file.path}: {found}; the catalog says of {file.name}: "
                f"{entry.decoder}, {entry.width} x {entry.height}: get {entry.file.address}"
            )
        fit, crop, logits, licence = entry.fit, entry.crop, entry.logits, entry.licence
        table = _table(picture, entry.mean, entry.std)
    return ModelSpec(
        name=file.name,
        decoder=decoder,
        width=width,
        height=height,
        fit=fit,
        crop=crop,
        table=table,
        layout=layout,
        outputs=order,
        tensors=tuple(outputs[place] for place in order),
        logits=logits,
        labels=find_labels(file, labels) if decoder == "classify" else None,
        licence=licence,
    )


def check_values(path: Path, output: TensorInfo) -> None:
    """Integers without a scale would be an error at every frame: better before the first.

    Raises `ModelError`.
    """
    if np.dtype(output.dtype).kind in "iu" and output.scale == 0:
        raise ModelError(
            f"{path}: its output is {output.dtype} without a quantization scale: convert it again "
            "with a float or quantized output"
        )


def told(tensors: Sequence[TensorInfo]) -> str:
    """Types and shapes, for a person."""
    return ", ".join(f"{tensor.dtype} {list(tensor.shape)}" for tensor in tensors) or "none"


def _layout_of(tensor: TensorInfo) -> Layout | None:
    """How a picture lies in the tensor; None: it is no picture."""
    shape = tensor.shape
    if tensor.dtype not in {"uint8", "int8", "int32", "float32"} or len(shape) != len("nhwc"):
        return None
    if shape[0] != 1 or min(shape) < 1:
        return None
    if shape[3] == 3:  # noqa: PLR2004 - red, green and blue
        return "nhwc"
    return "nchw" if shape[1] == 3 else None  # noqa: PLR2004


def _decoder_of(outputs: Sequence[Shape], input_size: tuple[int, int]) -> Decoder | None:
    """Which decoder reads outputs of these shapes; None: no one."""
    if _is_posenet(outputs):
        return "posenet"
    if len(outputs) != 1:
        return None
    (shape,) = outputs
    if shape in _SHAPES:
        return _SHAPES[shape]
    if shape in _yolo_shapes(*input_size):
        return "yolo"
    if len(shape) == len(("batch", "rows", "columns", "channels")) and min(shape[1:3]) > 1:
        return "heatmaps" if (shape[0], shape[3]) == (1, _HEATMAP_CHANNELS) else None
    only_classes = len(shape) > 1 and shape[-1] > 1 and set(shape[:-1]) == {1}
    return "classify" if only_classes else None


def _is_posenet(outputs: Sequence[Shape]) -> bool:
    """In any order: a compiler may change it."""
    grid = outputs[0][1:3] if outputs else ()
    return sorted(outputs) == [(1, *grid, count) for count in _POSENET_CHANNELS] and min(grid) > 1


def _yolo_shapes(width: int, height: int) -> Collection[Shape]:
    """With a candidate for each cell of grids with so many pixels a cell, in either order."""
    shapes: set[Shape] = set()
    for last in (3, 4):  # of the larger networks
        grids = _YOLO_STRIDES[:last]
        count = sum((width // stride) * (height // stride) for stride in grids)
        shapes |= {(1, _YOLO_VALUES, count), (1, count, _YOLO_VALUES)}
    return shapes


def _order(decoder: Decoder, outputs: Sequence[TensorInfo]) -> tuple[int, ...]:
    """The outputs that a decoder reads: PoseNet's by their channels, otherwise the only one."""
    if decoder != "posenet":
        return (0,)
    return tuple(sorted(range(len(outputs)), key=lambda place: outputs[place].shape[-1]))


def _default_fit(decoder: Decoder) -> Fit:
    """Of a model that the catalog does not know."""
    if KINDS[decoder] == "labels":
        return "crop"
    return "track" if decoder in FINDS_ONE else "letterbox"


_SHIFTED: npt.NDArray[np.int8] = (np.arange(256) - 128).astype(np.int8)
"""int8: each byte becomes byte - 128."""

_REAL_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-128.0, 127.0))
"""What the bytes 0 and 255 stand for in the models that people make."""

_RANGE_TOLERANCE = 0.02

_IMAGENET_CLASSES = {1000, 1001}
"""Of classifiers of everything; the one more is a background."""

_IMAGENET_CROP = 224 / 256
"""They are trained and measured with the shorter side at 256 pixels and 224 in the middle of it."""

_IMAGENET_MEAN: Channels = (123.675, 116.28, 103.53)
_IMAGENET_STD: Channels = (58.395, 57.12, 57.375)
"""Of the pictures of ImageNet: 0.485, ... and 0.229, ... in torchvision, which divides by 255."""

_NORMALIZATIONS: Mapping[Decoder, tuple[float, float]] = {
    "movenet": (0.0, 1.0),
    "heatmaps": (0.0, 255.0),
    "multipose": (0.0, 1.0),
    "posenet": (127.5, 127.5),
    "yolo": (0.0, 255.0),
    "classify": (127.5, 127.5),
}
"""Mean and standard deviation of what a float input takes, where nobody tells."""


def _table(
    tensor: TensorInfo, mean: float | Channels, std: float | Channels
) -> npt.NDArray[Any] | None:
    """What each byte of a picture becomes in this input, in each channel; None: itself."""
    if tensor.dtype == "uint8":
        return None
    bytes_ = np.arange(256)
    if tensor.dtype == "int32":  # some exporters have no uint8: it stands for it
        return bytes_.astype(np.int32)
    is_same = isinstance(mean, float | int) and isinstance(std, float | int)
    real: npt.NDArray[Any] = (bytes_ if is_same else bytes_[:, None]) - np.asarray(mean)
    real = real / np.asarray(std)
    if tensor.dtype == "float32":
        return real.astype(np.float32)
    if tensor.scale == 0:
        return _SHIFTED
    stored: npt.NDArray[Any] = np.rint(real / tensor.scale) + tensor.zero_point
    table: npt.NDArray[Any] = np.clip(stored, -128, 127).astype(np.int8)
    return table


def _default_table(
    path: Path, tensor: TensorInfo, decoder: Decoder, layout: Layout
) -> npt.NDArray[Any] | None:
    """The table of a model that the catalog does not know.

    An int8 input tells by its quantization what its lowest and highest value stand for: where that
    is one of the usual ranges, the lowest is the byte 0 and the highest the byte 255. A float input
    tells nothing: MoveNet takes the bytes, YOLO and those with heatmaps 0..1, PoseNet and most
    classifiers -1..1, but classifiers with a plane for each channel, which come from PyTorch,
    ImageNet's normalization.

    Raises:
        ModelError: the quantization says nothing that is known.
    """
    if (tensor.dtype, decoder, layout) == ("float32", "classify", "nchw"):
        return _table(tensor, _IMAGENET_MEAN, _IMAGENET_STD)
    if tensor.dtype != "int8" or tensor.scale == 0:
        return _table(tensor, *_NORMALIZATIONS[decoder])
    low, high = (tensor.scale * (limit - tensor.zero_point) for limit in (-128, 127))
    for expected_low, expected_high in _REAL_RANGES:
        tolerance = _RANGE_TOLERANCE * (expected_high - expected_low)
        if abs(low - expected_low) <= tolerance and abs(high - expected_high) <= tolerance:
            return _SHIFTED
    raise ModelError(
        f"{path}: its int8 input stands for {low:.3g} to {high:.3g}, which tells no normalization: "
        "add the model with mean and std to a catalog.toml beside the models"
    )


def find_labels(file: ModelFile, given: Path | None) -> Labels | None:
    """The labels file of a classifier, by the order that `describe` tells; None: it has none.

    Raises `ModelError` where it cannot be read.
    """
    if given is not None:
        return _read_labels(given)
    if file.labels is not None:
        if file.entry is not None and file.entry.labels is not None and not file.labels.exists():
            raise not_here(file.name, file.entry.labels)
        return _read_labels(file.labels)
    text = _embedded_text(file.path)
    if text is not None:
        return Labels(text=text, origin=f"the labels inside {file.path}")
    beside = (file.path.with_suffix(".txt"), file.path.with_name("labels.txt"))
    return next((_read_labels(path) for path in beside if path.is_file()), None)


def _read_labels(path: Path) -> Labels:
    try:
        if path.stat().st_size > _MAX_LABELS_BYTES:
            raise ModelError(f"{path} is too large for a labels file")
        return Labels(text=path.read_text("utf-8-sig"), origin=str(path))
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is no UTF-8 text: give a labels file") from error


def _embedded_text(path: Path) -> str | None:
    """The first text file of a model's metadata, which is a zip archive behind the model."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".txt") and info.file_size <= _MAX_LABELS_BYTES:
                    return archive.read(info).decode("utf-8-sig")
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None  # no metadata, or damaged or encrypted: a model works without
    return None
