"""What payloads of the contract are made of: versions, ranges and units."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

VERSION: Literal[1] = 1

Unit: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0.0)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0.0)]

Score: TypeAlias = Annotated[Unit, Meta(description="How sure the model is.")]
FrameNumber: TypeAlias = Annotated[
    Count, Meta(description="Counts the frames of the source; gaps are frames that were dropped.")
]
WallTime: TypeAlias = Annotated[
    NonNegative,
    Meta(description="Seconds since 1970 by the device's clock, which may jump: never for ages."),
]
Age: TypeAlias = Annotated[
    Milliseconds,
    Meta(
        description="Milliseconds from the exposure to the hand-over to the MQTT client, by a "
        "monotonic clock."
    ),
]
ModelName: TypeAlias = Annotated[str, Meta(description="The model's name, as in `info.models`.")]
Accelerator: TypeAlias = Annotated[str, Meta(description="What the models run on.")]


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object. Receivers ignore keys that they do not know: keys are only ever added."""

    v: Literal[1] = VERSION
