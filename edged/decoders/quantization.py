"""From stored values to real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edged.errors import EngineError, ModelError


def dequantize(
    values: npt.NDArray[Any], scale: float, zero_point: int
) -> npt.NDArray[np.float32 | np.float64]:
    """The real values: scale * (value - zero_point) of integers, floats as they are.

    Floats are never scaled: some of Coral's models carry a quantization (0, 0) on float outputs.

    Args:
        values: any shape, int8, uint8, int16, int32 or a float type.
        scale: of the tensor, see `edged.types.TensorInfo`.
        zero_point: likewise.

    Raises:
        ModelError: integers without a scale mean nothing.
        EngineError: a value is not finite.
    """
    if values.dtype.kind in "iu":
        if scale == 0:
            raise ModelError(
                f"the model's output is {values.dtype} without a quantization scale: "
                "convert it again with a float or quantized output"
            )
        return scale * (values.astype(np.int64) - zero_point)
    if not np.isfinite(values).all():
        raise EngineError("the model answered with numbers that are not finite")
    return values
