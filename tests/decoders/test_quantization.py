"""Stored values to real ones."""

from __future__ import annotations

import numpy as np
import pytest

from edged.decoders.quantization import dequantize
from edged.errors import EngineError, ModelError


def test_integers_are_scaled_without_overflow() -> None:
    values = np.array([0, 128, 255], np.uint8)
    assert dequantize(values, 2.0, 128).tolist() == [-256.0, 0.0, 254.0]
    assert dequantize(np.array([-128, 127], np.int8), 0.5, 127).tolist() == [-127.5, 0.0]


def test_floats_stay_whatever_quantization_the_tensor_claims() -> None:
    values = np.array([0.25, 7.0], np.float32)
    assert dequantize(values, 0.0, 0) is values
    assert dequantize(values, 0.5, 3) is values


def test_integers_without_a_scale_are_refused() -> None:
    with pytest.raises(ModelError, match="uint8 without a quantization scale"):
        dequantize(np.zeros(3, np.uint8), 0.0, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_answer(bad: float) -> None:
    with pytest.raises(EngineError, match="not finite"):
        dequantize(np.array([0.5, bad], np.float32), 0.0, 0)
