"""Why an accelerator does not serve, in words for a person. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from edged.errors import ModelError
from edged.inference.accelerators import Accelerator

INSTALL = "sudo ./install.sh --edgetpu std"
_RUNTIME_VERSION = re.compile(r"RuntimeVersion\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a worker on an accelerator did not get as far as an answer."""

    reason: str
    is_fault: bool = True
    """False: it is not there, which is nobody's fault."""
    may_be_the_pair: bool = False
    """Another runtime may get on better with the same library."""


def of_probe(
    error: Exception,
    accelerator: Accelerator,
    steps: Mapping[str, str],
    killed_by: signal.Signals | None,
    *,
    is_late: bool = False,
) -> Fault:
    """What to say of a worker that did not become ready.

    Args:
        error: as `Worker.poll` raised it; `ModelError` is what the worker itself told.
        accelerator: it was to run the models.
        steps: as `Worker.steps`.
        killed_by: the signal, as `Worker.signal`.
        is_late: as `Worker.is_late`.
    """
    stage, what = list(steps.items())[-1] if steps else ("", "")
    library = library_name(steps.get("delegate", accelerator.library or ""))
    text = str(error)
    is_past_library = stage in {"delegate", "model", "invoke"}
    if isinstance(error, ModelError):
        if stage == "library":
            return _no_library(text, accelerator.library or "")
        if stage == "delegate" and accelerator.kind == "edgetpu":
            words = "no Edge TPU answers (is it plugged in? see edged devices)"
            return Fault(words, is_fault=False)
        if stage == "delegate":
            text = f"{library} gives no delegate: {text}"
        return Fault(text, may_be_the_pair=is_past_library)
    doing = _while(stage, what)
    if killed_by is None:
        how = "hangs" if is_late else "failed"
        words = f"{library or 'the worker'} {how}{doing}: {text}"
        return Fault(words, may_be_the_pair=is_past_library)
    reason = f"{library or 'the worker'} crashed ({killed_by.name}){doing}"
    if killed_by is signal.SIGSEGV and is_past_library and accelerator.kind == "edgetpu":
        reason += f": it may be built for another TensorFlow Lite: {INSTALL}"
    return Fault(reason, may_be_the_pair=is_past_library)


def library_name(told: str) -> str:
    """`/usr/lib/libedgetpu.so.1 [...RuntimeVersion(14)]` as `libedgetpu (runtime 14)`."""
    path, _, version = told.partition(" [")
    name = path.rpartition("/")[2].partition(".so")[0]
    found = _RUNTIME_VERSION.search(version)
    return f"{name} (runtime {found[1]})" if found else name


def _no_library(text: str, library: str) -> Fault:
    """What the loader said of a library."""
    missing, _, why = text.partition(": ")
    name = library.rpartition("/")[2]
    if "No such file" not in why:
        return Fault(f"{name} cannot be loaded: {text}")
    if missing in {library, name}:
        todo = f": {INSTALL}" if name.startswith("libedgetpu") else ""
        return Fault(f"{library} is not installed{todo}", is_fault=False)
    return Fault(f"{name} needs {missing}, which is not installed")


def _while(stage: str, what: str) -> str:
    """` while ...`, where the worker was."""
    name = what.rpartition("/")[2]
    words = {
        "library": " while it was loaded",
        "delegate": " while it looked for its device",
        "model": f" while {name} was loaded",
        "invoke": f" at the first invoke of {name}",
    }
    return words.get(stage, "")
