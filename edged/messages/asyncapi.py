"""The contract as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification),
with MQTT bindings 0.2.0. Complete in itself, so that any tool reads it.
"""  # noqa: D205 - one sentence

from __future__ import annotations

import re
from collections.abc import Sequence

from edged.messages.catalogue import STATUS, STATUSES, Channel, Text
from edged.messages.encoding import JSON_TYPE, MSGPACK_TYPE
from edged.messages.fields import VERSION
from edged.messages.shapes import Schema, as_draft_7, shapes

TEXT = "text/plain"
PACKED = "Packed"
"""Ends the name of a message in MessagePack."""
BINDINGS = "0.2.0"
LICENCE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
DESCRIPTION = """\
What an edged device says over MQTT: what it sees of people, never a picture. `send` is what the \
device does. Readers ignore keys that they do not know: keys are only ever added to a version. \
Streams are QoS 0 and expire; states are retained; events come at least once, and their `id` tells \
a repetition. docs/mqtt.md says all of it."""


def document(channels: Sequence[Channel]) -> Schema:
    """The AsyncAPI document of these topics."""
    structs = [channel.payload for channel in channels if not isinstance(channel.payload, Text)]
    found = shapes(structs, "#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:edged:v{VERSION}",
        "info": {
            "title": "edged",
            "version": f"{VERSION}.0.0",
            "description": DESCRIPTION,
            "license": LICENCE,
        },
        "defaultContentType": JSON_TYPE,
        "servers": {
            "plain": _server("127.0.0.1:1883", "mqtt", "The broker that `[mqtt]` names."),
            "encrypted": _server("broker.example.org:8883", "secure-mqtt", "`[mqtt] tls = true`."),
        },
        "channels": {_name(channel): _channel(channel) for channel in channels},
        "operations": {_operation_name(channel): _operation(channel) for channel in channels},
        "components": {
            "parameters": {
                "prefix": {
                    "description": "`[mqtt] prefix` of the device; it may hold `/`.",
                    "default": "edged",
                    "examples": ["edged", "home/gym"],
                },
                "device": {
                    "description": "`[device] name`, else the host name: letters, digits, _ and -.",
                    "examples": ["gym"],
                },
            },
            "messages": {
                name: _message(channel, name)
                for channel in channels
                for name in _message_names(channel)
            },
            "schemas": {name: as_draft_7(shape) for name, shape in sorted(found.items())},
        },
    }


def _server(host: str, protocol: str, description: str) -> Schema:
    return {
        "host": host,
        "protocol": protocol,
        "protocolVersion": "5.0",
        "description": f"{description} MQTT 5, and 3.1.1 where the broker refuses that.",
        "bindings": {
            "mqtt": {
                "cleanSession": True,
                "lastWill": {
                    "topic": f"{{prefix}}/{{device}}/{STATUS}",
                    "qos": 1,
                    "message": STATUSES[1],
                    "retain": True,
                },
                "bindingVersion": BINDINGS,
            }
        },
    }


def _name(channel: Channel) -> str:
    """`eventRep` of `event/rep`; `set` of `set/{what}`."""
    first, *rest = [word for word in channel.topic.split("/") if not word.startswith("{")]
    return first + "".join(word.capitalize() for word in rest)


def _operation_name(channel: Channel) -> str:
    name = _name(channel)
    return ("receive" if channel.is_received else "send") + name[0].upper() + name[1:]


def _title(channel: Channel) -> str:
    payload = channel.payload
    return _name(channel) if isinstance(payload, Text) else payload.__name__


def _summary(channel: Channel) -> str:
    payload = channel.payload
    if isinstance(payload, Text):
        return payload.description
    return (payload.__doc__ or "").partition("\n")[0]


def _channel(channel: Channel) -> Schema:
    parameters: Schema = {
        name: {"$ref": f"#/components/parameters/{name}"} for name in ("prefix", "device")
    }
    own = re.findall(r"{(\w+)}", channel.topic)
    return {
        "address": f"{{prefix}}/{{device}}/{channel.topic}",
        "title": channel.topic,
        "summary": _summary(channel),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(channel)
        },
        "parameters": parameters | {name: {"enum": list(channel.choices)} for name in own},
    }


def _operation(channel: Channel) -> Schema:
    name = _name(channel)
    mqtt: Schema = {"qos": channel.qos, "retain": channel.is_retained}
    if channel.expiry_s is not None:
        mqtt["messageExpiryInterval"] = channel.expiry_s
    operation: Schema = {
        "action": "receive" if channel.is_received else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "title": channel.kind,
        "summary": f"Sent {channel.when}.",
        "messages": [
            {"$ref": f"#/channels/{name}/messages/{message}"} for message in _message_names(channel)
        ],
        "bindings": {"mqtt": mqtt | {"bindingVersion": BINDINGS}},
    }
    if channel.answered_on:
        operation["reply"] = {"channel": {"$ref": f"#/channels/{channel.answered_on}"}}
        operation["description"] = (
            "The answer goes to the response topic of the message (MQTT 5), with its correlation "
            f"data, or else to `{channel.answered_on}`."
        )
    return operation


def _message_names(channel: Channel) -> list[str]:
    name = _name(channel)
    return [name, name + PACKED] if channel.is_packed else [name]


def _message(channel: Channel, name: str) -> Schema:
    is_packed = name != _name(channel)
    payload = channel.payload
    is_text = isinstance(payload, Text)
    return {
        "name": name,
        "title": _title(channel),
        "summary": _summary(channel),
        "contentType": TEXT if is_text else MSGPACK_TYPE if is_packed else JSON_TYPE,
        "payload": _text(payload) if isinstance(payload, Text) else _reference(payload.__name__),
    }


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(text: Text) -> Schema:
    schema: Schema = {"type": "string", "pattern": text.pattern}
    return schema | ({"enum": list(text.values)} if text.values else {})
