"""Accelerators by their configured names, and what the worker has to load for them.

edgetpu                  any Edge TPU (libedgetpu prefers PCIe)
edgetpu:1                the second that libedgetpu lists
edgetpu:usb, edgetpu:pci any of that kind
edgetpu:usb:0            the first of that kind
delegate:PATH?KEY=VALUE  another delegate of TensorFlow Lite; more options follow behind `&`
cpu
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from edged.errors import ConfigError
from edged.sections import Inference

LIBEDGETPU = "libedgetpu.so.1"
PERFORMANCE = "max"
"""What libedgetpu does by itself: its option needs not be given."""

_EDGETPU = re.compile(r"edgetpu(?::(?P<kind>usb|pci))?(?::(?P<index>\d{1,2}))?\Z", re.ASCII)
_DELEGATE = re.compile(
    r"delegate:(?P<library>[^?\x00-\x1f\x7f]+)(?:\?(?P<options>[^\x00-\x1f\x7f]+))?\Z"
)
_OPTION = re.compile(r"(?P<key>[^=&]+)=(?P<value>[^&]*)\Z")
_EXAMPLES = (
    *("cpu", "edgetpu", "edgetpu:0", "edgetpu:usb", "edgetpu:pci"),
    *("edgetpu:usb:0", "edgetpu:usb:1", "edgetpu:pci:0", "edgetpu:pci:1"),
)
_LONGEST = 60
"""Of a name that is shown."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What runs a model."""

    name: str
    """As it is configured."""
    kind: Literal["edgetpu", "delegate", "cpu"]
    """`edgetpu` needs models that are compiled for it; the others take the plain ones."""
    library: str | None
    """What `load_delegate` takes; None: no delegate."""
    options: tuple[tuple[str, str], ...]
    """Of the delegate."""


CPU = Accelerator("cpu", "cpu", None, ())


def in_order(settings: Inference) -> tuple[Accelerator, ...]:
    """The configured accelerators, best first. Raises `ConfigError`."""
    return tuple(
        parse(name, library=settings.edgetpu_library, performance=settings.performance)
        for name in settings.accelerators
    )


def parse(text: str, *, library: str = LIBEDGETPU, performance: str = PERFORMANCE) -> Accelerator:
    """The accelerator of a name.

    Args:
        text: see above.
        library: the libedgetpu, for those that need it.
        performance: of an Edge TPU: `low`, `medium`, `high` or `max`. libedgetpu looks at it only
            where the device has an index, so one that is not the default picks the first device.

    Raises:
        ConfigError: there is no such name.
    """
    if text == "cpu":
        return CPU
    if found := _EDGETPU.match(text):
        kind, index = found["kind"] or "", found["index"]
        options = []
        if performance != PERFORMANCE:
            index = index or "0"
            options.append(("Performance", performance.capitalize()))
        device = kind if index is None else f"{kind}:{int(index)}"
        return Accelerator(text, "edgetpu", library, (("device", device), *options))
    if found := _DELEGATE.match(text):
        given = _options(text, (found["options"] or "").split("&") if found["options"] else [])
        return Accelerator(text, "delegate", found["library"], given)
    raise ConfigError(f"accelerator {_shown(text)}: there is no such one, {_instead(text)}")


def _options(text: str, words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    options: dict[str, str] = {}
    for word in words:
        found = _OPTION.match(word)
        if found is None:
            what = f"expected options as key=value&key=value, got {_shown(word)}"
            raise ConfigError(f"accelerator {_shown(text)}: {what}")
        if found["key"] in options:
            raise ConfigError(f"accelerator {_shown(text)}: {found['key']} is there twice")
        options[found["key"]] = found["value"]
    return tuple(options.items())


def _instead(text: str) -> str:
    if text and _EDGETPU.match(f"edgetpu:{text.lstrip(':')}"):  # libedgetpu's own name for it
        return f'did you mean "edgetpu:{text.lstrip(":")}"?'
    # The search is quadratic in the length of the text, and no name is long.
    near = get_close_matches(text[:_LONGEST].lower(), _EXAMPLES, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    return "expected cpu, edgetpu, edgetpu:usb:0, edgetpu:pci:0 or delegate:/path/lib.so?key=value"


def _shown(text: str) -> str:
    more = "..." if len(text) > _LONGEST else ""
    return f"{text[:_LONGEST]!r}{more}"
