"""Train the network on rendered frames: `python -m models.training.train --work DIR`.

Interrupted, it goes on where it was when it is run again: the state is saved after each epoch and
on SIGTERM and SIGINT, and what a step learns from depends on its number alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import msgspec
import numpy as np
import tensorflow as tf

from edged.decoders import heatmaps
from edged.errors import EdgedError
from edged.evaluation.metrics import SIGMAS
from edged.types import Keypoints, Pixels
from models.training import state
from models.training.frames import Ahead, Batch, batch
from models.training.network import Mix, build, convolve
from models.training.plan import PLANS, Followed, Plan, Shape, grid
from models.training.score import Scores, score
from models.training.sets import open_whole

EPOCH_STEPS = 1000

HEAT_EMPHASIS = 4.0
"""A hot cell counts so much more than a cold one: there are 60 times as many cold ones."""
OFFSET_SHARE = 10.0
"""Of the offsets in the loss: in balance with the heats once both are learnt."""
OFFSET_BEND = 0.05
"""Offsets (in reaches) up to which the loss is square, 0.8 pixels; linear beyond."""
PRECISION = np.sqrt(SIGMAS.mean() / SIGMAS).astype(np.float32)
"""How much an offset of each keypoint counts: OKS wants eyes nearer than hips."""


class Trainer:
    """A network, its optimizer, and the running mean of its weights."""

    def __init__(self, shape: Shape, plan: Plan, mix: Mix = convolve) -> None:
        self.shape, self.plan = shape, plan
        keras.utils.set_random_seed(1)
        self.model = build(shape, any_size=True, mix=mix)
        self.smooth = build(shape, mix=mix)
        self.smooth.set_weights(self.model.get_weights())
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(plan.steps - plan.warmup, 1), warmup_target=plan.rate, warmup_steps=plan.warmup
        )
        self._optimizer = keras.optimizers.AdamW(rate, weight_decay=plan.decay, global_clipnorm=5.0)
        self._optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self._optimizer.build(self.model.trainable_variables)
        self._learn = tf.function(self._step)
        self._answer = tf.function(self._ask)

    @property
    def groups(self) -> dict[str, list[Any]]:
        """All variables, for `state`."""
        return {
            "weights": self.model.weights,
            "smooth": self.smooth.weights,
            "optimizer": self._optimizer.variables,
        }

    @property
    def steps(self) -> int:
        """So many have been done."""
        return int(self._optimizer.iterations.numpy())

    def learn(self, lesson: Batch) -> tuple[float, float]:
        """One step. Returns the losses of heats and offsets."""
        targets = lesson.targets
        heat, offset = self._learn(lesson.pictures, targets.answer, targets.weight)
        return float(heat), float(offset)

    def ask(self, pictures: Pixels) -> list[Keypoints]:
        """What the network with the mean weights finds."""
        answers = self._answer(pictures).numpy()
        return [heatmaps.decode(answer[None]) for answer in answers]

    def _ask(self, pictures: Any) -> Any:
        return self.smooth(tf.cast(pictures, tf.float32) / 255.0, training=False)

    def _step(self, pictures: Any, answer: Any, weight: Any) -> tuple[Any, Any]:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            found = self.model(tf.cast(pictures, tf.float32) / 255.0, training=True)
            heat, offset = losses(found, answer, weight)
            loss = heat + OFFSET_SHARE * offset
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        done = tf.cast(self._optimizer.iterations, tf.float32)
        memory = tf.minimum(self.plan.memory, (1 + done) / (10 + done))
        for mean, variable in zip(self.smooth.weights, self.model.weights, strict=True):
            mean.assign(mean + (1 - memory) * (variable - mean))
        return heat, offset


def losses(found: Any, answer: Any, weight: Any) -> tuple[Any, Any]:
    """Of heats: squares; of offsets: how far off, where the heat says that they count."""
    count = heatmaps.COUNT
    heat = answer[..., :count]
    apart = tf.square(found[..., :count] - heat) * (1 + HEAT_EMPHASIS * heat)
    heat_loss = tf.reduce_mean(tf.reduce_sum(apart, axis=(1, 2)))
    off = tf.abs(found[..., count:] - answer[..., count:])
    bent = tf.where(off < OFFSET_BEND, off * off / (2 * OFFSET_BEND), off - OFFSET_BEND / 2)
    both = bent[..., :count] + bent[..., count:]
    offset_loss = tf.reduce_sum(both * weight * PRECISION) / (tf.reduce_sum(weight) + 1e-6)
    return heat_loss, offset_loss


class Interruption:
    """Told by SIGTERM or SIGINT: finish the step, save, end. A context manager."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._want)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _want(self, *_: object) -> None:
        self.wanted = True


