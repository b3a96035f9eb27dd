"""Heat and power: how hot it is, and whether the machine was slowed down."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from edged.doctor.finding import Finding, Trouble, warning
from edged.doctor.machine import Machine, is_raspberry_pi, number_in, text_of
from edged.health import zone_temperatures
from edged.inference.corals import coral_limits, coral_temperatures

PI_LIMIT_C = 80.0
"""A Pi is slowed down from here on, and more from 85 degrees (Raspberry Pi's documentation)."""
USUAL_LIMIT_C = 95.0
"""Of a machine that does not tell its own."""
TPU_LIMIT_C = 85.0
"""First trip point of a PCIe Coral whose driver does not tell."""
_LIMITING = {"passive", "hot", "critical"}
"""Kinds of trip points at which a machine is slowed down or stopped; `active` starts a fan."""

UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SINCE_BOOT = 16
"""The same four, this many bits higher: it happened since the start. Raspberry Pi's documentation
of `vcgencmd get_throttled`."""

_SUPPLY = (
    "use the power supply made for this Pi and a short cable, and for a Coral or disk a hub with "
    "its own supply"
)
_COOLER = "give it a heat sink or fan, or let air in"
_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class TemperatureFacts:
    """Degrees Celsius, and what the firmware noted."""

    zones: dict[str, float]
    """By sensor."""
    limits: dict[str, float]
    """Above which it is slowed down, by sensor."""
    tpus: dict[str, float]
    """Of PCIe Corals, by device."""
    throttled: int | None
    """Bits as of `vcgencmd get_throttled`; None: no Pi, or it does not tell."""
    tpu_limits: dict[str, float] = field(default_factory=dict)
    """From which on PCIe Corals are slowed down, by device; of those whose driver tells."""


def measure(machine: Machine) -> TemperatureFacts:
    """Read the sensors."""
    thermal = machine.sys / "class" / "thermal"
    zones = zone_temperatures(thermal)
    usual = PI_LIMIT_C if is_raspberry_pi(machine) else None
    limits = {}
    for zone in thermal.glob("thermal_zone*"):
        limits[text_of(zone / "type")] = usual or _own_limit(zone)
    return TemperatureFacts(
        zones=zones,
        limits={name: limits[name] for name in zones},
        tpus=coral_temperatures(machine.sys),
        throttled=_throttled(machine),
        tpu_limits=coral_limits(machine.sys),
    )


def _own_limit(zone: Path) -> float:
    """The lowest temperature at which the machine itself does something about the heat."""
    trips = [
        temp / 1000
        for kind in zone.glob("trip_point_*_type")
        if text_of(kind) in _LIMITING
        and (temp := number_in(kind.with_name(kind.name.replace("_type", "_temp")))) is not None
        and temp > 0
    ]
    return min(trips, default=USUAL_LIMIT_C)


def _throttled(machine: Machine) -> int | None:
    """From the kernel where it tells, else from the firmware's own program, else as far as known.

    The kernel of Raspberry Pi OS has had the file in several places.
    """
    for file in sorted(
        (machine.sys / "devices" / "platform").glob("soc*/*firmware*/get_throttled")
    ):
        try:
            return int(text_of(file), 16)
        except ValueError:
            continue
    program = shutil.which("vcgencmd")
    if program is not None:
        try:
            done = subprocess.run(
                [program, "get_throttled"],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            return int(done.stdout.strip().removeprefix("throttled="), 16)
        except (OSError, subprocess.SubprocessError, ValueError):
            pass  # as without the right to /dev/vcio
    for name in (machine.sys / "class" / "hwmon").glob("hwmon*/name"):
        if text_of(name) == "rpi_volt":
            return UNDER_VOLTAGE if number_in(name.with_name("in0_lcrit_alarm")) else 0
    return None


def judge(facts: TemperatureFacts) -> Finding:
    """What to say of it."""
    hottest = max(facts.zones, key=lambda name: facts.zones[name], default=None)
    words = [] if hottest is None else [f"{facts.zones[hottest]:.0f} C ({hottest})"]
    words += [f"{temp:.0f} C (Coral {name})" for name, temp in facts.tpus.items()]
    if facts.throttled == 0:
        words.append("never slowed down")
    troubles = [*_power(facts.throttled or 0)]
    hot = [name for name, temp in facts.zones.items() if temp >= facts.limits[name]]
    if hot and not (facts.throttled or 0) & (THROTTLED | SOFT_LIMIT):
        troubles.append(
            warning(f"{hot[0]} is at its limit of {facts.limits[hot[0]]:.0f} C", _COOLER)
        )
    for name, temp in facts.tpus.items():
        limit = facts.tpu_limits.get(name, TPU_LIMIT_C)
        if temp >= limit:
            wrong = f"the Coral {name} is slowed down from {limit:.0f} C on"
            troubles.append(warning(wrong, _COOLER))
    return Finding(", ".join(words) or "this machine has no sensors", tuple(troubles))


def _power(bits: int) -> list[Trouble]:
    """What the firmware's bits mean: what is so now, else what was so since the start."""
    before = bits >> SINCE_BOOT
    troubles = []
    if bits & UNDER_VOLTAGE:
        troubles.append(warning("too little voltage now", _SUPPLY))
    elif before & UNDER_VOLTAGE:
        troubles.append(warning("too little voltage since it was started", _SUPPLY))
    hot = THROTTLED | SOFT_LIMIT
    if bits & hot:
        troubles.append(warning("slowed down now because it is hot", _COOLER))
    elif before & hot:
        troubles.append(warning("slowed down since it was started because it was hot", _COOLER))
    if bits & CAPPED and not bits & (UNDER_VOLTAGE | hot):
        troubles.append(warning("the CPU's frequency is capped now", f"{_SUPPLY}; {_COOLER}"))
    return troubles
