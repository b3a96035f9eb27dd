"""MoveNet, single pose: its output to keypoints.

https://www.tensorflow.org/hub/tutorials/movenet describes the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edged.decoders.people import COORDINATE_LIMITS
from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import Keypoints


def decode(output: npt.NDArray[Any], scale: float = 0.0, zero_point: int = 0) -> Keypoints:
    """The keypoints, in 0..1 of the model's input; a little outside is possible.

    Args:
        output: (1, 1, 17, 3): y, x, score.
        scale: of the output's quantization; 0 where it is float.
        zero_point: likewise.

    Raises:
        ModelError: the output has another shape, or integers without a scale.
        EngineError: a value is not finite.
    """
    if output.shape != (1, 1, 17, 3):
        raise ModelError(f"MoveNet answers with [1, 1, 17, 3], not {list(output.shape)}")
    real = dequantize(output, scale, zero_point)[0, 0]
    keypoints = np.empty((17, 3), np.float32)
    np.clip(real[:, 1::-1], *COORDINATE_LIMITS, out=keypoints[:, :2], casting="same_kind")
    np.clip(real[:, 2], 0.0, 1.0, out=keypoints[:, 2], casting="same_kind")
    return keypoints
