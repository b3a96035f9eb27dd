"""200 faults of an Edge TPU in random order: `python failover.py [FAULTS] [SEED]`.

The real daemon plays a clip at 30 frames/s with MoveNet on the stand-in of libedgetpu, and speaks
to a real Mosquitto. Only its patience is short, so that a failed accelerator is tried again soon.
Printed, and compared with the limits: the longest gap between two poses by fault, and while a
better accelerator takes over; how soon `info` names the one in use; what is left of processes,
descriptors and shared memory; whether the MQTT session went on. Then models are exchanged by
SIGHUP.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

import tiny_models
from brokers import ANYBODY, Broker, Received, Subscriber, until
from daemons import TOPICS, Daemon, configuration, healths, info, poses, write_clip
from stand_in.edgetpu import FINE, Mode, StandIn, build
from stand_in.twins import compiled_twin

from edged.config import Config

TESTS = Path(__file__).parents[1]
MOVENET = "movenet_single_pose_lightning_ptq.tflite"
DEADLINE_S = 0.5
"""Of an invoke; what is measured at the start is never less."""
LIMIT_S, HANG_LIMIT_S = 1.0, 1.0 + DEADLINE_S
INFO_LIMIT_S = 2.0
SWITCH_LIMIT_S = 0.1
SWAPS = 10
FAR_OFF = 3.0
"""Times a limit and the longest gap while nothing happens: what no noise explains."""
CALM = "nothing happens"
CALM_S = 10.0
"""How long poses are watched while nothing happens, for comparison."""
IMPATIENT = (str(TESTS / "impatient_edged.py"),)


@dataclass
class Setting:
    """The daemon under test, its Edge TPU, and who listens."""

    daemon: Daemon
    edgetpu: StandIn
    subscriber: Subscriber
    figures: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, seconds: float) -> None:
        self.figures.setdefault(what, []).append(seconds)

    def since(self, topic: str, since_ns: int) -> list[Received]:
        """What came of a topic since a moment, and the message before; looks at no older ones."""
        found: list[Received] = []
        for message in reversed(self.subscriber.messages):
            if message.topic == topic:
                found.append(message)
                if message.at_ns < since_ns:
                    break
        return found[::-1]

    def on(self, accelerator: str, since_ns: int) -> bool:
        """Whether poses of an accelerator have come."""
        told = f'"accelerator":"{accelerator}"'.encode()
        return any(
            told in message.payload
            for message in self.since(TOPICS.pose, since_ns)
            if message.at_ns >= since_ns
        )

    def until_on(self, accelerator: str, since_ns: int) -> None:
        until(lambda: self.on(accelerator, since_ns), f"poses on {accelerator}")

    def until_told(self, accelerator: str, since_ns: int) -> float:
        """Seconds from a moment until `info` named an accelerator."""
        told = f'"accelerator":"{accelerator}"'.encode()

        def at_ns() -> list[int]:
            return [
                message.at_ns
                for message in self.since(TOPICS.info, since_ns)
                if message.at_ns >= since_ns and told in message.payload
            ]

        until(lambda: bool(at_ns()), f"info on {accelerator}")
        return (at_ns()[0] - since_ns) / 1e9

    def longest_gap(self, since_ns: int) -> float:
        """Seconds without a pose since a moment, that around it included."""
        times = [message.at_ns for message in self.since(TOPICS.pose, since_ns)]
        return max((b - a for a, b in itertools.pairwise(times)), default=0) / 1e9

    def serving(self) -> psutil.Process:
        """The worker that answers: the oldest, but while a better one has just taken over."""
        process = psutil.Process(self.daemon.process.pid)
        found: list[psutil.Process] = []

        def is_alone() -> bool:
            found[:] = process.children()
            return len(found) == 1

        until(is_alone, "one worker, and none to be reaped")
        return found[0]


Inject = Callable[[Setting], None]


def mode(**what: object) -> Inject:
    return lambda setting: setting.edgetpu.set_mode(Mode(**what))  # type: ignore[arg-type]


def struck(how: signal.Signals) -> Inject:
    def inject(setting: Setting) -> None:
        setting.serving().send_signal(how)
        # It is not to come back before the CPU has answered.
        setting.edgetpu.set_mode(Mode(devices=()))

    return inject


FAULTS: dict[str, Inject] = {
    "SIGSEGV at an invoke": mode(on_invoke="segv"),
    "abort at an invoke": mode(on_invoke="abort"),
    "error at an invoke": mode(on_invoke="error"),
    "hang at an invoke": mode(on_invoke="hang"),
    "unplugged": lambda setting: setting.edgetpu.unplug(),
    "unplugged, hang": lambda setting: setting.edgetpu.unplug("hang"),
    "worker killed": struck(signal.SIGKILL),
    "worker stopped, hang": struck(signal.SIGSTOP),
}
RELAPSES: dict[str, Inject] = {
    "plugged in, fine": mode(),
    **{
        f"{fault} at {stage.removeprefix('on_')}": mode(**{stage: fault})
        for stage in ("on_create", "on_prepare", "on_invoke")
        for fault in ("segv", "abort", "error")
    },
}
"""What the Edge TPU does when it is probed again, before it is fine."""
CPU_FAULTS = {"CPU worker killed": signal.SIGKILL, "CPU worker stopped, hang": signal.SIGSTOP}


def fail(setting: Setting, name: str) -> None:
    """One fault of the Edge TPU in service, and what followed."""
    begun = time.monotonic_ns()
    FAULTS[name](setting)
    setting.until_on("cpu", begun)
    setting.note("info names the CPU", setting.until_told("cpu", begun))
    setting.note(name, setting.longest_gap(begun))


def relapse(setting: Setting, name: str) -> None:
    """The Edge TPU fails a probe, while the CPU serves."""
    begun = time.monotonic_ns()
    before = setting.edgetpu.counts().faults
    RELAPSES[name](setting)
    if name != "plugged in, fine":
        until(lambda: setting.edgetpu.counts().faults > before, name)
        setting.note("while a probe fails", setting.longest_gap(begun))


def fail_cpu(setting: Setting, name: str) -> None:
    """The worker of the CPU fails too, while the Edge TPU is away."""
    setting.edgetpu.set_mode(Mode(devices=()))
    worker = setting.serving()
    begun = time.monotonic_ns()
    worker.send_signal(CPU_FAULTS[name])
    until(lambda: not worker.is_running(), "the worker is gone")
    told = time.monotonic_ns()
    setting.until_on("cpu", told)
    setting.note(name, setting.longest_gap(begun))


def promote(setting: Setting) -> None:
    """The Edge TPU is fine again and takes over."""
    begun = time.monotonic_ns()
    setting.edgetpu.set_mode(FINE)
    setting.until_on("edgetpu", begun)
    setting.note("info names the Edge TPU", setting.until_told("edgetpu", begun))
    end = time.monotonic_ns() + 200_000_000
    until(lambda: time.monotonic_ns() > end, "the frames after it")
    setting.note("promotion", setting.longest_gap(begun))


def calm(setting: Setting) -> None:
    """What the machine does to poses while nothing happens."""
    begun = time.monotonic_ns()
    until(lambda: time.monotonic_ns() - begun > CALM_S * 1e9, "a calm time")
    setting.note(CALM, setting.longest_gap(begun))


def swap(setting: Setting, config: Config, models: Sequence[Path]) -> None:
    """Exchange the model by SIGHUP, again and again."""
    for model in itertools.islice(itertools.cycle(models), SWAPS):
        pose = msgspec.structs.replace(config.pose, model=str(model))
        begun = time.monotonic_ns()
        setting.daemon.configure(msgspec.structs.replace(config, pose=pose))
        setting.daemon.process.send_signal(signal.SIGHUP)
        until(
            lambda begun=begun, name=model.stem: any(  # type: ignore[misc]
                message.at_ns > begun and f'"model":"{name}"'.encode() in message.payload
                for message in setting.since(TOPICS.pose, begun)
            ),
            f"poses of {model.stem}",
        )
        end = time.monotonic_ns() + 200_000_000
        until(lambda end=end: time.monotonic_ns() > end, "the frames after it")  # type: ignore[misc]
        which = "hot swap on " + " then ".join(config.inference.accelerators)
        setting.note(which, setting.longest_gap(begun))


def shared_memory() -> set[str]:
    return {entry.name for entry in Path("/dev/shm").iterdir()}  # noqa: S108 - Linux' own


def print_figures(setting: Setting) -> list[str]:
    """A table; returns what was far too long."""
    far_off = []
    for what, seconds in sorted(setting.figures.items()):
        limit = LIMIT_S
        if "hang" in what:
            limit = HANG_LIMIT_S
        elif what.startswith("info"):
            limit = INFO_LIMIT_S + (PROBE_S if "Edge" in what else 0.0)
        elif what.startswith(("promotion", "hot swap", "while", "nothing")):
            limit = SWITCH_LIMIT_S
        if max(seconds) > FAR_OFF * (limit + max(setting.figures[CALM])):
            far_off.append(what)
        middle = sorted(seconds)[len(seconds) // 2]
        print(
            f"{what:32} {len(seconds):4} x   p50 {middle * 1e3:6.0f} ms   "
            f"longest {max(seconds) * 1e3:6.0f} ms   limit {limit * 1e3:5.0f} ms   "
            f"{'met' if max(seconds) <= limit else 'MISSED'}"
        )
    return far_off


PROBE_S = 3.0
"""From the moment that it is fine: until it is tried again, and the probe."""


def main() -> int:
    """Returns 1 when a limit was missed, or something was left behind."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    draw = random.Random(seed)
    shared = Path(os.environ.get("EDGED_SHARED", TESTS.parents[1] / "shared"))
    print(f"{count} faults, seed {seed}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        library = directory / "built"
        (library / "in_use").mkdir(parents=True)
        edgetpu = StandIn(build(library), library / "in_use")
        models = [directory / "pose.tflite", directory / "other.tflite"]
        real = shared / "models" / MOVENET
        # A byte more, so that each goes by the name of its file and not by the catalog's.
        content = real.read_bytes() + b"\0" if real.exists() else tiny_models.pose_model()
        for model in models:
            model.write_bytes(content)
            model.with_name(f"{model.stem}_edgetpu.tflite").write_bytes(compiled_twin(content))
        clip = write_clip(directory / "clip.avi")
        with Broker(directory, ANYBODY) as broker, Subscriber(broker.port) as subscriber:
            config = configuration(clip, models[0], broker.port)
            runs_on = msgspec.structs.replace(
                config.inference, edgetpu_library=str(edgetpu.path), threads=1
            )
            config = msgspec.structs.replace(config, inference=runs_on)
            with Daemon(directory, config, program=IMPATIENT) as daemon:
                setting = Setting(daemon, edgetpu, subscriber)
                problems = run(setting, config, models, draw, count)
    for problem in problems:
        print(f"FAILED: {problem}")
    return int(bool(problems))


def run(
    setting: Setting, config: Config, models: Sequence[Path], draw: random.Random, count: int
) -> list[str]:
    daemon, subscriber = setting.daemon, setting.subscriber
    setting.until_on("edgetpu", 0)
    setting.serving()
    process = psutil.Process(daemon.process.pid)
    before = (process.num_fds(), process.num_threads(), shared_memory())
    calm(setting)
    done = 0
    while done < count:
        fail(setting, draw.choice(list(FAULTS)))
        done += 1
        if draw.random() < 0.4 and done < count:
            fail_cpu(setting, draw.choice(list(CPU_FAULTS)))
            done += 1
        if draw.random() < 0.5 and done < count:
            relapse(setting, draw.choice(list(RELAPSES)))
            done += 1
        promote(setting)
    setting.serving()
    after = (process.num_fds(), process.num_threads(), shared_memory())
    health = healths(subscriber)[-1]
    swap(setting, config, models[::-1])
    on_cpu = msgspec.structs.replace(config.inference, accelerators=("cpu",))
    swap(setting, msgspec.structs.replace(config, inference=on_cpu), models[::-1])
    setting.serving()
    calm(setting)
    last = info(subscriber)
    told = [message.payload for message in subscriber.of(TOPICS.status)]
    code = daemon.stop()
    problems = [f"{what} took too long" for what in print_figures(setting)]
    print(
        f"{health.frames} frames answered, {health.failed} without an answer; "
        f"{health.failovers} failovers, {health.promotions} promotions, "
        f"{health.worker_restarts} workers replaced, {health.reconnects} reconnects"
    )
    print(f"descriptors, threads before {before[:2]}, after {after[:2]}; status {told}")
    if after != before:
        problems.append(f"left behind: {before} became {after}")
    if health.reconnects or told != [b"online"]:
        problems.append("the MQTT session broke")
    if "Traceback" in daemon.log() or code != 0:
        problems.append(f"exit code {code}: {daemon.log()[-2000:]}")
    if last is None or not poses(subscriber):
        problems.append("nothing was told")
    return problems


if __name__ == "__main__":
    os.environ.setdefault("EDGED_DEBUG", "")
    sys.exit(main())
