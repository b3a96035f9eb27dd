"""The configuration: one frozen struct per section, read from one TOML file.

This module is the only reader of configuration files and of the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
DeviceName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{0,64}$")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file. Every key has a default."""


class Device(Section, frozen=True):
    """Who this device is."""

    name: DeviceName = ""
    """Part of every topic; letters, digits, `_` and `-`; empty: the host name."""


class Camera(Section, frozen=True):
    """Where frames come from."""

    source: str = "/dev/video0"
    """A webcam (`/dev/video0`), a stream (`rtsp://...`), a video file, a picture, a directory or
    glob of pictures."""
    width: Annotated[int, Meta(ge=16, le=8192)] = 640
    height: Annotated[int, Meta(ge=16, le=8192)] = 480
    """Pixels asked for; the source says what it gives."""
    fps: Annotated[float, Meta(ge=0.1, le=1000.0)] = 30.0
    """Frames a second asked of a camera; pictures are shown at this rate."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise that make the picture upright."""
    flip: Literal["none", "horizontal", "vertical"] = "none"
    """Mirrors the picture, after the rotation."""
    pace: Literal["realtime", "fast"] = "realtime"
    """Files: at their own rate, or as fast as they are consumed."""
    loop: bool = False
    """Files: start again at the end."""


class Inference(Section, frozen=True):
    """How models run."""

    runtime: Literal["auto", "ai_edge_litert", "tflite_runtime"] = "auto"
    threads: Annotated[int, Meta(ge=0, le=64)] = 0
    """Threads of one invoke; 0: as many as cores, at most 4."""
    deadline_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    """An invoke that takes longer is given up and its worker replaced; 0: measured at start."""


class PoseModel(Section, frozen=True):
    """Which model finds people, and which of its findings count."""

    model: str = "movenet-lightning"
    """A catalog name or a path; empty: no poses."""
    fit: Literal["auto", "track", "letterbox", "stretch"] = "auto"
    """How the frame becomes the model's input: a crop that follows the person, the whole frame with
    borders, or the whole frame stretched; auto: what the model is best at."""
    min_score: Fraction = 0.25
    """Poses below this score are not there."""


class LabelModel(Section, frozen=True):
    """Which model says what the frame shows."""

    model: str = ""
    """A catalog name or a path; empty: no labels."""
    labels: str = ""
    """A file with a label a line; empty: what the catalog or the model's metadata names."""
    top: Annotated[int, Meta(ge=1, le=100)] = 3
    """How many labels are told, best first."""
    min_score: Fraction = 0.0
    """Alternatives below this score are left out (the best is always told)."""
    confidence: Fraction = 0.5
    """The best score from which the result is called confident."""
    interval_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 1.0
    """Seconds between two classifications; 0: every frame."""


class Mqtt(Section, frozen=True):
    """The broker."""

    host: str = "127.0.0.1"
    port: Port = 1883
    prefix: Annotated[str, Meta(pattern=r"^[^#+\x00/$][^#+\x00]{0,127}$")] = "edged"
    """First part of every topic."""
    username: str = ""
    password: str = ""
    password_file: str = ""
    """A file that holds the password; a systemd credential `mqtt_password` is used by itself."""
    tls: bool = False
    ca_file: str = ""
    """Certificates to trust; empty: the system's."""
    cert_file: str = ""
    key_file: str = ""
    """The client's certificate and key, where the broker asks for one."""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20


class Health(Section, frozen=True):
    """What edged tells of itself."""

    interval_s: Annotated[float, Meta(ge=0.5, le=3600.0)] = 10.0


class Log(Section, frozen=True):
    """What edged writes."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section, frozen=True):
    """The whole file."""

    device: Device = Device()
    camera: Camera = Camera()
    inference: Inference = Inference()
    pose: PoseModel = PoseModel()
    labels: LabelModel = LabelModel()
    mqtt: Mqtt = Mqtt()
    health: Health = Health()
    log: Log = Log()


def model_directories() -> tuple[Path, ...]:
    """Where model files are looked for, first match first.

    `$EDGED_MODELS`, `$XDG_DATA_HOME/edged/models` (`~/.local/share/edged/models`) and
    `/var/lib/edged/models`.
    """
    directories = [Path("/var/lib/edged/models")]
    data = os.environ.get("XDG_DATA_HOME", "")
    home = os.environ.get("HOME", "")
    if Path(data).is_absolute():  # the XDG specification has relative paths ignored
        directories.insert(0, Path(data, "edged", "models"))
    elif home:
        directories.insert(0, Path(home, ".local", "share", "edged", "models"))
    if extra := os.environ.get("EDGED_MODELS", ""):
        directories.insert(0, Path(extra))
    return tuple(directories)
