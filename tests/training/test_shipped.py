"""The model that comes with edged keeps what its card and the catalog promise."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edged.inference import catalog
from edged.inference.catalog import Entry
from models.training.facts import OURS
from models.training.judge import Judged, empty_rooms, judge
from models.training.operators import Operator, operators, refusals

ENTRY: Entry = catalog.bundled()[OURS]
PATH = Path(ENTRY.file.address)


@pytest.fixture(scope="module")
def found() -> list[Operator]:
    return operators(PATH.read_bytes())


def test_it_is_the_first_of_the_catalog_and_the_file_that_is_meant() -> None:
    assert next(iter(catalog.bundled())) == OURS
    assert ENTRY.file.shipped
    assert ENTRY.licence == "Apache-2.0"
    assert catalog.has_content(PATH, ENTRY.file)


def test_it_is_small() -> None:
    assert PATH.stat().st_size == ENTRY.file.bytes
    assert PATH.stat().st_size <= 1_000_000


def test_it_has_only_operators_that_the_edge_tpu_takes(found: list[Operator]) -> None:
    assert refusals(found) == []


def test_all_sizes_are_fixed_and_it_takes_bytes(found: list[Operator]) -> None:
    tensors = [one for each in found for one in (*each.inputs, *each.outputs) if one is not None]
    assert not any(one.dynamic for one in tensors)
    picture = found[0].inputs[0]
    assert picture is not None
    assert picture.shape == (1, ENTRY.height, ENTRY.width, 3)
    assert picture.dtype == "UINT8"
    assert found[-1].outputs[0].shape == (1, ENTRY.height // 8, ENTRY.width // 8, 51)
    assert Counter(one.dtype for one in found[-1].outputs) == {"INT8": 1}


def test_the_card_is_of_this_file() -> None:
    card = PATH.with_suffix(".md").read_text(encoding="utf-8")
    assert f"sha256 `{ENTRY.file.sha256}`" in card
    assert f"{ENTRY.file.bytes:,} bytes" in card


def test_it_finds_people_and_nobody_where_nobody_is() -> None:
    told = judge({OURS: catalog.resolve(OURS, [])}, frames=27, rooms=5)[OURS]
    assert told.reports[1].oks > 0.8
    assert told.reports[1].pck > 0.9
    assert told.reports[1].frames == 27
    assert told.lost == 0
    assert told.ghosts <= 0.2


def test_a_black_frame_shows_nobody() -> None:
    (frame,) = empty_rooms(1)
    noise = np.random.default_rng(1).integers(0, 256, frame.pixels.shape, np.uint8)
    with Judged(catalog.resolve(OURS, [])) as ours:
        for pixels in (np.zeros_like(noise), noise):
            frame.pixels[:] = pixels
            assert ours.score(frame) < 0.25
