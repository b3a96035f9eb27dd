"""The stand-in of libedgetpu in real interpreters: what tests of failover stand on."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from ai_edge_litert.interpreter import Interpreter
from stand_in.edgetpu import FINE, PCI, USB, Device, Fault, Mode, StandIn
from stand_in.twins import compiled_twin

ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0

# Says what it has done, a line each, and goes on when it is told to.
PROGRAM = """
import json, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate

library, model, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def tell(*what):
    print(json.dumps(what), flush=True)
    if not sys.stdin.readline():
        sys.exit()

delegate = load_delegate(library, options)
tell("created")
interpreter = Interpreter(model_path=model, experimental_delegates=[delegate], num_threads=1)
tell("built")
interpreter.allocate_tensors()
tell("allocated")
(entry,), (end, *_) = interpreter.get_input_details(), interpreter.get_output_details()
while True:
    random = np.random.default_rng(1).integers(0, 250, entry["shape"])
    interpreter.set_tensor(entry["index"], random.astype(entry["dtype"]))
    interpreter.invoke()
    tell("invoked", np.ravel(interpreter.get_tensor(end["index"])).astype(float).tolist())
"""


@dataclass
class User:
    """A process with an interpreter on the stand-in."""

    process: subprocess.Popen[str]
    said: str = ""

    def goes_on(self) -> bool:
        """Has it take its next step; False: it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.said:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.said = self.process.stdout.readline()
        return bool(self.said)

    def reaches(self, step: str) -> list[float]:
        """Has it go on to a step; the answer of an invoke."""
        while self.goes_on():
            told, *numbers = json.loads(self.said)
            if told == step:
                return numbers[0] if numbers else []
        raise AssertionError(self.end())

    def end(self) -> tuple[int, str]:
        """How it ended, and what it complained of."""
        while self.goes_on():
            pass
        assert self.process.stderr is not None
        complaints = self.process.stderr.read()
        return self.process.wait(DEADLINE_S), complaints


@pytest.fixture
def twin_file(tmp_path: Path) -> Path:
    path = tmp_path / "pose_edgetpu.tflite"
    path.write_bytes(compiled_twin(tiny_models.pose_model()))
    return path


