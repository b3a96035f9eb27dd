"""`edged demo`: the real thing on this machine, from the source to a live view of what comes out.

The daemon and, where no broker answers, a broker are processes of their own; nothing of them stays.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from edged.capture.source import is_athlete
from edged.commands.address import broker_settings
from edged.commands.child import Child
from edged.commands.needs import MODEL_OF_PEOPLE, OWN_MODEL, find_model
from edged.commands.place import Place, connect, new_device, subscribe_line
from edged.commands.referee import Referee
from edged.commands.runner import inference
from edged.commands.source_look import look_at
from edged.commands.watch import follow
from edged.config import SYSTEM_FILE, Config, dump
from edged.errors import BrokerError, EdgedError, EngineError
from edged.inference.alone import sections, spec_of
from edged.inference.catalog import Kind, ModelFile
from edged.inference.engine import Engine
from edged.messages.topics import Topics
from edged.sections import (
    Camera,
    Device,
    Health,
    HomeAssistant,
    Inference,
    LabelModel,
    Log,
    Mqtt,
    PoseModel,
)
from edged.view.screen import clean, number
from edged.view.state import Totals, Watched
from edged.view.terminal import Ending

HEALTH_S = 2.0
FIRST_FRAME_S = 30.0
"""Webcams take seconds, and so does a large model on a slow card."""
POLL_S = 0.05


def run(
    model: str | None,
    source: str,
    seconds: float | None,
    broker: str | None,
    usual: Mqtt = Mqtt(),  # noqa: B008 - frozen
    accelerators: Sequence[str] = (),
    service: Path = SYSTEM_FILE,
) -> int:
    """Show it until the user ends it, or for some seconds of frames. Returns the exit code.

    Args:
        model: a name of the catalog or a path; None: edged's own for the athlete, MoveNet for
            people.
        source: as `[camera] source`.
        seconds: from the first frame on; None: until a key or signal.
        broker: its address, which must answer.
        accelerators: that run the model, best first; none: the usual ones.
        usual: the broker that is taken if it answers, where none is named.
        service: the configuration of the service, whose name and password that broker is given.

    Raises:
        UsageError: an option cannot be right.
        ModelError: the model is not on this machine, or is none; the text says how to get it.
        SourceError: the source is not there, or gives nothing.
        BrokerError: the broker that was named does not answer, or there is none to start.
        EdgedError: the daemon ended early or gave no frame.
    """
    settings = broker_settings(usual, broker)
    look_at(source)
    if model is None:
        model = OWN_MODEL if is_athlete(source) else MODEL_OF_PEOPLE
    file = find_model(model, source)
    runs_on = inference(0, accelerators)
    ending = Ending()
    with ending.noted(), contextlib.ExitStack() as undo:
        device = new_device()
        watched = Watched(settings.prefix, device)
        kind = _kind(file, runs_on, ending)
        if kind is None:
            return ending.code or 0
        config = _config(device, source, sections(kind, model), runs_on)
        referee = _referee(config, Topics(settings.prefix, device))

        def take(topic: str, payload: bytes) -> None:
            watched.take(topic, payload)
            if referee is not None:
                referee.take(topic, payload)

        place = connect(
            *(settings, device, take, ending),
            is_named=broker is not None,
            undo=undo,
            service=service,
        )
        if place is None:
            return ending.code or 0
        print(f"broker     {place.settings.host}:{place.settings.port} {place.words}")
        print(f"subscribe  {subscribe_line(place.settings, place.device)}", flush=True)
        visitor = msgspec.structs.replace(place.settings, forget_at_end=True)
        config = msgspec.structs.replace(config, mqtt=visitor)
        daemon = undo.enter_context(_daemon(config))
        demo = _Demo(watched, daemon, place, seconds)
        try:
            follow(
                watched,
                place.subscriber,
                ending,
                is_over=demo.is_over,
                hint=f"q ends   {subscribe_line(place.settings, place.device)}",
                notes=tuple if referee is None else referee.notes,
            )
        finally:
            daemon.close()
            place.clean_up()
        demo.raise_failure(is_asked=ending.code is not None)
        _tell_end(watched.totals(), None if referee is None else referee.mean_oks, place)
    return ending.code or 0


def _kind(file: ModelFile, runs_on: Inference, ending: Ending) -> Kind | None:
    """What it gives; a model that the catalog does not know is loaded to find out.

    None: the user wants an end.

    Raises:
        ModelError: it is neither, or cannot be loaded.
    """
    if file.entry is not None:
        return "labels" if file.entry.decoder == "classify" else "pose"
    engine = Engine([file], runs_on)
    try:
        until = time.monotonic() + FIRST_FRAME_S
        while not engine.poll_start(POLL_S):
            if ending.is_noted():
                return None
            if time.monotonic() > until:
                raise EngineError(f"{file.path} is not loaded within {FIRST_FRAME_S:.0f} s")
        return spec_of(file, engine).kind
    finally:
        engine.close()


def _config(
    device: str, source: str, models: tuple[PoseModel, LabelModel], runs_on: Inference
) -> Config:
    """Of the daemon, but for its broker. What ends is shown again and again."""
    pose, labels = models
    return Config(
        device=Device(name=device),
        camera=Camera(source=source, loop=True),
        inference=runs_on,
        pose=pose,
        labels=labels,
        health=Health(interval_s=HEALTH_S),
        homeassistant=HomeAssistant(enabled=False),
        log=Log(level="warning"),
    )


def _referee(config: Config, topics: Topics) -> Referee | None:
    """Who knows the truth about the source; None: nobody does, or it is not asked for poses."""
    if not (is_athlete(config.camera.source) and config.pose.model):
        return None
    return Referee(config.camera, topics)


@contextlib.contextmanager
def _daemon(config: Config) -> Iterator[Child]:
    """`edged run`, the real one. Its configuration is a file without a name: none stays behind."""
    descriptor = os.memfd_create("edged-demo.toml")
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(dump(config))
        child = Child(
            ["-m", "edged", "run", "--config", f"/proc/self/fd/{descriptor}"],
            fds=(descriptor,),
            when_we_die=signal.SIGTERM,  # it has a farewell to say
        )
    finally:
        os.close(descriptor)
    with child:
        yield child


class _Demo:
    """When it is over, and whether that is a failure."""

    def __init__(
        self, watched: Watched, daemon: Child, place: Place, seconds: float | None
    ) -> None:
        self._watched = watched
        self._daemon = daemon
        self._place = place
        self._seconds = seconds
        self._started = time.monotonic()
        self._first: float | None = None
        self._failure: EdgedError | None = None

    def is_over(self) -> bool:
        """The seconds of frames are over, or a process has ended."""
        now = time.monotonic()
        if self._first is None and self._watched.frames:
            self._first = now
        self._failure = self._what_failed(now)
        if self._failure is not None:
            return True
        if self._first is None or self._seconds is None:
            return False
        return now - self._first >= self._seconds

    def _what_failed(self, now: float) -> EdgedError | None:
        broker = self._place.broker
        if broker is not None and broker.exit_code is not None:
            return BrokerError(f"the demo's own broker has ended: {broker.last_words}")
        if self._daemon.exit_code is not None:
            return EdgedError(self._daemon.last_words)
        is_late = self._first is None and now - self._started > FIRST_FRAME_S
        if self._seconds is not None and is_late:
            health = self._watched.sight(now).health
            why = "; ".join(health.problems) if health is not None else ""
            return EdgedError(
                clean(f"no frame within {FIRST_FRAME_S:.0f} s" + (f": {why}" if why else ""))
            )
        return None

    def raise_failure(self, *, is_asked: bool) -> None:
        """Raises `EdgedError` if it ended because something failed, and not because of a signal."""
        if self._failure is not None and not is_asked:
            raise self._failure


def _tell_end(totals: Totals, oks: float | None, place: Place) -> None:
    if not totals.frames:
        print("no message came")
    else:
        rate = f", {number(totals.rate)} a second" if totals.rate is not None else ""
        print(
            f"frames     {totals.frames}{rate}\n"
            f"age        p50 {number(totals.age_p50_ms or 0.0)} ms, "
            f"p99 {number(totals.age_p99_ms or 0.0)} ms"
        )
    if oks is not None:
        print(f"accuracy   mean OKS {oks:.3f} against the truth")
    if place.broker is None:
        print(f"subscribe  {subscribe_line(place.settings, place.device)}")
    else:
        print(f"broker     ended with the demo; {clean(place.hint)}")
