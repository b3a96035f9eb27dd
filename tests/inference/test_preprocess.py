"""A frame becomes an input of any layout and type, the same pixels in each."""

from __future__ import annotations

from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edged.inference import geometry
from edged.inference.preprocess import Layout, Preprocessor
from edged.types import Pixels

SIZE = (48, 32)
LAYOUTS: list[Layout] = ["nhwc", "nchw"]
SHIFTED: npt.NDArray[Any] = (np.arange(256) - 128).astype(np.int8)
REAL: npt.NDArray[Any] = np.linspace(-1, 1, 256, dtype=np.float32)
OF_CHANNELS: npt.NDArray[Any] = np.stack([REAL, REAL / 2, REAL + 9], axis=1)
TABLES = {"bytes": None, "int8": SHIFTED, "float": REAL, "channels": OF_CHANNELS}


@pytest.fixture(scope="module")
def frame() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def expected(plan: geometry.Plan, frame: Pixels, table: npt.NDArray[Any] | None) -> Any:
    picture = geometry.blank(SIZE)
    geometry.fill(plan, frame, picture)
    if table is None:
        return picture
    columns = np.broadcast_to(table.reshape(256, -1), (256, 3))
    return np.stack([columns[picture[:, :, i], i] for i in range(3)], axis=-1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", TABLES)
def test_each_byte_becomes_its_entry_of_the_table_in_its_place(
    frame: Pixels, name: str, layout: Layout
) -> None:
    table = TABLES[name]
    plan = geometry.letterbox((128, 96), SIZE)
    wanted = expected(plan, frame, table)
    if layout == "nchw":
        wanted = wanted.transpose(2, 0, 1)
    memory = SharedMemory(create=True, size=wanted.nbytes)
    try:
        out: npt.NDArray[Any] = np.ndarray(wanted.shape, wanted.dtype, buffer=memory.buf)
        preprocessor = Preprocessor(SIZE, table, layout)
        for _ in range(2):
            out[...] = 77
            preprocessor.write(plan, frame, out)
            assert (out == wanted).all()
        del out
    finally:
        memory.close()
        memory.unlink()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_of_another_size_than_planned_is_refused(frame: Pixels, layout: Layout) -> None:
    plan = geometry.stretch((640, 480), SIZE)
    shape = (32, 48, 3) if layout == "nhwc" else (3, 32, 48)
    with pytest.raises(ValueError, match="planned"):
        Preprocessor(SIZE, None, layout).write(plan, frame, np.zeros(shape, np.uint8))
