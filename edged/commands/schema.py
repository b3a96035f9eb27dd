"""`edged schema`: the JSON Schemas of the MQTT payloads, made from the structs that are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from edged.errors import EdgedError
from edged.messages.commands import Reply
from edged.messages.device import HealthMessage, Info
from edged.messages.exercise import ExerciseState, RepEvent, SetEvent, WorkoutEvent
from edged.messages.fields import VERSION, Payload
from edged.messages.streams import LabelsMessage, PoseMessage

PAYLOADS: dict[str, type[Payload]] = {
    "event/rep": RepEvent,
    "event/set": SetEvent,
    "event/workout": WorkoutEvent,
    "exercise": ExerciseState,
    "health": HealthMessage,
    "info": Info,
    "labels": LabelsMessage,
    "pose": PoseMessage,
    "reply": Reply,
}
"""What is on which topic."""


def run(directory: Path, *, check: bool) -> None:
    """Write the schemas, or check those that are there.

    Raises:
        EdgedError: a file cannot be written or read, or is not as it should be.
    """
    try:
        if check:
            _check(directory)
        else:
            _write(directory)
    except (OSError, UnicodeDecodeError) as error:
        raise EdgedError(f"{directory}: {error}") from error


def schema_of(topic: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of the payload on a topic."""
    payload = PAYLOADS[topic]
    (_,), shapes = msgspec.json.schema_components([payload], ref_template="#/$defs/{name}")
    for shape in shapes.values():
        # edged sends every key, those with a default too.
        shape["required"] = list(shape["properties"])
        for value in shape["properties"].values():
            value.pop("default", None)
            # The order of alternatives differs between versions of msgspec: null goes last.
            value.get("anyOf", []).sort(key=lambda kind: kind.get("type") == "null")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:edged:v{VERSION}:{topic}",
        **shapes.pop(payload.__name__),
    }
    return schema | {"$defs": shapes} if shapes else schema


def _texts() -> dict[str, str]:
    return {
        f"{topic.replace('/', '-')}.json": json.dumps(schema_of(topic), indent=2, sort_keys=True)
        + "\n"
        for topic in PAYLOADS
    }


def _write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in _texts().items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        print(path)


def _check(directory: Path) -> None:
    texts = _texts()
    there = {path.name for path in directory.glob("*.json")}
    wrong = dict.fromkeys(there - texts.keys(), "extra")
    wrong |= dict.fromkeys(texts.keys() - there, "missing")
    for name in texts.keys() & there:
        if (directory / name).read_text(encoding="utf-8") != texts[name]:
            wrong[name] = "stale"
    for name, what in sorted(wrong.items()):
        print(f"{directory / name}: {what}")
    if wrong:
        raise EdgedError(f"{directory}: not as the payloads are; run edged schema, remove extras")
