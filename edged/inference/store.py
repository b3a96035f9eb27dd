"""The models on this machine against the catalog: what is here, whether it is right; pull, remove.

A file gets its name when it is whole and its checksum is the catalog's, never before. Until then it
is `NAME.part`, which a later pull continues.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import io
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edged.errors import DownloadError, EdgedError, ModelError, UnreachableError
from edged.inference.catalog import Entry, File, copies, find, has_content, holds
from edged.inference.download import FetchError, Patience, Watcher, fetch

_PATIENCE = Patience()


class State(enum.StrEnum):
    """How a file is, by the catalog."""

    RIGHT = "right"
    UNCHECKED = "unchecked"
    """The catalog has no checksum of it."""
    MISSING = "missing"
    TRUNCATED = "truncated"
    WRONG = "wrong"
    UNREADABLE = "unreadable"


FINE = {State.RIGHT, State.UNCHECKED}


def state(path: Path, file: File) -> State:
    """How a file is, by its size and content."""
    if flaw := flaw_by_size(path, file):
        return flaw
    if not is_checkable(file):
        return State.UNCHECKED
    try:
        return State.RIGHT if has_content(path, file) else State.WRONG
    except ModelError:
        return State.UNREADABLE


def flaw_by_size(path: Path, file: File) -> State | None:
    """What is wrong with a file as far as its size tells, which costs nothing."""
    try:
        size = path.stat().st_size
    except OSError:
        return State.MISSING
    if file.bytes is None or size == file.bytes:
        return None
    return State.TRUNCATED if size < file.bytes else State.WRONG


def is_checkable(file: File) -> bool:
    """Whether the catalog has a checksum."""
    return file.sha256 is not None or file.blob is not None


def part_of(path: Path) -> Path:
    """Where the beginning of a file is kept."""
    return path.with_name(f"{path.name}.part")


def pull(
    file: File,
    directory: Path,
    mirrors: Sequence[str],
    watcher: Watcher,
    patience: Patience = _PATIENCE,
) -> None:
    """Download a file, go on with what is here of it, check it, and give it its name.

    Several may pull the same file at once: one does, and the others wait for it.

    Args:
        file: of the catalog.
        directory: gets it; is made when it is not there.
        mirrors: addresses that end with a slash, asked before the file's own.
        watcher: is told how it goes.
        patience: with each address.

    Raises:
        UnreachableError: no address answers.
        DownloadError: no address has the right file.
        EdgedError: the directory cannot take it.
    """
    path = directory / file.name
    addresses = [mirror + urllib.parse.quote(file.path) for mirror in mirrors]
    if file.address:
        addresses.append(file.address)
    if not addresses or not is_checkable(file):
        lacks = "address" if is_checkable(file) else "checksum"
        raise DownloadError(f"the catalog has no {lacks} of it: put it into {directory} yourself")
    try:
        _make_directory(directory)
        with _part(path, watcher) as part:
            if state(path, file) is State.RIGHT:  # another process was first
                return
            _fill(part, path, file, addresses, watcher, patience)
            os.fsync(part.fileno())
            if not _is_at(part_of(path), part):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), part_of(path))
            part_of(path).replace(path)
            _sync(directory)
    except OSError as error:
        if isinstance(error, EdgedError):
            raise
        raise _told(error, path) from error


def _fill(
    part: io.FileIO,
    path: Path,
    file: File,
    addresses: Sequence[str],
    watcher: Watcher,
    patience: Patience,
) -> None:
    """Bring `part` to the right content."""
    size = part.seek(0, os.SEEK_END)
    if size and holds(part, file):
        return
    if file.bytes is not None and size >= file.bytes:
        part.truncate(0)
    failures: list[FetchError] = []
    for address in addresses:
        try:
            _bring(address, part, file, watcher, patience)
        except FetchError as error:
            failures.append(error)
        else:
            return
        if address != addresses[-1]:
            watcher.trouble(f"{failures[-1]}; asking the next address")
    raise _all_failed(failures, path, part.seek(0, os.SEEK_END))


def _bring(address: str, part: io.FileIO, file: File, watcher: Watcher, patience: Patience) -> None:
    """Bring `part` to the right content with what an address gives.

    Raises:
        FetchError: the address does not give the file; `part` is empty if it gives another one.
        OSError: the disk cannot take it.
    """
    fetched = fetch(address, file.bytes, part, watcher, patience)
    is_right = holds(part, file)
    if not (is_right or fetched.is_sized):
        # Perhaps it was cut off: a server that can go on from there tells where the end is.
        fetched = fetch(address, file.bytes, part, watcher, patience)
        is_right = holds(part, file)
    if not (is_right or fetched.is_one_answer):  # then the pieces may not belong together
        part.truncate(0)
        fetched = fetch(address, file.bytes, part, watcher, patience)
        is_right = holds(part, file)
    if not is_right:
        part.truncate(0)
        size = "" if fetched.is_sized else ", or cut off: the server does not tell its size"
        raise FetchError(address, f"another file, by its checksum{size}")


def _all_failed(failures: Sequence[FetchError], path: Path, begun: int) -> DownloadError:
    told = "; ".join(str(failure) for failure in failures)
    if not any(failure.reached for failure in failures):
        return UnreachableError(
            f"{told}: check the network (https_proxy names a proxy), or name a mirror in "
            "EDGED_MODELS_URL"
        )
    if begun:
        return DownloadError(f"{told}: pull it again, it goes on after {begun} bytes")
    return DownloadError(
        f"{told}: name a mirror in EDGED_MODELS_URL, or put {path.name} into {path.parent} yourself"
    )


@contextlib.contextmanager
def _part(path: Path, watcher: Watcher) -> Iterator[io.FileIO]:
    """The beginning of a file, open and ours alone; left behind unless it is empty."""
    here = part_of(path)
    while True:
        # In a directory of others, a link could lead anywhere.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with io.FileIO(os.open(here, flags, 0o644), "r+") as part:
            try:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                watcher.trouble(f"{path.name} is being pulled already: waiting for that")
                fcntl.flock(part, fcntl.LOCK_EX)
            if not _is_at(here, part):
                continue  # who had it has given it its name, or taken it away
            try:
                os.fchmod(part.fileno(), 0o644)
                yield part
            finally:
                if _is_at(here, part) and os.fstat(part.fileno()).st_size == 0:
                    here.unlink()
            return


def _is_at(path: Path, part: io.FileIO) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(part.fileno()))
    except OSError:
        return False


def _make_directory(directory: Path) -> None:
    """With all above it. What root makes is for everybody to read, whatever the umask."""
    mode = 0o755 if os.geteuid() == 0 else 0o700  # the XDG specification's, for one's own
    for path in (*reversed(directory.parents), directory):
        if not path.is_dir():
            path.mkdir(mode, exist_ok=True)
            path.chmod(mode)


def _sync(directory: Path) -> None:
    """Have the new name survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_REMEDIES = {
    errno.ENOSPC: "make room and pull it again, it goes on from here",
    errno.EDQUOT: "make room and pull it again, it goes on from here",
    errno.EACCES: "pull it as the owner of that folder, or set XDG_DATA_HOME",
    errno.EPERM: "pull it as the owner of that folder, or set XDG_DATA_HOME",
    errno.EROFS: "set XDG_DATA_HOME to a folder that can be written",
    errno.ELOOP: "a link is in the way: remove it",
    errno.EISDIR: "something else is in the way: remove it",
    errno.ESPIPE: "something else is in the way: remove it",
    errno.ENOENT: "removed meanwhile: pull it again",
}


