"""TOML text to frozen structs, with everything that is wrong told at once, and back. No IO.

A file is a struct of sections, a section a struct of `str`, `int`, `float`, `bool` and `Literal`
keys, or tuples of them or of structs that are written as lists; a tuple of structs is a section
that comes any number of times, `[[section]]`. What a key may hold is its annotation, and so is what
a person is told about it, with a "did you mean" where the annotation's `extra` has a tuple of
`known` texts. Numbers have bounds, which also keep `nan` and `inf` out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import inspect
from msgspec.structs import FieldInfo

from edged.masking import without_password

S = TypeVar("S", bound=msgspec.Struct)

_SHOWN_CHARACTERS = 60
_SHOWN_DIGITS = 30
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")
_POSITION = re.compile(r"(.*) \(at (line \d+, column \d+|end of document)\)\Z", re.DOTALL)
_SLIPS = (
    (
        re.compile(r"(?!true|false)(?i:true|false|yes|no|on|off)\s*(#|\Z)"),
        "expected true or false, in small letters and without quotes",
    ),
    (re.compile(r"[+-]?\d+,\d"), "a decimal point is a point: 30.5"),
    (re.compile(r"[+-]?(\.\d|\d+\.(?!\d))"), "a decimal point stands between digits: 0.5"),
    (re.compile(r"[+-]?0\d"), "a number does not begin with 0"),
    (
        re.compile(
            "[\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
            "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
            "\N{DOUBLE LOW-9 QUOTATION MARK}\N{SINGLE LOW-9 QUOTATION MARK}"
            "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}`]"
        ),
        'text needs straight quotes: "like this"',
    ),
)
"""How a value begins that is not TOML, and what to say of it."""


def read(text: str, shape: type[S]) -> tuple[S, dict[str, str]]:
    """The values of a file, and what is wrong by where: `[mqtt] port` -> `expected ..., got ...`.

    What is wrong has its default in the values.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return shape(), _syntax(str(error), text)
    except RecursionError:
        return shape(), _syntax("Nested too deeply")
    except ValueError:  # Python's limit of 4300 digits
        return shape(), _syntax("An integer has too many digits")
    wrong: dict[str, str] = {}
    sections = {field.name: field for field in msgspec.structs.fields(shape)}
    values: dict[str, msgspec.Struct | tuple[msgspec.Struct, ...]] = {}
    for name, value in document.items():
        if name not in sections:
            wrong[_place(name, value)] = _unknown_section(name, value, sections)
        elif _comes_often(sections[name]):
            values[name] = _sections(name, value, sections, wrong)
        elif not isinstance(value, dict):
            wrong[f"[{name}]"] = f"expected a section of keys, got {_kind(value)}"
        else:
            section = _section(name, f"[{name}]", value, sections, wrong)
            values |= {name: section} if section else {}
    return shape(**values), wrong


def _comes_often(section: FieldInfo) -> bool:
    return get_origin(section.type) is tuple


def _shape(section: FieldInfo) -> type[msgspec.Struct]:
    shape: type[msgspec.Struct] = (
        get_args(section.type)[0] if _comes_often(section) else section.type
    )
    return shape


def _sections(
    name: str, tables: object, sections: dict[str, FieldInfo], wrong: dict[str, str]
) -> tuple[msgspec.Struct, ...]:
    if not isinstance(tables, list):
        what = "a single section in simple brackets" if isinstance(tables, dict) else _kind(tables)
        wrong[f"[[{name}]]"] = f"expected sections in double brackets, got {what}"
        return ()
    read = []
    for number, table in enumerate(tables, 1):
        place = f"[[{name}]] {number}"
        if not isinstance(table, dict):
            wrong[place] = f"expected a section of keys, got {_kind(table)}"
        elif section := _section(name, place, table, sections, wrong):
            read.append(section)
    return tuple(read)


