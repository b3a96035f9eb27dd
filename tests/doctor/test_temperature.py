"""Heat and power: sensors of files, and a vcgencmd that is a real program."""

from __future__ import annotations

import pytest
from machines import AddProgram, Write

from edged.doctor.finding import Finding, Level
from edged.doctor.machine import Machine
from edged.doctor.temperature import TemperatureFacts, judge, measure

PI = {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}
ZONE = "sys/class/thermal/thermal_zone0"


def zone(millidegrees: int, **more: str) -> dict[str, str]:
    files = {"type": "cpu-thermal\n", "temp": f"{millidegrees}\n"} | more
    return {f"{ZONE}/{name}": text for name, text in files.items()}


def words(machine: Machine) -> str:
    return "\n".join(text for _, text in judge(measure(machine)).lines)


def test_a_machine_without_sensors_is_fine(machine: Machine) -> None:
    assert judge(measure(machine)) == Finding("this machine has no sensors")


def test_a_cool_pi(machine: Machine, write: Write, add_program: AddProgram) -> None:
    write(PI | zone(48_200))
    add_program("vcgencmd", 'test "$1" = get_throttled && echo throttled=0x0')
    assert judge(measure(machine)) == Finding("48 C (cpu-thermal), never slowed down")


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        ("0x1", ["too little voltage now"]),
        ("0x50000", ["too little voltage since", "slowed down since"]),
        ("0x50005", ["too little voltage now", "slowed down now because it is hot"]),
        ("0x80008", ["slowed down now because it is hot"]),
        ("0xe0008", ["slowed down now because it is hot"]),
        ("0x2", ["frequency is capped now"]),
    ],
)
def test_the_bits_of_the_firmware_in_words(
    machine: Machine, write: Write, add_program: AddProgram, bits: str, said: list[str]
) -> None:
    write(PI | zone(60_000))
    add_program("vcgencmd", f"echo throttled={bits}")
    finding = judge(measure(machine))
    assert finding.level is Level.WARNING
    assert len(finding.troubles) == len(said)
    assert all(part in words(machine) for part in said)
    assert all(trouble.todo for trouble in finding.troubles)


@pytest.mark.parametrize(
    "place",
    ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"],
)
def test_the_kernel_is_asked_before_the_program(
    machine: Machine, write: Write, add_program: AddProgram, place: str
) -> None:
    write({f"sys/devices/platform/{place}/get_throttled": "50005\n"})
    add_program("vcgencmd", "echo throttled=0x0")
    assert measure(machine).throttled == 0x50005


@pytest.mark.parametrize("script", ["echo 'VCHI initialization failed'; exit 255", "exit 0"])
@pytest.mark.parametrize(("alarm", "bits"), [("1", 1), ("0", 0)])
def test_without_the_right_to_ask_the_firmware_the_voltage_sensor_tells(
    machine: Machine, write: Write, add_program: AddProgram, script: str, alarm: str, bits: int
) -> None:
    sensor = "sys/class/hwmon/hwmon2"
    write({f"{sensor}/name": "rpi_volt\n", f"{sensor}/in0_lcrit_alarm": f"{alarm}\n"})
    add_program("vcgencmd", script)
    assert measure(machine).throttled == bits


@pytest.mark.parametrize(("millidegrees", "level"), [(79_000, Level.OK), (80_500, Level.WARNING)])
def test_a_pi_is_slowed_down_from_80_degrees_on(
    machine: Machine, write: Write, millidegrees: int, level: Level
) -> None:
    write(PI | zone(millidegrees, trip_point_0_type="critical", trip_point_0_temp="110000"))
    assert judge(measure(machine)).level is level


def test_any_other_machine_tells_its_limit_itself(machine: Machine, write: Write) -> None:
    fan = {"trip_point_0_type": "active", "trip_point_0_temp": "50000"}
    brake = {"trip_point_1_type": "passive", "trip_point_1_temp": "97000"}
    write(zone(85_000, **fan, **brake))
    assert measure(machine).limits == {"cpu-thermal": 97.0}
    assert judge(measure(machine)).level is Level.OK


def test_a_hot_coral() -> None:
    facts = TemperatureFacts({}, {}, {"apex_0": 91.2}, None)
    assert "the Coral apex_0 is slowed down" in judge(facts).lines[0][1]


def test_a_coral_tells_its_temperature(machine: Machine, write: Write) -> None:
    write({"sys/class/apex/apex_0/temp": "47300\n"})
    assert words(machine) == "47 C (Coral apex_0)"


def test_a_coral_has_the_limits_of_its_driver(machine: Machine, write: Write) -> None:
    apex = "sys/class/apex/apex_0"
    points = {f"{apex}/trip_point{number}_temp": f"{70 + 5 * number}000\n" for number in range(3)}
    write({f"{apex}/temp": "71000\n"} | points)
    assert "the Coral apex_0 is slowed down from 70 C on" in words(machine)
