"""Make the shipped model and its card: `python -m models.training.build --work DIR`.

Renders, trains, quantizes, judges, and writes `models/athlete-pose.tflite` and `.md`, and the
checksum into the catalog. What is done is not done again: run it again to go on.

MoveNet Lightning, to compare with, is taken from the store of `edged models` or from ../shared
(or EDGED_SHARED), and so are real pictures; without them the card does without.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import platform
import re
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edged.capture.athlete.athlete import HELD_OUT
from edged.commands.ending import ends_by_sigterm
from edged.commands.files import write_bytes
from edged.config import model_directories
from edged.errors import EdgedError, ModelError
from edged.inference.catalog import ModelFile, resolve
from edged.types import Pixels
from models.training import judge, render
from models.training.augment import augment
from models.training.card import card
from models.training.facts import FLOAT, OURS, PEER, Facts, Making
from models.training.frames import Frames
from models.training.networks import Network, Normalization, need_tensorflow, open_network
from models.training.operators import operators, refusals
from models.training.plan import PLANS, STRIDE, Followed, Plan, Shape
from models.training.quiet import quiet

MODELS = Path(__file__).parents[1]
REAL_PICTURES = ("squat.bmp", "test_image.bmp")
CALIBRATION = 300
"""Training pictures that the ranges are measured on."""
CALIBRATION_WHOLE = 0.5
"""Of them show the whole frame."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to make."""

    work: Path
    out: Path
    """Directory of the model, its card, and the catalog if one is there."""
    frames: int = render.FRAMES
    processes: int = 1
    shape: Shape = field(default_factory=Shape)
    plan: Plan = field(default_factory=Plan)
    epoch_steps: int = 1000
    judged_frames: int = judge.FRAMES
    rooms: int = judge.ROOMS
    alternatives: bool = True
    """Whether to measure what else the network could be made of."""


def build(order: Order) -> bool:
    """Do all of it, or the rest of it.

    Returns:
        False: interrupted while training; run it again to go on.

    Raises:
        EdgedError: something cannot be read, made or written.
    """
    for what in render.sets(order.frames):
        render.render_set(order.work, what, order.processes)
    # Not before: processes that render load what is loaded here, and do without TensorFlow.
    with quiet():
        from models.training import train  # noqa: PLC0415
    if not train.train(order.work, order.shape, order.plan, order.epoch_steps):
        return False
    print("quantizing", flush=True)
    with quiet():
        need_tensorflow()
        network = open_network(order.work / "model.keras", Normalization())
        pictures = calibration(order.work / "train", order.shape.size)
        facts = _facts(order, network, pictures)
    write_bytes(order.out / f"{OURS}.md", card(facts).encode())
    _register(order.out / "catalog.toml", facts)
    print(f"{order.out / OURS}.tflite: {facts.bytes:,} bytes, sha256 {facts.sha256}", flush=True)
    return True


def calibration(directory: Path, size: int) -> Pixels:
    """Pictures as the network was trained with, always the same."""
    frames, rng = Frames(directory), np.random.default_rng(0xCA1)
    chosen = rng.integers(0, len(frames), CALIBRATION)
    return np.stack(
        [augment(frames.sample(int(at)), size, CALIBRATION_WHOLE, rng).pixels for at in chosen]
    )


def _facts(order: Order, network: Network, pictures: Pixels) -> Facts:
    """Convert, write the model, and measure everything."""
    # Loads TensorFlow, or needs it to be here.
    from models.training import alternatives, convert, fidelity  # noqa: PLC0415

    made, exact = convert.to_int8(network, pictures), convert.to_float(network)
    path, float_path = order.out / f"{OURS}.tflite", order.work / "float.tflite"
    write_bytes(path, made)
    write_bytes(float_path, exact)
    peer, shared = _peer()
    files = {OURS: resolve(str(path), []), FLOAT: resolve(str(float_path), [])}
    real = [shared / "images" / name for name in REAL_PICTURES]
    likenesses: dict[Literal[1, 2], list[judge.Likeness]] = {}
    timed = {OURS: made}
    if peer is not None:
        files[PEER] = peer
        timed[PEER] = peer.path.read_bytes()
        there = [path for path in real if path.is_file()]
        if there:
            likenesses = {n: judge.compare(files[OURS], peer, there, n) for n in judge.LOOKS}
    found = operators(made)
    (near,) = fidelity.compare(network, made, pictures)
    return Facts(
        size=order.shape.size,
        stride=STRIDE,
        parameters=int(network.owner.count_params()),
        bytes=len(made),
        sha256=hashlib.sha256(made).hexdigest(),
        judged=judge.judge(files, order.judged_frames, order.rooms),
        likenesses=likenesses,
        invoke_ms=judge.invoke_ms(timed),
        alternatives=alternatives.measure(order.shape) if order.alternatives else [],
        fidelity=near,
        calibrated_with=len(pictures),
        operators=dict(Counter(one.name for one in found).most_common()),
        refused=refusals(found),
        making=_making(order),
    )


