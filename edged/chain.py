"""The running parts, camera to broker: built, exchanged at a reload, and stopped in reverse."""

from __future__ import annotations

import contextlib
import enum
import logging
import time
from collections.abc import Callable
from threading import RLock

import msgspec

from edged.capture.capture import PAUSED, Capture
from edged.capture.slot import LatestFrame
from edged.capture.source import is_live
from edged.config import Config, device_name, outbox_file
from edged.errors import EngineError
from edged.frameloop import FrameLoop
from edged.gym import Gym, Tally
from edged.health import Counts, FrameMeter
from edged.herald import listened
from edged.holdings import (
    CameraInUse,
    Models,
    States,
    files_of,
    is_gym_wanted,
    is_other_camera,
    states_of,
    told_by,
)
from edged.inference.engine import Engine
from edged.inference.roster import Roster
from edged.messages.device import OutboxHealth
from edged.messages.topics import Topics
from edged.mqtt.homeassistant import REMOVED, discovery_topic
from edged.mqtt.inbox import Order
from edged.mqtt.outbox import Outbox
from edged.mqtt.publisher import Publisher
from edged.pausing import is_remembered, remember
from edged.pipeline import ModelFiles, Pipeline
from edged.sections import Camera, LabelModel, PoseModel

log = logging.getLogger(__name__)

STOP_S = 0.25
"""How long the frame in hand may hold up the end."""
LONGEST_FRAME_S = 190.0
"""Three models at the longest deadline that an invoke can have."""
POLL_S = 0.1


