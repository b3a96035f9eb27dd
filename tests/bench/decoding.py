"""What decoding several people costs, a line a decoder: `python decoding.py`.

PoseNet on Coral's picture, which has a target, needs the folder `shared` beside the checkout (or
EDGED_SHARED).
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from edged.decoders import multipose, posenet, yolo
from edged.inference.engine import Engine
from edged.pipeline import Pipeline, find_models
from edged.sections import Inference, LabelModel, PoseModel
from edged.types import Frame, TensorInfo

SHARED = Path(os.environ.get("EDGED_SHARED", Path(__file__).parents[3] / "shared"))
POSENET = "models/posenet_mobilenet_v1_075_353_481_16_quant_decoder.tflite"
PICTURE = "images/test_image.bmp"
REPEATS = 200
TARGET_MS = 3.0
"""Of PoseNet, in the median."""


def posenet_ms() -> list[float]:
    """The decoding of a frame of two people: from the worker's answer to poses in the frame."""
    pose = PoseModel(model=str(SHARED / POSENET))
    files = find_models(pose, LabelModel(), [])
    picture = cv2.imread(str(SHARED / PICTURE))
    assert picture is not None
    frame = Frame(np.ascontiguousarray(picture[..., ::-1], np.uint8), 0, 0, 0.0)
    with contextlib.closing(Engine(files.each, Inference(threads=1))) as engine:
        engine.start()
        pipeline = Pipeline(engine, files, pose, LabelModel())
        return [pipeline.look(frame).decode_ns / 1e6 for _ in range(REPEATS)]


def timed_ms(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times


def noise_ms() -> list[float]:
    """The most that PoseNet's maps can ask for: bytes that mean nothing."""
    random = np.random.default_rng(5)
    maps = [random.integers(0, 256, (1, 23, 31, count), np.uint8) for count in posenet.CHANNELS]
    tensors = [TensorInfo("map", "uint8", (), 0.1, 128)] * 3
    return timed_ms(lambda: posenet.decode(maps, tensors, (481, 353)))


def yolo_ms(likely: int) -> list[float]:
    """640 x 640 pixels with so many candidates of people all over the picture."""
    random = np.random.default_rng(5)
    values = random.uniform(0, 1, (1, yolo.VALUES, 8400)).astype(np.float32)
    values[0, 4, likely:] = 0
    tensors = [TensorInfo("people", "float32", ())]
    return timed_ms(lambda: yolo.decode([values], tensors, (640, 640)))


def multipose_ms() -> list[float]:
    rows = np.random.default_rng(5).uniform(0, 1, multipose.SHAPE).astype(np.float32)
    tensors = [TensorInfo("people", "float32", ())]
    return timed_ms(lambda: multipose.decode([rows], tensors, (256, 256)))


def tell(what: str, times: Sequence[float], target_ms: float = 0.0) -> None:
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    verdict = f"   <= {target_ms:g} {'met' if p50 <= target_ms else 'MISSED'}" if target_ms else ""
    print(f"{what:40} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms{verdict}")


def main() -> int:
    """Measure and print."""
    if (SHARED / POSENET).is_file():
        tell("PoseNet, two people, in the pipeline", posenet_ms(), TARGET_MS)
    else:
        print(f"no {SHARED / POSENET} to measure with")
    tell("PoseNet, noise", noise_ms())
    tell("YOLO pose, 8400 candidates, 40 likely", yolo_ms(40))
    tell("YOLO pose, 8400 candidates, all likely", yolo_ms(8400))
    tell("MoveNet MultiPose", multipose_ms())
    return 0


if __name__ == "__main__":
    sys.exit(main())
