"""What of the configuration a Pi camera is told to do, by the names and numbers of libcamera.

The numbers are of libcamera's `control_ids_core.yaml`; they have been the same since 2022.
No IO: what the camera can do comes in.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from edged.sections import Camera

Value: TypeAlias = int | float | bool | tuple[int, int] | tuple[float, float]

_AF_MODES = {"manual": 0, "auto": 1, "continuous": 2}
_AWB_MODES = {
    "auto": 0,
    "incandescent": 1,
    "tungsten": 2,
    "fluorescent": 3,
    "indoor": 4,
    "daylight": 5,
    "cloudy": 6,
}
_HDR_MODES = {"off": 0, "multi": 2, "single": 3, "night": 4}
_START = 0
"""AfTriggerStart."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Values by libcamera's names."""

    before: dict[str, Value] = field(default_factory=dict)
    """In force from the first frame."""
    after: dict[str, Value] = field(default_factory=dict)
    """For a camera that runs already."""
    left_out: tuple[str, ...] = ()
    """Keys of the configuration that this camera knows nothing of."""


def controls(settings: Camera, known: Container[str]) -> Controls:
    """What to tell a camera that has the controls `known`.

    What is not configured is not told: it stays as the camera has it.
    """
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    left_out = []
    for key, values in _wanted(settings):
        if all(name in known for name in values):
            before |= values
        elif key != "fps":  # has a value always, whoever set it; `SourceInfo.fps` tells
            left_out.append(key)
    if "AfMode" in before and settings.af_mode == "auto" and "AfTrigger" in known:
        after["AfTrigger"] = _START
    return Controls(before, after, tuple(left_out))


def _wanted(settings: Camera) -> list[tuple[str, dict[str, Value]]]:
    """Key of the configuration, and what it means."""
    period_us = round(1e6 / settings.fps)
    wanted: list[tuple[str, dict[str, Value]]] = [
        ("fps", {"FrameDurationLimits": (period_us, period_us)})
    ]
    if settings.exposure_us:
        wanted.append(("exposure_us", {"ExposureTime": settings.exposure_us}))
    if settings.gain:
        wanted.append(("gain", {"AnalogueGain": settings.gain}))
    if settings.af_mode != "default":
        wanted.append(("af_mode", {"AfMode": _AF_MODES[settings.af_mode]}))
    if settings.af_mode == "manual":
        wanted.append(("lens_position", {"LensPosition": settings.lens_position}))
    if settings.awb != "default":
        wanted.append(("awb", {"AwbEnable": True, "AwbMode": _AWB_MODES[settings.awb]}))
    if settings.red_gain and settings.blue_gain:
        gains = (settings.red_gain, settings.blue_gain)
        wanted.append(("red_gain and blue_gain", {"ColourGains": gains}))
    if settings.hdr != "default":
        wanted.append(("hdr", {"HdrMode": _HDR_MODES[settings.hdr]}))
    return wanted


def sensor(settings: Camera) -> dict[str, object]:
    """The sensor's mode as Picamera2 takes it; empty: not configured."""
    if not settings.sensor_mode:
        return {}
    size, _, bits = settings.sensor_mode.partition(":")
    width, height = map(int, size.split("x"))
    mode: dict[str, object] = {"output_size": (width, height)}
    return mode | ({"bit_depth": int(bits)} if bits else {})


def mirrors(settings: Camera) -> tuple[bool, bool]:
    """Whether the sensor is to be read from right to left, and from the bottom up.

    That makes half a turn and every mirroring. A quarter turn is made afterwards, and so is its
    mirroring, which comes after it.
    """
    if settings.rotate in {90, 270}:
        return False, False
    half = settings.rotate == 180  # noqa: PLR2004 - degrees
    return half ^ (settings.flip == "horizontal"), half ^ (settings.flip == "vertical")


def software_part(settings: Camera) -> Camera:
    """What is left to turn when the camera has done its `mirrors`."""
    if settings.rotate in {90, 270}:
        return settings
    return msgspec.structs.replace(settings, rotate=0, flip="none")
