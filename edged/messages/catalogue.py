"""Every topic of the contract once: what is on it, how it is sent, who sends it.

The schemas, the AsyncAPI document and the checks of docs/mqtt.md are made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from edged.messages.commands import COMMAND_BYTES, REPLY_EXPIRY_S, Reply, What
from edged.messages.device import HealthMessage, Info
from edged.messages.exercise import ExerciseState, RepEvent, SetEvent, WorkoutEvent
from edged.messages.fields import Payload
from edged.messages.streams import LabelsMessage, PoseMessage
from edged.messages.topics import OFFLINE, ONLINE, STREAM_EXPIRY_S

Kind: TypeAlias = Literal["stream", "state", "event", "command", "reply", "check"]
"""stream: the newest counts, QoS 0, expires. state: stays true, retained. event: happened, told
until the broker has it. command: is sent to the device. reply: its answer. check: to itself."""


@dataclass(frozen=True, slots=True)
class Text:
    """A payload that is no JSON object."""

    description: str
    pattern: str
    """A regular expression that all of it matches."""
    values: tuple[str, ...] = ()
    """All that it may be; empty: whatever matches."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic below `<prefix>/<device>/`."""

    topic: str
    """`event/rep`; `{what}` stands for one of `choices`."""
    kind: Kind
    payload: type[Payload] | Text
    when: str
    """It is sent, in words."""
    choices: tuple[str, ...] = ()
    """What `{what}` may be."""
    is_packed: bool = False
    """MessagePack where the configuration says so, see `edged.messages.encoding`."""
    answered_on: str = ""
    """The topic of the answers, unless the message names another; empty: there are none."""

    @property
    def qos(self) -> Literal[0, 1]:
        """Of MQTT."""
        return 0 if self.kind == "stream" else 1

    @property
    def is_retained(self) -> bool:
        """Whether the broker keeps the last one."""
        return self.kind == "state"

    @property
    def expiry_s(self) -> int | None:
        """Seconds after which the broker forgets it; None: never."""
        return {"stream": STREAM_EXPIRY_S, "reply": REPLY_EXPIRY_S}.get(self.kind)

    @property
    def is_received(self) -> bool:
        """Whether the device is the one that it is sent to."""
        return self.kind == "command"


STATUSES = (ONLINE.decode(), OFFLINE.decode())
STATUS = "status"
"""Also the will."""

CHANNELS: tuple[Channel, ...] = (
    Channel(
        STATUS,
        "state",
        Text("Whether the device is there.", f"^({'|'.join(STATUSES)})$", STATUSES),
        "on connecting, on leaving",
    ),
    Channel("info", "state", Info, "on connecting, on every change"),
    Channel("pose", "stream", PoseMessage, "every frame that the model answers", is_packed=True),
    Channel("labels", "stream", LabelsMessage, "every `[labels] interval_s`", is_packed=True),
    Channel("health", "stream", HealthMessage, "every `[health] interval_s`"),
    Channel("exercise", "state", ExerciseState, "at every change"),
    Channel("event/rep", "event", RepEvent, "at the end of a rep"),
    Channel("event/set", "event", SetEvent, "after the rest that ends it"),
    Channel("event/workout", "event", WorkoutEvent, "after the rest that ends it"),
    Channel(
        "paused",
        "state",
        Text(
            "`ON`: the camera is closed because somebody wants it so.", "^(ON|OFF)$", ("ON", "OFF")
        ),
        "on connecting, on every change",
    ),
    Channel(
        "set/{what}",
        "command",
        Text("What is asked for, in UTF-8.", rf"^[\s\S]{{0,{COMMAND_BYTES}}}$"),
        "when somebody wants something",
        choices=get_args(What),
        answered_on="reply",
    ),
    Channel("reply", "reply", Reply, "after each command"),
    Channel(
        "check",
        "check",
        Text("What `edged check` sends to itself.", "^[0-9a-f]{16}$"),
        "when somebody runs `edged check`",
    ),
)

PAYLOADS: dict[str, type[Payload]] = {
    channel.topic: channel.payload
    for channel in sorted(CHANNELS, key=lambda channel: channel.topic)
    if not isinstance(channel.payload, Text)
}
"""The JSON objects by their topic."""
