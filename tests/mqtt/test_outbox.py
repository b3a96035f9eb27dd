"""Events wait until they are acknowledged: over ends, full disks, broken and foreign files."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from brokers import until
from hypothesis import given
from hypothesis import strategies as st

from edged import sections
from edged.messages.device import OutboxHealth
from edged.mqtt.event_queue import WINDOW, EventQueue
from edged.mqtt.events import BOOT_ID, SETTLED_S, Calendar, Event, Stamp, age_s, now
from edged.mqtt.outbox import MEMORY, Outbox
from edged.mqtt.outbox_file import OutboxFile
from edged.mqtt.retry import Retry

SOON = Retry(first_s=0.02, most_s=0.05)
REP, SET = "edged/gym/event/rep", "edged/gym/event/set"
DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@contextmanager
def outbox_at(path: Path | None, *, grace_s: float = 0.0, **settings: Any) -> Iterator[Outbox]:
    outbox = Outbox(path, sections.Outbox(**settings), retry=SOON, grace_s=grace_s, hold_s=0.02)
    with closing(outbox):
        outbox.start()
        yield outbox


def put(outbox: Outbox, *numbers: int, topic: str = REP) -> None:
    for number in numbers:
        outbox.put(topic, str(number), b"%d" % number)


def take(outbox: Outbox, taker: object, count: int) -> list[Event]:
    """So many events, waited for; they are in flight then."""
    taken: list[Event] = []

    def is_there() -> bool:
        event = outbox.take(taker)
        if event is not None:
            taken.append(event)
        return len(taken) >= count

    until(is_there, f"{count} events")
    return taken


def deliver(outbox: Outbox, count: int) -> list[int]:
    """Take so many events by a connection of their own, and acknowledge each."""
    taker = object()
    outbox.attach(taker, lambda: None)
    numbers = []
    for _ in range(count):
        (event,) = take(outbox, taker, 1)
        numbers.append(int(event.id))
        outbox.answered(event, None)
    outbox.detach(taker)
    return numbers


def depth(outbox: Outbox) -> int:
    return outbox.health.depth


def ids_in(path: Path) -> list[int]:
    """What a file holds, once nobody has it open."""
    with closing(OutboxFile(path)) as file:
        return [int(event.id) for event in file.read(0, 1_000_000)]


def written(outbox: Outbox) -> None:
    until(lambda: not (outbox._queue.tail or outbox._queue.is_unread), "all is in the file")


# In order, until they are acknowledged


def test_events_come_in_order_and_over_an_end(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(200))
        assert deliver(outbox, 50) == list(range(50))
    with outbox_at(path) as outbox:
        put(outbox, *range(200, 300))
        assert deliver(outbox, 250) == list(range(50, 300))
        assert depth(outbox) == 0
    assert ids_in(path) == []


def test_what_is_not_acknowledged_is_sent_again_in_the_same_order(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(30))
        first = object()
        outbox.attach(first, lambda: None)
        taken = take(outbox, first, WINDOW)
        assert outbox.take(first) is None, "no more than the window"
        outbox.answered(taken[0], None)
        second = object()
        outbox.attach(second, lambda: None)
        assert outbox.take(first) is None, "the old connection gets nothing more"
        outbox.detach(second)
        assert deliver(outbox, 29) == list(range(1, 30))


def test_a_reconnect_makes_no_difference_to_a_thousand_that_wait_on_the_disk(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(900))
        numbers = [number for _ in range(9) for number in deliver(outbox, 100)]
    assert numbers == list(range(900))


@given(st.lists(st.sampled_from(["put", "take", "ack", "refuse", "land", "release"]), max_size=80))
def test_in_memory_no_event_is_lost_or_comes_before_its_time(steps: list[str]) -> None:
    queue = EventQueue(is_unread=False)
    flying: list[Event] = []
    delivered: list[int] = []
    count = 0
    was_refused = False
    for step in steps:
        if step == "put":
            queue.put(Event(str(count), REP, b"", now()), MEMORY)
            count += 1
        elif step == "take" and (event := queue.take()) is not None:
            flying.append(event)
        elif step == "ack" and flying:
            event = flying.pop(0)
            queue.delivered(event)
            delivered.append(int(event.id))
        elif step == "refuse" and flying:
            queue.refused(flying.pop(), 0.0)
            was_refused = True
        elif step == "land":
            queue.land()
            flying.clear()
        elif step == "release":
            queue.release(queue.held, from_file=False)
    assert queue.depth == count - len(delivered)
    queue.land()
    queue.release(queue.held, from_file=False)
    while (event := queue.take()) is not None:
        queue.delivered(event)
        delivered.append(int(event.id))
    assert sorted(delivered) == list(range(count))
    if not was_refused:
        assert delivered == list(range(count))


# What a broker refuses


def test_a_refused_event_is_kept_and_offered_again_while_other_topics_go_on(path: Path) -> None:
    with outbox_at(path) as outbox:
        outbox._hold_s = 3600.0
        put(outbox, 0, 1, topic=SET)
        put(outbox, 2, 3)
        taker = object()
        outbox.attach(taker, lambda: None)
        refused = take(outbox, taker, 1)[0]
        outbox.answered(refused, "not authorized")
        put(outbox, 4, topic=SET)
        put(outbox, 5)
        others = take(outbox, taker, 3)
        assert [int(event.id) for event in others] == [2, 3, 5]
        for event in others:
            outbox.answered(event, None)
        assert depth(outbox) == 3
        assert deliver(outbox, 3) == [0, 1, 4], "a new connection is asked at once"


def test_a_refused_topic_is_offered_again_after_a_while(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(5))
        taker = object()
        outbox.attach(taker, lambda: None)
        for _ in range(3):
            (event,) = take(outbox, taker, 1)
            assert event.id == "0"
            outbox.answered(event, "quota exceeded")
        assert [int(event.id) for event in take(outbox, taker, 5)] == list(range(5))


# Bounds


def test_the_oldest_go_when_there_are_too_many(path: Path) -> None:
    with outbox_at(path, max_events=100) as outbox:
        put(outbox, *range(250))
        until(lambda: depth(outbox) == 100, "the bound")
        assert outbox.dropped == 150
        assert deliver(outbox, 100) == list(range(150, 250))


def test_what_is_on_its_way_is_not_dropped(path: Path) -> None:
    with outbox_at(path, max_events=20) as outbox:
        put(outbox, *range(20))
        taker = object()
        outbox.attach(taker, lambda: None)
        flying = take(outbox, taker, WINDOW)
        put(outbox, *range(20, 40))
        until(lambda: outbox.dropped == 20, "the bound")
        for event in flying:
            outbox.answered(event, None)
        assert depth(outbox) == 10
        assert deliver(outbox, 10) == list(range(30, 40))


def test_memory_alone_is_bounded_too() -> None:
    with outbox_at(None) as outbox:
        put(outbox, *range(MEMORY + 10))
        assert (depth(outbox), outbox.dropped) == (MEMORY, 10)
        assert deliver(outbox, MEMORY) == list(range(10, MEMORY + 10))


def test_the_too_old_go(path: Path) -> None:
    with outbox_at(path, max_days=1.0) as outbox:
        this = now()
        old = Stamp(this.wall - 2 * DAY_S, this.boot, this.up_s - 2 * DAY_S)
        with outbox._changed:
            outbox._queue.put(Event("0", REP, b"0", old), MEMORY)
        put(outbox, 1)
        until(lambda: outbox.dropped == 1, "the old one is dropped")
        assert deliver(outbox, 1) == [1]


def stamp(wall: float, up_s: float, boot: str = "this") -> Stamp:
    return Stamp(wall, boot, up_s)


def test_a_clock_that_is_set_makes_no_event_old() -> None:
    calendar = Calendar(stamp(0.0, 10.0))
    event = stamp(5.0, 15.0)
    after = stamp(60 * DAY_S, 20.0)
    calendar.look(after)
    assert age_s(event, after) == 5.0
    assert not calendar.is_past(event, after, 30 * DAY_S)


def test_an_earlier_boot_is_judged_by_a_wall_clock_that_has_settled() -> None:
    calendar = Calendar(stamp(0.0, 10.0))
    event = stamp(0.0, 100.0, "earlier")
    for up_s, is_past in ((20.0, False), (10.0 + SETTLED_S, False), (40.0 + SETTLED_S, True)):
        at = stamp(60 * DAY_S + up_s, up_s)
        calendar.look(at)
        assert calendar.is_past(event, at, 30 * DAY_S) is is_past


def test_a_clock_behind_makes_nobody_younger_than_new() -> None:
    assert age_s(stamp(1000.0, 1.0, "earlier"), stamp(10.0, 5.0)) == 0.0
    assert BOOT_ID.exists()
    assert now().boot


# No write without an event


def test_what_the_broker_takes_at_once_is_never_written(path: Path) -> None:
    with outbox_at(path, grace_s=3600.0) as outbox:
        written(outbox)
        taker = object()
        outbox.attach(taker, lambda: None)
        put(outbox, *range(100))
        for _ in range(100):
            (event,) = take(outbox, taker, 1)
            outbox.answered(event, None)
        assert path.with_name(path.name + "-wal").stat().st_size == wal_of_an_empty_one(path)
        outbox.detach(taker)
        put(outbox, 100)
        until(lambda: len(outbox._queue.tail) == 0, "without a broker it is written at once")


def wal_of_an_empty_one(path: Path) -> int:
    other = path.with_name("other.sqlite")
    with closing(OutboxFile(other)):
        return other.with_name(other.name + "-wal").stat().st_size


def test_nothing_is_done_without_an_event(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(10))
        written(outbox)
        deliver(outbox, 5)
        until(lambda: not outbox._queue.gone, "they are deleted")
        with outbox._changed:
            assert outbox._due_s() is None, "the thread sleeps until somebody wakes it"


# SIGKILL

WRITER = """
import os, sys, time
from pathlib import Path
from edged import sections
from edged.mqtt.outbox import Outbox
from edged.mqtt.outbox_file import OutboxFile
commit = OutboxFile.change
def change(file, new, gone):
    rows = commit(file, new, gone)
    os.write(1, b"".join(b"+%s\\n" % event.id.encode() for event in new))
    return rows
