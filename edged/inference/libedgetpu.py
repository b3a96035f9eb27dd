"""Asks libedgetpu for its version and devices, in a child process: a wrong build crashes or hangs.

`ask_libedgetpu` runs this module as a program: the library's name comes on standard input, the
answer goes to standard output as JSON; a library that is not there, or is none, is exit code 1 with
the loader's text.
"""

from __future__ import annotations

import ctypes
import json
import sys
from dataclasses import dataclass
from typing import Any

from edged.isolated import ask

_KINDS = ("pci", "usb")
"""By `enum edgetpu_device_type` of edgetpu_c.h."""


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """An Edge TPU, as libedgetpu names it."""

    kind: str
    """`usb` or `pci`, as in `edgetpu:usb:0`; the index counts within the kind."""
    path: str


@dataclass(frozen=True, slots=True)
class Library:
    """What libedgetpu tells of itself."""

    version: str
    """Empty: it cannot be used."""
    devices: tuple[ListedDevice, ...] = ()
    """In its order, in use or not."""
    problem: str = ""
    """Why it cannot be used, to be read behind its name: `is not here`."""


def ask_libedgetpu(library: str, timeout_s: float) -> Library:
    """Load it and ask; opens no device.

    Raises:
        OSError: the system lets no process start.
    """
    answer = ask(__name__, library.encode(), timeout_s)
    if "No such file" in answer.failure:
        return Library("", problem="is not here")
    if answer.failure:
        return Library("", problem=answer.failure)
    told = json.loads(answer.text)
    devices = tuple(ListedDevice(kind, path) for kind, path in told["devices"])
    return Library(told["version"] or "without a version", devices)


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


def _listed(library: Any) -> list[tuple[str, str]]:
    count = ctypes.c_size_t()
    library.edgetpu_list_devices.argtypes = [ctypes.POINTER(ctypes.c_size_t)]
    library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(_Device)]
    library.edgetpu_free_devices.restype = None
    devices = library.edgetpu_list_devices(ctypes.byref(count))
    found = [
        (
            _KINDS[devices[place].type] if devices[place].type in range(len(_KINDS)) else "other",
            (devices[place].path or b"").decode(errors="replace"),
        )
        for place in range(count.value)
    ]
    library.edgetpu_free_devices(devices)
    return found


def main() -> None:
    """Print what `edgetpu_version` and `edgetpu_list_devices` tell, see edgetpu_c.h."""
    try:
        library = ctypes.CDLL(sys.stdin.read())
        library.edgetpu_version.argtypes = []
        library.edgetpu_version.restype = ctypes.c_char_p
        version = (library.edgetpu_version() or b"").decode(errors="replace")
        devices = _listed(library)
    except (OSError, AttributeError) as error:
        sys.exit(f"{error}")
    print("\n" + json.dumps({"version": version, "devices": devices}), flush=True)


if __name__ == "__main__":
    main()
