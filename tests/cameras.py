"""Real things to capture from: videos written here, and a camera that speaks MJPEG over HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Protocol

import cv2
import numpy as np

STEP = 8
"""Frame n of a video is gray of level n * STEP (modulo 256)."""


class WriteVideo(Protocol):
    """Writes a video and gives its path."""

    def __call__(self, name: str = ..., *, frames: int = ..., fps: float = ...) -> Path:
        """Frame n is of level n * STEP."""


class HttpCamera:
    """A network camera: MJPEG over HTTP, with a switch for each way in which one fails."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://user:secret@127.0.0.1:{self.port}/video"
        self.size = (64, 48)
        self.level: Callable[[], int] = lambda: 99
        """Of gray, that the next picture is."""
        self.film: tuple[bytes, float] | None = None
        """Instead of pictures: a video, and the seconds in which it is sent."""
        self.is_mute = Event()
        self.requests = 0
        """So many have asked for it."""
        self.watchers = 0
        """So many are connected."""
        self._off = Event()
        self._server: ThreadingHTTPServer | None = None

    def switch_on(self) -> None:
        """Answer whoever connects."""
        camera = self
        self._off = off = Event()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                """Give pictures for as long as the reader takes them."""
                camera.requests += 1
                camera.watchers += 1
                try:
                    while camera.is_mute.is_set() and not off.wait(0.01):
                        pass
                    self.send_response(200)
                    if camera.film is not None:
                        self.end_headers()
                        self.send_film(*camera.film)
                        return
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                    self.end_headers()
                    while not off.wait(0.01):
                        if not camera.is_mute.is_set():
                            self.wfile.write(camera.part())
                except OSError:
                    pass  # the reader has gone
                finally:
                    camera.watchers -= 1
                self.close_connection = True

            def send_film(self, film: bytes, seconds: float) -> None:
                """Send so many bytes a second."""
                began, sent = time.monotonic(), 0
                while sent < len(film) and not off.wait(0.005):
                    due = int(len(film) * (time.monotonic() - began) / seconds)
                    self.wfile.write(film[sent:due])
                    sent = max(sent, due)

        self._server = server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def part(self) -> bytes:
        """The next picture as it goes over the wire."""
        width, height = self.size
        _, jpeg = cv2.imencode(".jpg", np.full((height, width, 3), self.level(), np.uint8))
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        return head.encode() + jpeg.tobytes() + b"\r\n"

    def switch_off(self) -> None:
        """Let go of everyone and answer nobody."""
        self._off.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server = None


class Changes:
    """Takes `on_change` and waits for a change that is wished for."""

    def __init__(self) -> None:
        self._changed = Condition()

    def __call__(self) -> None:
        """Something has changed."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Return when `condition` is true; it is looked at after every change."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s)
