"""`edged schema`: JSON Schemas and an AsyncAPI document, made from the structs that are sent."""

from __future__ import annotations

import json
from pathlib import Path

from edged.errors import EdgedError
from edged.messages import shapes
from edged.messages.asyncapi import document
from edged.messages.catalogue import CHANNELS, PAYLOADS
from edged.messages.shapes import Schema

ASYNCAPI = "asyncapi.json"


def run(directory: Path, *, check: bool) -> None:
    """Write the schemas and the document, or check those that are there.

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


def schema_of(topic: str) -> Schema:
    """JSON Schema 2020-12 of the payload on a topic."""
    return shapes.schema_of(topic, PAYLOADS[topic])


def _texts() -> dict[str, str]:
    schemas = {f"{topic.replace('/', '-')}.json": schema_of(topic) for topic in PAYLOADS}
    schemas[ASYNCAPI] = document(CHANNELS)
    return {
        name: json.dumps(schema, indent=2, sort_keys=True) + "\n"
        for name, schema in sorted(schemas.items())
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
