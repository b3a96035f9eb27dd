"""Commands that wait for the main thread, and what each of them means for the running chain."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from threading import Lock

import msgspec

from edged.chain import Chain, StoppedError
from edged.errors import EdgedError
from edged.gym import Gym
from edged.mqtt.commands import (
    AimAtReps,
    AimAtRest,
    ChooseExercise,
    Command,
    Correct,
    Pause,
    Reset,
    UseModel,
    WatchPerson,
)
from edged.mqtt.inbox import Order
from edged.pausing import remember

log = logging.getLogger(__name__)

MOST_WAITING = 16
BUSY = "busy: too much waits to be done, try again"
STOPPING = "edged is stopping"
NO_FITNESS = "nothing is counted: [fitness] enabled is false, or no model finds people"
CLOSING_S = 5.0
"""How long a camera is waited for that has to close."""
POLL_S = 0.05


class Orders:
    """A bounded queue from the publisher's thread to the main thread, which carries them out.

    What pauses the camera goes before everything else, even into the middle of a reload: who wants
    privacy does not wait for a model.
    """

    def __init__(self, wake: Callable[[], None], wanted: Callable[[], bool]) -> None:
        """Begin with nothing to do.

        Args:
            wake: called where there is something to do, by the publisher's thread; must not block.
            wanted: asked again and again while something is waited for, by the main thread.
        """
        self._wake = wake
        self._wanted = wanted
        self._lock = Lock()
        self._waiting: deque[Order] = deque()
        self._pauses: deque[Order] = deque()
        self._is_closed = False
        self._is_pausing = False

    def put(self, order: Order) -> str:
        """Let an order wait; from any thread. Returns why not, or nothing."""
        queue = self._pauses if isinstance(order.command, Pause) else self._waiting
        with self._lock:
            if self._is_closed:
                return STOPPING
            if len(queue) >= MOST_WAITING:
                return BUSY
            queue.append(order)
        self._wake()
        return ""

    def carry_out(self, chain: Chain) -> None:
        """Do and answer what waits, and nothing that comes meanwhile: there are other duties."""
        self.carry_out_pauses(chain)
        for _ in range(len(self._waiting)):
            if not self._wanted():
                return  # `close` answers the others
            order = self._waiting.popleft()
            reason = self._done(order.command, chain)
            self._told(order, chain, reason)
            self.carry_out_pauses(chain)

    def carry_out_pauses(self, chain: Chain) -> None:
        """The same for what cannot wait; also asked while the main thread waits for something."""
        if self._is_pausing:
            return  # the one under way waits for the camera, and asks us
        while self._pauses:
            order = self._pauses.popleft()
            self._is_pausing = True
            try:
                reason = self._done(order.command, chain)
            finally:
                self._is_pausing = False
            self._told(order, chain, reason)

    def close(self, chain: Chain) -> None:
        """Take nothing any more, and answer what waits."""
        with self._lock:
            self._is_closed = True
        for order in (*self._pauses, *self._waiting):
            chain.publisher.answer(order.asked, STOPPING)
        self._pauses.clear()
        self._waiting.clear()

    def _done(self, command: Command, chain: Chain) -> str:
        """Carry a command out. Returns why it cannot be done, or nothing."""
        try:
            return self._do(command, chain)
        except StoppedError:
            return STOPPING
        except (EdgedError, ValueError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a command must not end what runs well
            return f"unforeseen {type(error).__name__}: {error}"

    def _do(self, command: Command, chain: Chain) -> str:
        match command:
            case Pause(is_on=True):
                return self._pause(chain)
            case Pause():
                return _resume(chain)
            case UseModel(model=name):
                return _use_model(chain, name)
        return _train(command, chain.gym)

    def _pause(self, chain: Chain) -> str:
        until = time.monotonic() + CLOSING_S
        is_closed = chain.pause()  # before anything else: a card may take seconds to remember it
        remember(chain.config, is_paused=True)
        while not (is_closed or chain.pause(POLL_S)):
            if not self._wanted():
                return STOPPING
            if time.monotonic() > until:
                return "the camera's driver does not close it yet: it stays open until that does"
        return ""

    @staticmethod
    def _told(order: Order, chain: Chain, reason: str) -> None:
        chain.publisher.answer(order.asked, reason)
        words = f"not done: {reason}" if reason else "done"
        log.info("command %s: %s", order.asked.what, words, extra={"event": "command"})


def _use_model(chain: Chain, name: str) -> str:
    pose = msgspec.structs.replace(chain.config.pose, model=name)
    chain.use_models(pose, chain.config.labels)
    return ""


def _resume(chain: Chain) -> str:
    remember(chain.config, is_paused=False)
    chain.resume()
    is_kept = chain.capture.is_paused
    return "[camera] paused is true in the configuration: change it there" if is_kept else ""


def _train(command: Command, gym: Gym | None) -> str:
    if gym is None:
        return NO_FITNESS
    match command:
        case ChooseExercise(exercise=exercise):
            gym.want(exercise)
        case Reset():
            gym.reset()
        case Correct(by=reps):
            gym.correct(reps)
        case AimAtReps(target_reps=reps):
            gym.aim_at_reps(reps)
        case AimAtRest(rest_s=seconds):
            gym.aim_at_rest(seconds)
        case WatchPerson(person=person):
            gym.pin(person)
    return ""
