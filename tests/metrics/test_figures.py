"""Times in buckets: every frame in one, and the buckets as Prometheus wants them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edged.metrics.figures import BOUNDS_S, Buckets

TIMES = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=1, max_side=50).map(lambda shape: (*shape, 2)),
    elements=st.floats(0, 10, width=32),
)


@given(st.lists(TIMES, max_size=3))
def test_every_frame_is_counted_once(batches: list[npt.NDArray[np.float32]]) -> None:
    buckets = Buckets(("capture", "age"))
    for batch in batches:
        buckets.add(batch)
    every = np.concatenate([np.zeros((0, 2), np.float32), *batches])
    for place, histogram in enumerate(buckets.histograms.values()):
        assert histogram.up_to[-1] == len(every)
        assert all(a <= b for a, b in pairwise(histogram.up_to))
        for bound, count in zip(BOUNDS_S, histogram.up_to, strict=False):
            assert count == int((every[:, place].astype(np.float64) <= bound).sum())
        assert np.isclose(histogram.sum_s, every[:, place].sum(dtype=np.float64))


def test_no_frame_is_no_time() -> None:
    buckets = Buckets(("age",))
    buckets.add(np.zeros((0, 1), np.float32))
    assert buckets.histograms["age"].up_to == (0,) * (len(BOUNDS_S) + 1)
    assert buckets.histograms["age"].sum_s == 0.0