OutboxFile.change = change
outbox = Outbox(Path(sys.argv[1]), sections.Outbox())
outbox.start()
taker = object()
outbox.attach(taker, lambda: None)
n = int(sys.argv[2])
while True:
    while len(outbox._queue.tail) > 500:
        time.sleep(0.001)  # more than memory takes would be dropped
    outbox.put("t", str(n), b"x" * 300)
    n += 1
    event = outbox.take(taker)
    if event is not None and n % 3 == 0:
        os.write(1, b"-%s\\n" % event.id.encode())  # first: it may be deleted from now on
        outbox.answered(event, None)
    if n % 50 == 0:
        outbox.attach(taker, lambda: None)
"""


def test_sigkill_at_any_instruction_loses_nothing_that_was_committed(path: Path) -> None:
    committed: set[int] = set()
    acknowledged: set[int] = set()
    for run in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(run * 1_000_000)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        while lines[-1][:1] != b"+":
            lines.append(child.stdout.readline())
        time.sleep(0.003 * run)  # a moment that nobody chose
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        child.stdout.close()
        child.wait()
        for line in lines:
            if line.endswith(b"\n"):
                (committed if line[:1] == b"+" else acknowledged).add(int(line[1:]))
        kept = ids_in(path)
        assert kept == sorted(kept)
        assert committed - acknowledged <= set(kept)
        assert not committed.isdisjoint(range(run * 1_000_000, (run + 1) * 1_000_000))


# A disk that is full, a file that is broken, foreign, newer, or in use


def test_a_full_disk_costs_no_event_and_is_told(path: Path) -> None:
    told: list[str | None] = []
    outbox = Outbox(path, sections.Outbox(), retry=SOON, grace_s=0.0)
    outbox._on_change = lambda: told.append(outbox.problem)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(outbox):
        outbox.start()
        put(outbox, 0)
        until(lambda: not outbox._queue.tail, "the first is written")
        # A page and less than its frame: SQLite may begin its log anew, where there was room.
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            put(outbox, *range(1, 20))
            until(lambda: outbox.problem is not None, "a problem")
            assert str(path) in str(outbox.problem)
            assert "wait in memory" in str(outbox.problem)
            assert deliver(outbox, 10) == list(range(10)), "events go on"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        until(lambda: outbox.problem is None, "the problem is over")
        written(outbox)
        assert told[-1] is None
    assert ids_in(path) == list(range(10, 20))


def test_no_space_is_told_in_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = OutboxFile._check

    def small(file: OutboxFile) -> None:
        plain(file)
        file._database.execute("PRAGMA max_page_count = 8")  # SQLITE_FULL, as by ENOSPC

    monkeypatch.setattr(OutboxFile, "_check", small)
    with outbox_at(path) as outbox:
        outbox.put(REP, "0", b"x" * 50_000)
        until(lambda: "no space is left on the disk" in str(outbox.problem), "a problem")
        monkeypatch.undo()
        until(lambda: outbox.problem is None, "space again")
    assert ids_in(path) == [0]


@pytest.mark.parametrize("break_it", [lambda _: b"no database" * 400, lambda data: data[:4200]])
def test_a_corrupt_file_is_moved_aside_and_told(
    path: Path, break_it: Callable[[bytes], bytes]
) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(300))
    path.write_bytes(break_it(path.read_bytes()))
    for aside in ("outbox.sqlite.corrupt-1", "outbox.sqlite.corrupt-2"):
        with outbox_at(path) as outbox:
            put(outbox, 1000)
            until(partial(moved, outbox, aside), "a problem")
            assert path.with_name(aside).exists()
            assert deliver(outbox, 1) == [1000]
        path.write_bytes(b"no database either" * 500)


def moved(outbox: Outbox, aside: str) -> bool:
    return f"is now {aside}" in str(outbox.problem)


def test_what_memory_knows_of_a_file_that_breaks_is_written_anew(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, *range(40))
        written(outbox)
        with outbox._changed:
            assert outbox._queue.lose_file() == 0
        put(outbox, 40)
        written(outbox)
        assert deliver(outbox, 41) == list(range(41))


def test_a_file_of_a_newer_edged_is_kept_for_it(path: Path) -> None:
    with outbox_at(path) as outbox:
        put(outbox, 0)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 7")
    with outbox_at(path) as outbox:
        put(outbox, 1)
        until(lambda: "of a newer edged" in str(outbox.problem), "a problem")
    assert ids_in(path) == [1]
    with closing(sqlite3.connect(path.with_name("outbox.sqlite.newer-1"))) as database:
        assert database.execute("SELECT id FROM events").fetchall() == [("0",)]


def test_the_file_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (a)")
        database.commit()
    before = path.read_bytes()
    with outbox_at(path) as outbox:
        put(outbox, 0)
        until(lambda: "of another program" in str(outbox.problem), "a problem")
        assert deliver(outbox, 1) == [0], "memory serves"
    assert path.read_bytes() == before


def test_two_of_one_name_do_not_share_a_file(path: Path) -> None:
    with outbox_at(path) as second, outbox_at(path) as first:
        until(lambda: bool(first.problem) != bool(second.problem), "one of them has it")
        loser, winner = (first, second) if first.problem else (second, first)
        assert "another edged uses it" in str(loser.problem)
        winner.close()
        until(lambda: loser.problem is None, "it is free")


def test_nobody_else_can_read_it(path: Path) -> None:
    mask = os.umask(0)
    try:
        with outbox_at(path) as outbox:
            put(outbox, 0)
            until(lambda: not outbox._queue.tail, "it is written")
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(mask)
    assert modes == {
        "outbox.sqlite": 0o600,
        "outbox.sqlite-wal": 0o600,
        "outbox.sqlite.lock": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_health_tells_how_many_wait_and_how_long(path: Path) -> None:
    with outbox_at(path) as outbox:
        assert outbox.health == OutboxHealth()
        put(outbox, 0, 1)
        waiting = outbox.health
        assert waiting.depth == 2
        assert waiting.oldest_s is not None
        deliver(outbox, 2)
        assert outbox.health == OutboxHealth()


def test_what_comes_after_the_end_is_counted(path: Path) -> None:
    with outbox_at(path) as outbox:
        outbox.close()
        put(outbox, 0)
        assert outbox.dropped == 1
