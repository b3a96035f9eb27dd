"""The slot: the newest frame wins, and every frame is released exactly once."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock, Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edged.capture.slot import LatestFrame
from edged.types import Frame

PIXELS = np.zeros((1, 1, 3), np.uint8)


class Released:
    """Counts how often each frame is released."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.times: Counter[tuple[str, int]] = Counter()

    def frame(self, seq: int, name: str = "") -> Frame:
        """A frame that is counted when it is released."""

        def release() -> None:
            with self._lock:
                self.times[name, seq] += 1

        return Frame(PIXELS, seq, time.monotonic_ns(), 0.0, release, name)


def in_threads(*works: Callable[[], object]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@given(st.lists(st.sampled_from(["put", "take", "close"]), max_size=30))
def test_behaves_as_one_place_where_the_newest_wins(steps: list[str]) -> None:
    slot, released = LatestFrame(), Released()
    inside: int | None = None
    closed, dropped, gone = False, 0, 0
    for seq, step in enumerate(steps):
        if step == "put":
            slot.put(released.frame(seq))
            if closed:
                gone += 1
            else:
                dropped, inside = dropped + (inside is not None), seq
        elif step == "close":
            slot.close()
            closed = True
        elif inside is None and not closed:
            with pytest.raises(TimeoutError):
                slot.take(0)
        else:
            frame = slot.take(0)
            assert (frame.seq if frame else None) == inside
            inside = None
        assert (slot.dropped, slot.closed) == (dropped, closed)
        assert slot.wait_empty(0) == (inside is None)
        assert released.times.total() == dropped + gone


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(1, 200), min_size=1, max_size=3),
    readers=st.integers(1, 3),
)
def test_concurrent_writers_and_readers_lose_and_double_nothing(
    counts: list[int], readers: int
) -> None:
    released = Released()
    taken: list[list[tuple[str, int]]] = [[] for _ in range(readers)]

    def write(name: str, count: int) -> None:
        for seq in range(count):
            slot.put(released.frame(seq, name))

    def read(seen: list[tuple[str, int]]) -> None:
        while (frame := slot.take(10)) is not None:
            seen.append((frame.name, frame.seq))
            frame.release()

    with LatestFrame() as slot:
        reading = [Thread(target=read, args=(seen,)) for seen in taken]
        for thread in reading:
            thread.start()
        in_threads(*(lambda i=i, n=n: write(str(i), n) for i, n in enumerate(counts)))
        slot.close()
        for thread in reading:
            thread.join(10)
            assert not thread.is_alive()

    everything = {(str(i), seq): 1 for i, count in enumerate(counts) for seq in range(count)}
    assert released.times == everything
    assert slot.dropped + sum(map(len, taken)) == len(everything)
    for seen in taken:
        for writer in range(len(counts)):
            seqs = [seq for name, seq in seen if name == str(writer)]
            assert seqs == sorted(seqs)


def test_a_waiting_reader_wakes_at_once() -> None:
    delays_ms: list[float] = []

    def read() -> None:
        while (frame := slot.take(10)) is not None:
            delays_ms.append((time.monotonic_ns() - frame.sensor_ns) / 1e6)
            ready.put(frame)

    with LatestFrame() as slot, LatestFrame() as ready:
        reader = Thread(target=read)
        reader.start()
        for seq in range(50):
            slot.put(Released().frame(seq))
            assert ready.take(10) is not None
        slot.close()
        reader.join(10)
    assert len(delays_ms) == 50
    assert statistics.median(delays_ms) < 2


def test_a_writer_that_waits_for_room_wakes_at_once() -> None:
    taken_ns: list[int] = []

    def read() -> None:
        while slot.take(10) is not None:
            taken_ns.append(time.monotonic_ns())

    with LatestFrame() as slot:
        reader = Thread(target=read)
        reader.start()
        woken_ns = []
        for seq in range(50):
            slot.put(Released().frame(seq))
            assert slot.wait_empty(10)
            woken_ns.append(time.monotonic_ns())
        slot.close()
        reader.join(10)
    assert slot.dropped == 0
    pairs = zip(woken_ns, taken_ns, strict=True)
    assert statistics.median(woken - taken for woken, taken in pairs) < 2e6


def test_closing_wakes_everyone() -> None:
    with LatestFrame() as empty, LatestFrame() as full:
        full.put(Released().frame(0))
        results: list[object] = []
        waiters = [
            Thread(target=lambda: results.append(empty.take(10))),
            Thread(target=lambda: results.append(empty.take(10))),
            Thread(target=lambda: results.append(full.wait_empty(10))),
        ]
        for waiter in waiters:
            waiter.start()
        empty.close()
        full.close()
        for waiter in waiters:
            waiter.join(1)
            assert not waiter.is_alive()
    assert sorted(results, key=repr) == [False, None, None]


def test_a_frame_left_at_the_end_can_be_taken_and_is_else_released() -> None:
    released = Released()
    with LatestFrame() as slot:
        slot.put(released.frame(0))
        slot.close()
        frame = slot.take(0)
        assert frame is not None
        assert frame.seq == 0
        assert slot.take(0) is None
    with LatestFrame() as slot:
        slot.put(released.frame(1))
    assert released.times == {("", 1): 1}


def test_waiting_has_a_deadline() -> None:
    with LatestFrame() as slot:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            slot.take(0.05)
        assert 0.04 < time.monotonic() - began < 5
