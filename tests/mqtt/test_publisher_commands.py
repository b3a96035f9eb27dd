"""Commands over a real Mosquitto: from `set/<what>` to an order, and the answer back."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from brokers import ANYBODY, DEADLINE_S, Broker, program, until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edged.messages.commands import Reply
from edged.messages.topics import Topics
from edged.mqtt.commands import Correct, Pause, Reset
from edged.mqtt.inbox import Order
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.mqtt.session import PROTOCOLS, Protocol
from edged.sections import Mqtt

TOPICS = Topics("edged", "gym")
SOON = Retry(first_s=0.05, most_s=0.2, refused_s=0.05)
BOTH = pytest.mark.parametrize("protocols", [("5",), ("3.1.1",)])


class Device:
    """A publisher that does every order at once, on the thread that brings it."""

    def __init__(self, port: int, protocols: tuple[Protocol, ...]) -> None:
        self.orders: list[Order] = []
        self.threads: set[str] = set()
        self.publisher = Publisher(
            Mqtt(port=port), TOPICS, on_order=self._do, retry=SOON, protocols=protocols
        )

    def _do(self, order: Order) -> str:
        self.orders.append(order)
        self.threads.add(threading.current_thread().name)
        self.publisher.answer(order.asked)
        return ""


@contextmanager
def device(
    broker: Broker, protocols: tuple[Protocol, ...] = PROTOCOLS, *, hears: bool = True
) -> Iterator[Device]:
    device = Device(broker.port, protocols)
    device.publisher.start()
    try:
        until(lambda: device.publisher.connected, "a connection")
        if hears:
            until(lambda: "edged-gym 1 edged/gym/set/+" in broker.log(), "the subscription")
        yield device
    finally:
        device.publisher.close()


class Person:
    """Somebody with a client of MQTT 5, who commands and hears the answers."""

    def __init__(self, port: int, listens: str = "#") -> None:
        self.heard: list[MQTTMessage] = []
        subscribed = threading.Event()
        self._client = client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.on_message = lambda _client, _data, message: self.heard.append(message)
        client.on_subscribe = lambda *_: subscribed.set()
        client.connect("127.0.0.1", port)
        client.subscribe(listens, qos=1)
        client.loop_start()
        assert subscribed.wait(DEADLINE_S)

    def command(
        self, what: str, payload: bytes, *, retain: bool = False, **properties: str | bytes
    ) -> None:
        told = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in properties.items():
            setattr(told, name, value)
        sent = self._client.publish(TOPICS.set(what), payload, 1, retain, told)
        sent.wait_for_publish(DEADLINE_S)

    def answers(self, topic: str = TOPICS.reply) -> list[Reply]:
        return [
            msgspec.json.decode(message.payload, type=Reply)
            for message in list(self.heard)
            if message.topic == topic
        ]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@BOTH
def test_a_command_is_an_order_and_its_answer_comes_on_reply(
    broker: Broker, protocols: tuple[Protocol, ...]
) -> None:
    with device(broker, protocols) as gym, Person(broker.port) as person:
        person.command("pause", b"ON")
        until(lambda: bool(person.answers()), "an answer")
        (answer,) = person.answers()
        assert (answer.command, answer.ok, answer.reason) == ("pause", True, "")
        assert [order.command for order in gym.orders] == [Pause(is_on=True)]
        assert gym.threads == {"mqtt"}
        (message,) = [message for message in person.heard if message.topic == TOPICS.reply]
        assert (message.qos, message.retain) == (1, False)


def test_with_mqtt_5_the_answer_goes_where_the_sender_wants_it(broker: Broker) -> None:
    with device(broker), Person(broker.port) as person:
        person.command("reset", b"", ResponseTopic="phone/answers", CorrelationData=b"\x00\x07")
        until(lambda: bool(person.answers("phone/answers")), "an answer")
        (message,) = [message for message in person.heard if message.topic == "phone/answers"]
        properties: Any = message.properties
        assert properties.CorrelationData == b"\x00\x07"
        assert properties.ContentType == "application/json"
        assert 1 <= properties.MessageExpiryInterval <= 60
        assert person.answers() == []


def test_mosquittos_own_client_asks_and_gets_its_answer(broker: Broker) -> None:
    with device(broker):
        command = [
            *(program("mosquitto_rr"), "-h", "127.0.0.1", "-p", str(broker.port)),
            *("-t", TOPICS.set("correct"), "-e", "phone/answers", "-m", "+1", "-W", "30"),
        ]
        asked = subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S)
        assert msgspec.json.decode(asked.stdout, type=Reply).ok


@pytest.mark.parametrize("topic", [TOPICS.status, TOPICS.set("pause"), "edged/other/set/reset"])
def test_nobody_has_us_speak_on_topics_of_devices(broker: Broker, topic: str) -> None:
    with device(broker) as gym, Person(broker.port) as person:
        until(lambda: len(person.heard) == 1, "online")
        person.command("pause", b"OFF", ResponseTopic=topic)
        until(lambda: bool(person.answers()), "an answer")
        (answer,) = person.answers()
        assert (answer.ok, gym.orders) == (False, [])
        told = {message.topic for message in person.heard}
        assert told == {TOPICS.status, TOPICS.set("pause"), TOPICS.reply}


@BOTH
@pytest.mark.parametrize(
    ("what", "payload", "words"),
    [
        ("reboot", b"", "there is no set/reboot"),
        ("correct", b"many", "expected an integer"),
        ("reset", b"x" * 4000, "expected at most 256 bytes, got 4000"),
    ],
)
def test_what_is_no_command_is_answered_with_the_reason(
    broker: Broker, protocols: tuple[Protocol, ...], what: str, payload: bytes, words: str
) -> None:
    with device(broker, protocols) as gym, Person(broker.port, TOPICS.reply) as person:
        person.command(what, payload)
        until(lambda: bool(person.answers()), "an answer")
        (answer,) = person.answers()
        assert (answer.command, answer.ok) == (what, False)
        assert words in answer.reason
        assert gym.orders == []


def test_a_broker_of_mqtt_5_keeps_what_is_huge_to_itself(broker: Broker) -> None:
    with device(broker) as gym, Person(broker.port, TOPICS.reply) as person:
        person.command("reset", b"x" * 1_000_000)
        person.command("reset", b"")
        until(lambda: bool(person.answers()), "an answer")
        assert [answer.ok for answer in person.answers()] == [True]
        assert gym.publisher.reconnects == 0


@BOTH
def test_a_retained_command_is_of_another_time(
    broker: Broker, protocols: tuple[Protocol, ...]
) -> None:
    with Person(broker.port, TOPICS.reply) as person:
        person.command("pause", b"OFF", retain=True)
        with device(broker, protocols) as gym:
            person.command("correct", b"1")
            until(lambda: bool(person.answers()), "an answer")
            assert [order.command for order in gym.orders] == [Correct(1)]
            assert [answer.command for answer in person.answers()] == ["correct"]


def test_a_flood_is_answered_by_one_complaint_and_costs_no_connection(broker: Broker) -> None:
    with device(broker) as gym, Person(broker.port, TOPICS.reply) as person:
        for _ in range(100):
            person.command("reset", b"")
        until(lambda: any(not answer.ok for answer in person.answers()), "a complaint")
        reasons = {answer.reason for answer in person.answers() if not answer.ok}
        assert reasons == {"too many commands"}
        assert 20 <= len(gym.orders) < 100
        assert gym.publisher.reconnects == 0


@BOTH
def test_commands_are_heard_after_a_reconnect(
    broker: Broker, protocols: tuple[Protocol, ...]
) -> None:
    with device(broker, protocols) as gym:
        broker.kill()
        until(lambda: not gym.publisher.connected, "the loss")
        (broker.directory / "mosquitto.log").write_text("")
        broker.start()
        until(lambda: "edged-gym 1 edged/gym/set/+" in broker.log(), "the subscription")
        with Person(broker.port, TOPICS.reply) as person:
            person.command("reset", b"")
            until(lambda: bool(person.answers()), "an answer")
        assert [order.command for order in gym.orders] == [Reset()]


def test_streams_and_answers_come_from_any_thread_at_once(broker: Broker) -> None:
    with device(broker) as gym, Person(broker.port, TOPICS.reply) as person:
        ended = threading.Event()

        def stream() -> None:
            while not ended.is_set():
                gym.publisher.stream(TOPICS.pose, b"{}" * 500)

        threads = [threading.Thread(target=stream) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, 15):
                person.command("reset", b"")
                until(lambda n=number: len(person.answers()) == n, "an answer")  # type: ignore[misc]
        finally:
            ended.set()
            for thread in threads:
                thread.join()


PLUGIN = "mosquitto_dynamic_security.so"


def test_a_broker_that_tells_us_no_commands_is_said_once_and_is_no_problem(
    make_broker: Callable[[str], Broker], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = next(Path("/usr/lib").glob(f"*/{PLUGIN}"), None)
    if plugin is None:
        pytest.skip(f"needs {PLUGIN}: apt install mosquitto")
    # An acl_file refuses no subscription, and tells nothing.
    rules = tmp_path / "rules.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False}
    rules.write_text(json.dumps({"defaultACLAccess": access}))
    broker = make_broker(f"{ANYBODY}\nplugin {plugin}\nplugin_opt_config_file {rules}")
    broker.start()
    with device(broker, hears=False) as gym:
        until(lambda: "tells us no commands: not authorized" in caplog.text, "a warning")
        broker.kill()
        until(lambda: not gym.publisher.connected, "the loss")
        broker.start()
        until(lambda: gym.publisher.connected, "a connection")
        until(lambda: broker.log().count("edged/gym/set/+") == 2, "another refusal")
        assert gym.publisher.problem is None
    assert caplog.text.count("tells us no commands") == 1


def test_who_takes_no_orders_subscribes_to_none(broker: Broker) -> None:
    publisher = Publisher(Mqtt(port=broker.port), TOPICS, retry=SOON)
    publisher.start()
    until(lambda: publisher.connected, "a connection")
    publisher.close()
    assert "SUBSCRIBE" not in broker.log()
