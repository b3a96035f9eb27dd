"""The models: those known by name, where their files are, and what each one needs.

A model is named by the catalog or given as a path. Its file is checked as far as that is quick,
before any interpreter reads it; what it needs comes from its catalog entry or from its tensors.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from edged.errors import ModelError
from edged.types import TensorInfo

Decoder: TypeAlias = Literal["movenet", "classify"]
Fit: TypeAlias = Literal["track", "letterbox", "stretch", "crop"]
Kind: TypeAlias = Literal["pose", "labels"]

_KINDS: Mapping[Decoder, Kind] = {"movenet": "pose", "classify": "labels"}

_MAX_LABELS_BYTES = 4 * 1024 * 1024
"""A larger labels file is none."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the catalog file."""


class File(_Strict, frozen=True, kw_only=True):
    """A file of a model, known by its content."""

    path: Annotated[str, Meta(min_length=1)]
    """Below the catalog's address. In a directory of models its last part is the file's name."""
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    blob: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None
    """git's name for the content, where nothing else is published."""
    address: str = ""
    """Where it can be had; empty in the file: the catalog's address and `path`."""

    @property
    def name(self) -> str:
        """What the file is called in a directory of models."""
        return self.path.rpartition("/")[2]


class Entry(_Strict, frozen=True, kw_only=True):
    """A model of the catalog."""

    title: str
    decoder: Decoder
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    """Pixels of the input."""
    fit: Fit
    """How a frame becomes the input."""
    crop: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    """With the fit `crop`: how much of the middle."""
    mean: float = 127.5
    std: Annotated[float, Meta(gt=0.0)] = 127.5
    """The real value of a byte is (byte - mean) / std. A uint8 input takes the bytes themselves."""
    logits: bool | None = None
    """Whether a softmax has to be applied to the output; None: worked out."""
    licence: str
    file: File
    edgetpu: File | None = None
    """The same model compiled for the Edge TPU."""
    labels: File | None = None


class _CatalogFile(_Strict, frozen=True, kw_only=True):
    address: str = ""
    models: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is on this machine."""

    name: str
    """In the catalog, or the path's last part without its ending."""
    path: Path
    edgetpu: Path | None
    """The same model compiled for the Edge TPU, where that is here too."""
    entry: Entry | None
    """None: a model that the catalog does not know."""
    labels: Path | None
    """The catalog's labels file, where that is here."""


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
    """(256,) int8 or float32: what each byte of the picture becomes; None: the input takes bytes.
    See `geometry.encode`."""
    output: TensorInfo
    logits: bool | None
    labels: Labels | None
    """None: the classes have numbers only, or it is a pose model."""
    licence: str
    """Empty: unknown."""

    @property
    def kind(self) -> Kind:
        """What it finds."""
        return _KINDS[self.decoder]


def read_catalog(path: Path) -> dict[str, Entry]:
    """The models of a catalog file, by name.

    Raises:
        ModelError: the file cannot be read, is no TOML, or has a key or value that does not fit.
    """
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=_CatalogFile)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ModelError(f"{path}: {error}") from error

    def with_address(file: File | None) -> Any:
        if file is None or file.address:
            return file
        return msgspec.structs.replace(file, address=content.address + file.path)

    return {
        name: msgspec.structs.replace(
            entry,
            file=with_address(entry.file),
            edgetpu=with_address(entry.edgetpu),
            labels=with_address(entry.labels),
        )
        for name, entry in content.models.items()
    }


@functools.cache
def bundled() -> Mapping[str, Entry]:
    """The models that edged knows by name."""
    package = Path(__file__).parent.parent
    installed = package / "data" / "models" / "catalog.toml"
    return read_catalog(
        installed if installed.exists() else package.parent / "models" / "catalog.toml"
    )


def known(directories: Sequence[Path]) -> dict[str, Entry]:
    """The bundled models and those of every `catalog.toml` in a directory of models."""
    models: dict[str, Entry] = {}
    for directory in reversed(directories):
        if _is_file(directory / "catalog.toml"):
            models |= read_catalog(directory / "catalog.toml")
    return {**models, **bundled()}


def resolve(name: str, directories: Sequence[Path]) -> ModelFile:
    """The files of a model.

    Args:
        name: of the catalog; or a path: with a slash, ending in .tflite, or of a file that exists.
        directories: where models are kept, see `edged.config.model_directories`.

    Raises:
        ModelError: there is no such model or file, or the file is no TensorFlow Lite model.
    """
    models = known(directories)
    if name in models:
        return _from_catalog(name, models[name], directories)
    path = Path(name)
    if "/" in name or name.endswith(".tflite") or _is_file(path):
        return _from_path(path, models, directories)
    near = difflib.get_close_matches(name, models, n=1)
    hint = f", did you mean {near[0]}?" if near else "."
    raise ModelError(
        f'no model is called "{name}"{hint} Known are {", ".join(sorted(models))}, '
        "and any path to a .tflite file"
    )


