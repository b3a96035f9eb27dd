"""The sections of the configuration, a frozen struct each: keys, defaults, what they mean."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from edged.keys import (
    AcceleratorName,
    Address,
    BrokerAddress,
    DeviceName,
    Fraction,
    Host,
    Library,
    Port,
    Secret,
    SensorMode,
    Text,
    TopicPrefix,
)

PoseFit: TypeAlias = Literal["auto", "track", "letterbox", "stretch"]
"""How a frame becomes the input of a model of poses, see `PoseModel.fit`."""


KeypointLayout: TypeAlias = Literal["yxs", "xys"]
KeypointUnits: TypeAlias = Literal["auto", "pixels", "frame"]
"""How a model takes keypoints, see `Fitness.classifier_layout`."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file. Every key has a default."""


class Device(Section, frozen=True):
    """Who this device is."""

    name: DeviceName = ""
    """Part of every topic; letters, digits, `_` and `-`; empty: the host name."""


class Camera(Section, frozen=True):
    """Where frames come from."""

    source: Address = "/dev/video0"
    """The Pi's camera (`picamera`, `picamera:1`), a webcam (`/dev/video0`), a stream
    (`rtsp://...`), a video file, a picture, a directory or glob of pictures, or somebody rendered
    who works out (`athlete`, `athlete:squat?seed=7`)."""
    width: Annotated[int, Meta(ge=16, le=8192)] = 640
    height: Annotated[int, Meta(ge=16, le=8192)] = 480
    """Pixels asked for; the source says what it gives."""
    fps: Annotated[float, Meta(ge=0.1, le=10_000.0)] = 30.0
    """Frames a second asked of a camera; pictures and the athlete are shown at this rate."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise that make the picture upright."""
    flip: Literal["none", "horizontal", "vertical"] = "none"
    """Mirrors the picture, after the rotation."""
    pace: Literal["realtime", "fast"] = "realtime"
    """Files and the athlete: at their own rate, or as fast as they are consumed."""
    loop: bool = False
    """Files and the athlete: start again at the end."""
    paused: bool = False
    """True: the camera is closed, its light is off, and nothing is seen."""
    sensor_mode: SensorMode = ""
    """This and what follows is of the Pi's camera. Empty: what suits the size asked for."""
    exposure_us: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    """Microseconds of exposure; 0: the camera's choice."""
    gain: Annotated[float, Meta(ge=0.0, le=64.0)] = 0.0
    """Of the sensor, 1: none; 0: the camera's choice."""
    af_mode: Literal["default", "auto", "continuous", "manual"] = "default"
    """Focus: once at the start, all the time, or at `lens_position`."""
    lens_position: Annotated[float, Meta(ge=0.0, le=32.0)] = 0.5
    """Dioptres, of a manual focus: 1 / metres; 0: infinity."""
    awb: Literal[
        "default",
        "auto",
        "incandescent",
        "tungsten",
        "fluorescent",
        "indoor",
        "daylight",
        "cloudy",
    ] = "default"
    """White balance: which light to expect."""
    red_gain: Annotated[float, Meta(ge=0.0, le=32.0)] = 0.0
    blue_gain: Annotated[float, Meta(ge=0.0, le=32.0)] = 0.0
    """A fixed white balance, in place of `awb`; both 0: not fixed."""
    hdr: Literal["default", "off", "single", "multi", "night"] = "default"
    """High dynamic range by one exposure or several (Pi 5)."""


class Inference(Section, frozen=True):
    """How models run."""

    runtime: Literal["auto", "ai_edge_litert", "tflite_runtime"] = "auto"
    """The library that runs .tflite models; auto: the first of them that is installed."""
    accelerators: Annotated[
        tuple[AcceleratorName, ...],
        Meta(min_length=1, max_length=8, description="a list of 1-8 accelerators"),
    ] = ("edgetpu", "cpu")
    """What runs the models, best first: `cpu`, an Edge TPU (`edgetpu`, `edgetpu:usb`,
    `edgetpu:pci:1`), another delegate (`delegate:/path/lib.so?key=value`)."""
    edgetpu_library: Library = "libedgetpu.so.1"
    """What drives an Edge TPU: a name that the system's loader finds, or a path."""
    performance: Literal["low", "medium", "high", "max"] = "max"
    """How fast, and how hot, an Edge TPU runs; libedgetpu's own choice is max."""
    threads: Annotated[int, Meta(ge=0, le=64)] = 0
    """Threads of one invoke; 0: as many as cores, at most 4."""
    deadline_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    """An invoke that takes longer is given up and its worker replaced; 0: measured at start."""


