"""What else the network could be made of, and what that would cost. Measured, not trained.

Invoke times, sizes and training speed do not depend on the weights. How accurate the others would
be is not known: each would have to be trained as long.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
from keras import layers

from edged.types import Pixels
from models.training.convert import to_int8
from models.training.facts import Alternative
from models.training.frames import Batch
from models.training.judge import invoke_ms
from models.training.network import Mix, build, convolve, normalized, project
from models.training.networks import Normalization, of_keras
from models.training.operators import operators
from models.training.plan import Plan, Shape, grid
from models.training.targets import encode
from models.training.train import Trainer

_PICTURES = 12
"""Of noise, to quantize with."""
_STEPS = 6
"""To measure the training by, after one that builds it."""


def separable(x: Any, channels: int, *, stride: int = 1) -> Any:
    """MobileNet V1's: each channel with its neighbours, then all channels of a cell."""
    x = normalized(layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x))
    return project(x, channels)


def inverted(x: Any, channels: int, *, stride: int = 1) -> Any:
    """MobileNet V2's: like that, between three times as many channels."""
    x = project(x, 3 * x.shape[-1])
    x = normalized(layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x))
    return project(x, channels)


def fused(x: Any, channels: int, *, stride: int = 1) -> Any:
    """MobileDets': a plain convolution to twice as many channels, and back."""
    return project(convolve(x, 2 * x.shape[-1], stride=stride), channels)


_MIXES: tuple[tuple[str, Mix], ...] = (
    ("plain 3x3 convolutions (this network)", convolve),
    ("depthwise separable, as MobileNet V1", separable),
    ("inverted bottlenecks x3, as MobileNet V2", inverted),
    ("fused bottlenecks x2, as MobileDets", fused),
)
_SIZES = (128, 160, 192, 224)
"""Of this network; its own is among the kinds."""


def measure(shape: Shape) -> list[Alternative]:
    """Build each, quantize it, run it; some minutes."""
    kinds = [(name, shape, mix) for name, mix in _MIXES]
    kinds += [
        (_MIXES[0][0], dataclasses.replace(shape, size=size), convolve)
        for size in _SIZES
        if size != shape.size
    ]
    made = [_quantized(one, mix) for _, one, mix in kinds]
    times = invoke_ms({str(place): model for place, model in enumerate(made)})
    return [
        Alternative(
            name=name,
            size=one.size,
            million_macs=macs(model) / 1e6,
            bytes=len(model),
            invoke_ms=times[str(place)],
            pictures_per_s=_training_speed(one, mix) if one == shape else None,
        )
        for place, ((name, one, mix), model) in enumerate(zip(kinds, made, strict=True))
    ]


def macs(model: bytes) -> int:
    """Multiplications of one invoke of a model: those of its convolutions."""
    total = 0
    for one in operators(model):
        weights = one.inputs[1] if len(one.inputs) > 1 else None
        if weights is not None and one.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            _, rows, columns, channels = weights.shape
            deep = channels if one.name == "CONV_2D" else 1
            total += math.prod(one.outputs[0].shape) * rows * columns * deep
    return total


def _noise(count: int, size: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, size, size, 3), np.uint8)


def _quantized(shape: Shape, mix: Mix) -> bytes:
    model = build(shape, mix=mix)
    network = of_keras(model, Normalization(), model.name)
    return to_int8(network, _noise(_PICTURES, shape.size))


def _training_speed(shape: Shape, mix: Mix) -> float:
    plan = Plan()
    trainer = Trainer(shape, plan, mix)
    nobody = np.zeros((plan.batch, 17, 2), np.float32), np.zeros((plan.batch, 17), np.uint8)
    lesson = Batch(_noise(plan.batch, shape.size), encode(*nobody, grid(shape.size)))
    trainer.learn(lesson)
    began = time.monotonic()
    for _ in range(_STEPS):
        trainer.learn(lesson)
    return plan.batch * _STEPS / (time.monotonic() - began)
