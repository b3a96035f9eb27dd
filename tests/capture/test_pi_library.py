"""Which camera is meant, who has it, and what is wrong with the library."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edged.capture.pi_library import Found, choose, holder, load, refusal
from edged.errors import SourceError

CAMERAS = [
    Found(0, "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "imx708_wide"),
    Found(1, "/base/axi/pcie@1000120000/rp1/i2c@80000/imx219@10", "imx219"),
]

LOCK = """
import fcntl, sys, time
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("address", "index"),
    [
        *(("picamera", 0), ("picamera:0", 0), ("picamera:1", 1)),
        *(("picamera:imx219", 1), ("picamera:IMX708", 0), ("picamera:i2c@88000", 0)),
    ],
)
def test_a_camera_is_meant_by_its_number_or_a_part_of_its_name(address: str, index: int) -> None:
    assert choose(CAMERAS, address).index == index


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("picamera:2", "picamera:2: no such camera; there is 0 (imx708_wide), 1 (imx219)"),
        ("picamera:ov5647", "no camera is called so; there is 0 (imx708_wide)"),
        ("picamera:imx", "several cameras are called so"),
    ],
)
def test_a_camera_that_is_not_there_is_told_with_those_that_are(address: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        choose(CAMERAS, address)
    assert words in str(caught.value)


def test_where_there_is_no_camera_the_cable_or_the_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edged.capture.pi_library.MEDIA_DEVICES", f"{tmp_path}/media*")
    with pytest.raises(SourceError, match=r"no camera found \(is the ribbon cable in"):
        choose([], "picamera")
    (tmp_path / "media0").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(SourceError, match=r"no permission for .*/media0: .* group `video`"):
        choose([], "picamera")


def test_who_has_locked_a_camera_is_named(tmp_path: Path) -> None:
    device = tmp_path / "media0"
    device.touch()
    assert holder([device, tmp_path / "nothing"]) is None
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == b"locked\n"
        try:
            assert f"(process {other.pid})" in str(holder([device]))
        finally:
            other.stdin.close()
    with device.open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert holder([device]) == "edged itself"
    assert holder([device]) is None


def test_a_process_that_cannot_be_seen_is_its_number(tmp_path: Path) -> None:
    device, locks = tmp_path / "media0", tmp_path / "locks"
    device.touch()
    stat = device.stat()
    major, minor, inode = os.major(stat.st_dev), os.minor(stat.st_dev), stat.st_ino
    locks.write_text(
        "junk\n1: FLOCK ADVISORY WRITE 7 00:05:1 0 EOF\n"
        f"2: POSIX  ADVISORY  WRITE 4999998 {major:02x}:{minor + 1:02x}:{inode} 0 EOF\n"
        f"3: POSIX  ADVISORY  WRITE 4999999 {major:02x}:{minor:02x}:{inode} 0 EOF\n"
    )
    assert holder([device], locks) == "process 4999999"
    assert holder([device], tmp_path / "nothing") is None


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            caused(
                RuntimeError("Camera __init__ sequence did not complete."), OSError("x is Busy")
            ),
            "picamera: in use by another program",
        ),
        (
            PermissionError(13, "Permission denied", "/dev/media0"),
            "picamera: no permission for /dev/media0 (is the user in the group `video`",
        ),
        (
            caused(RuntimeError("Failed to initialize camera"), RuntimeError("no sensor\nat all")),
            "picamera: does not open: no sensor",
        ),
        (RuntimeError(), "picamera: does not open: RuntimeError"),
    ],
)
def test_why_a_camera_does_not_open_is_told_in_one_line(error: Exception, words: str) -> None:
    told = str(refusal("picamera", error))
    assert words in told
    assert "\n" not in told


NO_BUFFERS = [
    RuntimeError("Could not open any dmaHeap device"),
    RuntimeError("Failed to allocate buffers."),
    RuntimeError("failed to allocate capture buffers for stream 0"),
    OSError(12, "Cannot allocate memory"),
    FileNotFoundError(2, "No such file or directory", "/dev/dma_heap/linux,cma"),
    PermissionError(1, "Operation not permitted", "/dev/dma_heap/linux,cma"),
]


@pytest.mark.parametrize("error", NO_BUFFERS, ids=str)
def test_without_memory_for_pictures_it_tells_whose_fault_that_is(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heaps = tmp_path / "dma_heap"
    monkeypatch.setattr("edged.capture.pi_library.HEAPS", heaps)

    def told() -> str:
        words = str(refusal("picamera", error))
        assert words.startswith("picamera: no memory for pictures: ")
        assert "\n" not in words
        return words

    assert f"there is no {heaps}/*" in told()
    heaps.mkdir()
    assert f"there is no {heaps}/*" in told()
    (heaps / "linux,cma").touch()
    assert f"{heaps}/linux,cma gave none (" in told()
    assert "[camera] width and height" in told()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    assert f"no permission for {heaps}/linux,cma (is the user in the group `video`?" in told()
    assert "DeviceAllow=char-dma_heap rw" in told()


@pytest.mark.parametrize(
    ("picamera2", "libcamera", "words"),
    [
        (None, None, "Python finds no libcamera: sudo apt install python3-picamera2"),
        (None, "", "Python finds no picamera2: sudo apt install python3-picamera2"),
        ("import pidng_of_nobody", "", "Picamera2 lacks pidng_of_nobody: sudo apt install"),
        (
            "raise ImportError('libcamera.so.0.5: cannot open shared object file')",
            "",
            "does not load (libcamera.so.0.5: cannot open shared object file); it has to match",
        ),
        (
            "raise ValueError('numpy.dtype size changed\\nmay indicate')",
            "",
            "does not load (numpy.dtype size changed); it has to match",
        ),
    ],
)
def test_a_library_that_is_missing_or_does_not_fit_is_told_with_the_command(
    picamera2: str | None,
    libcamera: str | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in {"picamera2": picamera2, "libcamera": libcamera}.items():
        monkeypatch.delitem(sys.modules, name, raising=False)
        if text is None:
            monkeypatch.setitem(sys.modules, name, None)
        else:
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SourceError) as caught:
        load("picamera")
    for name in ("picamera2", "libcamera"):
        sys.modules.pop(name, None)
    told = str(caught.value)
    assert told.startswith("picamera: ")
    assert words in told
    assert "\n" not in told
