"""Options that several commands of `edged` have, and the words that options take."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Literal

import typer


def _model_names(incomplete: str) -> list[tuple[str, str]]:
    from edged.commands import models  # noqa: PLC0415 - when it is asked for

    return models.completions(incomplete)


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        readable=False,  # the file's own error tells more
        help="Default: the defaults of every key.",
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A catalog name, or a .tflite or .onnx file.",
        autocompletion=_model_names,
    ),
]
OptionalModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A catalog name, or a .tflite or .onnx file; default: athlete-pose for the athlete, "
        "movenet-lightning for people.",
        autocompletion=_model_names,
    ),
]
Accelerators = Annotated[
    list[str] | None,
    typer.Option(
        "--accelerator",
        "-a",
        metavar="NAME",
        help="What runs the model: edgetpu, edgetpu:usb:0, cpu, ...; may be repeated, best first; "
        "default: edgetpu, then cpu.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
BrokerAddress = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="ADDRESS",
        help="HOST, HOST:PORT, mqtt://USER:PASSWORD@HOST:PORT or mqtts://...; "
        "default: that of --config.",
    ),
]
CatalogNames = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Of the catalog.", autocompletion=_model_names),
]
CatalogName = Annotated[
    str, typer.Argument(metavar="NAME", help="Of the catalog.", autocompletion=_model_names)
]


class Fit(enum.StrEnum):
    """How a frame becomes the input of a model of poses."""

    AUTO = "auto"
    TRACK = "track"
    LETTERBOX = "letterbox"
    STRETCH = "stretch"


class Encoding(enum.StrEnum):
    """How poses are written."""

    JSON = "json"
    MSGPACK = "msgpack"

    @property
    def word(self) -> Literal["json", "msgpack"]:
        """As the configuration has it."""
        return "json" if self is Encoding.JSON else "msgpack"


class Pace(enum.StrEnum):
    """How fast a benchmark's frames come."""

    ALL = "all"
    FAST = "fast"
    REALTIME = "realtime"
    OVERLOAD = "overload"


class Layout(enum.StrEnum):
    """In which order a model takes the numbers of a keypoint."""

    YXS = "yxs"
    XYS = "xys"


class Units(enum.StrEnum):
    """What a model takes as x and y of a keypoint."""

    AUTO = "auto"
    PIXELS = "pixels"
    FRAME = "frame"


class Rotate(enum.StrEnum):
    """Degrees clockwise."""

    NONE = "0"
    RIGHT = "90"
    HALF = "180"
    LEFT = "270"

    @property
    def degrees(self) -> Literal[0, 90, 180, 270]:
        """As a number."""
        return _DEGREES[self.value]


_DEGREES: dict[str, Literal[0, 90, 180, 270]] = {"0": 0, "90": 90, "180": 180, "270": 270}
