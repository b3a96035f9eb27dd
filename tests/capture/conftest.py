"""Real things to capture from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from cameras import STEP, Changes, HttpCamera, WriteVideo


@pytest.fixture
def write_video(tmp_path: Path) -> WriteVideo:
    def write(name: str = "video.avi", *, frames: int = 12, fps: float = 100.0) -> Path:
        path = tmp_path / name
        codec = "MJPG" if name.endswith(".avi") else "mp4v"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
        assert writer.isOpened()
        for number in range(frames):
            writer.write(np.full((48, 64, 3), number * STEP % 256, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def http_camera() -> Iterator[HttpCamera]:
    camera = HttpCamera()
    camera.switch_on()
    yield camera
    camera.switch_off()


@pytest.fixture
def changes() -> Changes:
    return Changes()
