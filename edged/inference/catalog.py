"""The models: those known by name, and where their files are.

A model is named by the catalog or given as a path. Its file is checked as far as that is quick,
before any interpreter reads it.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import io
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edged.errors import ModelError, PullError
from edged.inference.onnx import is_onnx
from edged.resources import resource

Decoder: TypeAlias = Literal["movenet", "heatmaps", "multipose", "posenet", "yolo", "classify"]
Kind: TypeAlias = Literal["pose", "labels", "exercise"]
"""What a model finds; what is done is found in poses, see `keypoint_models`."""
KINDS: Mapping[Decoder, Kind] = {
    "movenet": "pose",
    "heatmaps": "pose",
    "multipose": "pose",
    "posenet": "pose",
    "yolo": "pose",
    "classify": "labels",
}
FINDS_ONE: Collection[Decoder] = {"movenet", "heatmaps"}
"""Decoders of one person, who can be followed; those of several look at the whole frame."""
Fit: TypeAlias = Literal["track", "letterbox", "stretch", "crop"]
Role: TypeAlias = Literal["cpu", "edgetpu", "labels"]
"""What a file is to its model."""

_INSIDE = r"^(?!(.*/)?\.{0,2}(/|\Z))[^\x00-\x1f\x7f]+\Z"
"""A relative path that stays below where it starts: no part is empty, `.` or `..`."""


Channels: TypeAlias = tuple[float, float, float]
"""A number for each of red, green and blue."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the catalog file."""


class File(_Strict, frozen=True, kw_only=True):
    """A file of a model, known by its content."""

    path: Annotated[str, Meta(pattern=_INSIDE)]
    """Below the catalog's address. In a directory of models its last part is the file's name."""
    shipped: bool = False
    """It lies beside the catalog, at `path`; there is no downloading it."""
    bytes: Annotated[int, Meta(ge=1)] | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    blob: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None = None
    """git's name for the content, where nothing else is published."""
    address: str = ""
    """Where it can be had; empty in the file: the catalog's address, if any, and `path`. Of a
    shipped file the path on this machine."""

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
    mean: float | Channels = 127.5
    std: float | Channels = 127.5
    """The real value of a byte is (byte - mean) / std, for all channels or for each of them. A
    uint8 or int32 input takes the bytes themselves."""
    logits: bool | None = None
    """Whether a softmax has to be applied to the output; None: worked out."""
    licence: str
    file: File
    edgetpu: File | None = None
    """The same model compiled for the Edge TPU."""
    labels: File | None = None

    def __post_init__(self) -> None:
        """Refuse a std that is not positive; msgspec 0.22 crashes on a `Meta` within a tuple."""
        if not min(self.std if isinstance(self.std, tuple) else (self.std,)) > 0.0:
            raise ValueError("Expected every `std` > 0.0")

    @property
    def files(self) -> dict[Role, File]:
        """All that there are, the model itself first."""
        files: dict[Role, File | None] = {
            "cpu": self.file,
            "edgetpu": self.edgetpu,
            "labels": self.labels,
        }
        return {role: file for role, file in files.items() if file is not None}


class _CatalogFile(_Strict, frozen=True, kw_only=True):
    address: str = ""
    models: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that is on this machine."""

    name: str
    """In the catalog, or the path's last part without its ending."""
    path: Path
    """For the CPU; where only the compiled one is here, that one."""
    edgetpu: Path | None
    """The same model compiled for the Edge TPU, where that is here too; not looked into."""
    entry: Entry | None
    """None: a model that the catalog does not know."""
    labels: Path | None
    """The catalog's labels file; of a model called by name where it belongs when it is not here."""

    @property
    def cpu(self) -> Path | None:
        """What the CPU can run; None: there is only what was compiled for the Edge TPU."""
        return None if self.path == self.edgetpu else self.path


def alone(path: Path) -> ModelFile:
    """A file for the CPU that nothing belongs to."""
    return ModelFile(name=path.stem, path=path, edgetpu=None, entry=None, labels=None)


