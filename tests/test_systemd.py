"""The wire to systemd: datagrams as sd_notify(3) has them, and the fields of the journal."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from managers import NotifySocket

from edged import systemd
from edged.systemd import JournalHandler, Manager, PriorityFormatter, fields, manager, priority


def record(name: str = "edged.capture.capture", **more: object) -> logging.LogRecord:
    """A warning of a part."""
    made = logging.LogRecord(name, logging.WARNING, "/x/capture.py", 7, "%s is away", ("it",), None)
    made.__dict__.update(more)
    return made


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/edged.service\n", "edged"),
        ("0::/system.slice/system-edged.slice/edged@door.service\n", "edged@door"),
        ("0::/user.slice/user-1000.slice/session-1.scope\n", "edged"),
        ("0::/\n", "edged"),
        (None, "edged"),
    ],
)
def test_our_unit_is_told_as_a_person_names_it(
    tmp_path: Path, cgroup: str | None, unit: str
) -> None:
    file = tmp_path / "cgroup"
    if cgroup is not None:
        file.write_text(cgroup)
    assert systemd.own_unit(file) == unit


class TestNotices:
    """What `Manager` sends."""

    def test_have_their_assignments(self, tmp_path: Path) -> None:
        with NotifySocket(tmp_path) as notify:
            systemd = Manager(notify.address)
            systemd.status("loading")
            systemd.ready("at work")
            systemd.alive()
            systemd.reloading("reading")
            systemd.stopping("asked to")
            notify.until("STOPPING")
        values = [notice.values for notice in notify.notices]
        assert int(values[3].pop("MONOTONIC_USEC")) > 0
        assert values == [
            {"STATUS": "loading"},
            {"READY": "1", "STATUS": "at work"},
            {"WATCHDOG": "1"},
            {"RELOADING": "1", "STATUS": "reading"},
            {"STOPPING": "1", "STATUS": "asked to"},
        ]

    def test_reach_an_abstract_socket(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind("")  # the kernel gives an abstract one that is free
            Manager("@" + listener.getsockname()[1:].decode()).alive()
            listener.settimeout(10)
            assert listener.recv(100) == b"WATCHDOG=1"

    @given(text=st.text())
    def test_of_any_text_assign_nothing_else(
        self, tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        with NotifySocket(tmp_path_factory.mktemp("n")) as notify:
            Manager(notify.address).status(text)
            told = notify.until("STATUS").values
        assert told.keys() == {"STATUS"}
        assert told["STATUS"].split() == text.encode(errors="replace").decode().split()

    def test_that_nobody_takes_are_lost_and_nothing_else(self, tmp_path: Path) -> None:
        Manager(str(tmp_path / "nobody")).ready("at work")
        Manager("/" + 200 * "x").ready("at work")
        Manager().ready("at work")


class TestEnvironment:
    """Who listens, and how patiently."""

    def told(self, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Manager:
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return manager()

    @pytest.mark.parametrize("address", ["/run/systemd/notify", "@abstract"])
    def test_names_the_socket(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        assert self.told(monkeypatch, NOTIFY_SOCKET=address).is_there
        assert "NOTIFY_SOCKET" not in os.environ, "not for children"

    @pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
    def test_without_a_socket_for_us_is_silence(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        systemd = self.told(monkeypatch, NOTIFY_SOCKET=address, WATCHDOG_USEC="20000000")
        assert not systemd.is_there
        assert systemd.watchdog_s is None

    @pytest.mark.parametrize(
        ("limit", "owner", "seconds"),
        [
            ("20000000", "our own", 20.0),
            ("20000000", "", 20.0),
            ("20000000", "1", None),
            ("0", "", None),
            ("-5", "", None),
            ("soon", "", None),
            ("", "", None),
        ],
    )
    def test_tells_how_long_the_watchdog_waits(
        self, monkeypatch: pytest.MonkeyPatch, limit: str, owner: str, seconds: float | None
    ) -> None:
        owner = str(os.getpid()) if owner == "our own" else owner
        systemd = self.told(
            monkeypatch, NOTIFY_SOCKET="/run/notify", WATCHDOG_USEC=limit, WATCHDOG_PID=owner
        )
        assert systemd.watchdog_s == seconds


class TestJournal:
    """What a record becomes."""

    def test_has_the_part_and_the_event(self) -> None:
        told = fields(record(event="camera-lost"))
        assert told["EDGED_PART"] == "capture"
        assert told["EDGED_EVENT"] == "camera-lost"
        assert (told["PRIORITY"], told["CODE_LINE"]) == ("4", 7)
        assert "EDGED_EVENT" not in fields(record())

    def test_has_what_a_change_of_accelerators_is_about(self) -> None:
        told = fields(record(event="failover", accelerator="cpu", previous="edgetpu", reason="x"))
        names = ("EDGED_ACCELERATOR", "EDGED_PREVIOUS", "EDGED_REASON")
        assert [told[name] for name in names] == ["cpu", "edgetpu", "x"]

    @pytest.mark.parametrize(
        ("name", "part"),
        [("edged.daemon", "daemon"), ("edged.mqtt.publisher", "mqtt"), ("py.warnings", "py")],
    )
    def test_part_is_what_the_logger_is_named_after(self, name: str, part: str) -> None:
        assert fields(record(name))["EDGED_PART"] == part

    @pytest.mark.parametrize(
        ("level", "number"),
        [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)],
    )
    def test_priority_is_syslogs(self, level: str, number: int) -> None:
        assert priority(logging.getLevelNamesMapping()[level]) == number

    @given(a=st.integers(0, 100), b=st.integers(0, 100))
    def test_a_higher_level_never_has_a_lower_urgency(self, a: int, b: int) -> None:
        assert priority(max(a, b)) <= priority(min(a, b))

    def test_handler_sends_the_message_without_time_and_level(self) -> None:
        sent: list[tuple[str, dict[str, object]]] = []
        handler = JournalHandler(lambda message, **told: sent.append((message, told)))
        handler.handle(record())
        ((message, told),) = sent
        assert message == "it is away"
        assert told["LOGGER"] == "edged.capture.capture"

    def test_handler_survives_a_journal_that_fails(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(_message: str, **_told: object) -> None:
            raise OSError(90, "Message too long")

        refusing: Callable[..., None] = refuse
        JournalHandler(refusing).handle(record())
        assert "Message too long" in capsys.readouterr().err

    def test_real_library_takes_the_fields(self) -> None:
        journal = pytest.importorskip("systemd.journal", reason="needs python3-systemd")
        journal.send("it is away", **fields(record(event="test")))

    def test_without_the_library_every_line_has_its_priority(self) -> None:
        text = PriorityFormatter().format(record(msg="one\n\nthree", args=()))
        assert text == "<4>one\n<4>\n<4>three"
        assert PriorityFormatter().format(record(msg="", args=())) == "<4>"
