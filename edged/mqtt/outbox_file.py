"""The outbox's file: events in the order of their hand-over, in SQLite.

A commit of events is on the disk when it returns (write-ahead log, synchronous=FULL: SQLite's own
way to outlive a power cut). What is deleted need not be: a deletion that a power cut takes back is
an event that is delivered twice, so it costs no fsync. Nothing is written but by `change` and, once
the log is 4 MB long, by the checkpoint that the commit makes. All in one thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from edged.errors import EdgedError
from edged.mqtt.events import Event, Stamp

APPLICATION_ID = 0x65646F62
"""`edob`: tells our file from any other SQLite database."""
SCHEMA = 1
"""Version of the table; a newer edged may have another one."""
KEPT_ASIDE = 5
"""Files of one kind that are moved aside before the last of them is replaced."""

_TABLE = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    wall REAL NOT NULL,
    boot TEXT NOT NULL,
    up_s REAL NOT NULL
) STRICT
"""
_FIELDS = 7
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WORDS = {
    sqlite3.SQLITE_FULL: "no space is left on the disk",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_BUSY: "another program uses it",
}


class OutboxError(EdgedError, OSError):
    """The file cannot be used now. Its text says why, without the file's name."""


class UnusableOutboxError(OutboxError):
    """The file has to make room for a new one."""

    def __init__(self, what: str, kind: str) -> None:
        """`kind` is part of the name that it gets: `corrupt` or `newer`."""
        super().__init__(what)
        self.kind = kind


class OutboxFile:
    """An open file, which no other process can open meanwhile."""

    def __init__(self, path: Path, *, after: int = 0) -> None:
        """Open or create it, with its folder, for nobody else to read.

        `after`: rows that are added get higher numbers.

        Raises:
            UnusableOutboxError: it is corrupt, or of a newer edged; see `move_aside`.
            OutboxError: it cannot be used, for now or at all.
        """
        with contextlib.ExitStack() as undo, _told():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _lock(path, undo)
            _create(path)
            # One thread opens, uses and closes it; where Python ends, another one may.
            database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            undo.callback(database.close)
            # A bit that fell over must cost its own event at most, not all that come after it.
            database.text_factory = lambda text: text.decode(errors="replace")
            self._database = database
            # Without the shared memory that several processes would need: the lock is ours.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check()
            database.execute("PRAGMA journal_mode = WAL")
            if not self._number("PRAGMA user_version"):
                self._write_schema()
            database.execute("PRAGMA cache_size = -1024")
            self.count = self._number("SELECT count(*) FROM events")
            """Rows in it."""
            self.last = max(after, self._number("SELECT coalesce(max(seq), 0) FROM events"))
            """The highest number of a row so far."""
            self._undo = undo.pop_all()

    def change(self, new: Sequence[Event], gone: Sequence[int]) -> list[int]:
        """Add events and delete rows, all or nothing; returns the new rows' numbers.

        New events are on the disk when this returns.

        Raises:
            OutboxError: nothing has changed.
        """
        rows = list(range(self.last + 1, self.last + 1 + len(new)))
        with _told():
            self._database.execute(f"PRAGMA synchronous = {'FULL' if new else 'NORMAL'}")
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        (row, *(event.id, event.topic, event.payload), *_columns(event.stamp))
                        for row, event in zip(rows, new, strict=True)
                    ),
                )
                deleted = self._database.executemany(
                    "DELETE FROM events WHERE seq = ?", ((row,) for row in gone)
                ).rowcount
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite may have done so itself
                    self._database.execute("ROLLBACK")
                raise
        self.last += len(new)
        self.count += len(new) - max(deleted, 0)
        return rows

    def read(self, after: int, limit: int, but: Sequence[str] = ()) -> list[Event]:
        """At most `limit` events of higher rows, in order; `but` those of some topics.

        Raises:
            OutboxError: it cannot be read.
        """
        holes = ", ".join("?" * len(but))
        with _told():
            return [
                Event(name, topic, payload, Stamp(wall, boot, up_s), row=row)
                for row, name, topic, payload, wall, boot, up_s in self._database.execute(
                    "SELECT seq, id, topic, payload, wall, boot, up_s FROM events "  # noqa: S608
                    f"WHERE seq > ? AND topic NOT IN ({holes}) ORDER BY seq LIMIT ?",
                    (after, *but, limit),
                )
            ]

    def oldest(self, limit: int) -> list[tuple[int, Stamp]]:
        """The first rows and when their events were handed over. Raises as `read`."""
        with _told():
            return [
                (row, Stamp(wall, boot, up_s))
                for row, wall, boot, up_s in self._database.execute(
                    "SELECT seq, wall, boot, up_s FROM events ORDER BY seq LIMIT ?", (limit,)
                )
            ]

    def close(self) -> None:
        """Let go of it; what is in the log goes into the file. May be called twice."""
        with contextlib.suppress(sqlite3.Error):
            self._undo.close()

    def _check(self) -> None:
        """See whether it is ours, before anything is changed in it."""
        number = self._number
        if number("PRAGMA application_id") == APPLICATION_ID:
            if number("PRAGMA user_version") != SCHEMA:
                raise UnusableOutboxError("it is of a newer edged", "newer")
            if number("SELECT count(*) FROM pragma_table_info('events')") != _FIELDS:
                raise UnusableOutboxError("its table is not what it should be", "corrupt")
        elif number("SELECT count(*) FROM sqlite_schema") or number("PRAGMA user_version"):
            raise OutboxError("it is a database of another program: name another [outbox] file")

    def _write_schema(self) -> None:
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute(_TABLE)
        self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._database.execute(f"PRAGMA user_version = {SCHEMA}")
        self._database.execute("COMMIT")

    def _number(self, query: str) -> int:
        (number,) = self._database.execute(query).fetchone()
        return int(number)


def move_aside(path: Path, kind: str) -> Path:
    """Rename the file and its log to `<name>.<kind>-<n>`; returns that.

    Raises:
        OutboxError: it cannot be renamed.
    """
    with contextlib.ExitStack() as undo, _told():
        _lock(path, undo)
        names = [path.with_name(f"{path.name}.{kind}-{n}") for n in range(1, KEPT_ASIDE + 1)]
        aside = next((name for name in names if not name.exists()), names[-1])
        for ending in ("-wal", ""):  # the file last: without it there is nothing to be repeated
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + ending).replace(aside.with_name(aside.name + ending))
        return aside


def _columns(stamp: Stamp) -> tuple[float, str, float]:
    return stamp.wall, stamp.boot, stamp.up_s


def _lock(path: Path, undo: contextlib.ExitStack) -> None:
    """Two processes must not move the file aside under each other's hands."""
    path = path.with_name(f"{path.name}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    undo.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutboxError(
            "another edged uses it: give each a [device] name or an [outbox] file of its own"
        ) from None


def _create(path: Path) -> None:
    """Have an empty file where there is none: SQLite would let others read it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OutboxError("it is no file")
        if not status.st_size:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        os.close(file)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise what SQLite and the system have to say as an `OutboxError`."""
    try:
        yield
    except OutboxError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF in _CORRUPT:
            raise UnusableOutboxError(f"it is corrupt ({error})", "corrupt") from error
        raise OutboxError(_WORDS.get(code & 0xFF, f"{error}")) from error
    except OSError as error:
        raise OutboxError((error.strerror or str(error)).lower()) from error
