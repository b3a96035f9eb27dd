"""The model card: what `models.training.build` has measured, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from edged.evaluation.report import KeypointScores, Report, Scores, table
from models.training.facts import FLOAT, OURS, PEER, Facts
from models.training.judge import BOX_SHARE, MIN_SCORE

LEAST_PCK, LEAST_OKS = 0.95, 0.85
MOST_LOST_OKS = 0.01
"""Of int8 against float."""
MOST_BYTES = 1_000_000
MOST_INVOKE_SHARE = 1 / 3
"""Of MoveNet Lightning's."""


def card(told: Facts) -> str:
    """The whole card."""
    parts = (
        _head(told),
        _targets(told),
        _accuracy(told),
        _presence(told),
        _real(told),
        _costs(told),
        _architecture(told),
        _making(told),
        _edge_tpu(told),
        _licence(),
    )
    return "\n\n".join(parts) + "\n"


def _head(told: Facts) -> str:
    return f"""\
# {OURS}

A small pose model that comes with edged: one person, COCO's 17 keypoints,
{told.size} x {told.size} pixels in, {told.bytes:,} bytes. It has learnt from rendered people only,
edged's own *athlete*; no picture and no weight of anybody else's is in it.

**What it is for**: the demo, tests, bring-up: seeing all of edged at work on a machine without a
camera or a network, and having something to compile for an Edge TPU.

**What it is not for**: people. It has never seen one; how far off it is on real pictures is told
below. For people: `edged models pull {PEER}`.

    edged demo
    edged evaluate --source athlete --model {OURS}

All figures here are written by `python -m models.training.build`, which also makes the file;
sha256 `{told.sha256}`."""


def _targets(told: Facts) -> str:
    ours, real = told.judged[OURS], told.judged[FLOAT]
    one, two = ours.reports
    lost = max(
        exact.oks - found.oks for exact, found in zip(real.reports, ours.reports, strict=True)
    )
    rows = [
        _at_least("PCK@0.2 of the torso, two looks", two.pck, LEAST_PCK),
        _at_least("mean OKS, two looks", two.oks, LEAST_OKS),
        _at_least("PCK@0.2 of the torso, one look", one.pck, LEAST_PCK),
        _at_least("mean OKS, one look", one.oks, LEAST_OKS),
        _at_most("OKS lost by int8 against float", f"{lost:.4f}", lost, MOST_LOST_OKS),
        _at_most("size in bytes", f"{told.bytes:,}", told.bytes, MOST_BYTES),
    ]
    if PEER in told.invoke_ms:
        share = told.invoke_ms[OURS] / told.invoke_ms[PEER]
        what = f"invoke, as a share of {PEER}'s"
        rows.append(_at_most(what, f"{share:.3f}", share, MOST_INVOKE_SHARE))
    return f"""\
## Targets

On {two.frames:,} rendered frames, each of another person in another place, none of which it was
trained on:

| | target | measured | reached |
|---|---:|---:|---|
{_lines(rows)}

Two looks are how edged works: a person is found in the whole frame, then looked at alone
(`edged infer` does so with every picture, the daemon from one frame to the next). One look is at
the whole frame only, in which a person is small."""


def _at_least(what: str, found: float, limit: float) -> str:
    return f"| {what} | at least {limit} | {found:.4f} | {_yes(found >= limit)} |"


def _at_most(what: str, shown: str, found: float, limit: float) -> str:
    return f"| {what} | at most {_short(limit)} | {shown} | {_yes(found <= limit)} |"


def _short(limit: float) -> str:
    return f"{limit:,.0f}" if limit > 1 else f"{limit:.3g}"


def _yes(good: bool) -> str:  # noqa: FBT001 - it is what is said
    return "yes" if good else "**no**"


def _lines(rows: Sequence[str]) -> str:
    return "\n".join(rows)