def _told(error: OSError, path: Path) -> EdgedError:
    # Of a renaming, what is wrong is where it leads; what cannot be sought in is the beginning.
    nameless = part_of(path) if error.errno == errno.ESPIPE else path
    where = error.filename2 or error.filename or nameless
    remedy = _REMEDIES.get(error.errno or 0, "set XDG_DATA_HOME to another folder")
    return EdgedError(f"{where}: {(error.strerror or str(error)).lower()}: {remedy}")


def is_installed(entry: Entry, directories: Sequence[Path]) -> bool:
    """Whether the model is here, or its other half; labels alone are no model."""
    return find(entry.file, directories) is not None or find(entry.edgetpu, directories) is not None


def removable(
    name: str, models: Mapping[str, Entry], directories: Sequence[Path], own: Path
) -> list[Path]:
    """What only this model needs in the own directory, beginnings of downloads included.

    Not those that are being pulled.
    """
    needed = {
        file.name
        for other, entry in models.items()
        if other != name and is_installed(entry, directories)
        for file in entry.files.values()
    }
    files = [file for file in models[name].files.values() if not file.shipped]
    paths = [own / file.name for file in files if file.name not in needed]
    here = [path for path in paths if path.is_file()]
    begun = [part for path in paths if (part := part_of(path)).is_file()]
    return here + [part for part in begun if not _is_locked(part)]


def _is_locked(part: Path) -> bool:
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def remove(paths: Sequence[Path]) -> int:
    """Delete files; the bytes that they had.

    Raises:
        EdgedError: one cannot be deleted.
    """
    freed = 0
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError as error:
            raise EdgedError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        freed += size
    return freed


def wrong_before(file: File, directories: Sequence[Path], own: Path) -> Path | None:
    """A copy that is not right, in a directory that is looked into before the own one."""
    for path in copies(file, directories):
        if path.parent == own:
            return None
        if state(path, file) not in FINE:
            return path
    return None
