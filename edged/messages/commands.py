"""What may be asked of a device by `set/<what>`, and how it answers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from edged.messages.fields import Payload, WallTime

What: TypeAlias = Literal[
    "pause", "model", "exercise", "reset", "correct", "target_reps", "rest_s", "person"
]
"""What is not in the list does not exist."""

COMMAND_BYTES = 256
"""A longer payload is no command."""
REPLY_EXPIRY_S = 60
"""An answer that is older is of no use to who asked."""


class Reply(Payload, frozen=True, kw_only=True):
    """The answer to a command: on `reply`, or where the sender's response topic says."""

    ts: WallTime
    command: Annotated[str, Meta(description="What was asked, as in `set/<what>`.")]
    ok: Annotated[bool, Meta(description="false: it was not done, and `reason` says why.")]
    reason: Annotated[str, Meta(description="Why not, for a person; empty where it is ok.")]