def _accuracy(told: Facts) -> str:
    columns = {
        f"{name}, {'two looks' if looks else 'one look'}": judged.reports[looks]
        for name, judged in told.judged.items()
        for looks in (0, 1)
    }
    text = f"""\
## Accuracy

The same frames for all, and the path that edged takes. "From the front": that side of the person
is turned to the camera.

{_table("OKS", columns)}

{_table("PCK@0.2", columns)}

What `edged evaluate --source athlete --model {OURS}` prints (two looks, int8):

{_indented(table(told.judged[OURS].reports[1]))}"""
    if PEER in told.judged:
        text += f"""

And with `--model {PEER}`, which has learnt from real people and is judged on rendered ones here:

{_indented(table(told.judged[PEER].reports[1]))}"""
    return text


def _indented(text: str) -> str:
    return _lines([f"    {line}".rstrip() for line in text.splitlines()])


def _table(what: str, columns: Mapping[str, Report]) -> str:
    def cell(one: Scores | KeypointScores) -> str:
        told = one.oks if what == "OKS" else one.pck
        return "-" if told is None else f"{told:.3f}"

    def row(name: str, cells: Sequence[Scores | KeypointScores]) -> str:
        return f"| {name} | {' | '.join(cell(one) for one in cells)} |"

    reports = list(columns.values())
    first = reports[0]
    rows = [
        f"| {what} | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
        row("**all**", reports),
        *(
            row(name.replace("_", " "), [one.keypoints[name] for one in reports])
            for name in first.keypoints
        ),
        *(row(name, [one.exercises[name] for one in reports]) for name in first.exercises),
        *(row(f"from the {name}", [one.views[name] for one in reports]) for name in first.views),
    ]
    return _lines(rows)


def _presence(told: Facts) -> str:
    rows = []
    for name, judged in told.judged.items():
        low, middle = np.percentile(judged.people, (1, 50))
        room, high = np.percentile(judged.rooms, (50, 99))
        rows.append(
            f"| {name} | {low:.2f} | {middle:.2f} | {judged.lost:.1%} | {room:.2f} | {high:.2f} | "
            f"{judged.ghosts:.1%} |"
        )
    ours = told.judged[OURS]
    return f"""\
## Somebody or nobody

A pose counts from a mean keypoint score of {MIN_SCORE} on, unless `[pose] min_score` says
otherwise. The scores at first sight:

| | people: lowest 1 % | median | lost | empty rooms: median | highest 1 % | ghosts |
|---|---:|---:|---:|---:|---:|---:|
{_lines(rows)}

Lost: people below it, of {len(ours.people):,}.
Ghosts: empty rooms, of {len(ours.rooms):,}, in which somebody is found."""


def _real(told: Facts) -> str:
    if not told.likenesses:
        return """\
## On real pictures

Not measured: no pictures, or nothing to compare with, were there when this was built."""
    rows = [
        f"| {one.picture} | {looks} | {one.oks:.3f} | {one.pck:.3f} | {one.score:.2f} | "
        f"{one.labelled} |"
        for looks, of_looks in told.likenesses.items()
        for one in of_looks
    ]
    return f"""\
## On real pictures

No truth is known there. {PEER}'s answer to as many looks is taken for it, as far
as that is sure of a keypoint; the area that OKS needs is {BOX_SHARE} of the box about
those. Where several people are in a picture (three in test_image.bmp), either model may look at
another one.

| picture | looks | OKS | PCK@0.2 | score | keypoints compared |
|---|---:|---:|---:|---:|---:|
{_lines(rows)}"""


def _costs(told: Facts) -> str:
    times = ", ".join(f"{name} {ms:.3f} ms" for name, ms in told.invoke_ms.items())
    made = told.fidelity
    noise = "none" if made.snr_db is None else f"{made.snr_db:.1f} dB"
    return f"""\
## Speed and int8

A bare `invoke()` on {told.making.machine}, one thread, the models in turn, medians:
{times}.
It was not measured on a Raspberry Pi or an Edge TPU.

The ranges of the quantization were measured on {told.calibrated_with} training pictures. On those
the output ({made.low:.2f} to {made.high:.2f}) is off by {made.mean_error:.4f} in the mean
and by {made.max_error:.3f} at most, signal to noise {noise}. What that costs in accuracy is told
above."""


