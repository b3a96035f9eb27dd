"""The commands of docs/subscribers/mosquitto.md, as they stand there, at a real broker."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator

import pytest
import told
from brokers import DEADLINE_S, Broker, Subscriber, program
from daemons import TOPICS
from pages import examples
from payloads import encoded, rep

from edged.messages.topics import ONLINE

COMMANDS = examples("mosquitto.md", "sh")
LISTENING = [command for command in COMMANDS if "mosquitto_sub" in command]


@pytest.fixture
def device(broker: Broker) -> Iterator[Subscriber]:
    """Says everything, again and again, until the end."""
    with Subscriber(broker.port) as client:
        client._client.publish(TOPICS.status, ONLINE, qos=1, retain=True)
        done = threading.Event()

        def talk() -> None:
            while not done.wait(0.05):
                client.publish(TOPICS.pose, encoded(told.pose([told.person()])))
                client.publish(TOPICS.exercise, encoded(told.exercise()))
                client.publish(TOPICS.event_rep, encoded(rep("squat", 3)))

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield client
        finally:
            done.set()
            thread.join()


def run(command: str, port: int) -> str:
    """What it prints, of one message where it would go on for ever."""
    for name in ("mosquitto_sub", "mosquitto_pub"):
        if name in command:
            program(name)
    if "jq " in command and shutil.which("jq") is None:
        pytest.skip("needs jq: apt install jq")
    command = command.replace("-h 127.0.0.1", f"-h 127.0.0.1 -p {port}")
    if "-C 1" not in command and "-W" not in command:
        command = command.replace("mosquitto_sub", "mosquitto_sub -C 1")
    done = subprocess.run(
        ["/bin/bash", "-uc", command],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.stderr in {"", "Timed out\n"}, "it says no more than that it has waited"
    return done.stdout


@pytest.mark.parametrize("command", LISTENING)
def test_who_listens_hears_something(broker: Broker, device: Subscriber, command: str) -> None:
    assert device
    assert run(command, broker.port).strip()


def test_a_rep_is_a_line(broker: Broker, device: Subscriber) -> None:
    assert device
    (command,) = (one for one in LISTENING if "-r '" in one)
    assert run(command, broker.port) == "squat 3: 2.6 s, shallow\n"


def test_who_speaks_is_heard(broker: Broker) -> None:
    (command,) = (one for one in COMMANDS if "mosquitto_pub" in one)
    with Subscriber(broker.port) as device:
        run(command, broker.port)
        device.until("edged/gym/set/pause", b"OFF")
        assert [message.payload for message in device.messages] == [b"ON", b"OFF"]
