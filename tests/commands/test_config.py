"""`edged config check` and `edged config show`."""

from __future__ import annotations

from pathlib import Path

import pose_classifiers
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


def test_a_classifier_of_poses_is_there_and_fits(
    tmp_path: Path, pose_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, labels = pose_classifiers.write(tmp_path)
    path = tmp_path / "edged.toml"

    def wrong_with(classifier: Path, *more: str) -> str:
        keys = [f'classifier = "{classifier}"', *more]
        path.write_text(
            f'[camera]\nsource = "athlete"\n[pose]\nmodel = "{pose_file}"\n[fitness]\n'
            + "\n".join(keys)
        )
        with pytest.raises(ConfigError) as caught:
            check(path)
        return str(caught.value)

    place = f"{path}: [fitness] classifier: not usable here: "
    assert wrong_with(tmp_path / "missing.tflite").startswith(f"{place}{tmp_path}/missing.tflite")
    assert wrong_with(pose_file).startswith(f"{place}{pose_file}: it has inputs uint8")
    assert wrong_with(model) == (
        f"{place}{model} has no labels, and numbers name no exercise: give a file with one label "
        "a line, as [fitness] classifier_labels"
    )
    few = tmp_path / "few.txt"
    few.write_text("squat")
    told = wrong_with(model, f'classifier_labels = "{few}"')
    assert told.startswith(f"{place}{few} has 1 labels, the model 5 classes")
    assert "classifier_layout: expected" in wrong_with(model, 'classifier_layout = "syx"')
    text = path.read_text().replace('"syx"', '"yxs"')
    path.write_text(f'{text}\nclassifier_labels = "{labels}"\n')
    check(path)
    assert capsys.readouterr().out == f"{path}: ok\n"
