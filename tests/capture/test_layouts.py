"""Pictures as they lie in memory become RGB, whatever the padding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.capture.layouts import Layout
from edged.errors import SourceError
from edged.types import Pixels

PLANES = {"NV12": cv2.COLOR_YUV2RGB_NV12, "YUV420": cv2.COLOR_YUV2RGB_I420}


@given(width=st.integers(1, 20), height=st.integers(1, 20), padding=st.integers(0, 70))
def test_rgb_is_seen_where_it_lies(width: int, height: int, padding: int) -> None:
    layout = Layout("BGR888", width, height, width * 3 + padding)
    memory = np.random.default_rng(1).integers(0, 256, layout.size, np.uint8)
    rows = layout.rows(memory)
    assert layout.is_rgb
    assert np.shares_memory(rows, memory)
    expected = memory.reshape(height, -1)[:, : width * 3].reshape(height, width, 3)
    assert np.array_equal(rows, expected)
    whole_rows = memory[: layout.size - padding]  # the last row has no padding
    assert np.array_equal(layout.rows(whole_rows), expected)


@pytest.mark.parametrize("name", PLANES)
@given(width=st.integers(1, 10), height=st.integers(1, 10), padding=st.integers(0, 40))
def test_planes_are_decoded_in_one_pass_with_their_padding(
    name: str, width: int, height: int, padding: int
) -> None:
    width, height, stride = width * 2, height * 2, width * 2 + padding * 2
    tight = np.random.default_rng(2).integers(0, 256, (height * 3 // 2, width), np.uint8)
    memory = np.zeros((height * 3 // 2, stride), np.uint8)
    if name == "NV12":
        memory[:, :width] = tight
    else:
        memory[:height, :width] = tight[:height]
        halves = memory[height:].reshape(-1, stride // 2)
        halves[:, : width // 2] = tight[height:].reshape(-1, width // 2)
    layout = Layout(name, width, height, stride)
    out: Pixels = np.empty(layout.decoded, np.uint8)
    picture = layout.decode(layout.rows(memory.reshape(-1)), out)
    assert np.shares_memory(picture, out)
    assert np.array_equal(picture, cv2.cvtColor(tight, PLANES[name]))


def test_what_nobody_can_read_is_told() -> None:
    with pytest.raises(SourceError, match=r"MJPEG only.*/dev/video0"):
        Layout("MJPEG", 640, 480, 0)
    with pytest.raises(SourceError, match="cannot be"):
        Layout("BGR888", 640, 480, 640)
    with pytest.raises(SourceError, match="cannot be"):
        Layout("NV12", 640, 479, 640)
