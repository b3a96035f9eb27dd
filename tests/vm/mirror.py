"""A mirror of the models for guests, from the shared folder of this machine.

Where that folder has not what is asked for, edged goes on to the address in its catalog.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Self

from vm.checkout import ROOT

HOST = "10.0.2.2"  # this machine's loopback, as seen in both kinds of user-mode networks


class _Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        """The shared folder is flat, the catalog's paths are not."""
        return super().translate_path("/" + PurePosixPath(path).name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


class Mirror:
    """A web server on this machine's loopback. Use as a context manager."""

    def __init__(self) -> None:
        shared = Path(os.environ.get("EDGED_SHARED", ROOT.parent / "shared"))
        self._models = shared / "models"
        handler = partial(_Handler, directory=str(self._models))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, host: str = HOST) -> str:
        """What `EDGED_MODELS_URL` names."""
        return f"http://{host}:{self._server.server_port}"

    def has_models(self) -> bool:
        """Whether the shared folder is there."""
        return self._models.is_dir()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