class PoseModel(Section, frozen=True):
    """Which model finds people, and which of its findings count."""

    model: Text = "movenet-lightning"
    """A catalog name or a path; empty: no poses."""
    fit: PoseFit = "auto"
    """How the frame becomes the model's input: a crop that follows the person, the whole frame with
    borders, or the whole frame stretched; auto: what the model is best at."""
    min_score: Fraction = 0.25
    """Poses below this score are not there."""


class LabelModel(Section, frozen=True):
    """Which model says what the frame shows."""

    model: Text = ""
    """A catalog name or a path; empty: no labels."""
    labels: Text = ""
    """A file with a label a line; empty: what the catalog or the model's metadata names."""
    top: Annotated[int, Meta(ge=1, le=100)] = 3
    """How many labels are told, best first."""
    min_score: Fraction = 0.01
    """Alternatives below this score are left out (the best is always told)."""
    confidence: Fraction = 0.5
    """The best score from which the result is called confident."""
    interval_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 1.0
    """Seconds between two classifications; 0: every frame."""


class Fitness(Section, frozen=True):
    """What is made of the poses: people followed, exercises recognized, reps counted."""

    enabled: bool = True
    """False: poses are told and nothing is made of them."""
    exercise: Text = "auto"
    """The one that is counted, such as `squat`; auto: it is recognized."""
    exercises: Text = ""
    """A file with exercises of your own; see `edged exercises`."""
    classifier: Text = ""
    """A second model, of poses, that helps to recognize what is done: a path or a catalog name;
    empty: none."""
    classifier_labels: Text = ""
    """A file with a label a line; empty: the model's metadata, or the file beside it."""
    classifier_layout: KeypointLayout = "yxs"
    """The order of a keypoint's numbers in its input: y, x, score or x, y, score."""
    classifier_units: KeypointUnits = "auto"
    """Of x and y: pixels, or 0..1 of the frame; auto: as the input's type tells."""
    target_reps: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Of a set; 0: no goal."""
    rest_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 0.0
    """To rest between two sets; 0: no goal."""
    set_ends_s: Annotated[float, Meta(ge=5.0, le=3600.0)] = 30.0
    """A set ends after so long without a rep..."""
    gone_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 10.0
    """... or after the person has been gone for so long."""
    workout_ends_s: Annotated[float, Meta(ge=10.0, le=36000.0)] = 600.0
    """A workout ends after so long without a rep."""


class Mqtt(Section, frozen=True):
    """The broker."""

    host: Host = "127.0.0.1"
    """Name or address of the broker."""
    port: Port = 1883
    """1883 is usual, 8883 with TLS."""
    fallbacks: Annotated[
        tuple[BrokerAddress, ...], Meta(max_length=8, description="a list of 0-8 brokers")
    ] = ()
    """Further brokers, tried in this order while the first cannot be reached. All else is as for
    the first: user, password, TLS."""
    prefix: TopicPrefix = "edged"
    """First part of every topic."""
    username: Text = ""
    password: Secret = ""
    """After `load`: the one in force, wherever it comes from."""
    password_file: Text = ""
    """A file that holds the password; a systemd credential `mqtt_password` is used by itself."""
    tls: bool = False
    ca_file: Text = ""
    """Certificates to trust; empty: the system's."""
    cert_file: Text = ""
    key_file: Text = ""
    """The client's certificate and key, where the broker asks for one."""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    """Seconds of silence after which the connection is probed."""
    forget_at_end: bool = False
    """What edged leaves retained when it ends: `offline` and its info, or nothing."""
    encoding: Literal["json", "msgpack"] = "json"
    """Of `pose` and `labels`; all else is JSON."""


class HomeAssistant(Section, frozen=True):
    """Whether Home Assistant finds this device by itself."""

    enabled: bool = True
    """False: it is not told of this device, and what it was told before is removed."""
    discovery_prefix: TopicPrefix = "homeassistant"
    """Its own, if it has another."""


class Outbox(Section, frozen=True):
    """Where events wait that the broker has not acknowledged."""

    file: Text = ""
    """Empty: in the service's state, or the user's; `memory`: in none, and they end with edged."""
    max_events: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    """What is more is dropped, the oldest first..."""
    max_days: Annotated[float, Meta(ge=0.01, le=3650.0)] = 30.0
    """... and so is what is older."""


class Health(Section, frozen=True):
    """What edged tells of itself."""

    interval_s: Annotated[float, Meta(ge=0.5, le=3600.0)] = 10.0
    """Seconds between two health messages."""


class Metrics(Section, frozen=True):
    """What Prometheus may read, over HTTP."""

    enabled: bool = False
    address: Host = "127.0.0.1"
    """Of this machine: who else may read it, `127.0.0.1` means nobody."""
    port: Port = 9477


class Log(Section, frozen=True):
    """What edged writes."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is worth a line."""
