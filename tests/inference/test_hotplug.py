"""News of devices: what the messages mean, and real netlink sockets."""

from __future__ import annotations

import errno
import select
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.inference.hotplug import Hotplug, is_coral_added

STICK = {
    "ACTION": "add",
    "DEVPATH": "/devices/platform/usb2/2-1",
    "SUBSYSTEM": "usb",
    "DEVTYPE": "usb_device",
    "PRODUCT": "18d1/9302/100",
}
CARD = {"ACTION": "add", "DEVPATH": "/devices/x/apex/apex_0", "SUBSYSTEM": "apex"}
QUIET_GROUP = 1 << 16
"""Nobody else listens to it."""
DEADLINE_S = 10.0


def of_kernel(told: dict[str, str]) -> bytes:
    head = f"{told.get('ACTION')}@{told.get('DEVPATH')}"
    return "\0".join([head, *(f"{key}={value}" for key, value in told.items()), ""]).encode()


def of_udev(told: dict[str, str]) -> bytes:
    properties = "\0".join([*(f"{key}={value}" for key, value in told.items()), ""]).encode()
    magic = struct.pack(">I", 0xFEEDCAFE)
    numbers = magic + struct.pack("=7I", 40, 40, len(properties), 7, 7, 7, 7)
    return (b"libudev\0" + numbers)[:40] + properties


@pytest.mark.parametrize("message", [of_kernel, of_udev])
@pytest.mark.parametrize(
    ("told", "is_news"),
    [
        (STICK, True),
        (STICK | {"PRODUCT": "1a6e/89a/100"}, True),  # before its firmware
        (CARD, True),
        (STICK | {"ACTION": "remove"}, False),
        (STICK | {"ACTION": "bind"}, False),
        (STICK | {"DEVTYPE": "usb_interface"}, False),
        (STICK | {"PRODUCT": "18d1/4ee7/100"}, False),
        (CARD | {"ACTION": "remove"}, False),
        (CARD | {"SUBSYSTEM": "block"}, False),
        ({}, False),
    ],
)
def test_a_coral_that_came_is_news(message: object, told: dict[str, str], *, is_news: bool) -> None:
    assert callable(message)
    assert is_coral_added(message(told)) == is_news


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"libudev\0" + tail))
def test_whatever_comes_is_read(message: bytes) -> None:
    assert is_coral_added(message) in (True, False)


def say(message: bytes, group: int, port: int = 0) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as speaker:
        try:
            speaker.sendto(message, (port, group))
        except OSError as error:
            if error.errno == errno.EPERM:
                pytest.skip("only the system may speak to those who listen")
            if error.errno != errno.ECONNREFUSED:
                raise


def test_it_tells_once_what_came() -> None:
    with Hotplug(QUIET_GROUP) as hotplug:
        assert not hotplug.came()
        say(of_kernel(STICK | {"ACTION": "remove"}), QUIET_GROUP)
        assert not hotplug.came()
        for told in (STICK, CARD):
            say(of_udev(told), QUIET_GROUP)
        assert select.select([hotplug], [], [], DEADLINE_S)[0]
        assert hotplug.came()
        assert not hotplug.came()


def test_anybody_else_is_not_believed() -> None:
    with Hotplug(QUIET_GROUP) as hotplug:
        port = socket.socket(fileno=hotplug.fileno())
        try:
            (pid, _) = port.getsockname()
        finally:
            port.detach()
        say(of_kernel(STICK), 0, pid)
        assert select.select([hotplug], [], [], DEADLINE_S)[0]
        assert not hotplug.came()


def test_news_that_were_lost_may_have_been_of_a_coral() -> None:
    with Hotplug(QUIET_GROUP) as hotplug:
        for _ in range(5000):
            say(of_kernel({"SUBSYSTEM": "block", "MORE": 2000 * "x"}), QUIET_GROUP)
        assert hotplug.came()


def test_what_is_left_after_a_loss_is_no_news() -> None:
    with Hotplug(QUIET_GROUP) as hotplug:
        for _ in range(5000):
            say(of_kernel(STICK), QUIET_GROUP)
        assert hotplug.came()
        assert not hotplug.came()


def test_where_nobody_may_listen_there_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    hotplug = Hotplug()
    assert (hotplug.came(), hotplug.fileno()) == (False, -1)
    hotplug.close()


def test_it_can_be_closed_twice() -> None:
    hotplug = Hotplug()
    hotplug.close()
    hotplug.close()
    assert (hotplug.came(), hotplug.fileno()) == (False, -1)
