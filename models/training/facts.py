"""What is measured of a model that was built, for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from models.training.fidelity import Fidelity
from models.training.judge import Judgement, Likeness
from models.training.operators import Refusal

OURS = "athlete-pose"
FLOAT = "athlete-pose, float32"
PEER = "movenet-lightning"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One network, measured."""

    name: str
    size: int
    """Pixels of the input."""
    million_macs: float
    """Multiplications of an invoke."""
    bytes: int
    invoke_ms: float
    pictures_per_s: float | None
    """In training, at that size; None: not measured."""


@dataclass(frozen=True, slots=True)
class Making:
    """How it was trained."""

    frames: int
    people: int
    """Seeds, from 0."""
    validation_seed: int
    test_seed: int
    render_s: float
    """Between the first file of frames and the last."""
    steps: int
    batch: int
    sizes: tuple[tuple[int, int], ...]
    """Steps and pixels of the pictures, one stage after the other."""
    changes: tuple[tuple[int, int, float], ...]
    """From which step on it went by a plan of how many steps and at which rate; more than one: the
    plan was changed."""
    train_s: float
    machine: str


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """All that the card tells."""

    size: int
    """Pixels of the input."""
    stride: int
    parameters: int
    bytes: int
    sha256: str
    judged: Mapping[str, Judgement]
    """Of `OURS`, `FLOAT`, and `PEER` where it is here."""
    likenesses: Mapping[Literal[1, 2], Sequence[Likeness]]
    """By looks: to the peer, on real pictures; empty where it or they are not here."""
    invoke_ms: Mapping[str, float]
    """Of `OURS`, and `PEER` where it is here."""
    alternatives: Sequence[Alternative]
    fidelity: Fidelity
    calibrated_with: int
    operators: Mapping[str, int]
    refused: Sequence[Refusal]
    making: Making
