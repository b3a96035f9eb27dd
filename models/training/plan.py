"""How large the network is, and how it is trained. Pure: nothing here needs TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

STRIDE = 8
"""Pixels of a cell of the answer."""


PLANS = "plans.jsonl"
"""In the work directory: from which step on which plan was followed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the network is."""

    size: int = 192
    """Pixels of the input, a multiple of 32."""
    stem: int = 16
    channels: tuple[int, ...] = (32, 64, 96, 128)
    """At strides 4, 8, 16 and 32."""
    convolutions: tuple[int, ...] = (2, 3, 3, 3)
    """At each of them; the first one halves the size."""
    pyramid: int = 64
    """Channels on the way back up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    steps: int = 31_500
    batch: int = 32
    sizes: tuple[tuple[float, int], ...] = ((0.34, 96), (0.21, 128), (0.32, 160))
    """Shares of the steps with smaller pictures, first of all: what bodies look like is learnt
    from them in a third of the time; where exactly joints are, from large ones."""
    whole: float = 0.4
    """Of the pictures show a whole frame."""
    small: int = 128
    """Of pictures up to this size a third as many: people are too small there."""
    rate: float = 3e-3
    """Of learning, at its highest; it falls to 0 like a cosine."""
    warmup: int = 500
    """Steps in which the rate rises to it."""
    decay: float = 1e-4
    """Of the weights."""
    memory: float = 0.999
    """Of the running mean of the weights, which is what is exported."""

    def whole_at(self, size: int) -> float:
        """How many pictures of this size show a whole frame, 0..1."""
        return self.whole if size > self.small else self.whole / 3

    def size(self, step: int, full: int) -> int:
        """Of the pictures of a step."""
        end = 0.0
        for share, size in self.sizes:
            end += share
            if step < end * self.steps:
                return min(size, full)
        return full


@dataclass(frozen=True, slots=True)
class Followed:
    """What training went by, a line of `PLANS`."""

    from_step: int
    plan: Plan
    shape: Shape


def grid(size: int) -> tuple[int, int]:
    """Rows and columns of the answer to a picture of this size."""
    return size // STRIDE, size // STRIDE
