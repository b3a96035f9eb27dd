"""Networks become TensorFlow Lite models: in full int8, or in float to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from edged.errors import ModelError
from edged.types import Pixels
from models.training.networks import Network, one_line

Output: TypeAlias = Literal["int8", "uint8", "float32"]

_LAST_LINES = ("error:", "not yet supported", "not supported")
"""Of what the converter writes, the line with one of these tells most."""


def to_int8(network: Network, pictures: Pixels, output: Output = "int8") -> bytes:
    """Quantize a network fully: every tensor int8, and uint8 in.

    Args:
        network: to convert.
        pictures: uint8 (pictures, height, width, 3); the ranges of all tensors are measured on
            them.
        output: int8 needs no further operator; uint8 and float32 are for programs that expect it.

    Raises:
        ModelError: the converter cannot do it.
    """
    import tensorflow as tf  # noqa: PLC0415 - takes seconds, and is an extra

    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(network, pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = {
        "int8": tf.int8,
        "uint8": tf.uint8,
        "float32": tf.float32,
    }[output]
    return _convert(converter)


def to_float(network: Network) -> bytes:
    """The network as it is: float32 in and out.

    Raises:
        ModelError: the converter cannot do it.
    """
    return _convert(_converter(network))


def _converter(network: Network) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    # Without what holds the variables: they become constants, and the outputs keep their order.
    return tf.lite.TFLiteConverter.from_concrete_functions([network.function])


def _representative(network: Network, pictures: Pixels) -> Iterator[list[Any]]:
    """As the converter wants them, each with the darkest and the brightest pixel there can be.

    So the input's range is that of the bytes, whatever is in the pictures, and a byte of a picture
    is a step of the quantization.
    """
    for picture in pictures:
        marked = picture.copy()
        marked[0, 0], marked[-1, -1] = 0, 255
        yield [network.normalization.outside(marked)[None]]


def _convert(converter: Any) -> bytes:
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises whatever comes up
        lines = str(error).splitlines()
        telling = [line for line in lines if any(word in line for word in _LAST_LINES)]
        told = one_line(RuntimeError(telling[0])) if telling else one_line(error)
        raise ModelError(f"TensorFlow's converter refuses it: {told}") from error
