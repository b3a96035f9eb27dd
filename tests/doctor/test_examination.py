"""The whole examination: everything at once, and one subject's trouble is no other's."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import Broker, free_port
from daemons import Daemon, configuration, write_clip
from machines import AddProgram

from edged.config import dump
from edged.doctor import clock, memory
from edged.doctor.examination import Report, examine
from edged.doctor.finding import Level
from edged.doctor.machine import Machine

SUBJECTS = [
    *("config", "service", "camera", "models", "accelerator", "broker"),
    *("permissions", "clock", "temperature", "disk", "memory"),
]


def said(report: Report, subject: str) -> str:
    return "\n".join(words for _, words in report.subjects[subject].finding.lines)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.avi", frames=60)


def test_a_device_on_which_edged_can_work(
    clip: Path, pose_file: Path, broker: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "edged.toml"
    file.write_text(dump(configuration(clip, pose_file, broker.port)))
    report = examine(file, Machine())
    assert list(report.subjects) == SUBJECTS
    vital = ("config", "camera", "models", "broker", "permissions")
    assert [report.subjects[name].finding.level for name in vital] == [Level.OK] * len(vital)


def test_a_service_that_has_failed_is_started_again_when_all_is_mended(
    clip: Path, pose_file: Path, broker: Broker, tmp_path: Path, add_program: AddProgram
) -> None:
    add_program("systemctl", "echo LoadState=loaded; echo ActiveState=failed")
    file = tmp_path / "edged.toml"
    file.write_text(dump(configuration(clip, pose_file, broker.port)))
    assert "keeps it from working now: sudo systemctl restart edged" in said(
        examine(file, Machine()), "service"
    )
    broker.stop()
    assert "mend what is a problem here, then sudo" in said(examine(file, Machine()), "service")


def test_a_camera_that_the_service_has_paused_is_not_taken_from_it(
    pose_file: Path, broker: Broker, tmp_path: Path, add_program: AddProgram
) -> None:
    script = "echo LoadState=loaded; echo ActiveState=active; echo StatusText='{}; tiny on cpu'"
    add_program("systemctl", script.format("the camera is paused"))
    file = tmp_path / "edged.toml"
    file.write_text(dump(configuration(Path("/dev/video987"), pose_file, broker.port)))
    report = examine(file, Machine())
    assert report.subjects["camera"].finding.level is Level.OK
    assert "/dev/video987 is paused in the running service" in said(report, "camera")


def test_the_folder_of_the_service_is_nobody_else_s(
    clip: Path, pose_file: Path, broker: Broker, tmp_path: Path, machine: Machine
) -> None:
    file = tmp_path / "edged.toml"
    file.write_text(dump(configuration(clip, pose_file, broker.port)))
    facts = examine(file, machine).subjects["permissions"].facts
    kinds = {one.need.kind for one in facts.checked}
    assert kinds == {"file", "model", "source"} | ({"state"} if facts.is_service else set())


def test_one_on_which_hardly_anything_is_right(tmp_path: Path, machine: Machine) -> None:
    file = tmp_path / "edged.toml"
    missing = tmp_path / "missing"
    file.write_text(dump(configuration(missing / "a.avi", missing / "a.tflite", free_port())))
    report = examine(file, machine)
    assert report.level is Level.PROBLEM
    for name in ("camera", "models", "broker"):
        assert report.subjects[name].finding.level is Level.PROBLEM
    assert report.subjects["memory"].facts is None, "this machine has no /proc/meminfo"
    assert "this check itself failed" in said(report, "memory")


def test_without_a_configuration_the_rest_is_looked_at(tmp_path: Path) -> None:
    report = examine(tmp_path / "missing.toml", Machine())
    assert report.level is Level.PROBLEM
    assert "no such file" in said(report, "config")
    for name in ("camera", "models", "broker"):
        assert "not looked at" in said(report, name)
    assert report.subjects["disk"].facts is not None


def test_a_check_that_fails_is_told_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "measure", lambda _: 1 / 0)
    monkeypatch.setattr(clock, "measure", lambda **_: int("x"))
    report = examine(tmp_path / "missing.toml", Machine())
    assert "ZeroDivisionError" in said(report, "memory")
    assert report.subjects["clock"].finding.level is Level.WARNING
    assert report.subjects["disk"].facts is not None


def test_the_running_service_is_seen_and_not_disturbed(
    clip: Path, pose_file: Path, broker: Broker, tmp_path: Path
) -> None:
    config = configuration(clip, pose_file, broker.port)
    with Daemon(tmp_path, config) as daemon:
        daemon.until_logged("connected to")
        daemon.until_logged("clip.avi 64x48")
        report = examine(daemon.file, Machine())
        assert f"edged run (PID {daemon.process.pid}) runs" in said(report, "service")
        assert report.subjects["broker"].facts.is_online
        assert report.subjects["broker"].finding.level is Level.OK
        assert daemon.stop() == 0
        assert daemon.log().count("connected to") == 1
        assert "WARNING" not in daemon.log()
