"""What systemd learns of a real daemon, over the socket by which systemd itself listens."""

from __future__ import annotations

import itertools
import json
import signal
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from brokers import Broker, until
from daemons import Daemon, configuration, write_clip
from managers import NotifySocket

from edged.config import Config
from edged.supervision import status_line

WATCHDOG_S = 0.4
HUNGRY_S = 0.8
"""Longer than the watchdog waits."""
SABOTAGED = str(Path(__file__).parents[1] / "sabotaged_edged.py")


@pytest.fixture
def config(tmp_path: Path, pose_file: Path, broker: Broker) -> Config:
    return configuration(write_clip(tmp_path / "clip.avi"), pose_file, broker.port)


def changed(config: Config, section: str, **keys: object) -> Config:
    """The configuration with other values in one section."""
    replaced = msgspec.structs.replace(getattr(config, section), **keys)
    return msgspec.structs.replace(config, **{section: replaced})


def start(directory: Path, config: Config, notify: NotifySocket, part: str = "none") -> Daemon:
    """An impatient daemon; a part of it hangs when the file `hang` appears."""
    program = (SABOTAGED, part, str(directory / "hang"))
    return Daemon(directory, config, program=program, environment=notify.environment)


class TestReady:
    """READY=1 and STATUS=."""

    def test_from_the_start_to_the_end(self, tmp_path: Path, config: Config) -> None:
        with NotifySocket(tmp_path) as notify, start(tmp_path, config, notify) as daemon:
            notify.until("READY")
            assert notify.until_status("frames/s").endswith("frames/s, pose on cpu")

            def rates() -> list[float]:
                told = [notice.values["STATUS"] for notice in notify.of("STATUS")]
                return [float(status.split()[0]) for status in told if "frames/s" in status]

            # On a busy machine nothing may happen for as long as one of them is counted over.
            until(lambda: any(0 < rate < 100 for rate in rates()), "a rate")
            inherited = daemon.worker().environ()
            assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & inherited.keys()
            assert daemon.stop() == 0
            last = notify.until("STOPPING")
        told = [list(notice.values) for notice in notify.notices]
        assert told[:2] == [["STATUS"], ["READY", "STATUS"]]
        assert notify.notices[0].values["STATUS"] == "starting: loading the models"
        assert notify.of("READY")[0].values["STATUS"].endswith("pose on cpu")
        assert notify.notices[-1] == last
        assert last.values["STATUS"] == "stopping: asked to"
        assert not notify.of("WATCHDOG"), "nobody asked for it"

    @pytest.mark.parametrize("missing", ["camera", "broker"])
    def test_is_told_with_what_is_missing(
        self, tmp_path: Path, config: Config, broker: Broker, missing: str
    ) -> None:
        if missing == "broker":
            broker.stop()
        else:
            config = changed(config, "camera", source="/dev/video77")
        named = f"127.0.0.1:{broker.port}" if missing == "broker" else "/dev/video77"
        with (
            NotifySocket(tmp_path) as notify,
            start(tmp_path, config, notify),
        ):
            status = notify.until("READY").values["STATUS"]
            assert status.startswith("degraded: ")
            assert named in status
            if missing == "broker":
                broker.start()
                until(lambda: "degraded" not in notify.of("STATUS")[-1].values["STATUS"], "mended")

    def test_is_told_by_one_that_is_paused(self, tmp_path: Path, config: Config) -> None:
        paused = changed(config, "camera", source="/dev/video77", paused=True)
        with NotifySocket(tmp_path) as notify, start(tmp_path, paused, notify):
            status = notify.until("READY").values["STATUS"]
            assert status == "the camera is paused; pose on cpu"

    def test_is_never_told_by_one_that_cannot_start(self, tmp_path: Path, config: Config) -> None:
        hopeless = changed(config, "pose", model="missing.tflite")
        with (
            NotifySocket(tmp_path) as notify,
            start(tmp_path, hopeless, notify) as daemon,
        ):
            assert daemon.process.wait(20) == 78
            assert "missing.tflite" in notify.until("STOPPING").values["STATUS"]
            assert not notify.of("READY")

    def test_is_not_told_for_frames_that_reach_no_broker(
        self, tmp_path: Path, config: Config, broker: Broker
    ) -> None:
        brief = changed(config, "camera", loop=False, pace="fast")
        with (
            broker.suspended(),
            NotifySocket(tmp_path) as notify,
            start(tmp_path, brief, notify) as daemon,
        ):
            assert daemon.process.wait(20) == 0
            notify.until("STOPPING")
            # Told at the end of the file all the same, else its start would have failed.
            (ready,) = notify.of("READY")
            assert ready.values["STATUS"].startswith(("stopping: no frames", "degraded: "))


