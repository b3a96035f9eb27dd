"""A file over HTTP, from where an earlier try has stopped.

Nothing is believed of what arrives: whether it is the right file is for a checksum to say.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import os
import random
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from edged.masking import without_password

CHUNK_BYTES = 65_536
MOST_BYTES = 1 << 30
"""Of a file whose size the catalog does not tell: no model of an edge device is larger."""
PROGRESS_BYTES = 262_144
"""A try that brought so much was worth it: it does not count."""
SLOWEST_BYTES = 1024
"""What has to come in the time that a silent server is given: drops for ever are no download."""


class Watcher(Protocol):
    """Whom a download tells how it goes."""

    def progress(self, done: int, total: int | None) -> None:
        """So many bytes are here, of so many; None: the server does not tell."""

    def trouble(self, text: str) -> None:
        """Something that does not end the download."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    timeout_s: float = 20.0
    """For a connection, and for each next byte."""
    tries: int = 3
    """Of an address, without much that arrives."""
    most: int = 100
    """Of an address, whatever arrives."""
    backoff_s: float = 1.0
    """Between two tries, about; doubles each time."""

    def wait_s(self, failures: int) -> float:
        """Seconds before the next try, so that a fleet does not come back all at once."""
        return self.backoff_s * 2.0 ** (failures - 1) * random.uniform(0.5, 1.5)  # noqa: S311


class FetchError(Exception):
    """An address does not give the file."""

    def __init__(
        self, address: str, what: str, *, again: bool = False, reached: bool = True
    ) -> None:
        """What went wrong, whether another try may help, and whether there was an answer."""
        super().__init__(f"{without_password(address)}: {what}")
        self.what = what
        self.again = again
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a file came."""

    is_one_answer: bool
    """Pieces of several may not be of the same file."""
    is_sized: bool
    """Its size was told, by the server or before; otherwise it may have been cut off."""


def fetch(
    address: str, size: int | None, part: io.FileIO, watcher: Watcher, patience: Patience
) -> Fetched:
    """Bring the file `part` to its end with what an address gives.

    Args:
        address: http or https; may hold a user and a password.
        size: of the whole file, in bytes, where that is known.
        part: open for reading and writing, unbuffered; what it holds is the beginning. Keeps all
            that has arrived, also when this fails.
        watcher: is told.
        patience: how often, and how long.

    Raises:
        FetchError: the address cannot give the file.
        OSError: the disk cannot take it.
    """
    failures = 0
    farthest = part.seek(0, os.SEEK_END)
    tried = 0
    while True:
        tried += 1
        try:
            return _try(address, size, part, watcher, patience.timeout_s)
        except FetchError as error:
            # Against the farthest ever: a server may begin from the start again and again.
            gained = part.seek(0, os.SEEK_END) - farthest
            farthest += max(0, gained)
            failures = 1 if gained >= PROGRESS_BYTES else failures + 1
            if not error.again or failures >= patience.tries or tried >= patience.most:
                raise
            wait_s = patience.wait_s(failures)
            watcher.trouble(f"{error}; again in {wait_s:.1f} s")
            time.sleep(wait_s)


def _try(
    address: str, size: int | None, part: io.FileIO, watcher: Watcher, timeout_s: float
) -> Fetched:
    """One request and its answer."""
    start = part.seek(0, os.SEEK_END)
    answer = _ask(address, start, timeout_s) or _ask(address, 0, timeout_s)
    if answer is None:
        raise FetchError(address, "answered with another part of the file than was asked for")
    with contextlib.closing(answer.response) as response:
        whole = size or answer.whole
        if answer.whole is not None and answer.whole != whole:
            raise FetchError(address, f"another file: {answer.whole} bytes instead of {whole}")
        part.seek(answer.start)
        part.truncate()
        done = answer.start
        watcher.progress(done, whole)
        pace = _Pace(timeout_s)
        while data := _more(address, response, timeout_s):
            done += len(data)
            if done > (whole or MOST_BYTES):
                part.truncate(0)
                raise FetchError(address, f"sends more than {whole or MOST_BYTES} bytes")
            _write(part, data)
            watcher.progress(done, whole)
            if pace.is_too_slow(len(data)) and done != whole:
                raise FetchError(address, "sends next to nothing", again=True)
        if whole is not None and done < whole:
            raise FetchError(address, f"ended after {done} of {whole} bytes", again=True)
    return Fetched(answer.start == 0, whole is not None)


class _Pace:
    """How much came lately."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._since = time.monotonic()
        self._bytes = 0

    def is_too_slow(self, count: int) -> bool:
        """After `count` bytes more; told once in a while only."""
        self._bytes += count
        now = time.monotonic()
        if now - self._since < self._every_s:
            return False
        is_slow = self._bytes < SLOWEST_BYTES
        self._since, self._bytes = now, 0
        return is_slow


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server sends."""

    response: http.client.HTTPResponse
    start: int
    """The first byte, counted in the whole file."""
    whole: int | None
    """Bytes of the whole file, where that is told."""


def _ask(address: str, start: int, timeout_s: float) -> _Answer | None:
    """The answer to a request for all from byte `start` on; None: it cannot go on from there.

    Raises:
        FetchError: no answer, or not the file.
    """
    try:
        request = _request(address, start)
        response = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        raise FetchError(address, _status(error.code), again=_may_pass(error.code)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failure(address, error, timeout_s) from error
    told = response.headers
    if told.get_content_type() == "text/html":
        response.close()
        raise FetchError(address, "a web page instead of the file: does this network want a login?")
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return _Answer(response, 0, response.length)
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", told.get("Content-Range", ""))
    if span is None or int(span[1]) != start:
        response.close()
        return None
    return _Answer(response, start, None if span[2] == "*" else int(span[2]))


def _request(address: str, start: int) -> urllib.request.Request:
    """A request without the address' user and password, which go into a header."""
    parts = urllib.parse.urlsplit(address)
    login, _, host = parts.netloc.rpartition("@")
    plain = urllib.parse.urlunsplit(parts._replace(netloc=host))
    request = urllib.request.Request(plain, headers={"User-Agent": "edged"})  # noqa: S310
    if login:
        encoded = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    if start:
        request.add_header("Range", f"bytes={start}-")
    return request