def read_catalog(path: Path) -> dict[str, Entry]:
    """The models of a catalog file, by name.

    Raises:
        ModelError: the file cannot be read, is no TOML, or has a key or value that does not fit.
    """
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=_CatalogFile)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ModelError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ModelError(f"{path}: not TOML: nested too deeply") from error

    def with_address(file: File | None) -> Any:
        if file is None:
            return None
        address = file.address or (content.address and content.address + file.path)
        if file.shipped:
            address = str(path.parent / file.path)
        return msgspec.structs.replace(file, address=address)

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
    return read_catalog(resource("models/catalog.toml"))


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
        name: of the catalog; or a path: with a slash, ending in .tflite or .onnx, or of a file that
            exists.
        directories: where models are kept, see `edged.config.model_directories`.

    Raises:
        ModelError: there is no such model or file, or the file is no model.
    """
    models = known(directories)
    if name in models:
        return _from_catalog(name, models[name], directories)
    path = Path(name)
    if "/" in name or name.endswith(".tflite") or is_onnx(name) or _is_file(path):
        return _from_path(path, models, directories)
    raise unknown(name, models, ", and any path to a .tflite or .onnx file")


def unknown(name: str, models: Collection[str], besides: str = "") -> ModelError:
    """That no model has a name; with those that may be meant, all, and what else may be said."""
    word = name.lower()
    near = sorted(known for known in models if word and word in known)
    near = near or difflib.get_close_matches(word, models, n=1)
    *others, last = near or [""]
    hint = f", did you mean {', '.join(others)}{' or ' if others else ''}{last}?" if near else "."
    return ModelError(
        f'no model is called "{name}"{hint} Known are {", ".join(sorted(models))}{besides}'
    )


def _from_catalog(name: str, entry: Entry, directories: Sequence[Path]) -> ModelFile:
    path = _need(name, entry.file, directories)
    check_file(path, entry.file, name)
    labels = find(entry.labels, directories)
    if labels is None and entry.labels is not None:
        labels = directories[0] / entry.labels.name
    return ModelFile(
        name=name,
        path=path,
        edgetpu=find(entry.edgetpu, directories),
        entry=entry,
        labels=labels,
    )


def _from_path(path: Path, models: Mapping[str, Entry], directories: Sequence[Path]) -> ModelFile:
    check_file(path)
    edgetpu = None
    if not is_onnx(path) and is_compiled(path):
        edgetpu = path
        twin = path.with_name(f"{path.stem.removesuffix('_edgetpu')}.tflite")
        if twin != path and _is_file(twin):
            check_file(twin)
            path = twin
    elif not is_onnx(path):
        twin = path.with_name(f"{path.stem}_edgetpu.tflite")
        edgetpu = twin if _is_file(twin) else None
    for name, entry in models.items():
        known = entry.edgetpu if path == edgetpu else entry.file
        if known is not None and _is_content(path, known):
            labels = find(entry.labels, (path.parent, *directories))
            return ModelFile(name=name, path=path, edgetpu=edgetpu, entry=entry, labels=labels)
    return ModelFile(
        name=path.stem.removesuffix("_edgetpu"), path=path, edgetpu=edgetpu, entry=None, labels=None
    )


def _need(name: str, file: File, directories: Sequence[Path]) -> Path:
    path = find(file, directories)
    if path is None:
        raise not_here(name, file)
    return path


def not_here(name: str, file: File) -> ModelError:
    """That a file of the model `name` is missing, and how to get it."""
    where = f"{file.address} is missing" if file.shipped else f"{file.name} is not on this machine"
    return _mended_by_pull(f"{name}: {where}", name, file)


def _mended_by_pull(wrong: str, name: str, file: File) -> ModelError:
    return ModelError(f"{wrong}: install edged again") if file.shipped else PullError(wrong, name)


def find(file: File | None, directories: Sequence[Path]) -> Path | None:
    """Where a file is, or None; in the first of the directories that has it."""
    return next(copies(file, directories), None) if file is not None else None


def copies(file: File, directories: Sequence[Path]) -> Iterator[Path]:
    """Every place that has a file of this name; the first is the one that is used."""
    places = [directory / file.name for directory in directories]
    for place in [Path(file.address)] if file.shipped else places:
        if _is_file(place):
            yield place


def _is_file(path: Path) -> bool:
    """`Path.is_file`, and False where a directory may not be entered."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_file(path: Path, file: File | None = None, name: str = "") -> None:
    """Refuse what an interpreter could not read, by its size and its first bytes.

    Args:
        path: the model.
        file: what the catalog says of it.
        name: that the catalog has for it.

    Raises:
        ModelError: there is no such file, it is no TensorFlow Lite or, where it is called so, no
            ONNX model; or it is not whole.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
            size = os.fstat(stream.fileno()).st_size
    except IsADirectoryError as error:
        raise ModelError(f"{path} is a directory: give a .tflite or .onnx file in it") from error
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    if size == 0:
        raise ModelError(f"{path} is empty: copy or download it again")
    if is_onnx(path):
        _check_onnx(path, start)
    elif start[4:8] != b"TFL3":
        what = _what_it_is(start)
        if not what and start[:1] == b"\x08" and start[2:3] in {b"\x12", b":"}:
            what = " but looks like an ONNX one: have its name end in .onnx"
        what = what or ": bytes 4 to 8 are not TFL3"
        raise ModelError(f"{path} is no TensorFlow Lite model{what}")
    if file is not None and file.bytes is not None and size != file.bytes:
        what = "is truncated" if size < file.bytes else "is another file than the catalog's"
        raise _mended_by_pull(f"{path} {what}: {size} of {file.bytes} bytes", name, file)


_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file: run git lfs pull"),
    (b"<", "a web page or XML: download the file itself"),
    (b"\x89HDF", "a Keras file: convert it to TensorFlow Lite"),
    (b"PK", "a zip or Keras file: unpack it, or convert it to TensorFlow Lite"),
    (b"\x1f\x8b", "a gzip file: unpack it"),
)


def _check_onnx(path: Path, start: bytes) -> None:
    """Refuse what is known to be another kind of file; ONNX itself has no signature."""
    what = _what_it_is(start)
    if start[4:8] == b"TFL3":
        what = " but a TensorFlow Lite one: have its name end in .tflite"
    if what:
        raise ModelError(f"{path} is no ONNX model{what}")


def _what_it_is(start: bytes) -> str:
    """` but ...` and what to do, where the first bytes tell; or else empty."""
    for beginning, what in _BEGINNINGS:
        if start.lstrip().startswith(beginning):
            return f" but {what}"
    return ""


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
    if file.sha256 is None and path.name != file.name:
        return False
    return has_content(path, file)


def has_content(path: Path, file: File) -> bool:
    """Whether the checksum of a file is the catalog's, which has to have one.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        with io.FileIO(path) as stream:
            return holds(stream, file)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


def holds(stream: io.FileIO, file: File) -> bool:
    """The same of a file that is open, whatever has become of its name. Raises `OSError`."""
    stream.seek(0)
    if file.sha256 is not None:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    size = os.fstat(stream.fileno()).st_size
    named = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while chunk := stream.read(1 << 20):
        named.update(chunk)
    return named.hexdigest() == file.blob


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
