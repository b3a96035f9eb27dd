"""Has brokers forget devices that are taken away: all that is retained of them.

Run as `python -m edged.commands.forget FILE...`, by `install.sh uninstall --purge`; each is the
configuration of a device. Prints a line for each, `ok WORDS` or `note WORDS`. Ends with 1 when a
broker has not been reached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from edged.chain import topics_of
from edged.config import load
from edged.errors import BrokerError, ConfigError
from edged.mqtt.homeassistant import discovery_topic
from edged.mqtt.subscriber import Subscriber

ANSWER_S = 8.0
"""For a broker to take us: a name server and a lost packet among it."""
POLL_S = 0.02


def forget(file: Path) -> str:
    """Have the broker of a configuration forget its device; what has been forgotten, for a person.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong.
        BrokerError: the broker cannot be reached, takes nobody, or does not answer in time.
    """
    config = load(file)
    topics = topics_of(config)
    subscriber = Subscriber(config.mqtt, lambda *_: None)
    try:
        subscriber.start()
        until = time.monotonic() + ANSWER_S
        while not subscriber.connected and subscriber.problem is None:
            if time.monotonic() > until:
                break
            time.sleep(POLL_S)
        retained = [topics.status, topics.info, topics.exercise, topics.paused]
        if config.homeassistant.enabled:
            retained.append(discovery_topic(topics, config.homeassistant.discovery_prefix))
        if not subscriber.forget(retained, ANSWER_S):
            problem = subscriber.problem or f"no answer from broker {subscriber.address}"
            raise BrokerError(
                f"{problem}: there mosquitto_pub -r -n -t TOPIC clears what is left of it: "
                f"{', '.join(retained)}"
            )
    finally:
        subscriber.close()
    return f"broker {subscriber.address} has forgotten {' '.join(retained)}"


def main(files: Sequence[str]) -> int:
    """Do so for each file; the exit code."""
    code = 0
    for file in files:
        try:
            print("ok", forget(Path(file)), flush=True)
        except (ConfigError, BrokerError) as error:
            print("note", "; ".join(str(error).splitlines()), flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