def _from_catalog(name: str, entry: Entry, directories: Sequence[Path]) -> ModelFile:
    path = _need(name, entry.file, directories)
    check_file(path, entry.file)
    labels = None if entry.labels is None else _need(name, entry.labels, directories)
    edgetpu = _find(entry.edgetpu, directories)
    if edgetpu is not None:
        check_file(edgetpu, entry.edgetpu)
    return ModelFile(name=name, path=path, edgetpu=edgetpu, entry=entry, labels=labels)


def _from_path(path: Path, models: Mapping[str, Entry], directories: Sequence[Path]) -> ModelFile:
    check_file(path)
    if is_compiled(path):
        plain = path.with_name(f"{path.stem.removesuffix('_edgetpu')}.tflite")
        if plain == path or not _is_file(plain):
            raise ModelError(
                f"{path} runs on an Edge TPU only: put the model that it was compiled from beside "
                f"it, {path.stem.removesuffix('_edgetpu')}.tflite beside NAME_edgetpu.tflite"
            )
        path = plain
        check_file(path)
    compiled = path.with_name(f"{path.stem}_edgetpu.tflite")
    edgetpu = compiled if _is_file(compiled) else None
    if edgetpu is not None:
        check_file(edgetpu)
    for name, entry in models.items():
        if _is_content(path, entry.file):
            labels = _find(entry.labels, (path.parent, *directories))
            return ModelFile(name=name, path=path, edgetpu=edgetpu, entry=entry, labels=labels)
    return ModelFile(name=path.stem, path=path, edgetpu=edgetpu, entry=None, labels=None)


def _need(name: str, file: File, directories: Sequence[Path]) -> Path:
    path = _find(file, directories)
    if path is None:
        raise ModelError(
            f"{name}: {file.name} is not on this machine: "
            f"download {file.address} into {directories[0]}"
        )
    return path


def _find(file: File | None, directories: Sequence[Path]) -> Path | None:
    """The first of the directories that has the file."""
    if file is None:
        return None
    paths = (directory / file.name for directory in directories)
    return next((path for path in paths if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    """`Path.is_file`, and False where a directory may not be entered."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_file(path: Path, file: File | None = None) -> None:
    """Refuse what an interpreter could not read, by its size and its first bytes.

    Args:
        path: the model.
        file: what the catalog says of it.

    Raises:
        ModelError: there is no such file, it is no TensorFlow Lite model, or not whole.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
            size = os.fstat(stream.fileno()).st_size
    except IsADirectoryError as error:
        raise ModelError(f"{path} is a directory: give a .tflite file in it") from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    if size == 0:
        raise ModelError(f"{path} is empty: copy or download it again")
    if start[4:8] != b"TFL3":
        raise ModelError(f"{path} is no TensorFlow Lite model{_what_it_is(path, start)}")
    if file is not None and file.bytes is not None and size != file.bytes:
        what = "is truncated" if size < file.bytes else "is another file than the catalog's"
        raise ModelError(f"{path} {what}: {size} of {file.bytes} bytes, get {file.address}")


_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file: run git lfs pull"),
    (b"<", "a web page or XML: download the file itself"),
    (b"\x89HDF", "a Keras file: convert it to TensorFlow Lite"),
    (b"PK", "a zip or Keras file: unpack it, or convert it to TensorFlow Lite"),
    (b"\x1f\x8b", "a gzip file: unpack it"),
)


def _what_it_is(path: Path, start: bytes) -> str:
    """`, but ...` and what to do, where the first bytes tell."""
    for beginning, what in _BEGINNINGS:
        if start.lstrip().startswith(beginning):
            return f" but {what}"
    if path.suffix == ".onnx":
        return " but an ONNX file: convert it to TensorFlow Lite"
    return ": bytes 4 to 8 are not TFL3"


def is_compiled(path: Path) -> bool:
    """Whether a model is compiled for the Edge TPU, and so runs nowhere else.

    Raises:
        ModelError: the file cannot be read.
    """
    return b"edgetpu-custom-op" in _read(path)


def _is_content(path: Path, file: File) -> bool:
    """Whether a file is the one of the catalog; read only when its size or name may be right."""
    if file.bytes is not None and path.stat().st_size != file.bytes:
        return False
    if file.sha256 is not None:
        return hashlib.sha256(_read(path)).hexdigest() == file.sha256
    if file.blob is None or path.name != file.name:
        return False
    content = _read(path)
    named = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return named.hexdigest() == file.blob


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


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
    found = f"it has inputs {_told(inputs)} and outputs {_told(outputs)}"
    picture = inputs[0] if len(inputs) == 1 else None
    if picture is None or not _is_picture(picture):
        raise ModelError(
            f"{file.path}: {found}; edged needs one input [1, height, width, 3] of uint8, int8 or "
            "float32: convert the model with such an input"
        )
    decoder = _decoder_of(outputs)
    if decoder is None:
        raise ModelError(
            f"{file.path}: {found}; edged reads MoveNet (one output [1, 1, 17, 3]) and "
            "classification (one output [1, classes]): convert the model with such an output"
        )
    _, height, width, _ = picture.shape
    entry = file.entry
    if entry is None:
        fit: Fit = "track" if decoder == "movenet" else "crop"
        crop, logits, licence = 1.0, None, ""
        table = _default_table(file.path, picture, decoder)
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
        output=outputs[0],
        logits=logits,
        labels=_find_labels(file, labels) if decoder == "classify" else None,
        licence=licence,
    )


