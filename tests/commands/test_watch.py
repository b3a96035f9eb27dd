"""`edged watch` as a person sees it: a real Mosquitto, a real publisher, a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import told
from brokers import Broker, free_port, program, until
from somebody import an_ordinary_user, open_folder
from terminals import Terminal

from edged.commands import watch as commands_watch
from edged.config import Config
from edged.errors import EdgedError
from edged.messages.topics import Topics
from edged.mqtt.publisher import Publisher
from edged.mqtt.retry import Retry
from edged.sections import Mqtt

WATCH = ("-m", "edged", "watch", "--broker")
GYM = Topics("edged", "gym")
NASTY = "\x1b[2J\x1b]0;owned\x07\u202e"


class Device:
    """Something that speaks for a device."""

    def __init__(self, port: int, name: str = "gym") -> None:
        self.topics = Topics("edged", name)
        soon = Retry(first_s=0.05, most_s=0.2)
        self.publisher = Publisher(Mqtt(port=port), self.topics, retry=soon)
        self.publisher.start()
        until(lambda: self.publisher.connected, "a connection")

    def tell(self, topic: str, message: msgspec.Struct | bytes) -> None:
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.publisher.stream(topic, payload)

    def tell_pose(self, *, empty: bool = False) -> None:
        self.tell(self.topics.pose, told.pose([] if empty else [told.person()]))

    def tell_until(self, tell: Callable[[], None], is_seen: Callable[[], bool]) -> None:
        """Tell again and again, as devices do."""

        def told_and_seen() -> bool:
            tell()
            time.sleep(0.03)
            return is_seen()

        until(told_and_seen, "what was told")


@contextmanager
def device(port: int, name: str = "gym") -> Iterator[Device]:
    speaking = Device(port, name)
    try:
        yield speaking
    finally:
        speaking.publisher.close()


def watch(port: int, *words: str) -> Terminal:
    return Terminal([*WATCH, f"127.0.0.1:{port}", *words])


def piped(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *WATCH, *words],
        env={**os.environ, "EDGED_DEBUG": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def is_drawn(picture: list[str]) -> bool:
    return any("\u2800" < char <= "\u28ff" for row in picture for char in row)


def test_a_device_is_seen_live_until_ctrl_c(broker: Broker) -> None:
    with device(broker.port) as gym, watch(broker.port) as terminal:
        gym.publisher.state(GYM.info, msgspec.json.encode(told.info()))
        gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
        terminal.until("● online")
        terminal.until("movenet on cpu")
        gym.tell_until(lambda: gym.tell_pose(empty=True), lambda: not is_drawn(terminal.picture))
        terminal.until("nobody there")
        gym.tell(GYM.labels, told.labels("macaw"))
        gym.tell(GYM.health, told.health(state="degraded", problems=["the camera is gone"]))
        terminal.until("macaw")
        terminal.until("the camera is gone")
        assert len(terminal.picture) == 24
        terminal.send(b"\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored
        assert "Traceback" not in terminal.text


def test_silence_a_farewell_and_a_lost_broker_look_different(broker: Broker) -> None:
    with watch(broker.port, "--device", "gym") as terminal:
        terminal.until("never heard of")
        with device(broker.port) as gym:
            gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
            terminal.until("no message for 3 s")
        terminal.until("gym is offline")
        broker.kill()
        terminal.until("no connection to the broker")
        terminal.until("connection refused")
        broker.start()
        with device(broker.port) as gym:
            gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
            terminal.until("● online")


def test_the_first_of_several_is_seen_and_the_others_are_named(broker: Broker) -> None:
    with device(broker.port, "hall"), device(broker.port, "gym"), watch(broker.port) as terminal:
        terminal.until("others: hall")
        terminal.until("--device NAME watches another")
        assert terminal.picture[0].startswith(" gym ")


def test_garbage_is_counted_and_does_not_end_it(broker: Broker) -> None:
    with device(broker.port) as gym, watch(broker.port) as terminal:
        gym.tell_until(lambda: gym.tell_pose(empty=True), lambda: "nobody" in terminal.text)
        for count, payload in enumerate((b"not json", b"[" * 50_000, b"x" * 300_000), 1):
            gym.tell(GYM.pose, payload)
            terminal.until(f"unreadable messages: {count}")
        gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))


def test_escape_sequences_from_the_network_stay_there(broker: Broker) -> None:
    with device(broker.port) as gym, watch(broker.port) as terminal:
        info = told.info(source=NASTY, runtime=NASTY, accelerator=NASTY)
        gym.publisher.state(GYM.info, msgspec.json.encode(info))
        gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
        gym.tell(GYM.labels, told.labels(f"macaw{NASTY}"))
        gym.tell(GYM.health, told.health(problems=[f"oh {NASTY}"], temperatures={NASTY: 1.0}))
        terminal.until("macaw")
        terminal.until("oh \N{REPLACEMENT CHARACTER}")
        assert "owned\x07" not in terminal.written
        assert "\x1b]" not in terminal.written
        assert "\x1b[2J" not in terminal.written
        assert "\u202e" not in terminal.written


@pytest.mark.parametrize(("key", "code"), [(b"q", 0), (b"\x04", 0), (b"\x1c", 130)])
def test_keys_that_end_it(key: bytes, code: int) -> None:
    with watch(free_port()) as terminal:
        terminal.until("connection refused")
        terminal.send(b"x")
        terminal.send(key)
        assert terminal.wait() == code
        assert terminal.is_restored


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_the_terminal_as_it_was(number: signal.Signals) -> None:
    with watch(free_port()) as terminal:
        terminal.until("connection refused")
        terminal.process.send_signal(number)
        assert terminal.wait() == 0
        assert terminal.is_restored


def test_a_stopped_view_gives_the_terminal_back_and_takes_it_again() -> None:
    def state() -> str:
        stat = Path(f"/proc/{terminal.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]

    with watch(free_port()) as terminal:
        terminal.until("connection refused")
        terminal.send(b"\x1a")
        until(lambda: state() == "T" and terminal.is_restored, "the stop")
        drawn = len(terminal.written)
        terminal.process.send_signal(signal.SIGCONT)
        until(lambda: "\x1b[?1049h" in terminal.written[drawn:], "the view")
        terminal.send(b"q")
        assert terminal.wait() == 0
        assert terminal.is_restored


def test_the_view_follows_the_size_of_the_window(broker: Broker) -> None:
    with device(broker.port) as gym, watch(broker.port) as terminal:
        gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
        for columns, rows in ((120, 40), (50, 16), (10, 3)):
            terminal.resize(columns, rows)
            gym.tell_until(gym.tell_pose, lambda rows=rows: len(terminal.picture) == rows)  # type: ignore[misc]
            assert {len(row) for row in terminal.picture} == {columns}


def test_it_is_refreshed_at_most_fifteen_times_a_second_and_cheaply(broker: Broker) -> None:
    def cpu_s() -> float:
        fields = Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with device(broker.port) as gym, watch(broker.port) as terminal:
        gym.tell_until(gym.tell_pose, lambda: is_drawn(terminal.picture))
        pictures, cpu, begun = terminal.written.count("\x1b[H"), cpu_s(), time.monotonic()
        while time.monotonic() - begun < 2.0:
            gym.tell_pose()
            time.sleep(0.01)
        seconds = time.monotonic() - begun
        assert terminal.written.count("\x1b[H") - pictures <= 15 * seconds + 2
        assert (cpu_s() - cpu) / seconds < 0.5  # 0.1 on an idle machine


def test_into_a_pipe_goes_a_line_a_second(broker: Broker) -> None:
    with (
        device(broker.port) as gym,
        subprocess.Popen(
            [sys.executable, *WATCH, f"127.0.0.1:{broker.port}", "--seconds", "3"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        gym.tell_until(gym.tell_pose, lambda: process.poll() is not None)
        out = process.stdout.read() if process.stdout else ""
    assert process.returncode == 0
    assert 2 <= len(out.splitlines()) <= 4
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  gym  online  \d+\.\d/s  age 8\.2 ms  1 there \(74 %\)",
        out.splitlines()[-1],
    )
    assert "\x1b" not in out


def test_sigint_ends_the_lines_too() -> None:
    with subprocess.Popen(
        [sys.executable, *WATCH, f"127.0.0.1:{free_port()}"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert re.match(r"\d\d:\d\d:\d\d  no device yet", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_seconds_without_a_broker_are_exit_code_1() -> None:
    port = free_port()
    done = piped(f"127.0.0.1:{port}", "--seconds", "0.5")
    assert done.returncode == 1
    assert done.stderr == f"edged: no broker 127.0.0.1:{port}: connection refused\n"


def test_seconds_without_the_device_are_exit_code_1(broker: Broker) -> None:
    address = f"127.0.0.1:{broker.port}"
    alone = piped(address, "--seconds", "1")
    assert (alone.returncode, alone.stderr) == (
        1,
        f"edged: no device tells of itself to broker {address} under edged/\n",
    )
    with device(broker.port):
        other = piped(address, "--seconds", "1", "--device", "hall")
    assert (other.returncode, other.stderr) == (
        1,
        f"edged: broker {address} knows no device hall (others: gym)\n",
    )
    gone = piped(address, "--seconds", "1")
    assert (gone.returncode, gone.stderr) == (1, "edged: gym is offline\n")


def test_a_refused_password_is_one_line(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", str(file), "gym", "right"]
    subprocess.run(command, check=True, capture_output=True)
    broker = make_broker(f"allow_anonymous false\npassword_file {file}")
    broker.start()
    done = piped(f"mqtt://gym:wrong@127.0.0.1:{broker.port}", "--seconds", "1")
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"broker 127.0.0.1:{broker.port} refused the password of user 'gym'\n"
    )
    assert len(done.stderr.splitlines()) == 1
    assert "wrong" not in done.stdout + done.stderr


def test_the_password_of_the_service_is_found_beside_its_file(
    make_broker: Callable[[str], Broker], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    command = [program("mosquitto_passwd"), "-b", str(passwords), "edged", "right"]
    subprocess.run(command, check=True, capture_output=True)
    broker = make_broker(f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt_password").write_text("right\n")
    file = tmp_path / "edged.toml"
    file.write_text(f'[mqtt]\nport = {broker.port}\nusername = "edged"\n')
    done = subprocess.run(
        [sys.executable, *WATCH[:-1], "--config", str(file), "--seconds", "1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "no device tells of itself" in done.stderr


def watched_as_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> str:
    """What `edged watch` says without a word, where that is the service's file."""
    monkeypatch.setattr(commands_watch, "SYSTEM_FILE", file)
    with pytest.raises(EdgedError) as caught:
        commands_watch.run(None, None, None, 1.0)
    capsys.readouterr()
    return str(caught.value)


