"""The network: plain 3x3 convolutions, few channels, one output. Made for int8.

Plain convolutions, not the separable ones of MobileNet: with so few channels they are both faster
to train on a CPU and faster to invoke in int8, on XNNPACK as on the Edge TPU (Xiong et al.,
"MobileDets", CVPR 2021, found the same for phones). The model card has what was measured.

Every operator is one that the Edge TPU compiler takes: Conv2D, Add, ResizeNearestNeighbor, ReLU6.
"""

from __future__ import annotations

from typing import Any, Protocol

import keras
import tensorflow as tf
from keras import layers

from edged.decoders.heatmaps import CHANNELS
from models.training.plan import Shape


class Mix(Protocol):
    """Layers that mix a cell with its neighbours, with all channels, and end in ReLU6."""

    def __call__(self, x: Any, channels: int, *, stride: int = 1) -> Any:
        """As many channels, at 1/stride of the rows and columns."""


@keras.saving.register_keras_serializable("edged")
class Double(layers.Layer):  # type: ignore[misc, name-defined, unused-ignore]
    """Each cell becomes four.

    As Keras' UpSampling2D does, but without `half_pixel_centers`, which makes no difference to
    this and is an operator that Edge TPU compilers refuse (google-coral/edgetpu #187).
    """

    def call(self, cells: Any) -> Any:
        """(batch, rows, columns, channels) to twice as many rows and columns."""
        # Constants where the size is fixed: the Edge TPU compiler wants no computed shapes.
        sizes = cells.shape[1:3]
        size = tf.shape(cells)[1:3] * 2 if None in sizes else tuple(2 * one for one in sizes)
        return tf.raw_ops.ResizeNearestNeighbor(
            images=cells, size=size, align_corners=False, half_pixel_centers=False
        )


def convolve(x: Any, channels: int, *, stride: int = 1) -> Any:
    """A plain convolution with the eight neighbours."""
    return normalized(layers.Conv2D(channels, 3, stride, padding="same", use_bias=False)(x))


def project(x: Any, channels: int) -> Any:
    """Another number of channels, each cell by itself."""
    return normalized(layers.Conv2D(channels, 1, use_bias=False)(x))


def normalized(x: Any) -> Any:
    """Over the batch, which the converter folds into the convolution before it; and ReLU6."""
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.97)(x))


def build(shape: Shape, *, any_size: bool = False, mix: Mix = convolve) -> Any:
    """A Keras model: float (batch, size, size, 3) in 0..1 to (batch, rows, columns, 51).

    The answer is linear: the decoder cuts it to what makes sense. The weights are the same for
    every size; `any_size` makes a network that takes them all, to train with. `mix` is for
    comparisons.
    """
    size = None if any_size else shape.size
    picture = layers.Input((size, size, 3), name="picture")
    x = convolve(picture, shape.stem, stride=2)
    levels = []
    for channels, count in zip(shape.channels, shape.convolutions, strict=True):
        x = mix(x, channels, stride=2)
        for _ in range(count - 1):
            x = layers.Add()([x, mix(x, channels)])
        levels.append(x)
    _, eighth, sixteenth, x = levels
    x = project(x, shape.pyramid)
    for level in (sixteenth, eighth):
        x = layers.Add()([Double()(x), project(level, shape.pyramid)])
        x = mix(x, shape.pyramid)
    answer = layers.Conv2D(CHANNELS, 1, name="heatmaps")(x)
    return keras.Model(picture, answer, name="athlete_pose")
