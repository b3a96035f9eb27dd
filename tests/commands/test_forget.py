"""What a broker retains of a device goes with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from brokers import Broker, Subscriber, free_port, program, retained, until

from edged.commands.forget import main

PASSWORD = "of-edged_1"  # noqa: S105 - of a broker that is gone with the test


def configuration(folder: Path, name: str, port: int, more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(
        f'[device]\nname = "{name}"\n[camera]\nsource = "athlete"\n'
        f'[pose]\nmodel = "athlete-pose"\n[mqtt]\nport = {port}\n{more}'
    )
    return path


def retain(port: int, *topics: str, **login: str) -> None:
    """Have the broker retain something on each."""
    with Subscriber(port, **login) as client:
        for topic in topics:
            client._client.publish(topic, b"{}", qos=1, retain=True)
        until(lambda: all(client.of(topic) for topic in topics), "all of them")


def test_what_is_retained_of_these_devices_goes_and_nothing_else(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = ["edged/gate/status", "edged/gate/info"]
    mine = ["edged/pi/status", "edged/pi/info", "edged/pi/exercise", "edged/pi/paused"]
    shown = "homeassistant/device/edged_pi/config"
    retain(broker.port, *others, *mine, shown, "edged/door/status")
    files = [str(configuration(tmp_path, name, broker.port)) for name in ("pi", "door")]
    assert main(files) == 0
    assert sorted(retained(broker)) == sorted(others)
    at = f"ok broker 127.0.0.1:{broker.port} has forgotten"
    assert capsys.readouterr().out.splitlines() == [
        f"{at} edged/{name}/status edged/{name}/info edged/{name}/exercise edged/{name}/paused "
        f"homeassistant/device/edged_{name}/config"
        for name in ("pi", "door")
    ]


def test_the_services_password_is_found_as_the_service_finds_it(tmp_path: Path) -> None:
    (tmp_path / "hashes").write_text(f"edged:{PASSWORD}\n")
    subprocess.run([program("mosquitto_passwd"), "-U", tmp_path / "hashes"], check=True, timeout=30)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt_password").write_text(f"{PASSWORD}\n")
    options = f"allow_anonymous false\npassword_file {tmp_path}/hashes"
    with Broker(tmp_path, options) as broker:
        login = {"username": "edged", "password": PASSWORD}
        retain(broker.port, "edged/pi/status", **login)
        file = configuration(tmp_path, "pi", broker.port, 'username = "edged"\n')
        assert main([str(file)]) == 0
        with Subscriber(broker.port, **login) as late:
            late.publish("mark", b"")
            late.until("mark", b"")
            assert not late.of("edged/pi/status")


def test_what_cannot_be_reached_is_told_with_what_to_do_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[nonsense]\n")
    gone = configuration(tmp_path, "pi", free_port())
    assert main([str(tmp_path / "bad.toml"), str(gone)]) == 1
    bad, away = capsys.readouterr().out.splitlines()
    assert bad.startswith(f"note {tmp_path}/bad.toml: [nonsense]")
    assert away.startswith("note no broker 127.0.0.1:")
    assert "mosquitto_pub -r -n -t TOPIC clears what is left of it: edged/pi/" in away


def test_it_is_a_program(broker: Broker, tmp_path: Path) -> None:
    file = configuration(tmp_path, "pi", broker.port)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "edged.commands.forget", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok broker ")
