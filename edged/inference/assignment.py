"""Which file of a model an accelerator runs.

A model compiled for the Edge TPU runs nowhere else, and any other gains nothing from it: a model is
a pair of files, twins, and the Edge TPU's half is of no use to the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edged.errors import ModelError, PullError
from edged.inference.accelerators import Accelerator
from edged.inference.catalog import ModelFile
from edged.inference.onnx import is_onnx
from edged.inference.process import Delegate


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker on an accelerator loads."""

    accelerator: Accelerator
    paths: tuple[Path, ...]
    """A file of each model, in their order."""
    delegate: Delegate | None
    """None: the CPU runs them."""

    def runner(self, model: int) -> str:
        """What runs a model, by its index: the accelerator, or the CPU beside it."""
        if self.delegate is not None and model in self.delegate.models:
            return self.accelerator.name
        return "cpu"


def assign(files: Sequence[ModelFile], accelerator: Accelerator) -> Assignment:
    """The file of each model for an accelerator.

    The Edge TPU's worker runs a model that has no version for it on the CPU, beside the others.

    Raises:
        ModelError: a model has no file that runs there, or none gains from the accelerator.
    """
    if accelerator.kind == "edgetpu":
        delegated = tuple(index for index, file in enumerate(files) if file.edgetpu is not None)
        if not delegated:
            raise ModelError("; ".join(_lacks_compiled(file) for file in files))
        paths = tuple(file.edgetpu or file.path for file in files)
    else:
        for file in files:
            if file.cpu is None:
                raise ModelError(lacks_twin(file))
        delegated = tuple(index for index, file in enumerate(files) if not is_onnx(file.path))
        if accelerator.library is not None and not delegated:
            raise ModelError(f"{accelerator.name} runs no ONNX models")
        paths = tuple(file.path for file in files)
    delegate = None
    if accelerator.library is not None:
        delegate = Delegate(accelerator.library, accelerator.options, delegated)
    return Assignment(accelerator, paths, delegate)


def lacks_twin(file: ModelFile) -> str:
    """That a model has no file for the CPU, and what to do."""
    plain = f"{file.path.stem.removesuffix('_edgetpu')}.tflite"
    return (
        f"{file.path} runs on an Edge TPU only, nothing takes over when that fails: put the model "
        f"that it was compiled from beside it, {plain} beside NAME_edgetpu.tflite"
    )


def _lacks_compiled(file: ModelFile) -> str:
    known = file.entry.edgetpu if file.entry is not None else None
    if known is not None:
        pull = PullError.pull(file.name)
        return f"{known.name} is not on this machine: {pull} (with sudo for the service)"
    return f"{file.name} is not compiled for the Edge TPU"
