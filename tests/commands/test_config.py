"""`edged config check` and `edged config show`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.commands.config import check, show
from edged.config import Config, load
from edged.errors import ConfigError


def test_a_good_file_is_called_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edged.toml"
    path.write_text("[camera]\nfps = 15\n")
    check(path, only_file=True)
    assert capsys.readouterr().out == f"{path}: ok\n"


def test_a_bad_file_is_an_error_with_a_line_for_each_thing(tmp_path: Path) -> None:
    path = tmp_path / "edged.toml"
    path.write_text("[camera]\nfps = 0\nflip = 0\n")
    with pytest.raises(ConfigError) as caught:
        check(path)
    assert len(str(caught.value).splitlines()) == 2


def test_what_is_shown_without_a_file_is_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(None)
    path = tmp_path / "shown.toml"
    path.write_text(capsys.readouterr().out)
    assert load(path) == Config()


def test_what_is_shown_is_in_force_and_has_no_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edged.toml"
    path.write_text(
        '[camera]\nsource = "rtsp://me:hunter2@cam/1"\nfps = 15\n'
        '[mqtt]\nusername = "me"\npassword = "hunter2"\n'
    )
    show(path)
    shown = capsys.readouterr().out.splitlines()
    assert {
        'source = "rtsp://me:********@cam/1"',
        "fps = 15.0",
        'username = "me"',
        'password = "********"',
        "port = 1883",
    } <= set(shown)
    assert not any("hunter2" in line for line in shown)