def _opener() -> urllib.request.OpenerDirector:
    """What opens http and https, also through a proxy, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _more(address: str, response: http.client.HTTPResponse, timeout_s: float) -> bytes:
    """What comes next; empty at the end."""
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _failure(address, error, timeout_s) from error


def _write(part: io.FileIO, data: bytes) -> None:
    """All of it: a disk that is nearly full takes a part first."""
    rest = memoryview(data)
    while rest:
        rest = rest[part.write(rest) :]


_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


def _may_pass(code: int) -> bool:
    return code in _PASSING or code >= HTTPStatus.INTERNAL_SERVER_ERROR


def _status(code: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= code < HTTPStatus.BAD_REQUEST:
        return f"redirects without end, or to no web address (HTTP {code})"
    words = HTTPStatus(code).phrase.lower() if code in set(HTTPStatus) else "refused"
    return f"{words} (HTTP {code})"


def _failure(address: str, error: Exception, timeout_s: float) -> FetchError:
    """A connection's failure in words."""
    reached = not isinstance(error, urllib.error.URLError)  # urllib's, before an answer begins
    reason = getattr(error, "reason", error) if not reached else error
    match reason:
        case ssl.SSLCertVerificationError():
            what = f"its certificate is not trusted, {reason.verify_message}: is the clock right?"
            return FetchError(address, what, reached=False)
        case ssl.SSLError():
            what = f"no TLS with it: {(reason.reason or str(reason)).replace('_', ' ').lower()}"
        case socket.gaierror():
            again = reason.errno == socket.EAI_AGAIN
            return FetchError(address, "its name is not found", again=again, reached=False)
        case TimeoutError():
            what = f"silent for {timeout_s:g} s"
        case http.client.RemoteDisconnected():
            what = "hung up without an answer"
        case http.client.InvalidURL() | ValueError() | str():
            return FetchError(address, f"no such address can be asked: {reason}")
        case OSError():
            what = (reason.strerror or str(reason)).lower()
        case _:
            what = f"no proper answer ({type(reason).__name__})"
    return FetchError(address, what, again=True, reached=reached)