class News(enum.Enum):
    """What the parts' threads have to say."""

    ORDERED = enum.auto()
    """Somebody has sent a command."""
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
        self,
        config: Config,
        news: Callable[[News], None],
        *,
        wanted: Callable[[], bool],
        on_order: Callable[[Order], str] | None = None,
    ) -> None:
        """Start everything; what was started is stopped again when something fails.

        Args:
            config: of the device.
            news: called by the parts' threads; must not block.
            wanted: asked again and again while something is waited for.
            on_order: is given commands, see `Publisher`; None: the device takes none.

        Raises:
            EdgedError: a part cannot start with this configuration.
            StoppedError: not wanted any more.
        """
        self.config = config
        self.failure: Exception | None = None
        """Why there are no more frames, if that is not the end of a file."""
        self.is_ended = False
        """There are no more frames."""
        self.meter = FrameMeter()
        self.tally = Tally()
        self._past = Counts()
        self._news = news
        self._on_order = on_order
        self._wanted = wanted
        self._pausing = RLock()  # `wanted` may pause, wherever it is asked
        self._is_paused = is_remembered(config)
        self._roster = Roster()
        self.gym = self._new_gym(config)
        with contextlib.ExitStack() as undo:
            undo.callback(self._roster.close)
            files = files_of(config)
            states = states_of(files)
            # The worker first: loading takes longest and happens in another process.
            engine = undo.enter_context(contextlib.closing(self._new_engine(config, files)))
            self._outbox = undo.enter_context(contextlib.closing(self._new_outbox(config)))
            self._outbox.start()
            publisher = self._new_publisher(config, self._outbox)
            self.publisher = undo.enter_context(contextlib.closing(publisher))
            self.publisher.start()
            self._camera = undo.enter_context(contextlib.closing(self._new_camera(config.camera)))
            self._models = self._load(config, files, states, engine)
            self._start_loop()
            undo.pop_all()

    @property
    def capture(self) -> Capture:
        """Of the camera in force."""
        return self._camera.capture

    @property
    def engine(self) -> Engine:
        """Of the models in force."""
        return self._models.engine

    @property
    def pipeline(self) -> Pipeline:
        """Of the models in force."""
        return self._models.pipeline

    @property
    def counts(self) -> Counts:
        """Since the start."""
        return self._past + Counts(
            dropped=self._camera.slot.dropped,
            worker_restarts=self.engine.restarts,
            failovers=self.engine.order.failovers,
            promotions=self.engine.order.promotions,
            reconnects=self.publisher.reconnects,
            unsent=self.publisher.unsent,
            dropped_events=self._outbox.dropped,
        )

    @property
    def outbox_health(self) -> OutboxHealth:
        """Of the events that wait for the broker."""
        health = self._outbox.health
        return msgspec.structs.replace(health, dropped=self.counts.dropped_events)

    @property
    def problems(self) -> list[str]:
        """What is wrong now, for a person."""
        camera = self.capture.problem
        told = (
            None if camera == PAUSED else camera,
            self.engine.problem,
            self.loop.problem,
            self.gym.problem if self.gym is not None else None,
            self.publisher.problem,
            self._outbox.problem,
        )
        return list(dict.fromkeys(problem for problem in told if problem is not None))

    @property
    def worker_pids(self) -> list[int]:
        """All processes of the models: in service, loading, or on their way out."""
        return self._roster.pids

    @property
    def is_paused(self) -> bool:
        """Whether the camera is closed because somebody wants it so, which is no problem."""
        return self.capture.problem == PAUSED

    def pause(self, timeout_s: float = 0.0) -> bool:
        """Close the camera until `resume`, over every reload. From any thread.

        Returns:
            Whether it is closed now, after at most `timeout_s`.
        """
        with self._pausing:
            self._is_paused = True
            capture = self.capture
        return capture.pause(timeout_s)

    def resume(self) -> None:
        """Take back `pause`; a configuration that says `paused` stays in force. From any thread."""
        with self._pausing:
            self._is_paused = False
            self.capture.resume()

    def close(self) -> None:
        """Stop everything, the last part first. May be called twice."""
        with contextlib.ExitStack() as parts:
            parts.callback(self._roster.close)
            parts.callback(self.engine.close)
            parts.callback(self._outbox.close)
            parts.callback(self.publisher.close)
            parts.callback(self._camera.close)
            if self.gym is not None:
                parts.callback(self.gym.finish)
            if not self.loop.stop(STOP_S):
                self.engine.abort()  # the frame in hand is stuck in the models
                self.loop.stop(STOP_S)

    def use_models(self, pose: PoseModel, labels: LabelModel) -> None:
        """Exchange the models between two frames, until the next reload. Raises as that does."""
        self.reload(msgspec.structs.replace(self.config, pose=pose, labels=labels))

    def reload(self, config: Config) -> None:
        """Exchange the parts whose sections have changed, between two frames.

        New models are loaded beside the old ones. Where those have the only Edge TPU, the CPU
        answers until it has been given back; where nothing else can run the new models, no frame
        has an answer meanwhile. Accelerators that rest are tried again.

        Raises:
            EdgedError: a part cannot start with it; the old configuration stays in force.
            StoppedError: not wanted any more.
        """
        old = self.config
        with contextlib.ExitStack() as undo:
            publisher = camera = None
            gym = self._gym_of(config)
            outbox = self._outbox
            if told_by(config) != told_by(old):
                if (config.outbox, outbox_file(config)) != (old.outbox, outbox.path):
                    outbox = self._new_outbox(config)
                publisher = self._new_publisher(config, outbox)
            files = files_of(config)
            states = states_of(files)
            engine = self.engine
            if not self._are_loaded(files, states, config):
                engine = undo.enter_context(contextlib.closing(self._new_engine(config, files)))
                if engine.awaits_release:
                    self._stop_loop()
                    undo.callback(self._go_on)
                    self.engine.release()
            models = self._load(config, files, states, engine)
            if is_other_camera(config.camera, old.camera) and not is_live(config.camera.source):
                camera = undo.enter_context(contextlib.closing(self._new_camera(config.camera)))
            self._stop_loop()
            if not self._wanted():
                raise StoppedError
            undo.pop_all()
        try:
            self._exchange(config, models, publisher, outbox, camera, gym)
        except Exception as error:
            self._ended(self.loop, error)  # there is no way back: the frames have ended
            raise

    def _exchange(
        self,
        config: Config,
        models: Models,
        publisher: Publisher | None,
        outbox: Outbox,
        camera: CameraInUse | None,
        gym: Gym | None,
    ) -> None:
        """Put the new in the place of the old, which is closed; nothing is started that `close`
        would have to end again.
        """  # noqa: D205 - one sentence
        past, engine = self.counts, self.engine
        engine.reprieve()
        is_other = is_other_camera(config.camera, self.config.camera)
        self._exchange_gym(config, gym)
        if self._is_paused:
            remember(config, is_paused=True)  # its name may be another one
        if publisher is not None:
            self._take_back(config)
        self.config, self._models = config, models
        if models.engine is not engine:
            engine.close()
        if publisher is not None:
            self.publisher.close()
            self.publisher = publisher
            if outbox is not self._outbox:
                self._outbox.close()  # first: it may be the same file
                self._outbox = outbox
                outbox.start()
            if self.gym is not None:
                self.gym.tell_again()
        self._exchange_camera(config.camera, camera, is_other=is_other)
        self._past = Counts()
        self._past = past - self.counts
        if self._wanted():
            if publisher is not None:
                publisher.start()
            self._start_loop()

    def _take_back(self, config: Config) -> None:
        """Leave nothing retained under names that are no longer ours."""
        topics, old = topics_of(config), topics_of(self.config)
        found = self.config.homeassistant
        if topics != old:
            self.publisher.forget()
        elif found.enabled and found.discovery_prefix != config.homeassistant.discovery_prefix:
            self.publisher.state(discovery_topic(old, found.discovery_prefix), REMOVED)

    def _exchange_camera(
        self, settings: Camera, camera: CameraInUse | None, *, is_other: bool
    ) -> None:
        """`camera`: has been opened already; None: the one in force stays, or one is opened now."""
        was_paused = self.capture.is_paused
        if is_other:
            # A live one opens in its thread, and the old one may be the same device.
            self._camera.close()
        with self._pausing:  # no pause or resume comes between a camera's start and its place here
            if is_other and camera is None and self._wanted():
                camera = self._new_camera(settings)
            self._camera = camera or self._camera
            if was_paused and is_other and not (settings.paused or self._is_paused):
                log.info("the camera is no longer paused, and is another one")
            # The same one stays, also because it alone can tell that it does not close.
            self.capture.keep_paused(paused=settings.paused)
            if settings.paused or self._is_paused:
                self.capture.pause()
            else:
                self.capture.resume()

    def _exchange_gym(self, config: Config, gym: Gym | None) -> None:
        """What is under way with the old one is over, and told by the old publisher."""
        if gym is not None and gym is self.gym:
            gym.adopt(config.fitness)
        elif self.gym is not None:
            self.gym.finish()
            if gym is None:
                self.publisher.state(topics_of(self.config).exercise, b"")  # is not retained then
        self.gym = gym

    def _are_loaded(self, files: ModelFiles, states: States, config: Config) -> bool:
        """Whether the models in force are these very files, run as is asked for, and well."""
        return (
            files.paths == self._models.files.paths
            and states == self._models.states
            and config.inference == self.config.inference
            and self.engine.problem is None
        )

    def _load(self, config: Config, files: ModelFiles, states: States, engine: Engine) -> Models:
        """Wait for an engine's models, unless it has been started, and fit a pipeline to them."""
        while not engine.signatures and not engine.poll_start(POLL_S):
            if not self._wanted():
                raise StoppedError
        pipeline = Pipeline(engine, files, config.pose, config.labels, config.fitness)
        return Models(files, states, engine, pipeline)

    def _go_on(self) -> None:
        """With the models in force, which were to make room for others."""
        self.engine.resume()
        if self._wanted():
            self._start_loop()

    def _new_engine(self, config: Config, files: ModelFiles) -> Engine:
        return Engine(
            files.each,
            config.inference,
            roster=self._roster,
            on_change=lambda: self._news(News.CHANGED),
        )

    def _new_camera(self, settings: Camera) -> CameraInUse:
        slot = LatestFrame()
        capture = Capture(settings, slot, lambda: self._news(News.CHANGED))
        if self._is_paused:
            capture.pause()
        capture.start()
        return CameraInUse(slot, capture)

    def _gym_of(self, config: Config) -> Gym | None:
        """The one in force, where it can go on: a set does not end because of another goal."""
        if self.gym is not None and is_gym_wanted(config) and self.gym.fits(config.fitness):
            return self.gym
        return self._new_gym(config)

    def _new_gym(self, config: Config) -> Gym | None:
        if not is_gym_wanted(config):
            return None
        return Gym(config.fitness, lambda: (self.publisher, topics_of(self.config)), self.tally)

    def _new_publisher(self, config: Config, outbox: Outbox) -> Publisher:
        topics = topics_of(config)
        publisher = Publisher(
            config.mqtt,
            topics,
            on_change=lambda: self._news(News.CHANGED),
            on_order=self._on_order,
            listens=listened(config.homeassistant, topics, lambda: publisher),
            outbox=outbox,
        )
        return publisher

    def _new_outbox(self, config: Config) -> Outbox:
        return Outbox(outbox_file(config), config.outbox, lambda: self._news(News.CHANGED))

    def _start_loop(self) -> None:
        self.is_ended = False
        loop = self.loop = FrameLoop(
            self._camera.slot,
            self.engine,
            self.pipeline,
            self.publisher,
            topics_of(self.config),
            self.meter,
            self.gym,
            on_first=lambda: self._news(News.FIRST_FRAME),
            on_end=lambda problem: self._ended(loop, problem),
        )
        loop.start()

    def _stop_loop(self) -> None:
        """Let the frame in hand be the last one."""
        deadline = time.monotonic() + LONGEST_FRAME_S
        while not self.loop.stop(POLL_S):
            if not self._wanted():
                raise StoppedError
            if time.monotonic() > deadline:
                error = EngineError("a frame is stuck in the models")
                self._ended(self.loop, error)
                raise error

    def _ended(self, loop: FrameLoop, problem: Exception | None) -> None:
        if loop is self.loop:
            self.failure, self.is_ended = problem or self.capture.failure, True
            self._news(News.ENDED)
