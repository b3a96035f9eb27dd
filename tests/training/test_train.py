"""Training goes on where it was, as if it had never been interrupted. Needs the extra `train`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.training.frames import Truths, write

tf = pytest.importorskip("tensorflow", reason="needs the extra `train`")
keras = pytest.importorskip("keras")

from models.training import state, train  # noqa: E402
from models.training.plan import Plan, Shape  # noqa: E402

TINY = Shape(size=64, stem=4, channels=(4, 4, 4, 4), convolutions=(1, 1, 1, 1), pyramid=4)
PLAN = Plan(steps=4, batch=2, sizes=((0.5, 32),), warmup=1)


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Tracing takes longer than four steps."""
    tf.config.run_functions_eagerly(run_eagerly=True)
    yield
    tf.config.run_functions_eagerly(run_eagerly=False)


def work(directory: Path) -> Path:
    """A directory with a few frames to train with."""
    rng = np.random.default_rng(3)
    for name in ("train", "validation"):
        (directory / name).mkdir(parents=True)
        truths = Truths(
            keypoints=rng.uniform(0.2, 0.8, (4, 17, 2)).astype(np.float32),
            visibility=np.full((4, 17), 2, np.uint8),
            area=np.full(4, 0.1, np.float32),
            exercise=np.array(["squat"] * 4),
            azimuth=np.zeros(4, np.float32),
        )
        write(directory / name, 0, rng.integers(0, 256, (4, 48, 64, 3), np.uint8), truths)
    return directory


def weights(directory: Path) -> list[Any]:
    with np.load(directory / "state.npz") as saved:
        return [saved[name] for name in sorted(saved.files)]


def test_interrupted_it_comes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, twice = work(tmp_path / "a"), work(tmp_path / "b")
    before = signal.getsignal(signal.SIGTERM)
    assert train.train(at_once, TINY, PLAN)

    learn = train.Trainer.learn

    def struck(trainer: train.Trainer, lesson: Any) -> tuple[float, float]:
        told = learn(trainer, lesson)
        if trainer.steps == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return told

    with monkeypatch.context() as patch:
        patch.setattr(train.Trainer, "learn", struck)
        assert not train.train(twice, TINY, PLAN)
    assert not (twice / "model.keras").exists()
    assert train.train(twice, TINY, PLAN)

    for one, other in zip(weights(at_once), weights(twice), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)
    (line,) = (twice / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == 4
    assert (twice / "model.keras").exists()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("part", ["_save_model", "state.save"])
def test_killed_at_the_end_the_next_run_has_the_last_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    here = work(tmp_path / "here")
    module, name = (state, "save") if part == "state.save" else (train, part)
    save = getattr(module, name)

    def killed(*given: Any) -> None:
        save(*given)
        raise SystemExit(-signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(SystemExit):
            train.train(here, TINY, PLAN)
    assert train.train(here, TINY, PLAN)

    model = keras.saving.load_model(here / "model.keras", compile=False)
    with np.load(here / "state.npz") as saved:
        for place, weight in enumerate(model.weights):
            assert np.array_equal(np.asarray(weight), saved[f"smooth-{place}"])


def test_a_model_that_is_gone_is_written_again(tmp_path: Path) -> None:
    here = work(tmp_path / "here")
    assert train.train(here, TINY, PLAN)
    (here / "model.keras").unlink()
    assert train.train(here, TINY, PLAN)
    assert (here / "model.keras").exists()


def test_frames_of_nobody_knows_what_are_used_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = work(tmp_path / "here")
    assert train.train(here, TINY, PLAN)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["warning", "warning"]
    assert f"{here / 'train'}: there is no set.json" in lines[0]


def test_without_frames_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--work", str(tmp_path)]) == 1
    assert "no frames: render some first" in capsys.readouterr().err
