"""Classification: labels files to labels, a model's output to the classes it believes in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.decoders.quantization import dequantize
from edged.errors import ModelError
from edged.types import Classification, Label

LONGEST_CODE = 4
"""Letters of an abbreviation (`USB`, `COCO`); a longer word in capitals is a word."""

_BACKGROUND = {"background", "__background__", "dummy", "none", "nothing", "unknown", "???"}
"""What labels files call the class that is none of the others."""

_NUMBERED = re.compile(r"(\d+)(?:\s*[:,;]\s*|\s+)(\S.*)")
_SYNSET = re.compile(r"n\d{8}\s+(\S.*)")
"""A WordNet number, as in the labels of ImageNet."""

_IMAGENET = 1000

_TOLERANCE = 0.02
"""How far probabilities may be above 1 (half precision)."""


def decode(
    output: npt.NDArray[Any],
    labels: Sequence[str],
    *,
    scale: float = 0.0,
    zero_point: int = 0,
    logits: bool | None = None,
    top: int = 3,
    min_score: float = 0.0,
    confidence: float = 0.5,
) -> Classification:
    """The best classes, best first; of equals the lower index.

    Args:
        output: one value for each class, (1, n) or any shape of n values.
        labels: n names, as `fit_labels` makes them.
        scale: of the output's quantization; 0 where it is float.
        zero_point: likewise.
        logits: whether a softmax has yet to be applied; None: when values lie
            outside 0..1.
        top: how many classes at most.
        min_score: 0..1, classes below are left out; the best is always told.
        confidence: 0..1, the best score from which the result is called confident.

    Raises:
        ModelError: integers without a scale, or not n labels.
        EngineError: a value is not finite.
    """
    scores = dequantize(output.reshape(-1), scale, zero_point)
    if len(scores) != len(labels):
        raise ModelError(f"the model answers with {len(scores)} classes for {len(labels)} labels")
    if logits is None:
        logits = not _are_probabilities(output, scale, zero_point, scores)
    if logits:
        scores = _softmax(scores)
    best = _largest(scores, top)
    return Classification(
        labels=[
            Label(label=labels[i], index=i, score=min(max(float(scores[i]), 0.0), 1.0))
            for rank, i in enumerate(best)
            if rank == 0 or scores[i] >= min_score
        ],
        confident=bool(scores[best[0]] >= confidence),
    )


def _are_probabilities(
    output: npt.NDArray[Any], scale: float, zero_point: int, scores: npt.NDArray[Any]
) -> bool:
    """Whether these are scores already: told by the range of integers, by the values of floats.

    Their sum tells nothing: of a model with a sigmoid for each class it is anything.
    """
    if output.dtype.kind in "iu":
        limits = np.iinfo(output.dtype)
        lowest, highest = scale * (limits.min - zero_point), scale * (limits.max - zero_point)
        return lowest >= 0.0 and highest <= 1.0 + _TOLERANCE
    return bool(scores.min() >= 0.0 and scores.max() <= 1.0 + _TOLERANCE)


def _softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = np.exp(logits.astype(np.float64) - float(logits.max()))
    powers /= powers.sum()
    return powers


def _largest(scores: npt.NDArray[Any], count: int) -> list[int]:
    """Indices of the largest scores, largest first, of equals the lower one first."""
    count = min(count, len(scores))
    threshold = np.partition(scores, -count)[-count]
    candidates = np.flatnonzero(scores >= threshold)
    order = np.argsort(-scores[candidates], kind="stable")[:count]
    return [int(i) for i in candidates[order]]


def fit_labels(text: str, count: int, origin: str) -> tuple[str, ...]:
    """The names of a model's classes, from the text of a labels file with a class a line.

    A file all in capitals becomes lower case; any other keeps its case.
    Leading numbers (`12: cat`, `12 cat`) go, when every line has one and they ascend; numbers with
    gaps say which class each line names. Blank lines count only where the number of classes says
    so. A background class that only one of the two has is added or left out.

    Args:
        text: with any line ends, with or without a byte order mark.
        count: how many classes the model has.
        origin: where the text is from, for the error.

    Raises:
        ModelError: the file is for another number of classes.
    """
    lines = [" ".join(line.split()) for line in text.removeprefix("\ufeff").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    filled = [line for line in lines if line]
    names = _not_shouted(_without_numbers(filled, count))
    if len(names) != count and len(lines) == count:
        names = [line or f"class {i}" for i, line in enumerate(lines)]
    named_background = bool(names) and names[0].lower() in _BACKGROUND
    if len(names) == count + 1 and named_background:
        names = names[1:]
    elif (len(names), count) == (_IMAGENET, _IMAGENET + 1) and not named_background:
        names = ["background", *names]
    if len(names) != count:
        raise ModelError(
            f"{origin} has {len(names)} labels, the model {count} classes: "
            "give the labels file that belongs to the model"
        )
    return tuple(names)


def _without_numbers(lines: list[str], count: int) -> list[str]:
    """Labels without the numbers in front of them."""
    synsets = [_SYNSET.fullmatch(line) for line in lines]
    if all(synsets):
        return [match[1] for match in synsets if match]
    matches = [match for line in lines if (match := _NUMBERED.fullmatch(line))]
    numbers = [int(match[1]) for match in matches]
    if len(matches) < len(lines) or numbers != sorted(set(numbers)):
        return lines
    if len(matches) < count and numbers[-1] < count:
        named = {int(match[1]): match[2] for match in matches}
        return [named.get(i, f"class {i}") for i in range(count)]
    return [match[2] for match in matches]


def _not_shouted(names: list[str]) -> list[str]:
    """In lower case, where every name is in capitals; short ones, as of letters, are names."""
    is_shouted = all(name == name.upper() for name in names)
    has_words = any(len(word) > LONGEST_CODE for name in names for word in name.split())
    return [name.lower() for name in names] if is_shouted and has_words else names


def numbered_labels(count: int) -> tuple[str, ...]:
    """Names for the classes of a model without labels: `class 0`, `class 1`, ..."""
    return tuple(f"class {i}" for i in range(count))
