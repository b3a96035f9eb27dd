"""The thread that takes the latest frame, runs it through the pipeline and hands the answer on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from edged.capture.slot import LatestFrame
from edged.errors import EngineError
from edged.fitness.session import Watched
from edged.gym import Gym
from edged.health import FrameMeter, FrameTimes
from edged.inference.engine import Engine
from edged.messages.streams import PoseMessage
from edged.messages.topics import Topics
from edged.mqtt.publisher import Publisher
from edged.pipeline import Pipeline
from edged.types import Frame

log = logging.getLogger(__name__)

WAIT_S = 0.1
"""Longest wait for a frame or for the engine, between two looks at whether to stop."""


class FrameLoop:
    """Owns the thread; the parts that it connects belong to the caller."""

    def __init__(
        self,
        slot: LatestFrame,
        engine: Engine,
        pipeline: Pipeline,
        publisher: Publisher,
        topics: Topics,
        meter: FrameMeter,
        gym: Gym | None,
        *,
        on_first: Callable[[], None],
        on_end: Callable[[Exception | None], None],
    ) -> None:
        """Connect the parts.

        Args:
            slot: where frames come from.
            engine: is asked for nothing until it is ready, so that no frame waits for it.
            pipeline: of the engine.
            publisher: where messages go.
            topics: of the device.
            meter: counts the frames.
            gym: is shown the poses; None: nobody wants to know what people do.
            on_first: called by the thread after the first frame went all the way, from the source
                to a broker that is there.
            on_end: called by the thread when there are no more frames, or with what went wrong.
        """
        self.beat_ns = time.monotonic_ns()
        """Monotonic time of the last sign of life."""
        self.problem: str | None = None
        """Why the last frame had no answer; None: it had one."""
        self.taken = 0
        """Frames taken from the slot, answered or not."""
        self._slot = slot
        self._engine = engine
        self._pipeline = pipeline
        self._publisher = publisher
        self._topics = topics
        self._meter = meter
        self._gym = gym
        self._on_first = on_first
        self._on_end = on_end
        self._stop = Event()
        self._thread = Thread(target=self._run, name="frames", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it takes frames."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> bool:
        """End after the frame in hand; False: it is not through in time."""
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        problem: Exception | None = None
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001 - the daemon tells it and ends
            problem = error
        if problem is not None or not self._stop.is_set():
            self._on_end(problem)

    def _loop(self) -> None:
        first = True
        while not self._stop.is_set():
            self.beat_ns = time.monotonic_ns()
            if not self._engine.wait_ready(WAIT_S):
                self._wait()
                continue
            try:
                frame = self._slot.take(WAIT_S)
            except TimeoutError:
                self.problem = None  # it was of a frame long ago
                self._wait()
                continue
            if frame is None:
                return
            self.taken += 1
            before = self._meter.frames
            try:
                self._answer(frame)
                self.problem = None
            except EngineError as error:
                self._failed(error)
            finally:
                frame.release()
            if first and self._meter.frames > before and self._publisher.connected:
                first = False
                self._on_first()

    def _wait(self) -> None:
        if self._gym is not None:
            self._gym.wait()

    def _failed(self, error: EngineError) -> None:
        """Count a frame without an answer. Why there is none is told once."""
        self._wait()
        problem = str(error)
        # The engine tells its own faults, and at the end we are the fault.
        is_told = problem == self._meter.last_problem or self._engine.problem is not None
        if not (is_told or self._stop.is_set()):
            log.warning("no answer from the models: %s", problem, extra={"event": "no-answer"})
        self._meter.fail(problem)
        self.problem = problem

    def _recognize(self, frame: Frame, watched: Watched) -> None:
        """Have a model of poses look at who exercises, if there is one. Raises `EngineError`."""
        pose = watched.exerciser
        if self._gym is None or pose is None or not self._gym.wants_hints:
            return
        height, width, _ = frame.pixels.shape
        answer = self._pipeline.recognize(pose.keypoints, (width, height), frame.sensor_ns)
        if answer is not None:
            self._gym.hint(frame, answer)

    def _answer(self, frame: Frame) -> None:
        """Run a frame through the pipeline and publish what it shows.

        Raises:
            EngineError: there is no answer to publish.
        """
        taken_ns = time.monotonic_ns()
        answers = preprocess_ns = infer_ns = invoke_ns = decode_ns = fitness_ns = publish_ns = 0
        try:
            for result in self._pipeline.process(frame):
                decoded_ns = told_ns = time.monotonic_ns()
                watched = None
                if self._gym is not None and result.poses is not None:
                    watched = self._gym.watch(frame, result.poses)
                    told_ns = time.monotonic_ns()
                message = self._pipeline.message(
                    frame, result, age_ns=told_ns - frame.sensor_ns, watched=watched
                )
                is_pose = isinstance(message, PoseMessage)
                topic = self._topics.pose if is_pose else self._topics.labels
                self._publisher.stream(topic, self._publisher.encode(message))
                answers += 1
                preprocess_ns += result.preprocess_ns
                infer_ns += result.infer_ns
                invoke_ns += result.invoke_ns
                decode_ns += result.decode_ns
                fitness_ns += told_ns - decoded_ns
                published_ns = time.monotonic_ns()
                publish_ns += published_ns - told_ns
                if watched is not None:
                    self._recognize(frame, watched)
                    fitness_ns += time.monotonic_ns() - published_ns
        finally:
            if answers:  # else no model was due, or none answered
                self._meter.add(
                    FrameTimes(
                        capture=max(taken_ns - frame.sensor_ns, 0),
                        preprocess=preprocess_ns,
                        infer=infer_ns,
                        invoke=invoke_ns,
                        decode=decode_ns,
                        fitness=fitness_ns,
                        publish=publish_ns,
                    )
                )
