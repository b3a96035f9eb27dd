"""Payloads as JSON Schema, of 2020-12 and of the draft that AsyncAPI is written in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from edged.messages.fields import VERSION, Payload

Schema: TypeAlias = dict[str, Any]


def shapes(payloads: Iterable[type[Payload]], reference: str) -> dict[str, Schema]:
    """JSON Schema 2020-12 of payloads, and of what they are made of, by the struct's name.

    Args:
        payloads: the structs.
        reference: how one refers to another, with `{name}`: `#/$defs/{name}`.
    """
    _, found = msgspec.json.schema_components(tuple(payloads), ref_template=reference)
    for shape in found.values():
        # edged sends every key, those with a default too.
        shape["required"] = list(shape["properties"])
        for value in shape["properties"].values():
            value.pop("default", None)
            # The order of alternatives differs between versions of msgspec: null goes last.
            value.get("anyOf", []).sort(key=lambda kind: kind.get("type") == "null")
    return found


def schema_of(topic: str, payload: type[Payload]) -> Schema:
    """JSON Schema 2020-12 of what is on a topic, complete in itself."""
    found = shapes([payload], "#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:edged:v{VERSION}:{topic}",
        **found.pop(payload.__name__),
    }
    return schema | {"$defs": found} if found else schema


def as_draft_7(schema: Any) -> Any:
    """The same in the words of draft 07, where tuples are spelled in another way.

    AsyncAPI 3.0 schemas are a superset of that draft, and know no `prefixItems`.
    """
    if isinstance(schema, list):
        return [as_draft_7(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: as_draft_7(value) for key, value in schema.items()}
    if "prefixItems" in found:
        found["additionalItems"] = found.pop("items", True)
        found["items"] = found.pop("prefixItems")
    return found
