"""Who has a device open, and who is the service: a /proc of files, and the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import until
from machines import Write

from edged.doctor.machine import Machine
from edged.doctor.programs import Program, config_of, holders, is_service, services

SERVICE = "/opt/edged/current/bin/python\0/opt/edged/current/bin/edged\0run\0--config\0{}\0"
WORKER = "python\0-P\0-m\0edged.inference.worker\x005\0"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["python3", "/usr/bin/edged", "run", "--config", "x"], True),
        (["python3", "-m", "edged", "run"], True),
        (["python3", "-m", "edged", "check"], False),
        (["edged", "infer", "run"], False),
        (["vim", "/home/pi/edged", "notes"], False),
        ([], False),
    ],
)
def test_the_service_is_known_by_its_command_line(line: list[str], *, expected: bool) -> None:
    assert is_service(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["edged", "run", "--config", "/a"], "/a"),
        (["edged", "run", "-c", "/a"], "/a"),
        (["edged", "run", "--config=/a"], "/a"),
        (["edged", "run"], ""),
    ],
)
def test_so_is_its_configuration(line: list[str], expected: str) -> None:
    assert config_of(line) == expected


def test_holders_are_named_and_the_service_and_its_worker_are_told_from_others(
    machine: Machine, write: Write
) -> None:
    config = machine.state / "edged.toml"
    write(
        {
            "proc/10/cmdline": SERVICE.format(config),
            "proc/10/fd/4": "->/dev/video0",
            "proc/11/cmdline": WORKER,
            "proc/11/stat": "11 (python (x)) S 10 0 0",
            "proc/11/fd/7": "->/dev/apex_0",
            "proc/12/cmdline": "ffmpeg\0-i\0/dev/video0\0",
            "proc/12/comm": "ffmpeg\n",
            "proc/12/fd/3": "->/dev/video0",
            "proc/13/cmdline": SERVICE.format("/etc/edged/door.toml"),
            "proc/13/fd/3": "->/dev/video2",
            "proc/14/fd/3": "->socket:[1]",
        }
    )
    proc = machine.proc
    service, ffmpeg = Program(10, "edged run", is_ours=True), Program(12, "ffmpeg", is_ours=False)
    assert holders(["/dev/video0"], config, proc) == [service, ffmpeg]
    assert holders(["/dev/apex_0"], config, proc) == [
        Program(11, "a worker of edged", is_ours=True)
    ]
    assert holders(["/dev/video2"], config, proc) == [Program(13, "edged run", is_ours=False)]
    assert holders([], config, proc) == []
    assert services(config, proc) == [service]
    assert services(None, proc) == []


def test_a_real_program_that_has_a_file_open_is_found(tmp_path: Path) -> None:
    file = tmp_path / "device"
    file.touch()
    code = "import sys; open(sys.argv[1]); f = open(sys.argv[1]); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, file], stdin=subprocess.PIPE) as child:
        until(lambda: bool(holders([str(file)], None, Path("/proc"))), "the holder")
        (found,) = holders([str(file)], None, Path("/proc"))
        assert (found.pid, found.is_ours) == (child.pid, False)
        assert f"{child.pid}" in str(found)
        child.communicate()
    with file.open():
        assert holders([str(file)], None, Path("/proc")) == [], f"we are {os.getpid()}"
