"""A small broker for a demo: amqtt on the loopback, in a process of its own.

Run as `python -m edged.mqtt.broker FD`, FD being a listening TCP socket, so that its port is known
and open before the process is up. Serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

LISTENER = "loopback"
CONFIG = {
    # Connections are handed to it, see `serve`.
    "listeners": {"default": {"type": "external"}, LISTENER: {"type": "external", "bind": "-"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}
MQTT_3_1_1 = 4
CONNECT_BYTES = 12
"""Of a CONNECT packet, enough to hold the protocol's level."""
REFUSAL = bytes((0x20, 2, 0, 1))
"""CONNACK of MQTT 3.1.1: unacceptable protocol version."""
HELLO_S = 5.0


class _Begun(StreamReaderAdapter):  # type: ignore[misc] # amqtt tells no types
    """A stream of which the beginning has already been read."""

    def __init__(self, beginning: bytes, reader: StreamReader) -> None:
        super().__init__(reader)
        self._beginning = beginning

    async def read(self, n: int = -1) -> bytes:
        """Read `n` bytes, or all up to the end; the beginning first."""
        count = len(self._beginning) if n < 0 else n
        taken, self._beginning = self._beginning[:count], self._beginning[count:]
        rest = n - len(taken) if n >= 0 else n
        return taken + await super().read(rest) if rest else taken


def level_of(connect: bytes) -> int | None:
    """The protocol level that a CONNECT packet begins with: 4 is MQTT 3.1.1; None: no CONNECT."""
    # The fixed header: the packet's kind, and its length in one to four bytes.
    name = connect.find(b"\x00\x04MQTT", 2, CONNECT_BYTES - 1)
    return connect[name + 6] if connect[:1] == b"\x10" and name > 0 else None


async def serve(listening: socket.socket) -> None:
    """Serve until SIGTERM."""
    broker = Broker(CONFIG)

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        # amqtt does not answer MQTT 5 at all: who tries it first would wait for seconds.
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(HELLO_S):
                beginning = await reader.readexactly(CONNECT_BYTES)
            if level_of(beginning) == MQTT_3_1_1:
                begun = _Begun(beginning, reader)
                await broker.external_connected(begun, StreamWriterAdapter(writer), LISTENER)
                return
            writer.write(REFUSAL)
            await writer.drain()
        writer.close()

    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await broker.start()
    await asyncio.start_server(connected, sock=listening)
    await ended.wait()


def main() -> None:
    """Serve until SIGTERM."""
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
