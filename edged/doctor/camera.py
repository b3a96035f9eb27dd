"""The camera: does it give frames, how many, how old?"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from edged.capture.source import REPLAY, is_athlete, is_live
from edged.doctor.camera_look import Outcome, Seen
from edged.doctor.finding import Finding, Trouble, problem, warning
from edged.doctor.machine import Machine, text_of
from edged.doctor.programs import Program, holders
from edged.isolated import ask
from edged.masking import without_password
from edged.messages.device import CameraInfo
from edged.sections import Camera

PACKAGE = "picamera2"
_PICAMERA = re.compile(r"picamera(:.*)?", re.DOTALL)
_MODULE = "edged.doctor.camera_look"
SLOW = 0.6
"""Of the rate asked for."""
OLD_MS = 500.0
DARK = 4.0
"""Mean of a picture, of 255, with a covered lens: sensor noise and black level."""
EVEN = 1.0
"""Standard deviation of a picture in which nothing is to be seen; noise alone is more."""


Paused: TypeAlias = Literal["", "configuration", "service"]
"""By which a camera is to stay closed; empty: it is not."""


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What came of looking at it."""

    source: str
    """As configured, without any password."""
    live: bool
    asked_fps: float
    seen: Seen | None
    problem: str
    """Why nothing was seen; empty: something was, or the service has the camera."""
    holders: tuple[Program, ...]
    """Who has its device open, as far as we may know."""
    webcams: tuple[str, ...]
    """That are plugged in: `/dev/video0 (HD Webcam)`."""
    package_missing: bool
    """The source needs picamera2, which this Python has not."""
    paused: Paused = ""

    @property
    def service(self) -> Program | None:
        """The service, if it has the camera."""
        return next((one for one in self.holders if one.is_ours), None)


def nodes(source: str, machine: Machine) -> tuple[Path, ...]:
    """The devices that a source uses, as far as they exist. Those that lead to others are not told.

    Of a Pi camera any of the media devices: libcamera opens them all.
    """
    if _PICAMERA.fullmatch(source):
        heaps = (machine.dev / "dma_heap").glob("*")
        return tuple(sorted((*machine.dev.glob("media[0-9]*"), *heaps)))
    path = Path(re.sub(r"^webcam:(\d+)$", rf"{machine.dev}/video\1", source))
    if path.is_relative_to(machine.dev) and path.exists():
        return (path.resolve(),)
    return ()


def measure(
    settings: Camera,
    machine: Machine,
    config: Path | None,
    timeout_s: float,
    *,
    is_service_paused: bool = False,
) -> CameraFacts:
    """Look at the camera, unless it is paused or the service has it; `config` is the file of that.

    Files and the athlete are looked at in any case: nobody is in front of them.

    Raises:
        OSError: no process can be started.
    """
    source = without_password(settings.source)
    is_picamera = bool(_PICAMERA.fullmatch(settings.source))
    exclusive = [
        f"{node}" for node in nodes(settings.source, machine) if "dma_heap" not in node.parts
    ]
    found = tuple(holders(exclusive, config, machine.proc))
    facts = CameraFacts(
        source=source,
        live=is_live(settings.source) or is_picamera,
        asked_fps=settings.fps,
        seen=None,
        problem="",
        holders=found,
        webcams=tuple(_webcams(machine)),
        package_missing=is_picamera and importlib.util.find_spec(PACKAGE) is None,
        paused="configuration" if settings.paused else "service" if is_service_paused else "",
    )
    if facts.service is not None or (facts.paused and facts.live):
        return facts
    if _is_hidden(file_of(settings.source)):
        return replace(facts, problem=f"{source}: only root may look there: sudo edged check")
    answer = ask(_MODULE, msgspec.json.encode(settings), timeout_s)
    if answer.failure:
        return replace(facts, problem=f"{source}: the program that opens it {answer.failure}")
    outcome = msgspec.json.decode(answer.text, type=Outcome)
    return replace(facts, seen=outcome.seen, problem=outcome.problem)


def file_of(source: str) -> Path | None:
    """The file or directory that a source is read from; None: it is a camera or drawn."""
    if is_live(source):
        return None
    if is_athlete(source):
        script = source.partition(":")[2].partition("?")[0]
        return _absolute(script) if script.endswith(".toml") else None
    fixed = re.split(r"[^/]*[*?[]", source.removeprefix(REPLAY))[0]  # before the glob
    return _absolute(fixed) if fixed else None


def _absolute(name: str) -> Path | None:
    try:
        return Path(name).expanduser().absolute()
    except (RuntimeError, OSError):  # the home of nobody
        return None


