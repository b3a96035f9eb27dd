"""How `pose` and `labels` are written, JSON or MessagePack; a reader can tell which it is.

A JSON object begins with `{`, a map of MessagePack with a byte of 0x80 or more: so it can be told
without the content type, which only MQTT 5 has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from edged.messages.fields import Payload
from edged.messages.streams import PoseMessage, PosePayload

Encoding: TypeAlias = Literal["json", "msgpack"]
Encode: TypeAlias = Callable[[Payload], bytes]

JSON_TYPE = "application/json"
MSGPACK_TYPE = "application/msgpack"
"""Content types of MQTT 5."""
# The format: github.com/msgpack/msgpack/blob/master/spec.md. Maps begin with 0x80-0x8f, 0xde, 0xdf.
_ARRAY_3, _ARRAY_4, _FLOAT_32 = b"\x93", b"\x94", b"\xca"
_ARRAY_16 = b"\xdc"
_ROW = struct.Struct(">2sfcfcf")
_BOX = struct.Struct(">2sfcfcfcf")

_PayloadT = TypeVar("_PayloadT")


def encoder(encoding: Encoding) -> Encode:
    """What writes a message. May be used by any thread."""
    return msgspec.json.Encoder().encode if encoding == "json" else _pack


def content_type(payload: bytes) -> str:
    """That of a payload as `encoder` writes it."""
    return MSGPACK_TYPE if is_msgpack(payload) else JSON_TYPE


def is_msgpack(payload: bytes) -> bool:
    """Whether it can be no JSON."""
    return payload[:1] >= b"\x80"


class Reader(Generic[_PayloadT]):
    """Reads one kind of payload, however it is written."""

    def __init__(self, kind: type[_PayloadT]) -> None:
        self._json = msgspec.json.Decoder(kind)
        self._msgpack = msgspec.msgpack.Decoder(kind)

    def decode(self, payload: bytes) -> _PayloadT:
        """Read one.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError, RecursionError: it is none.
        """
        return (self._msgpack if is_msgpack(payload) else self._json).decode(payload)


_packer = msgspec.msgpack.Encoder()


def _pack(message: Payload) -> bytes:
    if isinstance(message, PoseMessage):
        poses: list[Any] = [_slim(pose) for pose in message.poses]
        message = msgspec.structs.replace(message, poses=poses)
    return _packer.encode(message)


def _slim(pose: PosePayload) -> PosePayload:
    """The same with numbers of 32 bits, which hold more than a model can tell.

    msgspec writes 64 bits: nine bytes for each of 51 numbers is more than JSON takes.
    """
    array, sep = _ARRAY_3 + _FLOAT_32, _FLOAT_32
    rows = [_ROW.pack(array, x, sep, y, sep, score) for x, y, score in pose.keypoints]
    keypoints: Any = msgspec.Raw(_ARRAY_16 + len(rows).to_bytes(2) + b"".join(rows))
    left, top, width, height = pose.box
    packed = _BOX.pack(_ARRAY_4 + _FLOAT_32, left, sep, top, sep, width, sep, height)
    box: Any = msgspec.Raw(packed)
    return msgspec.structs.replace(pose, box=box, keypoints=keypoints)