def _told(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(f"{tensor.dtype} {list(tensor.shape)}" for tensor in tensors) or "none"


def _is_picture(tensor: TensorInfo) -> bool:
    shape = tensor.shape
    return (
        tensor.dtype in {"uint8", "int8", "float32"}
        and len(shape) == len(("batch", "height", "width", "channels"))
        and (shape[0], shape[3]) == (1, 3)
        and min(shape) > 0
    )


def _decoder_of(outputs: Sequence[TensorInfo]) -> Decoder | None:
    """Which decoder reads these outputs; None: no one."""
    if len(outputs) != 1:
        return None
    shape = outputs[0].shape
    if shape == (1, 1, 17, 3):
        return "movenet"
    only_classes = len(shape) > 1 and shape[-1] > 1 and set(shape[:-1]) == {1}
    return "classify" if only_classes else None


_SHIFTED: npt.NDArray[np.int8] = (np.arange(256) - 128).astype(np.int8)
"""int8: each byte becomes byte - 128."""

_REAL_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-128.0, 127.0))
"""What the bytes 0 and 255 stand for in the models that people make."""

_RANGE_TOLERANCE = 0.02


def _table(tensor: TensorInfo, mean: float, std: float) -> npt.NDArray[Any] | None:
    """What each byte of a picture becomes in this input; None: itself."""
    if tensor.dtype == "uint8":
        return None
    real: npt.NDArray[Any] = (np.arange(256) - mean) / std
    if tensor.dtype == "float32":
        return real.astype(np.float32)
    if tensor.scale == 0:
        return _SHIFTED
    stored: npt.NDArray[Any] = np.rint(real / tensor.scale) + tensor.zero_point
    table: npt.NDArray[Any] = np.clip(stored, -128, 127).astype(np.int8)
    return table


def _default_table(path: Path, tensor: TensorInfo, decoder: Decoder) -> npt.NDArray[Any] | None:
    """The table of a model that the catalog does not know.

    An int8 input tells by its quantization what its lowest and highest value stand for: where that
    is one of the usual ranges, the lowest is the byte 0 and the highest the byte 255. A float input
    tells nothing: MoveNet takes the bytes, classifiers mostly -1..1.

    Raises:
        ModelError: the quantization says nothing that is known.
    """
    if tensor.dtype != "int8" or tensor.scale == 0:
        mean, std = (0.0, 1.0) if decoder == "movenet" else (127.5, 127.5)
        return _table(tensor, mean, std)
    low, high = (tensor.scale * (limit - tensor.zero_point) for limit in (-128, 127))
    for expected_low, expected_high in _REAL_RANGES:
        tolerance = _RANGE_TOLERANCE * (expected_high - expected_low)
        if abs(low - expected_low) <= tolerance and abs(high - expected_high) <= tolerance:
            return _SHIFTED
    raise ModelError(
        f"{path}: its int8 input stands for {low:.3g} to {high:.3g}, which tells no normalization: "
        "add the model with mean and std to a catalog.toml beside the models"
    )


def _find_labels(file: ModelFile, given: Path | None) -> Labels | None:
    """The labels file of a classifier, by the order that `describe` tells."""
    if given is not None:
        return _read_labels(given)
    if file.labels is not None:
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
