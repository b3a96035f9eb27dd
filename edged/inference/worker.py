"""The child process that holds the models: input in, invoke, outputs back, answer.

Native inference code can crash or hang in ways that Python cannot catch; here it takes nothing but
this process with it. Run by `edged.inference.process` as `python -m edged.inference.worker FD`;
imports `edged.inference.graphs` and `edged.inference.onnx`, nothing else of edged and no OpenCV.

The conversation, over a SOCK_SEQPACKET socket, so that a message is a `recv`:

1. in:  JSON `{"models": [path, ...], "threads": n, "runtime": "auto" | module, "delegate": null |
   {"library": path, "options": {key: value}, "models": [index, ...]}}`: the delegate runs those
   models, and the CPU the others
2. out: `DOING` and what is being done, so that a crash can be told well: a `STAGES` word, a space
   and a name; several times
3. out: `DONE` and the file descriptor of the shared memory. The number behind `DONE` is the place
   in it of JSON `{"runtime": .., "models": [{"inputs": [tensor], "outputs": [tensor],
   "warmup_ns": ..}]}`, which reaches to its end; the tensors lie before it.
4. in:  the index of a model, one byte, once its input lies in the shared memory
5. out: `DONE` and nanoseconds of the invoke, once the outputs lie in the shared memory; and so on
   from 4 until the socket closes.

The number has 8 bytes in native order. Instead there may be `FAILED` and the text of an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from edged.inference import graphs

ALIGNMENT = 64
"""Tensors start at cache lines."""
MESSAGE_BYTES = 65536
DONE, FAILED, DOING = b"\0", b"\1", b"\2"
STAGES = ("library", "delegate", "model", "invoke")
"""Loading the library of a delegate, having it find its device, building an interpreter, and the
first invoke."""
ERROR_BYTES = 4096
RUNTIMES = ("ai_edge_litert", "tflite_runtime")
"""Best first: the newer one runs int8 graphs an order of magnitude faster."""


def load_runtime(wanted: str) -> tuple[str, Any]:
    """The interpreter module of a TensorFlow Lite runtime, and what to call it."""
    for name in RUNTIMES if wanted == "auto" else (wanted,):
        try:
            module = importlib.import_module(f"{name}.interpreter")
        except ModuleNotFoundError:
            continue
        version = importlib.import_module(name).__version__
        return f"{name} {version}", module
    if wanted == "auto":
        raise ModuleNotFoundError("no TensorFlow Lite runtime here: pip install ai-edge-litert")
    raise ModuleNotFoundError(f'{wanted} is not installed here: set [inference] runtime = "auto"')


def open_library(path: str) -> str:
    """Load the library of a delegate, so that one that is not there is told as such.

    Returns its path, with the version in brackets that a libedgetpu tells.

    Raises:
        OSError: with the words of the loader.
    """
    library = ctypes.CDLL(path)
    try:
        version = library.edgetpu_version
    except AttributeError:
        return path  # of another accelerator
    version.argtypes, version.restype = [], ctypes.c_char_p
    return f"{path} [{(version() or b'').decode(errors='replace')}]"


class Runtimes:
    """The libraries that run models, each loaded for the first model that needs it."""

    def __init__(self, wanted: str, threads: int) -> None:
        self._wanted = wanted
        self._threads = threads
        self._lite: Any = None
        self._names: dict[str, None] = {}

    @property
    def names(self) -> str:
        """With their versions, in the order in which they were needed."""
        return ", ".join(self._names)

    def interpreter(
        self, path: str, delegate: dict[str, Any] | None, tell: Callable[[str, str], None]
    ) -> Any:
        """Of the model, ready to be invoked: by the file's ending onnxruntime or Lite.

        With a delegate: one of its own for each interpreter, as PyCoral does.
        """
        if path.lower().endswith(".onnx"):
            tell("model", path)
            from edged.inference import onnx  # noqa: PLC0415 - most devices do without it

            self._names[onnx.runtime()] = None
            return onnx.OnnxInterpreter(path, self._threads)
        if self._lite is None:
            name, self._lite = load_runtime(self._wanted)
            self._names[name] = None
        delegates = None
        if delegate is not None:
            tell("delegate", delegate["told"])
            delegates = [self._lite.load_delegate(delegate["library"], delegate["options"])]
        tell("model", path)
        interpreter = self._lite.Interpreter(
            **graphs.given(path), num_threads=self._threads, experimental_delegates=delegates
        )
        graphs.settle(interpreter)
        interpreter.allocate_tensors()
        return interpreter


class Model:
    """One interpreter and where its tensors lie in the shared memory."""

    def __init__(self, interpreter: Any, offset: int) -> None:
        self._interpreter = interpreter
        self._inputs = interpreter.get_input_details()
        self._outputs = interpreter.get_output_details()
        self.end = offset
        self.inputs = [self._place(tensor) for tensor in self._inputs]
        self.outputs = [self._place(tensor) for tensor in self._outputs]
        self._copies_in: list[tuple[int, Any]] = []
        self._copies_out: list[tuple[int, Any]] = []

    def _place(self, tensor: dict[str, Any]) -> dict[str, Any]:
        shape = [int(size) for size in tensor["shape"]]
        dtype = tensor["dtype"]
        size = dtype().itemsize
        for extent in shape:
            size *= extent
        scale, zero_point = tensor["quantization"]
        placed = {
            "name": tensor["name"],
            "dtype": dtype.__name__,
            "shape": shape,
            "scale": float(scale),
            "zero_point": int(zero_point),
            "offset": self.end,
        }
        self.end += -(-size // ALIGNMENT) * ALIGNMENT
        return placed

    def attach(self, memory: mmap.mmap) -> None:
        """Map the tensors; `invoke` can be called from now on."""
        import numpy as np  # noqa: PLC0415 - the runtime has imported it by now

        def view(placed: dict[str, Any]) -> Any:
            count = int(np.prod(placed["shape"], dtype=np.int64))
            flat = np.frombuffer(memory, placed["dtype"], count, placed["offset"])
            return flat.reshape(placed["shape"])

        if hasattr(self._interpreter, "bind"):  # it works on the shared memory itself
            self._interpreter.bind(list(map(view, self.inputs)), list(map(view, self.outputs)))
            return
        self._copies_in = [
            (tensor["index"], view(placed))
            for tensor, placed in zip(self._inputs, self.inputs, strict=True)
        ]
        self._copies_out = [
            (tensor["index"], view(placed))
            for tensor, placed in zip(self._outputs, self.outputs, strict=True)
        ]

    def invoke(self) -> int:
        """Run the model once on the shared memory. Returns nanoseconds of the bare invoke."""
        interpreter = self._interpreter
        for index, shared in self._copies_in:
            interpreter.tensor(index)()[...] = shared
        start = time.perf_counter_ns()
        interpreter.invoke()
        elapsed = time.perf_counter_ns() - start
        for index, shared in self._copies_out:
            shared[...] = interpreter.tensor(index)()
        return elapsed

    def describe(self) -> dict[str, Any]:
        """Tensors, and what an invoke takes when everything is loaded."""
        return {"inputs": self.inputs, "outputs": self.outputs, "warmup_ns": self.invoke()}


def load(request: dict[str, Any], tell: Callable[[str, str], None]) -> tuple[int, int, list[Model]]:
    """Load every model, lay their tensors out in new shared memory and invoke each once.

    Returns the descriptor of the shared memory, the place of the description in it, and the models.
    """
    delegate = request["delegate"]
    if delegate is not None:
        # Before the runtime: where it is missing, that is known in no time.
        tell("library", delegate["library"])
        delegate["told"] = open_library(delegate["library"])
    runtimes = Runtimes(request["runtime"], request["threads"])
    models: list[Model] = []
    end = 0
    for index, path in enumerate(request["models"]):
        try:
            is_delegated = delegate is not None and index in delegate["models"]
            its = delegate if is_delegated else None
            models.append(Model(runtimes.interpreter(path, its, tell), end))
        except Exception as error:
            what = one_line(error)
            if "Flatbuffer" in what:
                what += ": it is damaged or not whole, copy or download it again"
            raise RuntimeError(f"{path}: {what}") from error
        end = models[-1].end
    # A file without a name: it is gone with the last process that maps it, however that one ends.
    memory_fd = os.memfd_create("edged-tensors")
    os.ftruncate(memory_fd, max(end, 1))
    memory = mmap.mmap(memory_fd, max(end, 1))
    described = []
    for path, model in zip(request["models"], models, strict=True):
        model.attach(memory)
        tell("invoke", path)
        try:
            described.append(model.describe())
        except Exception as error:
            raise RuntimeError(f"{path}: {one_line(error)}") from error
    os.pwrite(memory_fd, json.dumps({"runtime": runtimes.names, "models": described}).encode(), end)
    return memory_fd, end, models


def one_line(error: Exception) -> str:
    """The text of an error without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def done(number: int) -> bytes:
    """A message that tells a number."""
    return DONE + number.to_bytes(8, sys.byteorder)


