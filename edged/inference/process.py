"""The parent's handle of one worker process."""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.errors import EngineError, ModelError
from edged.processes import tie
from edged.types import TensorInfo

_log = logging.getLogger(__name__)

Tensor = npt.NDArray[Any]

START_DEADLINE_S = 30.0
"""A Pi reads a large model from a slow SD card in a few seconds."""
FAREWELL_S = 0.3
"""An idle worker ends within milliseconds; one that takes longer is stuck."""
DEATH_S = 0.25
"""From the end of its socket to that of the process."""
MESSAGE_BYTES = 65536
DONE, DOING = 0, 2
"""First byte of an answer that is good, and of what is being done, see `edged.inference.worker`."""
CHATTER_BYTES = 65536
"""What a pipe holds of the words that native code writes to standard error."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The tensors of a model."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def places(self, other: Signature) -> tuple[int, ...] | None:
        """Where another file of this model has our outputs; None: it is another model.

        Names do not matter, but where outputs are alike otherwise. A compiler may change the order.
        """
        if list(map(_nameless, self.inputs)) != list(map(_nameless, other.inputs)):
            return None
        free = dict(enumerate(other.outputs))
        places = []
        for wanted in self.outputs:
            alike = [at for at, its in free.items() if _nameless(its) == _nameless(wanted)]
            if not alike:
                return None
            places.append(next((at for at in alike if free[at].name == wanted.name), alike[0]))
            del free[places[-1]]
        return tuple(places)


def _nameless(tensor: TensorInfo) -> TensorInfo:
    return replace(tensor, name="")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model in the worker. The arrays are views of the memory shared with it."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    """Valid from one invoke of this model to the next."""
    signature: Signature
    warmup_ns: int
    """What the first invoke took."""


def _tensor_info(told: dict[str, Any]) -> TensorInfo:
    return TensorInfo(
        told["name"], told["dtype"], tuple(told["shape"]), told["scale"], told["zero_point"]
    )


def _view(memory: mmap.mmap, told: dict[str, Any]) -> Tensor:
    count = int(np.prod(told["shape"], dtype=np.int64))
    flat: Tensor = np.frombuffer(memory, told["dtype"], count, told["offset"])
    return flat.reshape(told["shape"])


def _pipe(*, reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """The two ends of a new pipe, each to be closed by its owner."""
    read_end, write_end = os.pipe()
    reader.callback(os.close, read_end)
    writer.callback(os.close, write_end)
    return read_end, write_end


@dataclass(frozen=True, slots=True)
class Delegate:
    """What a worker runs models with, instead of the CPU."""

    library: str
    """As the loader finds it: a name or a path."""
    options: tuple[tuple[str, str], ...]
    models: tuple[int, ...]
    """Which of the models, in the order of their paths; the CPU runs the others."""


class Worker:
    """One child process with its models. Belongs to one thread; `kill` ends it for good.

    Starting takes some tenths of a second: the constructor returns at once, `poll` tells.
    """

    def __init__(
        self,
        models: Sequence[Path],
        *,
        threads: int,
        runtime: str,
        delegate: Delegate | None = None,
        deadline_s: float = START_DEADLINE_S,
    ) -> None:
        """Start the process, which has to be ready before a deadline.

        Raises:
            EngineError: the system lets no process start.
        """
        self.models: tuple[LoadedModel, ...] = ()
        self.runtime = ""
        self.steps: dict[str, str] = {}
        """What it told while loading, the last of it last: words of
        `edged.inference.worker.STAGES`, and of what."""
        self.signal: signal.Signals | None = None
        """What killed it, as far as that was seen."""
        self.is_late = False
        """It was not ready before its deadline."""
        self._deadline_s = deadline_s
        self._started = time.monotonic()
        self._leaving: float | None = None
        self._hung_up: float | None = None
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            try:
                self._socket, its_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ours.enter_context(self._socket)
                theirs.enter_context(its_socket)
                its_lifeline, _ = _pipe(reader=theirs, writer=ours)
                self._chatter, its_chatter = _pipe(reader=ours, writer=theirs)
                # A worker must never wait for us to read its chatter.
                os.set_blocking(self._chatter, False)
                os.set_blocking(its_chatter, False)
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "edged.inference.worker",
                        f"{its_socket.fileno()}",
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=its_chatter,
                    stderr=its_chatter,
                    pass_fds=(its_socket.fileno(), its_lifeline),
                    start_new_session=True,  # a terminal's Ctrl-C is ours to handle
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                )
                ours.callback(self._end_process)
                tie(its_lifeline, self._process.pid)
                request = {
                    "models": [str(path) for path in models],
                    "threads": threads,
                    "runtime": runtime,
                    "delegate": delegate
                    and {
                        "library": delegate.library,
                        "options": dict(delegate.options),
                        "models": delegate.models,
                    },
                }
                self._socket.send(json.dumps(request).encode())
            except OSError as error:
                raise EngineError(f"cannot start a worker process: {error}") from error
            self._resources = ours.pop_all()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """Of the socket, to wait for several workers at once."""
        return self._socket.fileno()

    def poll(self, timeout_s: float) -> bool:
        """Wait for the models to be loaded, or only look with 0; False: not yet.

        Raises:
            ModelError: a model cannot be loaded, whose fault is the file's or the configuration's.
            EngineError: the process died, or is not ready before its deadline.
        """
        until = time.monotonic() + timeout_s
        while True:
            received = self._receive(until)
            if received is None:
                return False
            text, fds = received
            if text[0] != DOING:
                break
            stage, _, what = text[1:].decode(errors="replace").partition(" ")
            self.steps.pop(stage, "")
            self.steps[stage] = what
        if text[0] != DONE:
            raise ModelError(text[1:].decode(errors="replace"))
        if not fds:
            raise EngineError("no file descriptor is left for the shared memory")
        try:
            self._map(fds[0], int.from_bytes(text[1:], sys.byteorder))
        except OSError as error:
            raise EngineError(f"cannot map the shared memory: {error.strerror}") from error
        if words := self.chatter():
            _log.debug("worker %d: %s", self.pid, words.strip())
        return True

    def _receive(self, until: float) -> tuple[bytes, list[int]] | None:
        """The next message and what came with it; None: not yet. Raises `EngineError`."""
        self._socket.settimeout(max(until - time.monotonic(), 0.0))
        try:
            text, fds, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES, 1)
        except (TimeoutError, BlockingIOError):
            if time.monotonic() - self._started <= self._deadline_s:
                return None
            self.is_late = True
            late = f"the models were not loaded within {self._deadline_s:.0f} s"
            raise EngineError(late) from None
        except OSError:
            text, fds = b"", []
        if text:
            return text, fds
        if self._is_ending(until):
            return None
        raise self._death("while loading")

    def _map(self, memory_fd: int, described_at: int) -> None:
        """Take over the shared memory and what the worker tells of it."""
        with open(memory_fd, "rb") as file:
            memory = mmap.mmap(memory_fd, max(described_at, 1))
            file.seek(described_at)
            told = json.load(file)
        self.runtime = told["runtime"]
        self.models = tuple(
            LoadedModel(
                inputs=tuple(_view(memory, tensor) for tensor in model["inputs"]),
                outputs=tuple(_view(memory, tensor) for tensor in model["outputs"]),
                signature=Signature(
                    tuple(map(_tensor_info, model["inputs"])),
                    tuple(map(_tensor_info, model["outputs"])),
                ),
                warmup_ns=model["warmup_ns"],
            )
            for model in told["models"]
        )

    def arrange(self, signatures: Sequence[Signature]) -> bool:
        """Have the outputs of the models in the order of these; False: they are other models."""
        found = zip(self.models, signatures, strict=True)
        places = [wanted.places(model.signature) for model, wanted in found]
        if None in places:
            return False
        self.models = tuple(
            replace(model, outputs=tuple(model.outputs[at] for at in order or ()), signature=wanted)
            for model, order, wanted in zip(self.models, places, signatures, strict=True)
        )
        return True

    def invoke(self, model: int, timeout_s: float) -> int:
        """Run a model on its inputs. Returns nanoseconds of the bare invoke.

        Raises:
            EngineError: the invoke failed, took longer than `timeout_s`, or the process died.
                After any of them the worker is of no use: `kill` it.
        """
        connection = self._socket
        try:
            connection.settimeout(timeout_s)
            connection.send(bytes((model,)))
            answer = connection.recv(MESSAGE_BYTES)
        except TimeoutError as error:
            raise EngineError(f"no answer within {timeout_s * 1e3:.0f} ms") from error
        except OSError as error:
            raise self._death("during an invoke") from error
        if not answer:
            raise self._death("during an invoke")
        if answer[0] != DONE:
            raise EngineError(answer[1:].decode(errors="replace"))
        return int.from_bytes(answer[1:], sys.byteorder)

    @property
    def has_hung_up(self) -> bool:
        """Whether `poll` saw the end of the socket, and not yet that of the process."""
        return self._hung_up is not None

    def _is_ending(self, until: float) -> bool:
        """Whether a process that closed its socket is to be waited for beyond `until`."""
        now = time.monotonic()
        self._hung_up = self._hung_up or now
        patience_s = self._hung_up + DEATH_S - now
        try:
            self._process.wait(max(0.0, min(until - now, patience_s)))
        except subprocess.TimeoutExpired:
            return time.monotonic() < self._hung_up + DEATH_S
        return False

    def _death(self, when: str) -> EngineError:
        """What to say of a process that closed its socket."""
        try:
            code = self._process.wait(0.0 if self.has_hung_up else DEATH_S)
        except subprocess.TimeoutExpired:
            return EngineError(f"the worker hung up {when}")
        if code < 0:
            self.signal = signal.Signals(-code)
            how = f"was killed by {self.signal.name}"
        else:
            how = f"ended with code {code}"
        last_words = self.chatter().strip().rsplit("\n", 1)[-1]
        return EngineError(f"the worker {how} {when}" + (f": {last_words}" if last_words else ""))

    def chatter(self) -> str:
        """What native code has written since the last call; read often, or the rest is lost."""
        try:
            return os.read(self._chatter, CHATTER_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def close(self) -> None:
        """Let the process end by itself, so that it gives its accelerator back, or else `kill` it.

        May be called twice, and after `kill`.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_S)
        self.kill()

    def leave(self, *, at_once: bool) -> None:
        """Have it end, and wait for nothing: `is_gone` tells when it has.

        Args:
            at_once: kill it. Otherwise it ends by itself, which gives its accelerator back in
                order, or is killed `FAREWELL_S` later.
        """
        self.models = ()  # the shared memory goes with the last of its views
        if at_once:
            self._process.kill()
        elif self._leaving is None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._leaving is None:
            self._leaving = time.monotonic()

    def is_gone(self) -> bool:
        """Whether it has ended, and everything of it is taken back. Waits for nothing.

        One in an uninterruptible driver call stays until that ends, whatever is done to it.
        """
        if self._process.poll() is None:
            if self._leaving is not None and time.monotonic() - self._leaving > FAREWELL_S:
                self._process.kill()
            return False
        self._resources.close()
        return True

    def strike(self) -> None:
        """End the process at once and nothing else: `invoke` fails. From any thread."""
        self._process.kill()

    def kill(self) -> None:
        """End the process at once and take everything of it back. May be called twice."""
        self.models = ()  # the shared memory goes with the last of its views
        self._resources.close()

    def _end_process(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # One in an uninterruptible driver call stays until that ends; Popen reaps it later.
            self._process.wait(1.0)
