"""The last stage of a frame: a model of poses says what the person does who is watched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.decoders import classify
from edged.inference import keypoint_models
from edged.inference.catalog import ModelFile
from edged.inference.process import Signature
from edged.sections import Fitness
from edged.types import Classification, Keypoints

INTERVAL_NS = 100_000_000
"""Between two looks: several at each half of a fast rep."""


class ExerciseStage:
    """One model of poses, asked a few times a second."""

    def __init__(self, file: ModelFile, signature: Signature, settings: Fitness) -> None:
        """Raises `ModelError`: it is another kind of model, or its labels do not fit."""
        self.spec = keypoint_models.describe(
            file,
            signature.inputs,
            signature.outputs,
            layout=settings.classifier_layout,
            units=settings.classifier_units,
            labels=Path(settings.classifier_labels) if settings.classifier_labels else None,
        )
        labels = self.spec.labels
        self._names = classify.fit_labels(labels.text, self.spec.classes, labels.origin)
        self._due_ns: int | None = None

    def take_turn(self, sensor_ns: int) -> bool:
        """Whether to look at a frame of this time; the next turn is an interval later.

        Times that jump are of another clip.
        """
        if self._due_ns is not None and 0 < self._due_ns - sensor_ns <= INTERVAL_NS:
            return False
        self._due_ns = sensor_ns + INTERVAL_NS
        return True

    def write(
        self, keypoints: Keypoints, size: tuple[float, float], inputs: Sequence[npt.NDArray[Any]]
    ) -> None:
        """Put a pose before the model, see `keypoint_models.write`."""
        keypoint_models.write(self.spec, keypoints, size, inputs[0])

    def decode(self, outputs: Sequence[npt.NDArray[Any]]) -> Classification:
        """Every label with its probability, best first.

        Raises:
            EngineError: a value is not finite.
        """
        tensor = self.spec.output
        return classify.decode(
            np.asarray(outputs[0]),
            self._names,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
            top=len(self._names),
        )
