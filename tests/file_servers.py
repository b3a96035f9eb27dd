"""A real web server with files that can be told to misbehave, one request at a time."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeAlias

from brokers import DEADLINE_S, until

Answer: TypeAlias = "Callable[[Exchange], None]"


@dataclass(frozen=True)
class Exchange:
    """A request that waits for its answer, and the file that it asks for."""

    handler: BaseHTTPRequestHandler
    content: bytes
    released: threading.Event
    """Set when the server ends."""

    def head(self, code: int, **headers: object) -> None:
        """Status and headers; an underscore stands for a hyphen."""
        self.handler.send_response(code)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def body(self, data: bytes) -> None:
        """Send at once. A client that has left is no fault of the server."""
        with contextlib.suppress(OSError):
            self.handler.wfile.write(data)
            self.handler.wfile.flush()

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        span = re.fullmatch(r"bytes=(\d+)-", self.handler.headers.get("Range", ""))
        return int(span[1]) if span else 0


def well(exchange: Exchange) -> None:
    """As a good server does, ranges included."""
    partly(len(exchange.content))(exchange)


def partly(count: int, then: Answer | None = None) -> Answer:
    """Promise all, send bytes up to number `count` of the file, and hang up."""

    def answer(exchange: Exchange) -> None:
        whole, start = len(exchange.content), exchange.start
        if start >= whole:
            exchange.head(416, Content_Range=f"bytes */{whole}", Content_Length=0)
            return
        told: dict[str, object] = {"Content_Length": whole - start}
        if start:
            told["Content_Range"] = f"bytes {start}-{whole - 1}/{whole}"
        exchange.head(206 if start else 200, **told)
        exchange.body(exchange.content[start:count])
        if then is not None:
            then(exchange)

    return answer


def silence(exchange: Exchange) -> None:
    """Say nothing more until the server ends."""
    exchange.released.wait(DEADLINE_S)


def drops(exchange: Exchange) -> None:
    """Promise all, and send a byte now and then."""
    partly(0)(exchange)
    for place in range(exchange.start, len(exchange.content)):
        exchange.body(exchange.content[place : place + 1])
        if exchange.released.wait(0.02):
            return


def garbled(exchange: Exchange) -> None:
    """Promise all, send something else, and hang up."""
    partly(0)(exchange)
    exchange.body(bytes(1000))


def whole_always(exchange: Exchange) -> None:
    """Take no notice of the range."""
    exchange.head(200, Content_Length=len(exchange.content))
    exchange.body(exchange.content)


def without_length(exchange: Exchange) -> None:
    """Not tell how much is to come."""
    exchange.head(200)
    exchange.body(exchange.content)


def status(code: int) -> Answer:
    """Refuse, with a page that says so."""

    def answer(exchange: Exchange) -> None:
        exchange.head(code, Content_Type="text/html", Content_Length=6)
        exchange.body(b"<html>")

    return answer


def sends(content: bytes, code: int = 200, **headers: object) -> Answer:
    """Something else."""

    def answer(exchange: Exchange) -> None:
        exchange.head(code, **{"Content_Length": len(content), **headers})
        exchange.body(content)

    return answer


def redirects(address: str) -> Answer:
    """Send the client somewhere else."""
    return lambda exchange: exchange.head(302, Location=address, Content_Length=0)


@dataclass
class FileServer:
    """Serves `files` on 127.0.0.1; `close` leaves nothing behind."""

    files: dict[str, bytes]
    """By path, without the first slash."""
    tls: ssl.SSLContext | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and range of every request."""
    headers: list[Any] = field(default_factory=list)
    """Of every request."""
    answers: list[Answer] = field(default_factory=list)
    """To the next requests; after them `otherwise`."""
    otherwise: Answer = well

    def __enter__(self) -> Self:
        self._released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # clients that leave

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            listener = self._server.socket
            self._server.socket = self.tls.wrap_socket(
                listener, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE_S)

    @property
    def address(self) -> str:
        """Of the files, with a slash at the end."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def ranges(self) -> list[str | None]:
        """What was asked for of the files."""
        return [asked for _, asked in self.asked]

    def until_asked(self, count: int) -> None:
        """Wait for so many requests."""
        until(lambda: len(self.asked) >= count, f"{count} requests")

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        self.asked.append((path, handler.headers.get("Range")))
        self.headers.append(handler.headers)
        if path not in self.files:
            answer: Answer = status(404)
        elif self.answers:
            answer = self.answers.pop(0)
        else:
            answer = self.otherwise
        answer(Exchange(handler, self.files.get(path, b""), self._released))
