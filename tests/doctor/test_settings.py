"""Which configuration is looked at, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.config import Config
from edged.doctor import settings
from edged.doctor.finding import Level
from edged.doctor.settings import judge, measure


@pytest.fixture
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "etc" / "edged.toml"
    file.parent.mkdir()
    monkeypatch.setattr(settings, "SYSTEM_FILE", file)
    return file


def test_the_service_s_file_is_taken_where_none_is_named(
    system_file: Path,
) -> None:
    facts, config = measure(None)
    assert (facts.file, config) == ("", Config())
    assert "the defaults" in judge(facts).found
    system_file.write_text("[camera]\nfps = 7\n")
    facts, config = measure(None)
    assert facts.file == str(system_file)
    assert config is not None
    assert config.camera.fps == 7


def test_each_thing_that_is_wrong_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "edged.toml"
    file.write_text("[camera]\nfps = 0\nflip = 0\n")
    facts, config = measure(file)
    assert config is None
    finding = judge(facts)
    assert finding.level is Level.PROBLEM
    assert len(finding.lines) == 2
    assert f"{file}: [camera] fps" in finding.lines[0][1]


def test_the_service_s_credential_is_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt_password").write_text("hunter2\n")
    file = tmp_path / "edged.toml"
    file.write_text('[mqtt]\nusername = "gym"\n')
    facts, config = measure(file)
    assert config is not None
    assert config.mqtt.password == "hunter2"  # noqa: S105
    assert "hunter2" not in f"{facts}"
