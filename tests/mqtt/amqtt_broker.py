"""Runs amqtt, which speaks MQTT 3.1.1 only: `amqtt_broker.py PORT`. Says `ready` when it does."""

from __future__ import annotations

import asyncio
import sys

from amqtt.broker import Broker

CONFIG = {
    "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
    "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    },
}


async def main() -> None:
    """Serve until killed."""
    await Broker(CONFIG).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