def test_a_model_that_is_missing_is_told_with_what_root_has_to_do(
    tmp_path: Path, config: Config
) -> None:
    nowhere = {"EDGED_MODELS": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    other = changed(config, "pose", model="movenet-thunder", fit="auto")
    todo = "sudo edged models pull movenet-thunder, then sudo systemctl {} edged"
    with NotifySocket(tmp_path) as notify:
        environment = notify.environment | nowhere
        with Daemon(tmp_path, other, environment=environment) as daemon:
            assert daemon.process.wait(20) == 78
        status = notify.until("STOPPING").values["STATUS"]
        assert status.startswith("failed: movenet-thunder: ")
        assert status.endswith(f"is not on this machine: {todo.format('restart')}")
        with Daemon(tmp_path, config, environment=environment) as daemon:
            notify.until("READY")
            daemon.configure(other)
            daemon.process.send_signal(signal.SIGHUP)
            status = notify.until("READY", 2).values["STATUS"]
            assert status.endswith(todo.format("reload"))


class TestReload:
    """RELOADING=1 until READY=1."""

    def test_is_told_with_its_moment_and_its_outcome(self, tmp_path: Path, config: Config) -> None:
        with NotifySocket(tmp_path) as notify, start(tmp_path, config, notify) as daemon:
            notify.until("READY")
            before_us = time.monotonic_ns() // 1000
            daemon.configure(changed(config, "pose", min_score=0.3))
            daemon.process.send_signal(signal.SIGHUP)
            reloading, ready = notify.until("RELOADING"), notify.until("READY", 2)
            moment_us = int(reloading.values["MONOTONIC_USEC"])
            assert before_us <= moment_us <= time.monotonic_ns() // 1000
            assert notify.notices.index(reloading) < notify.notices.index(ready)
            assert ready.values["STATUS"].endswith("pose on cpu")
            daemon.file.write_text("[mqtt]\nport = 0\n")
            daemon.process.send_signal(signal.SIGHUP)
            status = notify.until("READY", 3).values["STATUS"]
            assert "pose on cpu; not reloaded: " in status
            assert "[mqtt] port" in status
            daemon.configure(config)
            daemon.process.send_signal(signal.SIGHUP)
            assert "not reloaded" not in notify.until("READY", 4).values["STATUS"]

    def test_of_models_that_load_slowly_does_not_starve_the_watchdog(
        self, tmp_path: Path, config: Config, shared: Path
    ) -> None:
        other = shared / "models" / "movenet_single_pose_lightning_ptq.tflite"
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, config, notify) as daemon,
        ):
            notify.until("READY")
            daemon.configure(changed(config, "pose", model=str(other)))
            daemon.process.send_signal(signal.SIGHUP)
            begun, ended = notify.until("RELOADING"), notify.until("READY", 2)
            notices = notify.notices[notify.notices.index(begun) : notify.notices.index(ended)]
            assert any("WATCHDOG" in notice.values for notice in notices)


class TestWatchdog:
    """WATCHDOG=1."""

    @pytest.mark.parametrize("part", ["capture", "frames", "mqtt"])
    def test_starves_when_a_thread_hangs(self, tmp_path: Path, config: Config, part: str) -> None:
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, config, notify, part) as daemon,
        ):
            notify.until_fed(3)
            (tmp_path / "hang").touch()
            notify.until_starved(HUNGRY_S)
            assert part in notify.until_status("degraded: no sign of life from: ")
            daemon.until_logged("the watchdog is not fed")
            assert daemon.process.poll() is None, "that is for systemd to end"
            daemon.process.send_signal(signal.SIGABRT)  # as systemd does
            daemon.process.wait(10)
            assert "most recent call first" in daemon.log(), "where every thread stood"

    def test_starves_when_frames_come_and_none_is_taken(
        self, tmp_path: Path, config: Config
    ) -> None:
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, config, notify, "idle") as daemon,
        ):
            notify.until_fed(3)
            (tmp_path / "hang").touch()
            notify.until_starved(HUNGRY_S)
            notify.until_status("frames come and none is taken")
            (tmp_path / "hang").unlink()
            notify.until_fed(3)
            daemon.until_logged("it moves again")

    def test_starves_while_the_process_is_stopped(self, tmp_path: Path, config: Config) -> None:
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, config, notify) as daemon,
        ):
            notify.until_fed(3)
            daemon.process.send_signal(signal.SIGSTOP)
            notify.until_starved(HUNGRY_S)
            daemon.process.send_signal(signal.SIGCONT)
            notify.until_fed(3)
            assert daemon.stop() == 0

    def test_is_fed_while_camera_and_broker_are_missing(
        self, tmp_path: Path, config: Config, broker: Broker
    ) -> None:
        broker.stop()
        absent = changed(config, "camera", source="/dev/video77")
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, absent, notify) as daemon,
        ):
            notify.until_fed(20)  # longer than a thread may be silent here
            times = [notice.at_ns for notice in notify.of("WATCHDOG")]
            gaps_s = [(after - before) / 1e9 for before, after in itertools.pairwise(times)]
            assert max(gaps_s) < HUNGRY_S
            assert "degraded" in notify.of("STATUS")[-1].values["STATUS"]
            assert daemon.stop() == 0

    def test_is_fed_while_the_worker_hangs(self, tmp_path: Path, config: Config) -> None:
        patient = changed(config, "inference", deadline_ms=60_000)
        with (
            NotifySocket(tmp_path, watchdog_s=WATCHDOG_S) as notify,
            start(tmp_path, patient, notify) as daemon,
        ):
            notify.until("READY")
            daemon.worker().suspend()
            notify.until_fed(20)
            psutil.Process(daemon.process.pid).children()[0].kill()