def _section(
    name: str,
    bracketed: str,
    table: dict[str, Any],
    sections: dict[str, FieldInfo],
    wrong: dict[str, str],
) -> msgspec.Struct | None:
    """None: a key is missing or wrong that has no default."""
    shape = _shape(sections[name])
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    values = {}
    for key, value in table.items():
        place = f"{bracketed} {_key(key)}"
        if key not in fields:
            wrong[place] = "unknown key, " + (
                _meant(key, fields) or _elsewhere(key, sections) or f"expected {_any_of(fields)}"
            )
            continue
        try:
            values[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError:
            wrong[place] = _complaint(fields[key].type, value)
    missing = [key for key, field in fields.items() if field.required and key not in values]
    for key in missing:
        expectation = _expectation(inspect.type_info(fields[key].type))
        wrong.setdefault(f"{bracketed} {key}", f"expected {expectation}, got nothing")
    return None if missing else shape(**values)


def _complaint(annotation: Any, value: object) -> str:
    """What to say of a value that is not as its annotation wants it."""
    kind = inspect.type_info(annotation)
    bare = get_args(annotation)[0] if isinstance(kind, inspect.Metadata) else annotation
    for part, held in _parts(bare, value):
        try:
            msgspec.convert(held, part)
        except msgspec.ValidationError:
            return _complaint(part, held)
    extra = (kind.extra or {}) if isinstance(kind, inspect.Metadata) else {}
    shown = f"{_kind(value)} (not shown)" if extra.get("secret") else _shown(value)
    meant = _meant(value, extra.get("known", ())) if isinstance(value, str) else ""
    return f"expected {_expectation(kind)}, got {shown}" + (f", {meant}" if meant else "")


def _parts(annotation: Any, value: object) -> Iterator[tuple[Any, object]]:
    """What a list holds, each with its annotation; nothing where it has not the right length."""
    if not isinstance(value, list):
        return
    if get_origin(annotation) is tuple:
        yield from ((get_args(annotation)[0], item) for item in value)
    elif isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        fields = msgspec.structs.fields(annotation)
        if len(value) == len(fields):
            yield from ((field.type, item) for field, item in zip(fields, value, strict=True))


def _syntax(message: str, text: str = "") -> dict[str, str]:
    found = _POSITION.match(message)
    what, where = found.groups() if found else (message, "syntax")
    hint = _hint(what, _line(text, where))
    return {where: f"not TOML: {what[:1].lower()}{what[1:_SHOWN_CHARACTERS]}{hint}"}


def _line(text: str, where: str) -> str:
    """The line of a position; at the end of the document the last that says something."""
    lines = text.split("\n") if where.startswith("line ") else text.rstrip().split("\n")
    number = int(where[5:].partition(",")[0]) if where.startswith("line ") else len(lines)
    return lines[number - 1] if number <= len(lines) else ""


def _hint(what: str, line: str) -> str:
    """What somebody may have meant who does not know TOML."""
    value = line.partition("=")[2].strip()
    for pattern, hint in _SLIPS:
        if pattern.match(value):
            return f", {hint}"
    if what.startswith("Illegal character '\\n'"):
        return ", text ends on its line with the quote that it began with"
    return ", text needs quotes" if what == "Invalid value" else ""


def _place(name: str, value: object) -> str:
    return f"[{_key(name)}]" if isinstance(value, (dict, list)) else _key(name)


def _unknown_section(name: str, value: object, sections: dict[str, FieldInfo]) -> str:
    if isinstance(value, (dict, list)):
        return "unknown section, " + (_meant(name, sections) or f"expected {_any_of(sections)}")
    hint = _elsewhere(name, sections) or f"expected a section above it, {_any_of(sections)}"
    return f"unknown key outside of every section, {hint}"


def _meant(word: str, known: Iterable[str]) -> str:
    # The search is quadratic in the length of the word, and no key is long.
    matches = get_close_matches(word[:_SHOWN_CHARACTERS], known, n=1)
    return f'did you mean "{matches[0]}"?' if matches else ""


def _elsewhere(key: str, sections: dict[str, FieldInfo]) -> str:
    places = [
        f"[{name}] {key}"
        for name, field in sections.items()
        if key in _shape(field).__struct_fields__
    ]
    return f"did you mean {' or '.join(places)}?" if places else ""


def _any_of(names: Iterable[str]) -> str:
    return f"one of {', '.join(names)}"


def _expectation(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(text)}):
            return text
        case inspect.LiteralType(values=values):
            return _any_of(_shown(value) for value in values)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"an integer {low}-{high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number {low:g}-{high:g}"
    raise TypeError(f"{kind}: keys hold described text, bounded numbers, choices or booleans")


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a section"
    return "a date or time"


def _shown(value: object) -> str:
    match value:
        case bool():
            return emit(value)
        case str():
            value = without_password(value)  # before it is cut: an address in a wrong place
            more = "..." if len(value) > _SHOWN_CHARACTERS else ""
            return emit(value[:_SHOWN_CHARACTERS]) + more
        case int() if abs(value) >= 10**_SHOWN_DIGITS:
            return f"an integer of {value.bit_length()} bits"
        case int() | float():
            return emit(value)
    return _kind(value)


def _key(key: str) -> str:
    return key if _BARE_KEY.match(key) else _shown(key)


def dump(values: msgspec.Struct) -> str:
    """The file that `read` reads as these values."""
    sections = [
        f"[{name}]\n" + "".join(f"{key} = {emit(value)}\n" for key, value in section.items())
        for name, section in msgspec.to_builtins(values).items()
    ]
    return "\n".join(sections)


def emit(value: str | float | bool | tuple[str | float | bool, ...]) -> str:  # noqa: FBT001 (a value, not a switch)
    """A value as TOML writes it, on one line."""
    match value:
        case tuple():
            return f"[{', '.join(map(emit, value))}]"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{"".join(map(_escaped, value))}"'
    return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
