"""Home Assistant's WebSocket interface: what its own pages in a browser ask it.

https://developers.home-assistant.io/docs/api/websocket
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

ANSWER_S = 10.0


class NotThereError(Exception):
    """Nobody answers, not yet at least."""


@dataclass(frozen=True, slots=True)
class State:
    """What an entity says of itself now."""

    entity_id: str
    state: str
    attributes: dict[str, Any]
    changed: str
    """When `state` changed, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Entity:
    """What is kept of an entity, over restarts too."""

    entity_id: str
    unique_id: str
    name: str
    category: str | None
    device_id: str
    icon: str | None


@dataclass(frozen=True, slots=True)
class Device:
    """What is kept of a device."""

    id: str
    name: str
    manufacturer: str | None
    model: str | None
    version: str | None
    identifiers: tuple[tuple[str, str], ...]
    url: str | None


class Api:
    """A connection, logged in.

    Raises:
        NotThereError: nobody answers at this port.
    """

    def __init__(self, port: int, token: str) -> None:
        self._numbers = itertools.count(1)
        self._events: list[State] = []
        try:
            self._socket = connect(f"ws://127.0.0.1:{port}/api/websocket", max_size=None)
        except (OSError, WebSocketException) as error:
            raise NotThereError(str(error)) from error
        self._receive(time.monotonic() + ANSWER_S)
        self._socket.send(json.dumps({"type": "auth", "access_token": token}))
        answer = self._receive(time.monotonic() + ANSWER_S)
        assert answer["type"] == "auth_ok", answer

    def ask(self, kind: str, **fields: object) -> Any:
        """One command, and its result.

        Raises:
            AssertionError: it was refused, or not answered in time.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "type": kind, **fields}))
        deadline = time.monotonic() + ANSWER_S
        while True:
            answer = self._receive(deadline)
            if answer["type"] == "event":
                self._note(answer["event"])
            elif answer["id"] == number:
                assert answer["success"], f"{kind} {fields}: {answer}"
                return answer["result"]

    def _receive(self, deadline: float) -> dict[str, Any]:
        try:
            text = self._socket.recv(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise AssertionError(f"Home Assistant: no answer in {ANSWER_S:g} s") from error
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        if new := event["data"].get("new_state"):
            self._events.append(_state(new))

    def listen(self) -> None:
        """Notes every change of a state from now on, see `changes`."""
        self.ask("subscribe_events", event_type="state_changed")

    def changes(self, entity_id: str) -> list[State]:
        """What an entity has been since `listen`, in order."""
        self.is_running()  # what has happened by now comes before its answer
        return [state for state in self._events if state.entity_id == entity_id]

    def is_running(self) -> bool:
        """Whether it has started all that it starts."""
        return bool(self.ask("get_config")["state"] == "RUNNING")

    def states(self) -> dict[str, State]:
        """All entities by their id."""
        return {found["entity_id"]: _state(found) for found in self.ask("get_states")}

    def entities(self) -> dict[str, Entity]:
        """The registered entities of MQTT by their unique id."""
        found = self.ask("config/entity_registry/list")
        return {
            entry["unique_id"]: Entity(
                entry["entity_id"],
                entry["unique_id"],
                entry["original_name"],
                entry["entity_category"],
                entry["device_id"],
                entry["icon"],
            )
            for entry in found
            if entry["platform"] == "mqtt"
        }

    def devices(self) -> list[Device]:
        """The registered devices of MQTT."""
        found = self.ask("config/device_registry/list")
        return [
            Device(
                entry["id"],
                entry["name"],
                entry["manufacturer"],
                entry["model"],
                entry["sw_version"],
                tuple((kind, name) for kind, name in entry["identifiers"]),
                entry["configuration_url"],
            )
            for entry in found
            if any(kind == "mqtt" for kind, _ in entry["identifiers"])
        ]

    def call(self, action: str, entity_id: str, **data: object) -> None:
        """Calls an action, `switch.turn_on`, as a person who presses something does.

        Raises:
            AssertionError: it was refused.
        """
        domain, _, service = action.partition(".")
        target = {"entity_id": entity_id}
        self.ask("call_service", domain=domain, service=service, target=target, service_data=data)

    def delete(self, device: Device) -> None:
        """Deletes a device, as its page offers it.

        Raises:
            AssertionError: it was refused.
        """
        for entry in self.ask("config_entries/get", domain="mqtt"):
            self.ask(
                "config/device_registry/remove_config_entry",
                config_entry_id=entry["entry_id"],
                device_id=device.id,
            )

    def notifications(self) -> list[str]:
        """The messages that a person finds in the side bar."""
        return [str(found["message"]) for found in self.ask("persistent_notification/get")]

    def rendered(self, template: str) -> str:
        """What a template gives, as one in a dashboard or an automation."""
        number = next(self._numbers)
        fields = {"template": template, "timeout": 5, "report_errors": True}
        self._socket.send(json.dumps({"id": number, "type": "render_template", **fields}))
        deadline = time.monotonic() + ANSWER_S
        while True:
            answer = self._receive(deadline)
            if answer["id"] == number and answer["type"] == "event":
                self.ask("unsubscribe_events", subscription=number)
                assert "result" in answer["event"], answer
                return str(answer["event"]["result"])
            if answer["type"] == "event":
                self._note(answer["event"])

    def until(self, what: str, condition: Callable[[Api], bool], timeout_s: float) -> float:
        """Waits until something is so.

        Returns:
            The seconds it took.

        Raises:
            AssertionError: it was not in time.
        """
        started = time.monotonic()
        while not condition(self):
            took_s = time.monotonic() - started
            assert took_s < timeout_s, f"not within {timeout_s:g} s: {what}"
            time.sleep(0.1)
        return time.monotonic() - started

    def until_state(self, entity_id: str, state: str, timeout_s: float) -> float:
        """Waits until an entity has a state.

        Returns:
            The seconds it took.

        Raises:
            AssertionError: it had not in time; with what it has.
        """
        last: State | None = None

        def has_it(api: Api) -> bool:
            nonlocal last
            last = api.states().get(entity_id)
            return last is not None and last.state == state

        try:
            return self.until(f"{entity_id} is {state}", has_it, timeout_s)
        except AssertionError as error:
            error.add_note(f"it is {last}")
            raise

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


def _state(found: dict[str, Any]) -> State:
    return State(found["entity_id"], found["state"], found["attributes"], found["last_changed"])
