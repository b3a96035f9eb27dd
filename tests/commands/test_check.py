"""`edged check` as people and programs see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker, until
from daemons import configuration, write_clip
from terminals import Terminal

from edged.config import Config, dump
from edged.doctor.machine import Machine

CHECK = ("-m", "edged", "check", "--config")
SUBJECT_KEYS = {"level", "found", "troubles", "facts"}


@pytest.fixture
def config(tmp_path: Path, pose_file: Path, broker: Broker) -> Config:
    return configuration(write_clip(tmp_path / "clip.avi", frames=60), pose_file, broker.port)


@pytest.fixture
def file(tmp_path: Path, config: Config) -> Path:
    path = tmp_path / "edged.toml"
    path.write_text(dump(config))
    return path


def check(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *CHECK, *words],
        env={**os.environ, "EDGED_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_line_for_each_thing_and_a_verdict(file: Path) -> None:
    done = check(file)
    assert done.stderr == ""
    *lines, verdict = done.stdout.splitlines()
    assert {line.split()[1] for line in lines} >= {"camera", "models", "broker", "disk"}
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "problem"}
    assert "\x1b" not in done.stdout, "colours are for terminals"
    assert done.returncode == (1 if "cannot work" in verdict else 0)


def test_what_keeps_the_service_from_working_is_exit_code_1(file: Path, broker: Broker) -> None:
    broker.stop()
    done = check(file)
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if " broker " in line)
    assert line.startswith("problem  broker       no broker 127.0.0.1:")


def test_one_object_for_programs(file: Path) -> None:
    done = check(file, "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert (set(report), report["v"]) == ({"v", "level", "checks"}, 1)
    assert all(set(one) == SUBJECT_KEYS for one in report["checks"].values())
    assert report["checks"]["camera"]["facts"]["seen"]["width"] == 64
    assert report["checks"]["broker"]["facts"]["trip"]["protocol"] == "5"
    assert done.returncode == int(report["level"] == "problem")


def test_a_configuration_that_is_wrong_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[camera]\nfps = 0\n")
    done = check(file, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["checks"]["config"]["level"] == "problem"


def test_a_terminal_gets_colours(tmp_path: Path) -> None:
    file = tmp_path / "missing.toml"
    with Terminal([*CHECK, str(file)]) as terminal:
        until(lambda: "cannot work" in terminal.text, "the verdict")
        assert "\x1b[1;31mproblem" in terminal.written


def test_what_devices_call_themselves_is_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edged.commands.check import run  # noqa: PLC0415

    camera = tmp_path / "sys" / "class" / "video4linux" / "video0"
    (camera / "device").mkdir(parents=True)
    (camera / "name").write_text("\x1b[2JEvil")
    (camera / "device" / "modalias").write_text("usb:v1")
    file = tmp_path / "edged.toml"
    file.write_text('[camera]\nsource = "/dev/video987"\n')
    machine = Machine(sys=tmp_path / "sys")
    assert run(file, json=False, machine=machine) == 1
    out = capsys.readouterr().out
    assert "Evil" in out
    assert "\x1b" not in out