def test_without_a_word_the_service_s_broker_is_asked(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_folder() as folder:
        file = folder / "edged.toml"
        file.write_text(f'[mqtt]\nport = {broker.port}\nprefix = "home/pose"\n')
        file.chmod(0o644)
        told_of = watched_as_the_service(monkeypatch, capsys, file)
        assert told_of.endswith(f"broker 127.0.0.1:{broker.port} under home/pose/")


def test_a_service_s_file_that_we_may_not_read_is_told_by_sudo_where_it_matters(
    make_broker: Callable[[str], Broker],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broker = make_broker("allow_anonymous false")
    broker.start()
    monkeypatch.setattr(commands_watch, "load", lambda _: Config(mqtt=Mqtt(port=broker.port)))
    with open_folder() as folder:
        file = folder / "edged.toml"
        file.touch(0o000)
        with an_ordinary_user():
            told_of = watched_as_the_service(monkeypatch, capsys, file)
    assert told_of.endswith("wants a user name and password: sudo edged watch has them")


def test_broker_and_prefix_may_come_from_a_file(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "edged.toml"
    file.write_text(f'[mqtt]\nport = {broker.port}\nprefix = "home/pose"\n')
    done = subprocess.run(
        [sys.executable, "-m", "edged", "watch", "--config", str(file), "--seconds", "1"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr.endswith(f"broker 127.0.0.1:{broker.port} under home/pose/\n")


@pytest.mark.parametrize(
    ("words", "told_of"),
    [
        (["http://pi"], "--broker: http:// is not MQTT"),
        (["pi", "--device", "a/b"], "--device: a name has at most 64 letters"),
        (["pi", "--seconds", "0"], "Invalid value for '--seconds'"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], told_of: str) -> None:
    done = piped(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"edged: {told_of}")
    assert len(done.stderr.splitlines()) == 1
