"""What goes into a guest: this checkout, the pictures of its camera."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edged.capture.athlete.source import open_athlete
from edged.cv import cv2
from edged.sections import Camera

ROOT = Path(__file__).parents[2]
FRAMES = "usr/share/virtual-pi/frames"
PLACE = "root/edged"
SIZE = (640, 480)
FPS = 12.0
MOST = 40  # the camera reads them all when it starts, which an emulated processor feels
SOURCE = "athlete:squat?seed=7"


def copy_checkout(root: Path) -> None:
    """Copies the files of this checkout, those not yet committed as well, into a guest's root."""
    # The checkout may be another user's.
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    command += ["ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    target = root / PLACE
    for name in filter(None, names):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)


def put_frames(root: Path) -> None:
    """Gives the guest's camera its pictures, 0.jpg, 1.jpg and so on: somebody squats, in a loop."""
    directory = root / FRAMES
    directory.mkdir(parents=True)
    for number, picture in enumerate(_paint()):
        (directory / f"{number}.jpg").write_bytes(picture)


def _paint() -> Iterator[bytes]:
    athlete = open_athlete(Camera(source=SOURCE, width=SIZE[0], height=SIZE[1], fps=FPS))
    pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    count = int(min(MOST, athlete.duration_s * FPS))
    for number in range(count):
        athlete.paint(athlete.at(number / FPS), pixels, number)
        fine, picture = cv2.imencode(".jpg", pixels)
        if not fine:
            raise RuntimeError("a picture could not be encoded")
        yield picture.tobytes()