def _peer() -> tuple[ModelFile | None, Path]:
    """MoveNet Lightning, where it is here, and the folder that pictures may be in."""
    shared = Path(os.environ.get("EDGED_SHARED", MODELS.parents[1] / "shared"))
    try:
        return resolve(PEER, [*model_directories(), shared / "models"]), shared
    except ModelError as error:
        print(f"without {PEER}: {error}", flush=True)
        return None, shared


def _making(order: Order) -> Making:
    lines = (order.work / "log.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    steps = np.diff([0, *(line["step"] for line in told)])
    rates = np.array([line["pictures_per_s"] for line in told])
    written = sorted(path.stat().st_mtime for path in (order.work / "train").glob("truth-*.npz"))
    followed = _followed(order)
    ends = [*(one.from_step for one in followed[1:]), order.plan.steps]
    sizes = Counter(
        one.plan.size(step, one.shape.size)
        for one, end in zip(followed, ends, strict=True)
        for step in range(one.from_step, end)
    )
    return Making(
        frames=order.frames,
        people=-(-order.frames // render.LOOKS),
        validation_seed=render.VALIDATION_SEED,
        test_seed=HELD_OUT,
        render_s=written[-1] - written[0],
        steps=order.plan.steps,
        batch=order.plan.batch,
        sizes=tuple((count, size) for size, count in sizes.items()),
        changes=tuple((one.from_step, one.plan.steps, one.plan.rate) for one in followed),
        train_s=float((steps * order.plan.batch / np.maximum(rates, 1)).sum()),
        machine=f"{os.cpu_count()} cores of {platform.machine()}",
    )


def _followed(order: Order) -> list[Followed]:
    """The plans that were followed, each from a step on."""
    lines = (order.work / PLANS).read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Followed) for line in lines]


def _register(catalog: Path, facts: Facts) -> None:
    """Write size and checksum of the file into its entry of the catalog, where there is one."""
    if not catalog.is_file():
        return
    entry = re.compile(
        rf'(path = "{OURS}\.tflite", shipped = true, )bytes = \d+, sha256 = "[0-9a-f]*"'
    )
    text = catalog.read_text(encoding="utf-8")
    new = entry.sub(rf'\g<1>bytes = {facts.bytes}, sha256 = "{facts.sha256}"', text)
    write_bytes(catalog, new.encode())


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    order, plan = Order(Path(), Path()), Plan()
    add = parser.add_argument
    add("--work", type=Path, required=True, help="directory of frames and of what is half done")
    add("--out", type=Path, default=MODELS, help="directory of the model and its card (models/)")
    add("--processes", type=int, default=os.cpu_count() or 1, help="that render")
    trials = parser.add_argument_group("for trials, smaller than the real thing")
    add = trials.add_argument
    add("--frames", type=int, default=order.frames, help="to train with (%(default)s)")
    add("--steps", type=int, default=plan.steps, help="of training (%(default)s)")
    add("--batch", type=int, default=plan.batch, help="pictures of a step (%(default)s)")
    add("--size", type=int, default=order.shape.size, help="pixels of the input (%(default)s)")
    add("--epoch-steps", type=int, default=order.epoch_steps, help="between two saves")
    add("--judged-frames", type=int, default=order.judged_frames, help="(%(default)s)")
    add("--rooms", type=int, default=order.rooms, help="empty ones to judge by (%(default)s)")
    add("--no-alternatives", action="store_true", help="leave out the table of other networks")
    given = parser.parse_args(words)
    try:
        with ends_by_sigterm():
            done = build(
                Order(
                    work=given.work,
                    out=given.out,
                    frames=given.frames,
                    processes=given.processes,
                    shape=dataclasses.replace(order.shape, size=given.size),
                    plan=dataclasses.replace(plan, steps=given.steps, batch=given.batch),
                    epoch_steps=given.epoch_steps,
                    judged_frames=given.judged_frames,
                    rooms=given.rooms,
                    alternatives=not given.no_alternatives,
                )
            )
    except EdgedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0 if done else 128 + signal.SIGTERM


if __name__ == "__main__":
    sys.exit(main())
