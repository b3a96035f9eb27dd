"""A model is made from nothing, small but whole: `python tests/proofs/training.py`.

In an environment of its own with the extra `train`: the tests that need it; then frames are
rendered, a network is trained, killed in the middle, goes on and comes to the same end as one that
was left alone; it is quantized, judged and gets its card, which says what `edged evaluate` says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
NO_WHEEL = re.compile(r"No matching distribution found for tensorflow\S*")
FRAMES = 9
"""That the small model is judged by, one of each exercise."""
PICTURES = 20
"""To quantize with."""
BUILD = (
    *("-m", "models.training.build", "--frames", "60", "--processes", "2", "--size", "64"),
    *("--steps", "150", "--epoch-steps", "50", "--batch", "4"),
    *("--judged-frames", str(FRAMES), "--rooms", "3"),
)
EXACT = {
    # One thread, and kernels that add up in the same order each time.
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def main() -> int:
    """Install, test, make, compare, tell."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        python = directory / "venv" / "bin" / "python"
        venv.create(directory / "venv", with_pip=True)
        missing = _install(python)
        if missing:
            print(f"skipped: {missing}")
            return 0
        _tell(began, "installed")
        _run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/training")
        _tell(began, "tests passed")
        alone, killed = directory / "alone", directory / "killed"
        _build(python, alone)
        _tell(began, "made a model")
        for part in ("train", "validation"):
            shutil.copytree(alone / part, killed / part)
        _build_with_a_kill(python, killed)
        _tell(began, "made it again, killed in the middle")
        _compare(alone, killed)
        _evaluate(python, alone / "out")
        _quantize(python, alone, directory)
        _tell(began, "quantized it by hand")
    return 0


def _install(python: Path) -> str:
    """Returns why that cannot be; empty: it is done."""
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = subprocess.run(
        [*pip, "-e", f"{ROOT}[train,test]"], capture_output=True, text=True, check=False
    )
    if found := NO_WHEEL.search(done.stderr):
        version = ".".join(map(str, sys.version_info[:2]))
        return f"TensorFlow has no wheel for Python {version} on this machine ({found[0]})"
    if done.returncode:
        raise SystemExit(f"pip failed: {done.stderr}")
    return ""


def _run(python: Path, *words: str | Path) -> str:
    """In the checkout. Returns what it says; ends everything when it fails."""
    done = subprocess.run(
        [python, *words],
        cwd=ROOT,
        env={**os.environ, **EXACT},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"{' '.join(map(str, words))}: exit code {done.returncode}")
    return done.stdout


def _words(work: Path, *more: str) -> Sequence[str | Path]:
    (work / "out").mkdir(parents=True, exist_ok=True)
    return (*BUILD, "--work", work, "--out", work / "out", *more)


def _build(python: Path, work: Path) -> None:
    print(_run(python, *_words(work)))


def _build_with_a_kill(python: Path, work: Path) -> None:
    building = subprocess.Popen(
        [python, *_words(work, "--no-alternatives")],
        cwd=ROOT,
        env={**os.environ, **EXACT},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert building.stdout is not None
    for line in building.stdout:
        if '"step": 50' in line:
            building.send_signal(signal.SIGTERM)
            break
    rest = building.stdout.read()
    stopped = re.search(r"stopped after step (\d+): run it again to go on", rest)
    if building.wait(60) != 128 + signal.SIGTERM or stopped is None:
        raise SystemExit(f"it did not stop as told: exit code {building.returncode}, {rest}")
    told = _run(python, *_words(work, "--no-alternatives"))
    if f"going on after step {stopped[1]}" not in told:
        raise SystemExit(f"it did not go on after step {stopped[1]}: {told}")


def _compare(alone: Path, killed: Path) -> None:
    with np.load(alone / "state.npz") as one, np.load(killed / "state.npz") as other:
        for name in one.files:
            if not np.array_equal(one[name], other[name]):
                apart = np.abs(one[name] - other[name]).max()
                raise SystemExit(f"{name} differs by {apart} from what it is without the kill")
    models = [(work / "out" / "athlete-pose.tflite").read_bytes() for work in (alone, killed)]
    if models[0] != models[1]:
        raise SystemExit("the models are not the same")
    print("killed and gone on with, it comes to the same end, to the last bit")


def _evaluate(python: Path, out: Path) -> None:
    words = ("--source", "athlete", "--frames", str(FRAMES), "--json", "--no-plot")
    model = str(out / "athlete-pose.tflite")
    told = json.loads(_run(python, "-m", "edged", "evaluate", "--model", model, *words))
    card = (out / "athlete-pose.md").read_text(encoding="utf-8")
    shown = re.search(r"mean OKS, two looks \|.*\| ([\d.]+) \|", card)
    if shown is None or f"{told['oks']:.4f}" != shown[1]:
        raise SystemExit(f"edged evaluate says OKS {told['oks']:.4f}; the card: {shown}")
    print(f"card and edged evaluate agree: OKS {shown[1]}")


def _quantize(python: Path, work: Path, directory: Path) -> None:
    """By the command that stands alone, with pictures on disk."""
    sys.path.insert(0, str(ROOT))
    from edged.commands.files import write_picture  # noqa: PLC0415 - found by the line above

    pictures = np.load(work / "train" / "frames-0.npy", mmap_mode="r")
    images, out = directory / "images", directory / "own.tflite"
    images.mkdir()
    for number, picture in enumerate(pictures[:PICTURES]):
        write_picture(images / f"{number}.png", np.array(picture))
    words: tuple[Any, ...] = (work / "model.keras", "--images", images, "--out", out, "--json")
    told = json.loads(_run(python, "-m", "models.training.quantize", *words))
    if (
        told["refused"]
        or told["input"]["dtype"] != "uint8"
        or (told["pictures"], told["measured"]) != (PICTURES, PICTURES // 5)
    ):
        raise SystemExit(f"not as expected: {told}")
    print(f"{out.name}: {told['bytes']:,} bytes, {told['outputs']}")


def _tell(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