def _architecture(told: Facts) -> str:
    rows = [
        f"| {one.name} | {one.size} | {one.million_macs:.0f} | {one.bytes:,} | "
        f"{one.invoke_ms:.3f} | "
        f"{'' if one.pictures_per_s is None else f'{one.pictures_per_s:.0f}'} |"
        for one in told.alternatives
    ]
    others = f"""
What else it could be, in the same shape, with random weights, quantized and run in the same way.
The others were not trained for this card: how accurate they would be is not known.

| | input | million MACs | bytes | invoke, ms | trains, pictures/s |
|---|---:|---:|---:|---:|---:|
{_lines(rows)}"""
    return f"""\
## Architecture

Plain 3x3 convolutions with batch normalization and ReLU6, residual, down to 1/32 of the size and
back up to 1/{told.stride} by nearest neighbours (a feature pyramid); {told.parameters:,} weights.
In each cell of the answer, each keypoint has a heat and an offset (Papandreou et al., CVPR 2017);
the nine cells about the hottest one vote. A hidden keypoint has less heat than a seen one, and one
outside the picture none.
{others if rows else "What else it could be was not measured."}"""


def _making(told: Facts) -> str:
    made = told.making
    stages = ", ".join(f"{steps:,} at {size} pixels" for steps, size in made.sizes)
    changes = "".join(
        f"\n- From step {begin:,} on, a plan of {steps:,} steps (rate {rate:g}) was followed,"
        f"\n  before that one of {old_steps:,} (rate {old_rate:g})."
        for (_, old_steps, old_rate), (begin, steps, rate) in pairwise(made.changes)
    )
    if changes:
        changes += "\n  A build anew follows one plan from beginning to end."
    return f"""\
## How it was made

- Data: {made.frames:,} frames of {made.people:,} people in as many places (seeds 0 to
  {made.people - 1:,}), rendered by edged's athlete: nine exercises at every depth and the ways
  between them, from all sides, some rooms empty. Seeds from {made.validation_seed:,} on served to
  watch the training. The figures here are of those from {made.test_seed:,} on, which are the
  athlete that users see; nothing was trained on them.
- Each step makes new pictures of the frames: crops, turns, mirrors, colours, blur, noise.
- Training: {made.steps:,} steps of {made.batch} pictures
  ({stages}),
  AdamW, a rate that falls like a cosine; the running mean of the weights is exported.{changes}
- Time: {_duration(made.render_s)} to render, {_duration(made.train_s)} to train, on {made.machine}.
- Again: `pip install '.[train]'`, then `python -m models.training.build --work DIR` in a checkout,
  with 12 GB free in DIR. Interrupted, it goes on where it was when it is run again. A step's
  pictures depend on its number alone and the first weights on a fixed seed; but sums differ in
  their last digits from machine to machine, and so will the file."""


def _duration(seconds: float) -> str:
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004


def _edge_tpu(told: Facts) -> str:
    names = ", ".join(f"{count} {name}" for name, count in told.operators.items())
    refused = _lines([f"- {one.count} {one.name}: {one.reason}" for one in told.refused])
    verdict = (
        f"By the published rules of the Edge TPU compiler it would refuse:\n\n{refused}\n"
        if refused
        else "By the published rules of the Edge TPU compiler (models/training/operators.py) it "
        "takes every\none of them."
    )
    return f"""\
## Edge TPU

Operators: {names};
int8 throughout, uint8 in, all sizes fixed.

{verdict} The compiler itself, `edgetpu_compiler`, was never run on it: the catalog has
no half of it for the Edge TPU."""


def _licence() -> str:
    return """\
## Licence

Apache-2.0, as all of edged. The frames that it was trained on are rendered by edged."""
