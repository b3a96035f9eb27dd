"""Quantize a network for the Edge TPU: `python -m models.training.quantize MODEL --images DIR`.

MODEL is a Keras file (.keras, .h5) or the directory of a SavedModel, with one picture as its
input. The pictures tell the converter which values every tensor takes: give some hundred of the
kind that the network will see. What comes out takes uint8 pictures, RGB, without normalization.

Tells how far its outputs are from the network's, on a fifth of the pictures that is held back for
that, and which operators the Edge TPU compiler would leave to the CPU.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec

from edged.commands.ending import ends_by_sigterm
from edged.commands.files import Part, write_bytes
from edged.errors import EdgedError, UsageError
from models.training.convert import Output, to_int8
from models.training.fidelity import Converted, Fidelity, Input, compare
from models.training.networks import CHANNELS, Normalization, open_network
from models.training.operators import Refusal, operators, refusals
from models.training.pictures import LEAST, Fit, check_directory, gather, hold_back
from models.training.quiet import quiet

LIMIT = 200
"""More pictures hardly change the ranges (and take their time)."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was made, and how good it is."""

    model: str
    out: str
    bytes: int
    input: Input
    pictures: int
    """All that could be read, up to the limit."""
    measured: int
    """On so many of them the errors of the outputs were measured."""
    held_back: bool
    """Whether those had no part in the ranges. False: there were too few, all were used twice."""
    left_out: tuple[str, ...]
    """Files that are no pictures, or damaged."""
    outputs: list[Fidelity]
    """On the `measured` pictures."""
    operators: dict[str, int]
    """How many of each there are."""
    refused: list[Refusal]
    """What the Edge TPU compiler would leave to the CPU; it was not run."""


def quantize(
    model: Path,
    images: Path,
    out: Path,
    *,
    normalization: Normalization,
    fit: Fit,
    limit: int,
    output: Output,
) -> Summary:
    """Read, convert, compare, write.

    Raises:
        UsageError: there are not enough pictures.
        ModelError: the model cannot be read or quantized.
        EdgedError: TensorFlow is not here, or `out` cannot be written.
    """
    _check_writable(out)
    check_directory(images)
    with quiet():
        network = open_network(model, normalization)
    pictures = gather(images, (network.width, network.height), limit, fit)
    ranged, measured = hold_back(pictures.pixels)
    with quiet():
        made = to_int8(network, ranged, output)
        outputs = compare(network, made, measured)
        found = operators(made)
        summary = Summary(
            model=str(model),
            out=str(out),
            bytes=len(made),
            input=Converted(made).input,
            pictures=len(pictures.pixels),
            measured=len(measured),
            held_back=len(measured) < len(pictures.pixels),
            left_out=pictures.left_out,
            outputs=outputs,
            operators=dict(Counter(one.name for one in found).most_common()),
            refused=refusals(found),
        )
    write_bytes(out, made)
    return summary


def _check_writable(out: Path) -> None:
    """Before minutes of work. Raises `EdgedError`."""
    if out.is_dir():
        raise UsageError(f"--out: {out} is a directory: name a file in it")
    if not out.parent.is_dir():
        raise UsageError(f"--out: {out}: there is no directory {out.parent}")
    try:
        with Part(out) as part:
            part.write(b"")
    except EdgedError as error:
        raise EdgedError(f"--out: cannot be written: {error}") from error


def text(told: Summary) -> str:
    """For a person."""
    given = told.input
    step = f": a step is {given.scale:.6g}, {given.zero_point} is 0"
    left_out = f", {len(told.left_out)} left out" if told.left_out else ""
    measured = (
        f"errors     measured on {told.measured} of them, held back from the ranges"
        if told.held_back
        else f"errors     measured on the same {told.measured}: too few to hold any back, so they "
        "look smaller than they are"
    )
    names, columns = ("output", "type", "shape", "values"), (20, 9, 18, 20)
    title = "".join(f"{name:<{wide}}" for name, wide in zip(names, columns, strict=True))
    lines = [
        f"{told.out}: {told.bytes:,} bytes",
        f"input      {given.dtype} {list(given.shape)}{step}",
        f"pictures   {told.pictures}{left_out}",
        measured,
        "",
        f"{title}{'max error':>10}{'mean error':>12}{'S/N':>9}",
    ]
    for one in told.outputs:
        words = (one.name, one.dtype, list(one.shape), f"{one.low:.4g} to {one.high:.4g}")
        row = "".join(f"{word!s:<{wide}}" for word, wide in zip(words, columns, strict=True))
        noise = "-" if one.snr_db is None else f"{one.snr_db:.1f} dB"
        lines.append(f"{row}{one.max_error:>10.4g}{one.mean_error:>12.4g}{noise:>9}")
    lines += ["", "operators  " + ", ".join(f"{n} {name}" for name, n in told.operators.items())]
    if told.refused:
        lines += ["Edge TPU   its compiler would leave to the CPU, with all that comes after them:"]
        lines += [f"           {one.count} {one.name}: {one.reason}" for one in told.refused]
    else:
        lines += ["Edge TPU   its compiler takes all of them by its rules (it was not run)"]
    return "\n".join(lines)


def _numbers(word: str) -> tuple[float, ...]:
    """One number, or three separated by commas."""
    numbers = tuple(float(part) for part in word.split(","))
    if len(numbers) not in {1, CHANNELS} or not all(map(math.isfinite, numbers)):
        raise ValueError(word)
    return numbers


_numbers.__name__ = "one number, or three as R,G,B,"  # argparse tells it


def _positive(word: str) -> tuple[float, ...]:
    numbers = _numbers(word)
    if min(numbers) <= 0:
        raise ValueError(word)
    return numbers


_positive.__name__ = "one number above 0, or three as R,G,B,"


def _count(word: str) -> int:
    if int(word) < LEAST:
        raise ValueError(word)
    return int(word)


_count.__name__ = f"number from {LEAST} on,"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.quantize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help=".keras, .h5, or a SavedModel")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="representative pictures"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.tflite")
    parser.add_argument(
        "--mean",
        type=_numbers,
        default=(0.0,),
        metavar="M",
        help="the network takes (byte - M) / S; 0 and 255: 0..1 (default); 127.5 and 127.5: -1..1; "
        "0 and 1: bytes, as where it begins with Rescaling; three numbers: each channel's own",
    )
    parser.add_argument("--std", type=_positive, default=(255.0,), metavar="S")
    parser.add_argument(
        "--fit",
        choices=get_args(Fit),
        default="letterbox",
        help="how a picture gets the network's size (default: letterbox, with black borders)",
    )
    parser.add_argument(
        "--limit", type=_count, default=LIMIT, metavar="N", help=f"of the pictures ({LIMIT})"
    )
    parser.add_argument(
        "--output",
        choices=get_args(Output),
        default="int8",
        help="type of the outputs; int8, the default, needs no further operator",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    given = _parser().parse_args(words)
    try:
        with ends_by_sigterm():
            told = quantize(
                given.model,
                given.images,
                given.out,
                normalization=Normalization(given.mean, given.std),
                fit=given.fit,
                limit=given.limit,
                output=given.output,
            )
    except EdgedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    for problem in told.left_out:
        print(f"left out: {problem}", file=sys.stderr)
    print(msgspec.json.encode(told).decode() if given.json else text(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
