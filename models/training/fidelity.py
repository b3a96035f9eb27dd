"""How near a quantized model's outputs are to those of the network that it was made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import Pixels
from models.training.networks import Network


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """Of one output, over all pictures."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    low: float
    high: float
    """Between which the network's own values lie."""
    max_error: float
    mean_error: float
    """Of the absolute differences."""
    snr_db: float | None
    """Signal to noise: 10 log10 of the sum of squares of values by that of differences. None:
    there is no difference, or nothing but 0."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Of a model."""

    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


class Converted:
    """A TensorFlow Lite model that runs on this machine's CPU, one picture at a time."""

    def __init__(self, model: bytes) -> None:
        """Raises `ModelError` when it cannot be run."""
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model cannot be run: {error}") from error
        (self._input,) = self._interpreter.get_input_details()
        self.outputs: list[dict[str, Any]] = self._interpreter.get_output_details()

    @property
    def input(self) -> Input:
        """What it takes."""
        scale, zero_point = self._input["quantization"]
        return Input(
            shape=tuple(int(size) for size in self._input["shape"]),
            dtype=np.dtype(self._input["dtype"]).name,
            scale=float(scale),
            zero_point=int(zero_point),
        )

    def invoke(self) -> None:
        """Run it on what it was given last."""
        self._interpreter.invoke()

    def ask(self, given: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """The outputs as they are stored, in the order of `outputs`; `given` has no batch."""
        self._interpreter.set_tensor(self._input["index"], given[None])
        self.invoke()
        return [self._interpreter.get_tensor(one["index"]) for one in self.outputs]


class _Sums:
    """Of the differences of one output."""

    def __init__(self) -> None:
        self.count = 0
        self.signal = self.noise = self.error = self.worst = 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, real: npt.NDArray[Any], found: npt.NDArray[Any]) -> None:
        real = real.astype(np.float64)
        apart = np.abs(found - real)
        self.count += real.size
        self.signal += float(np.square(real).sum())
        self.noise += float(np.square(apart).sum())
        self.error += float(apart.sum())
        self.worst = max(self.worst, float(apart.max()))
        self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))


def compare(network: Network, model: bytes, pictures: Pixels) -> list[Fidelity]:
    """Ask both about every picture.

    Args:
        network: the one in float.
        model: what was made from it.
        pictures: uint8 (pictures, height, width, 3).

    Raises:
        ModelError: the model cannot be run.
    """
    converted = Converted(model)
    names: list[str] = []
    sums = [_Sums() for _ in converted.outputs]
    for picture in pictures:
        real = network.ask(picture)
        names = list(real)
        stored = converted.ask(picture)
        for one, value, output, raw in zip(
            sums, real.values(), converted.outputs, stored, strict=True
        ):
            one.add(value, dequantize(raw, *output["quantization"]))
    return [
        _told(name, output, one)
        for name, output, one in zip(names, converted.outputs, sums, strict=True)
    ]


def _told(name: str, output: Mapping[str, Any], sums: _Sums) -> Fidelity:
    scale, zero_point = output["quantization"]
    return Fidelity(
        name=name,
        shape=tuple(int(size) for size in output["shape"]),
        dtype=np.dtype(output["dtype"]).name,
        scale=float(scale),
        zero_point=int(zero_point),
        low=sums.low,
        high=sums.high,
        max_error=sums.worst,
        mean_error=sums.error / sums.count,
        snr_db=10 * math.log10(sums.signal / sums.noise) if sums.signal and sums.noise else None,
    )