def test_journal_gets_the_fields(tmp_path: Path, config: Config) -> None:
    library = tmp_path / "library" / "systemd"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    (library / "journal.py").write_text(
        "import json, os\n"
        "def send(MESSAGE, MESSAGE_ID=None, CODE_FILE=None, CODE_LINE=None, **more):\n"
        "    line = f'{CODE_LINE:d}'\n"
        "    entry = {'MESSAGE': MESSAGE, 'CODE_LINE': line, 'CODE_FILE': CODE_FILE} | more\n"
        "    with open(os.environ['ENTRIES'], 'a') as file:\n"
        "        print(json.dumps(entry), file=file)\n"
    )
    entries = tmp_path / "entries"
    environment = in_journal(tmp_path, library.parent) | {"ENTRIES": str(entries)}
    absent = changed(config, "camera", source="/dev/video77")
    with Daemon(tmp_path, absent, environment=environment) as daemon:
        until(lambda: entries.exists() and "camera-lost" in entries.read_text(), "the camera")
        until(lambda: "broker-found" in entries.read_text(), "the broker")
        until(lambda: '"info"' in entries.read_text(), "the start")
        assert daemon.stop() == 0
        assert daemon.log() == "", "nothing twice"
    told = {
        entry["EDGED_EVENT"]: entry for entry in map(json.loads, entries.read_text().splitlines())
    }
    assert {"starting", "info", "stopping"} <= told.keys()
    lost = told["camera-lost"]
    assert (lost["PRIORITY"], lost["EDGED_PART"], lost["THREAD_NAME"]) == (
        "4",
        "capture",
        "capture",
    )
    assert lost["MESSAGE"].startswith("camera: /dev/video77")
    assert lost["CODE_FILE"].endswith("edged/capture/capture.py")
    found = told["broker-found"]
    assert (found["PRIORITY"], found["EDGED_PART"]) == ("6", "mqtt")
    assert found["SYSLOG_IDENTIFIER"] == "edged"


def test_journal_gets_priorities_without_the_library(tmp_path: Path, config: Config) -> None:
    library = tmp_path / "library" / "systemd"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("raise ImportError('not on this machine')\n")
    environment = in_journal(tmp_path, library.parent)
    hopeless = changed(config, "pose", model="missing.tflite")
    with Daemon(tmp_path, hopeless, environment=environment) as daemon:
        assert daemon.process.wait(20) == 78
        first, *_, last = daemon.log().splitlines()
    assert first.startswith("<6>edged ")
    assert last.startswith("<3>")
    assert "missing.tflite" in last


def in_journal(directory: Path, library: Path) -> dict[str, str]:
    """The environment of a process whose standard error, the log of `Daemon`, is the journal."""
    log = directory / "edged.log"
    log.touch()
    state = log.stat()
    return {"JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}", "PYTHONPATH": str(library)}


def test_status_names_rate_models_and_problems() -> None:
    assert status_line([], 0.0, "a on cpu", is_paused=True) == "the camera is paused; a on cpu"
    assert status_line([], None, "a on cpu") == "a on cpu"
    assert status_line([], 29.96, "a and b on cpu") == "30.0 frames/s, a and b on cpu"
    assert (
        status_line(["no camera", "no broker"], 0.0, "a on cpu", "no such key")
        == "degraded: no camera; no broker; 0.0 frames/s, a on cpu; not reloaded: no such key"
    )
