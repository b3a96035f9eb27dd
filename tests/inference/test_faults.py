"""Why an accelerator does not serve, in words."""

from __future__ import annotations

import signal

import pytest

from edged.errors import EngineError, ModelError
from edged.inference.accelerators import parse
from edged.inference.faults import library_name, of_probe

EDGETPU = parse("edgetpu")
LIBRARY = "libedgetpu.so.1"
TOLD = f"/usr/lib/{LIBRARY} [BuildLabel(x), RuntimeVersion(14)]"
LOADED = {"library": LIBRARY, "delegate": TOLD}


@pytest.mark.parametrize(
    ("steps", "error", "killed_by", "words", "is_fault"),
    [
        (
            {"library": LIBRARY},
            ModelError(f"{LIBRARY}: cannot open shared object file: No such file or directory"),
            None,
            "libedgetpu.so.1 is not installed: sudo ./install.sh --edgetpu std",
            False,
        ),
        (
            {"library": LIBRARY},
            ModelError(
                "libusb-1.0.so.0: cannot open shared object file: No such file or directory"
            ),
            None,
            "libedgetpu.so.1 needs libusb-1.0.so.0, which is not installed",
            True,
        ),
        (
            {"library": LIBRARY},
            ModelError("/x/libedgetpu.so.1: invalid ELF header"),
            None,
            "libedgetpu.so.1 cannot be loaded: /x/libedgetpu.so.1: invalid ELF header",
            True,
        ),
        (
            LOADED,
            ModelError("Failed to load delegate from libedgetpu.so.1"),
            None,
            "no Edge TPU answers (is it plugged in? see edged devices)",
            False,
        ),
        (
            LOADED | {"model": "/m/p_edgetpu.tflite"},
            EngineError("the worker was killed by SIGSEGV while loading"),
            signal.SIGSEGV,
            (
                "libedgetpu (runtime 14) crashed (SIGSEGV) while p_edgetpu.tflite was loaded: it "
                "may be built for another TensorFlow Lite: sudo ./install.sh --edgetpu std"
            ),
            True,
        ),
        (
            LOADED | {"model": "/m/p.tflite", "invoke": "/m/p.tflite"},
            EngineError("the worker was killed by SIGABRT while loading"),
            signal.SIGABRT,
            "libedgetpu (runtime 14) crashed (SIGABRT) at the first invoke of p.tflite",
            True,
        ),
        (
            LOADED,
            EngineError("the models were not loaded within 20 s"),
            None,
            (
                "libedgetpu (runtime 14) hangs while it looked for its device: the models were not "
                "loaded within 20 s"
            ),
            True,
        ),
        (
            LOADED,
            EngineError("the worker ended with code 1 while loading: no such bus"),
            None,
            (
                "libedgetpu (runtime 14) failed while it looked for its device: the worker ended "
                "with code 1 while loading: no such bus"
            ),
            True,
        ),
        (
            LOADED | {"model": "/m/p.tflite"},
            ModelError("/m/p.tflite: it needs another version"),
            None,
            "/m/p.tflite: it needs another version",
            True,
        ),
    ],
    ids=[
        *("absent", "needs another", "no library", "no device"),
        *("crash", "abort", "hang", "exit", "error"),
    ],
)
def test_every_step_has_its_words(
    steps: dict[str, str],
    error: ModelError | EngineError,
    killed_by: signal.Signals | None,
    words: str,
    *,
    is_fault: bool,
) -> None:
    is_late = "within" in str(error)
    fault = of_probe(error, EDGETPU, steps, killed_by, is_late=is_late)
    assert (fault.reason, fault.is_fault) == (words, is_fault)


def test_another_runtime_is_worth_a_try_once_the_library_is_loaded() -> None:
    crash = EngineError("the worker was killed by SIGSEGV")
    tried = [
        of_probe(crash, EDGETPU, steps, signal.SIGSEGV).may_be_the_pair
        for steps in ({"library": LIBRARY}, LOADED, LOADED | {"model": "m"})
    ]
    assert tried == [False, True, True]


def test_another_delegate_is_told_by_its_name() -> None:
    other = parse("delegate:/opt/libgpu.so?precision=low")
    steps = {"library": "/opt/libgpu.so", "delegate": "/opt/libgpu.so"}
    fault = of_probe(ModelError("no such device"), other, steps, None)
    assert fault.reason == "libgpu gives no delegate: no such device"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (TOLD, "libedgetpu (runtime 14)"),
        ("libedgetpu.so.1.0 [odd]", "libedgetpu"),
        ("/opt/libgpu.so", "libgpu"),
        ("", ""),
    ],
)
def test_a_library_goes_by_its_name_and_version(told: str, name: str) -> None:
    assert library_name(told) == name
