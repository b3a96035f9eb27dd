"""`--accelerator`: what a command runs its model on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_models
from stand_in.edgetpu import StandIn
from stand_in.twins import compiled_twin

from edged.commands import infer
from edged.commands.runner import inference
from edged.errors import ModelError, UsageError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "gray.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), 100, np.uint8))
    return path


def test_the_words_of_a_command_line_are_an_order() -> None:
    assert inference(2, []).accelerators == ("edgetpu", "cpu")
    assert inference(2, ["edgetpu:usb:1", "cpu"]).accelerators == ("edgetpu:usb:1", "cpu")
    with pytest.raises(UsageError, match=r'--accelerator: .* did you mean "edgetpu"'):
        inference(0, ["edgtpu"])


def test_infer_says_what_ran_the_model(
    pose_file: Path, picture: Path, edgetpu: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = pose_file.with_name("pose_edgetpu.tflite")
    twin.write_bytes(compiled_twin(pose_file.read_bytes()))
    for name, runner in ((f"delegate:{edgetpu.path}", "delegate:"), ("cpu", "cpu")):
        assert infer.run([str(picture)], model=str(pose_file), accelerators=[name], json=True) == 0
        assert f'"accelerator":"{runner}' in capsys.readouterr().out


def test_infer_says_that_what_was_asked_for_is_not_there(
    pose_file: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["delegate:/nowhere/libgpu.so", "cpu"]
    assert infer.run([str(picture)], model=str(pose_file), accelerators=names) == 0
    assert "/nowhere/libgpu.so is not installed" in capsys.readouterr().err
    assert infer.run([str(picture)], model=str(pose_file)) == 0
    assert capsys.readouterr().err == "", "the usual order is no wish"


def test_infer_says_that_a_compiled_model_has_nothing_that_takes_over(
    picture: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "pose_edgetpu.tflite"
    alone.write_bytes(compiled_twin(tiny_models.pose_model()))
    with pytest.raises(ModelError, match="nothing takes over"):
        infer.run([str(picture)], model=str(alone), accelerators=["cpu"])
