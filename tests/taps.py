"""A wire between a client and a server that remembers every byte."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Self

BLOCK = 65536


class Tap:
    """Listens on 127.0.0.1 and hands on what comes, both ways; `close` ends every connection."""

    def __init__(self, target: int) -> None:
        """`target`: the server's port."""
        self.sent = bytearray()
        """By all clients."""
        self.answered = bytearray()
        """By the server."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends, self._ender = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._ends:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ends, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ends:
                        for other in list(selector.get_map().values()):
                            if other.data is not None:
                                other.data[0].close()
                        return
                    if key.fileobj is self._listener:
                        client, _ = self._listener.accept()
                        server = socket.create_connection(("127.0.0.1", self._target))
                        selector.register(client, selectors.EVENT_READ, (server, self.sent))
                        selector.register(server, selectors.EVENT_READ, (client, self.answered))
                    elif key.fd in selector.get_map():  # else its other end was closed just now
                        self._pass(selector, key)

    @staticmethod
    def _pass(selector: selectors.DefaultSelector, key: selectors.SelectorKey) -> None:
        source, (target, record) = key.fileobj, key.data
        assert isinstance(source, socket.socket)
        try:
            block = source.recv(BLOCK)
            target.sendall(block)
        except OSError:
            block = b""
        record += block
        if not block:
            for one in (source, target):
                selector.unregister(one)
                one.close()

    def close(self) -> None:
        """End everything."""
        self._ender.close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
