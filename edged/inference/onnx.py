"""ONNX models by onnxruntime, with the methods of a TensorFlow Lite interpreter that a worker uses.

Belongs to the worker process: imports nothing else of edged and no OpenCV, and onnxruntime only
when a model is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.inference.onnx_file import Quantization, quantizations

ENDING = ".onnx"
"""Of the files that are meant for onnxruntime."""

TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    **{
        f"tensor({sign}int{bits})": f"{sign}int{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
"""What onnxruntime calls the types that numpy has too."""

_WARNINGS_ARE_LEFT_OUT = 3

_REFUSALS = (
    (
        "INVALID_PROTOBUF|No graph was found",
        "it is damaged, not whole or no ONNX model: copy or download it again",
    ),
    (
        r"Opset \d+(?= is under development)|IR version: \d+",
        "it is newer ({what}) than {runtime}: upgrade that, or export it with an older opset",
    ),
    (
        r"(No Op registered|Could not find an implementation) for \w+",
        "{runtime} lacks an operator ({what}): upgrade that, or export it without",
    ),
    (
        r'(?<=External data path does not exist: ")[^"]+|(?<=No such file or directory \[)[^]]+',
        "its weights are in a second file, {what}: copy that there",
    ),
)
"""What onnxruntime says of a model that it does not take, and what it comes from."""

_NOISE = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .*? failed:|Load model (?=.* failed\.)"
    r"|/onnxruntime_src/\S+ .*?\) (?=ONNX Runtime|Unsupported|[A-Z])"
)
"""In its messages: codes, the path again, and places in its own source."""


def is_onnx(path: str | Path) -> bool:
    """Whether a file is meant for onnxruntime, by its name: its content has no signature."""
    return str(path).lower().endswith(ENDING)


def runtime() -> str:
    """What runs ONNX models here, with its version.

    Raises:
        ModuleNotFoundError: it is not installed; says how that is done.
    """
    return f"onnxruntime {_library().__version__}"


def _library() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - most devices do without it
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise ModuleNotFoundError(
            "ONNX models need onnxruntime, which is not installed here: "
            'pip install "edged[onnx]", or convert the model to TensorFlow Lite'
        ) from error
    return onnxruntime


class OnnxInterpreter:
    """An ONNX model on the processor; it lives as long as the object."""

    def __init__(self, path: str, threads: int) -> None:
        """Load the model; an open batch size becomes 1.

        Args:
            path: of the file; weights in other files are looked for beside it.
            threads: of one invoke.

        Raises:
            ModuleNotFoundError: onnxruntime is not installed.
            RuntimeError: the model cannot be loaded, or has a tensor without a fixed shape.
        """
        library = _library()
        library.disable_telemetry_events()  # it has some on Windows only; nothing is left to chance
        options = library.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _WARNINGS_ARE_LEFT_OUT
        # Threads that wait for work in a loop take a core each, also between two frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = library.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise RuntimeError(_refusal(error)) from error
        self._binding = self._session.io_binding()
        self._bound: list[npt.NDArray[Any]] = []
        """Whose memory the binding knows by address."""
        known = quantizations(path)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._inputs = [_told(tensor, _fixed(tensor), known) for tensor in inputs]
        self._outputs = [
            _told(tensor, shape, known)
            for tensor, shape in zip(outputs, self._shapes(outputs), strict=True)
        ]

    def get_input_details(self) -> list[dict[str, Any]]:
        """Name, shape, dtype and quantization of every input, as TensorFlow Lite tells them.

        The quantization is (0.0, 0) where the model has none.
        """
        return self._inputs

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of every output."""
        return self._outputs

    def bind(self, inputs: Sequence[npt.NDArray[Any]], outputs: Sequence[npt.NDArray[Any]]) -> None:
        """Have `invoke` read and write these arrays, of the shapes and types that were told.

        Nothing is copied: onnxruntime works on their memory, which is kept as long as the model.
        """
        self._bound = [*inputs, *outputs]
        for told, array in zip(self._inputs, inputs, strict=True):
            self._binding.bind_input(
                told["name"], "cpu", 0, told["dtype"], array.shape, array.ctypes.data
            )
        for told, array in zip(self._outputs, outputs, strict=True):
            self._binding.bind_output(
                told["name"], "cpu", 0, told["dtype"], array.shape, array.ctypes.data
            )

    def invoke(self) -> None:
        """Run the model on the bound arrays. Raises `RuntimeError`, in onnxruntime's words."""
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise RuntimeError(_plain(error)) from error

    def _shapes(self, outputs: Sequence[Any]) -> list[list[int]]:
        """The shapes of the outputs: told by the model, or else tried out with two pictures."""
        for tensor in outputs:
            if tensor.type not in TYPES:
                raise RuntimeError(
                    f"its output {tensor.name} is {_kind(tensor)}: export it without"
                )
        if all(isinstance(length, int) for tensor in outputs for length in tensor.shape):
            return [list(tensor.shape) for tensor in outputs]
        shapes, others = self._try(0), self._try(255)
        for tensor, shape, other in zip(outputs, shapes, others, strict=True):
            if shape != other or 0 in shape:
                raise RuntimeError(
                    f"its output {tensor.name} is as long as there are things in the picture "
                    f"({shape}, then {other}): export it without non-maximum suppression"
                )
        return shapes

    def _try(self, value: int) -> list[list[int]]:
        """The shapes of the outputs for inputs of one value; nothing is bound."""
        feed = {
            told["name"]: np.full(told["shape"], value).astype(told["dtype"])
            for told in self._inputs
        }
        try:
            return [list(output.shape) for output in self._session.run(None, feed)]
        except Exception as error:
            raise RuntimeError(_plain(error)) from error


def _fixed(tensor: Any) -> list[int]:
    """The shape of an input with a batch of one. Raises `RuntimeError` where more is open."""
    shape = list(tensor.shape)
    if shape and not isinstance(shape[0], int):
        shape[0] = 1
    if tensor.type not in TYPES:
        raise RuntimeError(f"its input {tensor.name} is {_kind(tensor)}: export it with a picture")
    if not all(isinstance(length, int) for length in shape):
        raise RuntimeError(
            f"its input {tensor.name} is {_kind(tensor)}, which leaves the size of the picture "
            "open: export it with a fixed height and width"
        )
    return shape


def _kind(tensor: Any) -> str:
    lengths = ", ".join("?" if length is None else str(length) for length in tensor.shape)
    return f"{TYPES.get(tensor.type, tensor.type)} [{lengths}]"


def _told(tensor: Any, shape: list[int], known: dict[str, Quantization]) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": shape,
        "dtype": np.dtype(TYPES[tensor.type]).type,
        "quantization": known.get(tensor.name, (0.0, 0)),
    }


def _refusal(error: Exception) -> str:
    """Why a model cannot be loaded, and what to do."""
    for pattern, meaning in _REFUSALS:
        if match := re.search(pattern, str(error)):
            return meaning.format(what=match[0], runtime=runtime())
    return f"{runtime()} refuses it: {_plain(error)}: export it again"


def _plain(error: Exception) -> str:
    """What onnxruntime says, without its codes, without places in its source, on one line."""
    return _NOISE.sub("", " ".join(str(error).split())).rstrip(".")
