"""`edged demo`: the real daemon, a real broker, and nothing of them left behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from brokers import DEADLINE_S, Broker, Subscriber, free_port, program, retained, until
from terminals import Terminal
from tiny_models import classifier, pose_model

from edged import processes
from edged.commands.place import _login_hint
from edged.sections import Mqtt

DEMO = ("-m", "edged", "demo")
ON_PORT = """
import sys
from edged.commands.demo import run
from edged.sections import Mqtt
try:
    sys.exit(run(sys.argv[1], sys.argv[2], None, None, Mqtt(port=int(sys.argv[3]))))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
"""A demo whose usual broker is at another port than 1883, which this machine may be using."""

LOADS_FOR_EVER = """
import time
from edged.inference.engine import Engine
def poll_start(self, timeout_s):
    print("loads", flush=True)
    time.sleep(timeout_s)
Engine.poll_start = poll_start
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "pose.tflite"
    path.write_bytes(pose_model())
    return str(path)


@pytest.fixture
def video(tmp_path: Path) -> str:
    """Half a second of gray, in which the tiny model sees somebody of score 0.47."""
    path = tmp_path / "gray.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (48, 48))
    for _ in range(15):
        writer.write(np.full((48, 48, 3), 120, np.uint8))
    writer.release()
    return str(path)


def demo(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    models = {} if home is None else {"EDGED_MODELS": str(home), "HOME": str(home)}
    return subprocess.run(
        [sys.executable, *DEMO, *words],
        env={**os.environ, "EDGED_DEBUG": "", **models},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def are_gone(pids: list[int]) -> Callable[[], bool]:
    def is_alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return lambda: not any(map(is_alive, pids))


def test_with_the_broker_that_is_there_it_runs_for_some_seconds_and_sums_up(
    broker: Broker, model: str, video: str
) -> None:
    address = f"127.0.0.1:{broker.port}"
    with Subscriber(broker.port) as subscriber:
        done = demo("--model", model, "--source", video, "--seconds", "1.5", "--broker", address)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        device = lines[1].rpartition("/")[0].rpartition("/")[2]
        statuses = [message.payload for message in subscriber.of(f"edged/{device}/status")]
        poses = len(subscriber.of(f"edged/{device}/pose"))
    assert re.fullmatch("demo-[0-9a-f]{4}", device)
    assert lines[0] == f"broker     {address} (it was there)"
    command = f"mosquitto_sub -h 127.0.0.1 -p {broker.port} -v -t 'edged/{device}/#'"
    assert lines[1] == lines[-1] == f"subscribe  {command}"
    assert any(re.search(r"online  \d.*1 there \(47 %\)", line) for line in lines)
    frames = re.search(r"^frames     (\d+), (\d+\.\d) a second$", done.stdout, re.MULTILINE)
    assert frames is not None
    assert poses >= int(frames[1]) > 20  # more than the file has: it is shown again and again
    assert re.search(r"^age        p50 \S+ ms, p99 \S+ ms$", done.stdout, re.MULTILINE)
    assert statuses[:3] == [b"online", b"offline", b""]
    assert retained(broker) == []


def test_two_on_one_broker_do_not_mix(broker: Broker, model: str, video: str) -> None:
    words = ("--model", model, "--source", video, "--broker", f"127.0.0.1:{broker.port}")
    with (
        Subscriber(broker.port) as subscriber,
        subprocess.Popen([sys.executable, *DEMO, *words], stdout=subprocess.DEVNULL) as longer,
    ):
        until(lambda: any("/pose" in one.topic for one in subscriber.messages), "its pose", 20)
        demo(*words, "--seconds", "0.5")
        devices = {one.topic.split("/")[1] for one in subscriber.messages}
        kept = {topic.split("/")[1] for topic in retained(broker)}
        longer.send_signal(signal.SIGTERM)
        longer.wait(DEADLINE_S)
    assert len(devices) == 2
    assert len(kept) == 1  # the one that goes on is still there
    assert retained(broker) == []


def test_without_a_broker_it_starts_one_whose_address_works(model: str, video: str) -> None:
    port = free_port()
    with Terminal(["-c", ON_PORT, model, video, f"{port}"]) as terminal:
        terminal.until("● online")
        terminal.until("47 %")
        line = next(row for row in terminal.text.splitlines() if row.startswith("subscribe"))
        _, _, *words = shlex.split(line)
        assert f"{port}" not in words
        listen = [program("mosquitto_sub"), *words, "-C", "19"]
        told = subprocess.run(listen, capture_output=True, check=True, timeout=10)
        assert re.search(rb"edged/demo-[0-9a-f]{4}/status online\n", told.stdout)
        assert re.search(rb"edged/demo-[0-9a-f]{4}/pose {", told.stdout)
        everyone = processes.family(terminal.process.pid)
        assert len(everyone) == 4  # us, the broker, the daemon, its worker
        terminal.send(b"\x03\x03")
        terminal.send(b"\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored
        assert are_gone(everyone)()
        _, _, end = terminal.text.rpartition("messages   ")
        assert "apt install mosquitto" in end
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("edged.mqtt.broker", "the demo's own broker has ended: it ended with code -9"),
        ("edged", "it ended with code -9 and said nothing"),
    ],
)
def test_a_process_that_dies_ends_it_with_a_line(
    model: str, video: str, module: str, words: str
) -> None:
    def runs_module(pid: int) -> bool:
        return f"-m\0{module}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()

    with Terminal(["-c", ON_PORT, model, video, f"{free_port()}"]) as terminal:
        terminal.until("● online")
        _, *children = processes.family(terminal.process.pid)
        os.kill(next(filter(runs_module, children)), signal.SIGKILL)
        assert terminal.wait() == 1
        assert words in terminal.text
        assert terminal.is_restored
        assert are_gone(children)()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_it_ends_while_it_finds_out_what_a_model_is(
    model: str, video: str, sent: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", f"{LOADS_FOR_EVER}{ON_PORT}", model, video, f"{free_port()}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loads\n"
        process.send_signal(sent)
        out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (code, "")
    assert "broker" not in out


def test_without_the_extra_package_it_says_what_to_install(model: str, video: str) -> None:
    without = f"import sys; sys.modules['amqtt'] = None\n{ON_PORT}"
    port = free_port()
    done = subprocess.run(
        [sys.executable, "-c", without, model, video, f"{port}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr == (
        f"BrokerError: no broker 127.0.0.1:{port}: connection refused; "
        "start one (apt install mosquitto), or install the demo's own: pip install 'edged[demo]'\n"
    )


def test_killed_it_takes_everyone_along(model: str, video: str) -> None:
    command = [sys.executable, "-c", ON_PORT, model, video, f"{free_port()}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        until(lambda: "online" in (process.stdout or sys.stdin).readline(), "a start", 20)
        everyone = processes.family(process.pid)
        assert len(everyone) == 4
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    until(are_gone(everyone), "the end of everyone")


def test_killed_it_is_forgotten_by_a_broker_that_stays(
    broker: Broker, model: str, video: str
) -> None:
    words = ("--model", model, "--source", video, "--broker", f"127.0.0.1:{broker.port}")
    with (
        Subscriber(broker.port) as subscriber,
        subprocess.Popen([sys.executable, *DEMO, *words], stdout=subprocess.DEVNULL) as process,
    ):
        until(lambda: any("/pose" in one.topic for one in subscriber.messages), "its pose", 20)
        device = subscriber.messages[0].topic.split("/")[1]
        process.kill()
        subscriber.until(f"edged/{device}/info", b"")
        subscriber.until(f"edged/{device}/status", b"")
    assert retained(broker) == []


def test_the_athlete_is_compared_with_the_truth(broker: Broker, model: str) -> None:
    done = demo(
        *("--source", "athlete:squat?seed=1", "--model", model),
        *("--seconds", "2", "--broker", f"127.0.0.1:{broker.port}"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"athlete squat 0  phase (rest|down)  OKS 0\.\d\d", done.stdout)
    frames = re.search(r"frames +(\d+), [\d.]+ a second\n", done.stdout)
    assert frames is not None
    assert int(frames[1]) > 10
    assert re.search(r"accuracy +mean OKS 0\.\d{3} against the truth\n", done.stdout)


def test_an_athlete_that_there_is_not_is_told_before_anything_starts(model: str) -> None:
    done = demo("--source", "athlete:sqat", "--model", model)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith('edged: athlete:sqat: no exercise is called "sqat", did you mean squat?')


def test_a_known_model_that_is_not_here_is_told_with_how_to_get_it(
    video: str, tmp_path: Path
) -> None:
    done = demo("--model", "mobilenet-v2", "--source", video, home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("edged: mobilenet-v2 is not on this machine; to get it:\n\n")
    assert "models pull mobilenet-v2\n" in done.stderr
    assert done.stderr.endswith(f"demo --model mobilenet-v2 --source {video}\n")


def test_a_named_broker_that_is_not_there_is_not_replaced(model: str, video: str) -> None:
    port = free_port()
    done = demo("--model", model, "--source", video, "--broker", f"127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"edged: no broker 127.0.0.1:{port}: connection refused; "
        "without --broker, the demo starts one of its own\n"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/no/such.jpg", "/no/such.jpg: not there; a source is "),
        ("replay:/no/such.mp4", "replay:/no/such.mp4: there is no such file"),
        ("/dev/video4999", "/dev/video4999: no such device"),
        ("http://127.0.0.1:9/camera", "http://127.0.0.1:9/camera: "),
    ],
)
def test_a_source_that_is_not_there_is_told_before_a_model_or_a_broker_is(
    tmp_path: Path, source: str, words: str
) -> None:
    done = demo("--model", "mobilenet-v2", "--source", source, "--seconds", "4", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edged: {words}")


def test_a_daemon_that_fails_is_told_in_its_own_words(
    broker: Broker, model: str, tmp_path: Path
) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    address = f"127.0.0.1:{broker.port}"
    done = demo("--model", model, "--source", f"{tmp_path}/no.mp4", "--broker", address)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edged: {tmp_path}/no.mp4: damaged, or not a video")


PASSWORD = "of-edged_1"  # noqa: S105 - of a broker that is gone with the test
ON_DEVICE = f"""
from pathlib import Path
from edged.commands import demo
import functools
demo.run = functools.partial(demo.run, service=Path(sys.argv.pop()))
{ON_PORT.replace("None, None", "2.0, None").replace("import sys", "")}
"""
"""A demo beside a service, whose configuration is the last word; ends by itself."""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """A broker that wants the name and password that a service has."""
    (tmp_path / "hashes").write_text(f"edged:{PASSWORD}\n")
    subprocess.run([program("mosquitto_passwd"), "-U", tmp_path / "hashes"], check=True, timeout=30)
    options = f"allow_anonymous false\npassword_file {tmp_path}/hashes"
    with Broker(tmp_path, options) as broker:
        (tmp_path / "etc" / "credentials").mkdir(parents=True)
        (tmp_path / "etc" / "credentials" / "mqtt_password").write_text(PASSWORD)
        (tmp_path / "etc" / "edged.toml").write_text(
            f'[mqtt]\nport = {broker.port}\nusername = "edged"\n'
        )
        yield broker


def beside_service(
    broker: Broker, model: str, video: str, *, without_amqtt: bool = False
) -> subprocess.CompletedProcess[str]:
    without = "sys.modules['amqtt'] = None" if without_amqtt else ""
    program_text = f"import sys\n{without}\n{ON_DEVICE}"
    service = broker.directory / "etc" / "edged.toml"
    return subprocess.run(
        [sys.executable, "-c", program_text, model, video, f"{broker.port}", f"{service}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_broker_that_wants_a_password_gets_the_services(
    guarded: Broker, model: str, video: str
) -> None:
    done = beside_service(guarded, model, video)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"broker     127.0.0.1:{guarded.port} (it was there)\n")
    assert "-u edged -P PASSWORD" in done.stdout
    assert re.search(r"^frames     \d+, ", done.stdout, re.MULTILINE)
    assert PASSWORD not in done.stdout


def test_where_there_is_no_password_to_be_had_it_says_where_one_is(
    guarded: Broker, model: str, video: str
) -> None:
    (guarded.directory / "etc" / "edged.toml").unlink()
    wants = f"broker 127.0.0.1:{guarded.port} wants a user name and password: "
    gives = f"--broker mqtt://USER:PASSWORD@127.0.0.1:{guarded.port} gives them"
    done = beside_service(guarded, model, video, without_amqtt=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"BrokerError: {wants}{gives}\n"
    done = beside_service(guarded, model, video)
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.endswith(f" (the demo's own: {wants}{gives})")
    assert last == f"broker     ended with the demo; {wants}{gives}"


def test_what_only_root_may_read_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # root may read everything
    (tmp_path / "edged.toml").touch()
    hint = _login_hint(Mqtt(), tmp_path / "edged.toml")
    assert hint.startswith("sudo ")
    assert hint.endswith(f" demo takes the service's, from {tmp_path}/edged.toml")


def test_a_classifier_is_a_model_too(broker: Broker, video: str, tmp_path: Path) -> None:
    path = tmp_path / "things.tflite"
    path.write_bytes(classifier())
    address = f"127.0.0.1:{broker.port}"
    done = demo("--model", str(path), "--source", video, "--seconds", "1.5", "--broker", address)
    assert (done.returncode, done.stderr) == (0, "")
    assert "perhaps " in done.stdout