def train(work: Path, shape: Shape, plan: Plan, epoch_steps: int = EPOCH_STEPS) -> bool:
    """Train until done or interrupted.

    Args:
        work: where `train` and `validation` hold frames; state, log and `model.keras` go there too.
        shape: of the network.
        plan: how to train.
        epoch_steps: how often to save and measure.

    Returns:
        Whether all steps are done.

    Raises:
        EdgedError: no frames or not all of a set, or the saved state is of another network.
    """
    frames, validation = open_whole(work / "train"), open_whole(work / "validation")
    trainer = Trainer(shape, plan)
    saved = work / "state.npz"
    if saved.exists():
        state.load(saved, trainer.groups)
        print(f"going on after step {trainer.steps}", flush=True)

    def lesson(step: int) -> Batch:
        size = plan.size(step, shape.size)
        return batch(frames, step, plan.batch, size, grid(size), plan.whole_at(size))

    if trainer.steps < plan.steps:
        _note(work / PLANS, trainer.steps, plan, shape)
    else:
        _save_model(work, trainer)  # it may be older than the state, or not be there
    told, begun, since = [], time.monotonic(), trainer.steps
    with (
        Interruption() as interruption,
        Ahead(lesson, range(trainer.steps, plan.steps)) as lessons,
    ):
        for one in lessons:
            told.append(trainer.learn(one))
            done = trainer.steps
            if done % epoch_steps and done < plan.steps and not interruption.wanted:
                continue
            if interruption.wanted and done < plan.steps:
                state.save(saved, trainer.groups)
                print(f"stopped after step {done}: run it again to go on", flush=True)
                return False
            rate = (done - since) * plan.batch / (time.monotonic() - begun)
            # The model first: killed in between, the steps since the last state are done again.
            _save_model(work, trainer)
            state.save(saved, trainer.groups)
            scores = score(validation, trainer.ask, shape.size)
            _tell(work, done, np.mean(told, axis=0), rate, scores)
            told, begun, since = [], time.monotonic(), done
    return True


def _note(path: Path, step: int, plan: Plan, shape: Shape) -> None:
    """Note what is followed from a step on, where it is something else than before."""
    noted = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    before = msgspec.json.decode(noted[-1], type=Followed) if noted else None
    now = Followed(step, plan, shape)
    if before is None or (before.plan, before.shape) != (plan, shape):
        with path.open("ab") as file:
            file.write(msgspec.json.encode(now) + b"\n")


def _save_model(work: Path, trainer: Trainer) -> None:
    unfinished = work / ".model.keras"
    trainer.smooth.save(unfinished)
    unfinished.replace(work / "model.keras")


def _tell(work: Path, done: int, loss: Any, rate: float, scores: Scores) -> None:
    line = {
        "step": done,
        "heat_loss": round(float(loss[0]), 4),
        "offset_loss": round(float(loss[1]), 4),
        "pictures_per_s": round(rate),
        "oks_whole": round(scores.whole.oks, 4),
        "pck_whole": round(scores.whole.pck, 4),
        "oks_tracked": round(scores.tracked.oks, 4),
        "pck_tracked": round(scores.tracked.pck, 4),
        "ghosts": round(scores.ghosts, 3),
    }
    text = json.dumps(line)
    print(time.strftime("%H:%M:%S"), text, flush=True)
    with (work / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(f"{text}\n")


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m models.training.train", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory of frames and results")
    plan, shape = Plan(), Shape()
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--batch", type=int, default=plan.batch)
    parser.add_argument("--rate", type=float, default=plan.rate)
    parser.add_argument("--size", type=int, default=shape.size, help="pixels of the input")
    parser.add_argument("--epoch-steps", type=int, default=EPOCH_STEPS)
    given = parser.parse_args(words)
    try:
        done = train(
            given.work,
            dataclasses.replace(shape, size=given.size),
            dataclasses.replace(plan, steps=given.steps, batch=given.batch, rate=given.rate),
            given.epoch_steps,
        )
    except EdgedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0 if done else 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main())
