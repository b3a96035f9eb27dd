"""Tells when a Coral was plugged in, by the messages of the kernel or of udev.

The messages are texts of `KEY=value`, a NUL behind each, on a netlink socket. Those of the kernel
(group 1) begin with `ACTION@DEVPATH`; those of udev (group 2) with a header of libudev, and come
once its rules have set the permissions of the device, so they are waited for where udev runs.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from edged.inference.corals import USB_IDS

_log = logging.getLogger(__name__)

UDEV = Path("/run/udev/control")
KERNEL_GROUP, UDEV_GROUP = 1, 2
_PROTOCOL = 15
"""NETLINK_KOBJECT_UEVENT of linux/netlink.h."""
_MESSAGE_BYTES = 16_384
"""The kernel's messages have at most 2 KB, udev's are longer."""
_BURST = 1024
"""Messages read at a time, more than the socket holds: a hub that is plugged in sends dozens."""
_UDEV_PREFIX = b"libudev\0"
_UDEV_HEADER = struct.Struct("=8s4xIII")
"""Of systemd's device-monitor.c: prefix, magic, then the header's size and the offset and length of
the properties."""
_PRODUCTS = {f"{int(vendor, 16):x}/{int(product, 16):x}" for vendor, product in USB_IDS}


def is_coral_added(message: bytes) -> bool:
    """Whether this message says that a Coral came, or its driver took it."""
    if message.startswith(_UDEV_PREFIX):
        if len(message) < _UDEV_HEADER.size:
            return False
        _, _, begin, length = _UDEV_HEADER.unpack_from(message)
        message = message[begin : begin + length]
    pairs = (text.partition("=") for text in message.decode(errors="replace").split("\0"))
    told = {key: value for key, _, value in pairs}
    if told.get("ACTION") != "add":
        return False
    if told.get("SUBSYSTEM") == "apex":
        return True
    is_usb_device = (told.get("SUBSYSTEM"), told.get("DEVTYPE")) == ("usb", "usb_device")
    # PRODUCT=18d1/9302/100: vendor, product and release in hexadecimal, without leading zeros.
    return is_usb_device and told.get("PRODUCT", "").rpartition("/")[0] in _PRODUCTS


class Hotplug:
    """Listens until it is closed. Silent where the system does not let us listen.

    Belongs to one thread, but for `fileno`, which any may wait for.
    """

    def __init__(self, group: int | None = None) -> None:
        """Begin to listen; None: to udev where it runs, else to the kernel."""
        self._socket: socket.socket | None = None
        if group is None:
            group = UDEV_GROUP if UDEV.exists() else KERNEL_GROUP
        try:
            with contextlib.ExitStack() as stack:
                listening = stack.enter_context(
                    socket.socket(
                        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _PROTOCOL
                    )
                )
                listening.bind((0, group))
                stack.pop_all()
                self._socket = listening
        except OSError as error:  # as in a container, or a unit without AF_NETLINK
            _log.debug("no news of devices that are plugged in: %s", error)

    def fileno(self) -> int:
        """To be waited for, readable when there may be news; -1: there will be none."""
        return -1 if self._socket is None else self._socket.fileno()

    def came(self) -> bool:
        """Whether a Coral came since the last call. Does not wait.

        True also where messages were lost, since one may have been among them.
        """
        found = False
        for _ in range(_BURST if self._socket is not None else 0):
            try:
                message, sender = self._receive()
            except BlockingIOError:
                break
            except OSError as error:
                found = True
                if error.errno != errno.ENOBUFS:
                    _log.debug("no news of devices: %s", error)
                    break
                continue  # more came than the socket holds; what it holds is old
            # Anybody may send to us alone; only the system may send to a group.
            found = found or (sender[1] != 0 and is_coral_added(message))
        return found

    def _receive(self) -> tuple[bytes, tuple[int, int]]:
        if self._socket is None:
            raise BlockingIOError
        message, sender = self._socket.recvfrom(_MESSAGE_BYTES)
        return message, sender

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
