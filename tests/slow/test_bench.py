"""`edged bench` measures the real daemon and other programs; the figures are not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import brokers
import pytest
import tiny_models
from daemons import write_clip

PERCENTILES = {"p50", "p95", "p99"}

PEER = """
import json, sys, time
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

video, model, host, port, topic, rate, threads = sys.argv[1:]
client = Client(CallbackAPIVersion.VERSION2)
client.connect(host, int(port))
client.loop_start()
while True:
    client.publish(topic, json.dumps({"ts": time.time()}))
    time.sleep(0.01)
"""


def bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edged", "bench", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    brokers.program("mosquitto")
    path = tmp_path / "pose.tflite"
    path.write_bytes(tiny_models.pose_model())
    return path


def figures(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_figures_are_there(tmp_path: Path, model: Path) -> None:
    peer = tmp_path / "peer.py"
    peer.write_text(PEER)
    report = figures(
        bench("-m", model, "--seconds", "1", "--pace", "fast", "--against", peer, "--json")
    )
    assert report["pace"] == "fast"
    assert report["frames"] >= report["fps"] > 30
    assert report["dropped"] == 0
    for name in ("invoke_ms", "age_ms", "bare_invoke_ms"):
        assert report[name].keys() == PERCENTILES
        assert 0 < report[name]["p50"] <= report[name]["p95"] <= report[name]["p99"]
    stages = report["stage_ms"]
    assert stages.keys() == {"capture", "preprocess", "infer", "decode", "fitness", "publish"}
    assert all(stage.keys() == PERCENTILES for stage in stages.values())
    assert report["frame_ms"] == pytest.approx(
        sum(stage["p50"] for name, stage in stages.items() if name != "capture"), abs=0.01
    )
    assert report["overhead_ratio"] > 1
    assert report["cpu_ms_per_frame"] > 0
    assert 20 < report["pss_mb"] < 500
    assert 0 < report["startup_s"] < 30
    assert report["peers"]["peer"]["fps"] == pytest.approx(100, rel=0.5)


def test_a_video_at_its_own_rate_and_an_overload(tmp_path: Path, model: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", fps=20)
    report = figures(
        bench("-m", model, "-s", clip, "--seconds", "1", "--pace", "realtime", "--json")
    )
    assert report["fps"] == pytest.approx(20, abs=5)
    report = figures(
        bench("-m", model, "-s", clip, "--seconds", "1", "--pace", "overload", "--json")
    )
    assert report["dropped"] > report["frames"] / 2


def test_the_table_names_every_program(model: Path) -> None:
    done = bench("-m", model, "--seconds", "1", "--pace", "fast")
    assert done.returncode == 0, done.stderr
    assert "fast:" in done.stdout
    assert "edged" in done.stdout
    assert "pss MB" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--seconds", "0"], 2, "seconds"),
        (["--pace", "slow"], 2, "pace"),
        (["--against", "nothing.py"], 2, "nothing.py: no such file"),
        (["--source", "nothing.avi"], 2, "nothing.avi: no such file"),
    ],
)
def test_wrong_use_is_one_line(model: Path, words: list[str], code: int, told: str) -> None:
    done = bench("-m", model, *words)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert told in line


def test_a_peer_that_fails_is_told_with_its_last_words(tmp_path: Path, model: Path) -> None:
    peer = tmp_path / "peer.py"
    peer.write_text("raise SystemExit('no luck today')")
    done = bench("-m", model, "--seconds", "1", "--pace", "fast", "--against", peer)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no luck today" in line
