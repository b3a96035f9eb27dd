"""Templates of Home Assistant, in Jinja, that take a value out of a payload.

None of them ever fails or warns: null and missing keys give `None`, which is "unknown" there, and
so does an empty payload, by which a retained state is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

_ALL = "{% set v = value_json | default({}) %}"
PROBLEMS = _ALL + "{{ dict(problems=v.get('problems') or []) | tojson }}"


def path(*keys: str) -> str:
    """An expression for a value that may be missing or null at every step."""
    expression = "v"
    for key in keys[:-1]:
        expression = f"({expression}.get({_quoted(key)}) or {{}})"
    return f"{expression}.get({_quoted(keys[-1])})"


def value(*keys: str) -> str:
    """The value that lies at these keys."""
    return f"{_ALL}{{{{ {path(*keys)} }}}}"


def computed(key: str, expression: str, *keys: str) -> str:
    """Of a number x; null stays null."""
    number = f"{{% set x = {path(key, *keys)} %}}"
    return f"{_ALL}{number}{{{{ {expression} if x is number else none }}}}"


def one_of(names: Iterable[str], key: str) -> str:
    """Home Assistant complains about a word that is not among the options: then null."""
    among = f"[{', '.join(map(_quoted, names))}]"
    return f"{_ALL}{{% set x = {path(key)} %}}{{{{ x if x in {among} else none }}}}"


def either(key: str) -> str:
    """ON where there is something, OFF where there is not, null where the key is missing."""
    value = path(key)
    return f"{_ALL}{{{{ none if {value} is none else ('ON' if {value} else 'OFF') }}}}"


def happened(types: tuple[str, ...]) -> str:
    """The payload as attributes.

    An event may come twice, see `messages.exercise.EventId`: the second one is left out.
    """
    kind = _quoted(types[0])
    if len(types) > 1:
        kind = f"({_quoted(types[0])} if v.get('is_full', true) else {_quoted(types[1])})"
    known = "this.attributes.get('id')"
    told = f"{{{{ dict(v, event_type={kind}) | tojson }}}}"
    return f"{_ALL}{{% if v and v.get('id') != {known} %}}{told}{{% endif %}}"


def _quoted(text: str) -> str:
    """A string literal of Jinja, which reads escapes as Python does."""
    return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace("'", "\\u0027") + "'"