@contextmanager
def user(edgetpu: StandIn, model: Path, **options: str) -> Iterator[User]:
    command = [sys.executable, "-c", PROGRAM, str(edgetpu.path), str(model), json.dumps(options)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield User(process)
        finally:
            process.kill()


def wait_for(edgetpu: StandIn, invokes: int) -> None:
    end = time.monotonic() + DEADLINE_S
    while edgetpu.counts().invokes < invokes:
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def answer_of_cpu(model: Path) -> list[float]:
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (end, *_) = interpreter.get_input_details(), interpreter.get_output_details()
    random = np.random.default_rng(1).integers(0, 250, entry["shape"])
    interpreter.set_tensor(entry["index"], random.astype(entry["dtype"]))
    interpreter.invoke()
    answer: list[float] = np.ravel(interpreter.get_tensor(end["index"])).astype(float).tolist()
    return answer


def test_a_compiled_twin_needs_the_delegate(twin_file: Path) -> None:
    with pytest.raises(RuntimeError, match="Encountered unresolved custom op: edgetpu-custom-op"):
        answer_of_cpu(twin_file)


@pytest.mark.parametrize("model", ["tiny", "athlete", "movenet"])
def test_a_compiled_twin_answers_as_the_model_does(
    model: str, edgetpu: StandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    plain = tmp_path / "plain.tflite"
    if model == "tiny":
        plain.write_bytes(tiny_models.pose_model())
    elif model == "athlete":
        plain.write_bytes((ROOT / "models" / "athlete-pose.tflite").read_bytes())
    else:
        shared: Path = request.getfixturevalue("shared")
        movenet = shared / "models" / "movenet_single_pose_lightning_ptq.tflite"
        plain.write_bytes(movenet.read_bytes())
    twin = tmp_path / "twin.tflite"
    twin.write_bytes(compiled_twin(plain.read_bytes()))
    with user(edgetpu, twin, device="usb") as its_user:
        assert its_user.reaches("invoked") == answer_of_cpu(plain)
    counts = edgetpu.counts()
    assert (counts.granted, counts.prepares, counts.invokes, counts.faults) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("device", "opened"),
    [
        ("", PCI),
        (":0", USB),
        (":1", PCI),
        (":2", Device("usb", "/sys/bus/usb/devices/4-1")),
        ("usb", USB),
        ("usb:0", USB),
        ("usb:1", Device("usb", "/sys/bus/usb/devices/4-1")),
        ("usb:2", None),
        ("pci", PCI),
        ("pci:0", PCI),
        ("pci:1", None),
        ("tpu", None),
        ("usb:", None),
        ("usb:-1", None),
        ("usb:x", None),
    ],
)
def test_the_device_is_chosen_as_libedgetpu_does(
    device: str, opened: Device | None, edgetpu: StandIn
) -> None:
    edgetpu.set_mode(Mode(devices=(USB, PCI, Device("usb", "/sys/bus/usb/devices/4-1"))))
    assert _opened(edgetpu, device=device) == (opened.path if opened else "")


@pytest.mark.parametrize(
    ("options", "is_opened"),
    [
        ({"device": "usb:0", "Performance": "Low"}, True),
        ({"device": "usb:0", "Performance": "low"}, False),
        ({"device": "usb", "Performance": "low"}, True),  # not looked at without an index
        ({"device": "usb:0", "Usb.AlwaysDfu": "yes"}, False),
        ({"device": "usb:0", "Usb.MaxBulkInQueueLength": "32"}, True),
        ({"device": "usb:0", "Usb.MaxBulkInQueueLength": "257"}, False),
        ({}, True),
    ],
)
def test_options_are_looked_at_where_the_device_has_an_index(
    options: dict[str, str], edgetpu: StandIn, *, is_opened: bool
) -> None:
    assert bool(_opened(edgetpu, **options)) == is_opened
    (creation,) = edgetpu.creations()
    assert dict(creation.options) == options


def _opened(edgetpu: StandIn, **options: str) -> str:
    """The path of the device, by the same call that `load_delegate` makes."""
    library = ctypes.CDLL(str(edgetpu.path))
    create = library.tflite_plugin_create_delegate
    texts = ctypes.c_char_p * len(options)
    create.argtypes = [texts, texts, ctypes.c_size_t, ctypes.c_void_p]
    create.restype = ctypes.c_void_p
    keys, values = ([text.encode() for text in side] for side in (options, options.values()))
    library.tflite_plugin_destroy_delegate.argtypes = [ctypes.c_void_p]
    library.tflite_plugin_destroy_delegate(create(texts(*keys), texts(*values), len(options), None))
    return edgetpu.creations()[-1].device


@pytest.mark.parametrize("devices", [(), (USB,), (USB, PCI)])
def test_devices_are_listed(devices: tuple[Device, ...], edgetpu: StandIn) -> None:
    class Listed(ctypes.Structure):
        _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))

    edgetpu.set_mode(Mode(devices=devices, version="16.0"))
    library = ctypes.CDLL(str(edgetpu.path))
    library.edgetpu_version.restype = ctypes.c_char_p
    assert library.edgetpu_version() == b"16.0"
    library.edgetpu_list_devices.restype = ctypes.POINTER(Listed)
    library.edgetpu_free_devices.argtypes = [ctypes.POINTER(Listed)]
    count = ctypes.c_size_t()
    listed = library.edgetpu_list_devices(ctypes.byref(count))
    found = [("pci", "usb")[listed[place].type] for place in range(count.value)]
    paths = [listed[place].path.decode() for place in range(count.value)]
    library.edgetpu_free_devices(listed)
    assert [Device(*one) for one in zip(found, paths, strict=True)] == list(devices)  # type: ignore[arg-type]


def test_one_process_has_a_device_at_a_time(edgetpu: StandIn, twin_file: Path) -> None:
    with user(edgetpu, twin_file) as first:
        first.reaches("invoked")
        with user(edgetpu, twin_file) as second:
            code, complaints = second.end()
        assert (code, "Failed to load delegate" in complaints) == (1, True)
        assert first.reaches("invoked")
        first.process.kill()
        first.process.wait(DEADLINE_S)
        with user(edgetpu, twin_file) as third:
            assert third.reaches("invoked")


