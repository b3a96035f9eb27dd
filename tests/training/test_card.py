"""The card says what was measured, and admits what was not reached."""

from __future__ import annotations

import dataclasses

import numpy as np
from marks import marked, reported

from edged.evaluation.report import Sample, table
from models.training.card import card
from models.training.facts import FLOAT, OURS, PEER, Alternative, Facts, Making
from models.training.fidelity import Fidelity
from models.training.judge import Judgement, Likeness
from models.training.operators import Refusal


def judged(one: float, two: float) -> Judgement:
    return Judgement(
        reports=(
            reported(Sample("squat", "front", marked(one, 0.9))),
            reported(Sample("squat", "front", marked(two, 0.96))),
        ),
        people=np.array([0.2, 0.8, 0.9, 0.9]),
        rooms=np.array([0.1, 0.1, 0.1, 0.1, 0.3]),
    )


FACTS = Facts(
    size=160,
    stride=8,
    parameters=833_635,
    bytes=881_784,
    sha256="ab" * 32,
    judged={OURS: judged(0.8, 0.9), FLOAT: judged(0.805, 0.912), PEER: judged(0.5, 0.7)},
    likenesses={1: [Likeness("squat.bmp", 0.5, 0.4321, 0.75, 17)], 2: []},
    invoke_ms={OURS: 0.4, PEER: 2.0},
    alternatives=[
        Alternative("this one", 160, 116.2, 881_784, 0.4, 337.0),
        Alternative("larger", 192, 167.0, 881_784, 0.5, None),
    ],
    fidelity=Fidelity(
        name="output",
        shape=(1, 20, 20, 51),
        dtype="int8",
        scale=0.02,
        zero_point=4,
        low=-4.5,
        high=1.6,
        max_error=0.13,
        mean_error=0.0106,
        snr_db=29.9,
    ),
    calibrated_with=300,
    operators={"CONV_2D": 18, "ADD": 9},
    refused=[],
    making=Making(
        frames=40_000,
        people=8_000,
        validation_seed=1_000_000,
        test_seed=2_000_000,
        render_s=600.0,
        steps=27_000,
        batch=32,
        sizes=((10_800, 96), (16_200, 160)),
        changes=((0, 27_000, 0.003),),
        train_s=5_400.0,
        machine="2 cores of x86_64",
    ),
)


def test_targets_are_told_reached_or_not() -> None:
    told = card(FACTS)
    assert "| mean OKS, two looks | at least 0.85 | 0.9000 | yes |" in told
    assert "| mean OKS, one look | at least 0.85 | 0.8000 | **no** |" in told
    assert "| PCK@0.2 of the torso, one look | at least 0.95 | 0.9000 | **no** |" in told
    assert "| OKS lost by int8 against float | at most 0.01 | 0.0120 | **no** |" in told
    assert "| size in bytes | at most 1,000,000 | 881,784 | yes |" in told
    assert "| invoke, as a share of movenet-lightning's | at most 0.333 | 0.200 | yes |" in told


def test_the_tables_are_those_of_edged_evaluate() -> None:
    told = card(FACTS)
    for name in (OURS, PEER):
        for line in table(FACTS.judged[name].reports[1]).splitlines():
            assert f"    {line}".rstrip() in told
    assert "| **all** | 0.800 | 0.900 | 0.805 | 0.912 | 0.500 | 0.700 |" in told
    assert "| left wrist | 0.800 |" in told
    assert "| squat | 0.900 |" in told
    assert "| from the front | 0.960 |" not in told  # the first column is one look
    assert "| from the front | 0.900 | 0.960 |" in told


def test_presence_is_told_at_the_score_that_counts() -> None:
    assert "| athlete-pose | 0.22 | 0.85 | 25.0% | 0.10 | 0.29 | 20.0% |" in card(FACTS)
    assert "of 0.25 on" in card(FACTS)


def test_what_it_is_for_and_what_not_comes_first() -> None:
    head = card(FACTS).partition("## Targets")[0]
    assert "**What it is for**" in head
    assert "**What it is not for**: people." in head
    assert "edged models pull movenet-lightning" in head
    assert "ab" * 32 in head


def test_real_pictures_are_told_or_that_none_were_there() -> None:
    assert "| squat.bmp | 1 | 0.432 | 0.750 | 0.50 | 17 |" in card(FACTS)
    assert "Not measured" in card(dataclasses.replace(FACTS, likenesses={}))


def test_without_the_other_model_there_is_nothing_to_compare_with() -> None:
    alone = dataclasses.replace(
        FACTS,
        judged={name: FACTS.judged[name] for name in (OURS, FLOAT)},
        invoke_ms={OURS: 0.4},
        likenesses={},
    )
    told = card(alone)
    assert "as a share of" not in told
    assert "| **all** | 0.800 | 0.900 | 0.805 | 0.912 |" in told


def test_alternatives_are_told_with_what_was_not_measured_left_out() -> None:
    assert "| this one | 160 | 116 | 881,784 | 0.400 | 337 |" in card(FACTS)
    assert "was not measured." in card(dataclasses.replace(FACTS, alternatives=[]))
    assert "| larger | 192 | 167 | 881,784 | 0.500 |  |" in card(FACTS)


def test_a_plan_that_was_changed_is_admitted() -> None:
    assert "was followed" not in card(FACTS)
    changed = dataclasses.replace(
        FACTS.making, changes=((0, 36_000, 0.003), (19_671, 27_000, 0.01))
    )
    told = card(dataclasses.replace(FACTS, making=changed))
    assert "From step 19,671 on, a plan of 27,000 steps (rate 0.01) was followed" in told


def test_what_the_edge_tpu_would_refuse_is_listed() -> None:
    assert "takes every" in card(FACTS)
    refused = [Refusal("GELU", "the Edge TPU has no such operator", 2)]
    told = card(dataclasses.replace(FACTS, refused=refused))
    assert "- 2 GELU: the Edge TPU has no such operator" in told
    assert "takes every" not in told
    assert "was never run" in told
