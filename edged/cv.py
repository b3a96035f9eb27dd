"""OpenCV as a daemon wants it: silent, and on one thread.

Everyone imports `cv2` from here, for it reads its settings once, when it is loaded.
"""

from __future__ import annotations

import os

from edged.types import READ_TIMEOUT_S

# Before OpenCV is loaded; what the user has set stays.
for _name, _value in {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # AV_LOG_QUIET
    # Lost UDP packets are grey pictures. Not `nobuffer`, which throws the first frames away (a
    # camera's next key frame is seconds off, and files begin late): reading on empties a buffer.
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": f"{READ_TIMEOUT_S:.0f}",
}.items():
    os.environ.setdefault(_name, _value)

import cv2  # noqa: E402

# OpenCV's pool spins between calls: 0.2 ms of CPU a frame, for conversions that take 0.02 ms.
cv2.setNumThreads(1)
if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":  # where someone else has loaded OpenCV before
    # LOG_LEVEL_SILENT; OpenCV 5 has moved the function.
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)

__all__ = ["cv2"]
