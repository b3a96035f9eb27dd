"""The running parts, camera to broker: built, exchanged at a reload, and stopped in reverse."""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import Callable

from edged.capture.capture import Capture
from edged.capture.slot import LatestFrame
from edged.config import Camera, Config, device_name, model_directories
from edged.errors import EngineError, SourceError
from edged.frameloop import FrameLoop
from edged.health import FrameMeter
from edged.inference.engine import Engine
from edged.messages import Topics
from edged.mqtt.publisher import Publisher
from edged.pipeline import ModelFiles, Pipeline, find_models

log = logging.getLogger(__name__)

STOP_S = 0.25
"""How long the frame in hand, or a camera's driver, may hold up the end."""
LONGEST_FRAME_S = 65.0
"""Longer than any deadline of an invoke that can be configured."""
POLL_S = 0.1


class News(enum.Enum):
    """What the parts' threads have to say."""

    CHANGED = enum.auto()
    """Something that `info` tells."""
    FIRST_FRAME = enum.auto()
    """A frame went all the way."""
    ENDED = enum.auto()
    """There are no more frames; `Chain.failure` tells whether something went wrong."""


def topics_of(config: Config) -> Topics:
    """Of the device."""
    return Topics(config.mqtt.prefix, device_name(config.device))


class StoppedError(Exception):
    """The start was given up, because nobody wants it any more."""


class Chain:
    """Camera, models and publisher of one configuration. Belongs to the main thread."""

    def __init__(
        self, config: Config, news: Callable[[News], None], *, wanted: Callable[[], bool]
    ) -> None:
        """Start everything; what was started is stopped again when something fails.

        Args:
            config: of the device.
            news: called by the parts' threads; must not block.
            wanted: asked again and again while the models are loaded.

        Raises:
            EdgedError: a part cannot start with this configuration.
            StoppedError: not wanted any more.
        """
        self.config = config
        self.failure: Exception | None = None
        self.meter = FrameMeter()
        self._news = news
        self._wanted = wanted
        with contextlib.ExitStack() as undo:
            self.files = find_models(config.pose, config.labels, model_directories())
            # The worker first: loading takes longest and happens in another process.
            self.engine = Engine(self.files.paths, config.inference)
            # By name, since a reload puts others in their place.
            undo.callback(lambda: self.engine.close())  # noqa: PLW0108
            self.publisher = self._new_publisher(config)
            undo.callback(lambda: self.publisher.close())  # noqa: PLW0108
            self.publisher.start()
            undo.callback(lambda: self.capture.close(STOP_S))
            self._start_capture(config.camera)
            self.pipeline = self._new_pipeline(config, self.engine, self.files)
            self.loop = self._new_loop()
            undo.callback(lambda: self.loop.stop(STOP_S))
            self.loop.start()
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Stop everything, the last part first. May be called twice."""
        self._undo.close()

    def reload(self, config: Config) -> None:
        """Exchange the parts whose sections have changed, between two frames.

        Raises:
            EdgedError: a part cannot start with it; the old configuration stays in force.
            StoppedError: not wanted any more.
        """
        old = self.config
        files = find_models(config.pose, config.labels, model_directories())
        publisher = None
        if (config.mqtt, config.device) != (old.mqtt, old.device):
            publisher = self._new_publisher(config)
        with contextlib.ExitStack() as undo:
            engine = self.engine
            if (files.paths, config.inference) != (self.files.paths, old.inference):
                engine = Engine(files.paths, config.inference)
                undo.callback(engine.close)
            pipeline = self._new_pipeline(config, engine, files)
            if not self.loop.stop(LONGEST_FRAME_S):
                raise EngineError("a frame is stuck in the models")
            try:
                if config.camera != old.camera:
                    self._exchange_capture(config.camera)
                undo.pop_all()
                engine, self.engine = self.engine, engine
                self.config, self.files, self.pipeline = config, files, pipeline
                if engine is not self.engine:
                    engine.close()
                if publisher is not None:
                    self.publisher.close()
                    self.publisher = publisher
                    publisher.start()
            finally:
                self.loop = self._new_loop()
                self.loop.start()

    def _exchange_capture(self, camera: Camera) -> None:
        """Close the camera and open another, or the old one again when that fails."""
        self.capture.close()
        try:
            self._start_capture(camera)
        except SourceError:
            self._start_capture(self.config.camera)
            raise

    def _start_capture(self, camera: Camera) -> None:
        self.slot = LatestFrame()
        self.capture = Capture(camera, self.slot, lambda: self._news(News.CHANGED))
        self.capture.start()

    def _new_publisher(self, config: Config) -> Publisher:
        return Publisher(config.mqtt, topics_of(config), on_change=lambda: self._news(News.CHANGED))

    def _new_pipeline(self, config: Config, engine: Engine, files: ModelFiles) -> Pipeline:
        """Wait for the engine's models and fit the pipeline to them."""
        if engine is not self.engine or not engine.wait_ready(0.0):
            while not engine.poll_start(POLL_S):
                if not self._wanted():
                    raise StoppedError
        return Pipeline(engine, files, config.pose, config.labels)

    def _new_loop(self) -> FrameLoop:
        return FrameLoop(
            self.slot,
            self.engine,
            self.pipeline,
            self.publisher,
            topics_of(self.config),
            self.meter,
            on_first=lambda: self._news(News.FIRST_FRAME),
            on_end=self._ended,
        )

    def _ended(self, problem: Exception | None) -> None:
        self.failure = problem
        self._news(News.ENDED)