def test_one_process_may_ask_for_its_device_again(edgetpu: StandIn) -> None:
    program = """
import sys
from ai_edge_litert.interpreter import load_delegate
several = [load_delegate(sys.argv[1], {"device": "usb:0"}) for _ in range(3)]
"""
    subprocess.run([sys.executable, "-c", program, edgetpu.path], check=True, timeout=DEADLINE_S)
    counts = edgetpu.counts()
    assert (counts.granted, counts.destroyed) == (3, 3)


@pytest.mark.parametrize(
    ("fault", "code", "complaint"),
    [
        ("segv", -signal.SIGSEGV, ""),
        ("abort", -signal.SIGABRT, "F driver/usb/usb_driver.cc"),
        ("error", 1, "Edge TPU is not ready"),
    ],
)
def test_the_nth_invoke_from_now_fails(
    fault: Fault, code: int, complaint: str, edgetpu: StandIn, twin_file: Path
) -> None:
    with user(edgetpu, twin_file) as its_user:
        its_user.reaches("invoked")
        edgetpu.set_mode(Mode(on_invoke=fault, after=3, times=1))
        for _ in range(2):
            its_user.reaches("invoked")
        ended, complaints = its_user.end()
    assert ended == code
    assert complaint in complaints
    with user(edgetpu, twin_file) as another:
        assert another.reaches("invoked"), "once is once"
    assert edgetpu.counts().faults == 1


def test_an_invoke_hangs_for_ever(edgetpu: StandIn, twin_file: Path) -> None:
    with user(edgetpu, twin_file) as its_user:
        its_user.reaches("allocated")
        edgetpu.set_mode(Mode(on_invoke="hang"))
        assert its_user.process.stdin is not None
        its_user.process.stdin.write("\n")
        its_user.process.stdin.flush()
        wait_for(edgetpu, 1)
        edgetpu.set_mode(FINE)
        with pytest.raises(subprocess.TimeoutExpired):
            its_user.process.wait(0.1)


def test_invokes_are_slow(edgetpu: StandIn, twin_file: Path) -> None:
    with user(edgetpu, twin_file) as its_user:
        its_user.reaches("allocated")
        edgetpu.set_mode(Mode(slow_ms=80))
        start = time.monotonic()
        its_user.reaches("invoked")
        assert time.monotonic() - start >= 0.08


@pytest.mark.parametrize(
    ("mode", "code", "last_step"),
    [
        (Mode(devices=()), 1, ""),
        (Mode(on_create="error"), 1, ""),
        (Mode(on_create="segv"), -signal.SIGSEGV, ""),
        (Mode(on_create="abort"), -signal.SIGABRT, ""),
        (Mode(on_prepare="segv"), -signal.SIGSEGV, "created"),
        (Mode(on_prepare="abort"), -signal.SIGABRT, "created"),
        (Mode(on_prepare="error"), 1, "created"),
    ],
)
def test_it_fails_at_the_start(
    mode: Mode, code: int, last_step: str, edgetpu: StandIn, twin_file: Path
) -> None:
    edgetpu.set_mode(mode)
    last = ""
    with user(edgetpu, twin_file, device="usb") as its_user:
        while its_user.goes_on():
            last = json.loads(its_user.said)[0]
        assert its_user.process.wait(DEADLINE_S) == code
    assert last in (last_step, "built" if code == 1 and last_step else last_step)


def test_who_had_a_device_that_was_plugged_out_must_open_it_again(
    edgetpu: StandIn, twin_file: Path
) -> None:
    with user(edgetpu, twin_file) as first:
        first.reaches("invoked")
        edgetpu.unplug(then="error")
        with user(edgetpu, twin_file) as second:
            assert "Failed to load delegate" in second.end()[1]
        edgetpu.plug()
        with user(edgetpu, twin_file) as third:
            assert third.reaches("invoked"), "though the first has not let go"
        code, complaints = first.end()
    assert (code, "Edge TPU is not ready" in complaints) == (1, True)


def test_really_compiled_models_are_refused(edgetpu: StandIn, shared: Path) -> None:
    model = shared / "models" / "movenet_single_pose_lightning_ptq_edgetpu.tflite"
    with user(edgetpu, model) as its_user:
        assert "its own twins only" in its_user.end()[1]