def failed(error: Exception) -> bytes:
    """A message that tells an error."""
    return FAILED + one_line(error).encode(errors="replace")[:ERROR_BYTES]


def serve(connection: socket.socket, models: list[Model]) -> None:
    """Answer until the other end closes."""
    while request := connection.recv(MESSAGE_BYTES):
        try:
            answer = done(models[request[0]].invoke())
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent decides
            answer = failed(error)
        connection.send(answer)


def main() -> None:
    """Load what is asked for, then serve."""
    # The daemon handles its signals in one thread and blocks them in the others; we do not.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # No dump of a crash: it would delay the news of it by seconds, and holds pictures. With 1 Linux
    # starts no program for it either, which it would with 0 (do_coredump in fs/coredump.c).
    with contextlib.suppress(ValueError, OSError):  # a hard limit of 0 cannot be raised
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    connection = socket.socket(fileno=int(sys.argv[1]))
    request = json.loads(connection.recv(MESSAGE_BYTES) or "null")
    if request is None:
        return

    def tell(stage: str, what: str) -> None:
        connection.send(DOING + f"{stage} {what}".encode(errors="replace"))

    try:
        memory_fd, described_at, models = load(request, tell)
    except Exception as error:  # noqa: BLE001 - told to the parent, who tells the user
        connection.send(failed(error))
        return
    socket.send_fds(connection, [done(described_at)], [memory_fd])
    os.close(memory_fd)
    serve(connection, models)


if __name__ == "__main__":
    try:
        main()
    except ConnectionError:
        sys.exit(1)  # the parent is gone; so are we