def _is_hidden(path: Path | None) -> bool:
    """Whether we may not even know if it is there."""
    try:
        if path is not None:
            path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _webcams(machine: Machine) -> list[str]:
    """Those on USB: a Pi has a dozen other video devices, which are codecs."""
    found = []
    for entry in (machine.sys / "class" / "video4linux").glob("video*"):
        is_usb = text_of(entry / "device" / "modalias").startswith("usb:")
        if is_usb and text_of(entry / "index") in ("", "0"):  # the others give metadata
            found.append(f"/dev/{entry.name} ({text_of(entry / 'name')})")
    return sorted(found)


def judge(
    facts: CameraFacts, *, told: CameraInfo | None, is_hidden: bool, name: str = "edged"
) -> Finding:
    """What to say of it.

    Args:
        facts: measured.
        told: what the running service tells the broker of its camera.
        is_hidden: a service runs whose devices we may not see, since we are not root.
        name: of the service.
    """
    if facts.paused and facts.live:
        return _judge_paused(facts, is_open=told is not None, name=name)
    gives = "" if told is None else f", which tells {_size(told.width, told.height)}"
    if told is not None and told.fps:
        gives += f" at {told.fps:g}/s"
    if facts.service is not None:
        return Finding(f"{facts.source} is in use by {facts.service}{gives}")
    if facts.seen is not None:
        paused = "paused; " if facts.paused else ""
        return Finding(paused + _seen(facts.seen), tuple(_troubles(facts.seen, facts)))
    if is_hidden and facts.live and told is not None:
        return Finding(f"{facts.source} is in use by the running service{gives}")
    return Finding("", (_failure(facts, is_hidden=is_hidden),))


def _judge_paused(facts: CameraFacts, *, is_open: bool, name: str) -> Finding:
    """It is left closed. `is_open`: the running service tells that it has it."""
    if facts.service is not None or (is_open and facts.paused == "configuration"):
        who = facts.service or "the running service"
        wrong = f"{facts.source} is in use by {who}, though [camera] paused is true"
        return Finding("", (warning(wrong, f"sudo systemctl reload {name}"),))
    by = {
        "configuration": "by [camera] paused",
        "service": "in the running service",
    }[facts.paused]
    return Finding(f"{facts.source} is paused {by}: closed, and not opened to look at it")


def _failure(facts: CameraFacts, *, is_hidden: bool) -> Trouble:
    """Why there is no frame."""
    if facts.package_missing:
        todo = (
            f"sudo apt install -y python3-{PACKAGE} (from the archive of Raspberry Pi OS), and let "
            "edged see it: a venv made with --system-site-packages, as ./install.sh does"
        )
        return problem(f"{facts.source} needs {PACKAGE}, which is not here", todo)
    if facts.holders:
        whose = ", ".join(map(str, facts.holders))
        return problem(f"{facts.source} is in use by {whose}", "end that program")
    if is_hidden and facts.live:
        todo = "the running service may have it, which only root can see: sudo edged check"
        return warning(facts.problem, todo)
    return problem(facts.problem, _remedy(facts))


def _remedy(facts: CameraFacts) -> str:
    """Where the text of the problem does not say it."""
    if _PICAMERA.fullmatch(facts.source):
        return "check the ribbon cable with the power off; rpicam-hello --list-cameras tells more"
    if "no such device" in facts.problem:
        if facts.webcams:
            return f"there is {', '.join(facts.webcams)}: set [camera] source to it"
        return "plug it in, or set [camera] source"
    if "no permission" in facts.problem or not facts.live:
        return ""
    if facts.source.startswith(("/dev/", "webcam:")):
        return "plug it in again, at another port (dmesg tells what happened)"
    return ""


def _size(width: int, height: int) -> str:
    return f"{width}x{height}"


def _seen(seen: Seen) -> str:
    words = f"{seen.source} gives {_size(seen.width, seen.height)}"
    if seen.rate is not None:
        words += f" at {seen.rate:.1f}/s"
    return f"{words}, a frame is {seen.age_ms:.0f} ms old"


def _troubles(seen: Seen, facts: CameraFacts) -> list[Trouble]:
    """Of a camera or stream; a file is as it is."""
    troubles: list[Trouble] = []
    if not facts.live:
        return troubles
    if seen.rate is not None and seen.rate < SLOW * facts.asked_fps:
        troubles.append(
            warning(
                f"{facts.asked_fps:g}/s were asked for",
                "more light lets it expose for a shorter time; or ask for less in [camera] fps, "
                "width and height",
            )
        )
    if seen.age_ms > OLD_MS:
        troubles.append(
            warning("the frames come late", "a nearer access point, a cable, or a smaller picture")
        )
    if seen.brightness < DARK:
        troubles.append(warning("the picture is black", "uncover the lens, or switch a light on"))
    elif seen.contrast < EVEN:
        troubles.append(warning("the picture is all of one colour", "is something over the lens?"))
    return troubles
