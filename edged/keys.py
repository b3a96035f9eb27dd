"""What the keys of the configuration may hold, and what a person is told about it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Text: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        max_length=4096,
        description="text in quotes without control characters",
    ),
]
Address: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+\Z",
        max_length=4096,
        description="text in quotes, not empty, without control characters",
        extra={"secret": True},  # an address may hold a password
    ),
]
Host: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^(?![^:]*:[^:]*\Z)[^\s/@\x00-\x1f\x7f]+\Z",
        max_length=255,
        description="the name or address of a machine, without scheme and port",
    ),
]
BrokerAddress: TypeAlias = Annotated[
    str,
    Meta(
        # The grammar of edged.mqtt.brokers.
        pattern=r"^(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?\]|[^\s/@:\[\]\x00-\x1f\x7f]+)"
        r"(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?\Z",
        max_length=262,
        description='"HOST" or "HOST:PORT", such as "mqtt2.home:1883" or "[fd00::2]:8883", without '
        "scheme and user",
    ),
]
Secret: TypeAlias = Annotated[Text, Meta(extra={"secret": True})]
DeviceName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[a-zA-Z0-9_-]{0,64}\Z",
        description='at most 64 letters (a-z, A-Z), digits, "_" and "-"',
    ),
]
TopicPrefix: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[\w.-]+(/[\w.-]+)*\Z",
        max_length=128,
        description='1-128 letters, digits, "_", "-" and ".", with "/" between the levels',
    ),
]
SensorMode: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^([1-9]\d{1,4}x[1-9]\d{1,4}(:(8|10|12|14|16))?)?\Z",
        description='text such as "2304x1296" or "2304x1296:10" (pixels and bits), or empty',
    ),
]
AcceleratorName: TypeAlias = Annotated[
    str,
    Meta(
        # The grammar of edged.inference.accelerators, which says what the names mean.
        pattern=r"^(cpu|edgetpu(:(usb|pci))?(:[0-9]{1,2})?"
        r"|delegate:[^?\x00-\x1f\x7f]+(\?[^=&\x00-\x1f\x7f]+=[^&\x00-\x1f\x7f]*"
        r"(&[^=&\x00-\x1f\x7f]+=[^&\x00-\x1f\x7f]*)*)?)\Z",
        max_length=4096,
        description='"cpu", "edgetpu", "edgetpu:usb:0", "edgetpu:pci:0" or the like, or '
        '"delegate:/path/lib.so?key=value"',
        extra={
            "known": ("cpu", "edgetpu", "edgetpu:usb", "edgetpu:pci", "edgetpu:0", "edgetpu:usb:0")
        },
    ),
]
Library: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]+\Z",
        max_length=4096,
        description="the name or path of a library in quotes",
    ),
]
