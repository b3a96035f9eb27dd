"""`edged models pull` where the network, the disk or somebody else ends it."""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from brokers import DEADLINE_S, until
from file_servers import FileServer, partly, sends, silence
from shelves import CATALOG, EDGED, FILES, HEAD, ONE, Told, here, pull, run

from edged.errors import UnreachableError


def test_a_wrong_file_that_would_hide_the_right_one_is_told(shelf: Path, told: Told) -> None:
    (shelf / "two.tflite").write_bytes(HEAD)
    assert pull("two") == 1
    _, err = told()
    assert err == [
        f"edged: two: {shelf / 'two.tflite'} is not right, and edged looks there first: remove it"
    ]


def test_a_model_that_cannot_be_had_does_not_keep_the_others_away(
    own: Path, server: FileServer, told: Told
) -> None:
    server.answers = [sends(b"<html>", Content_Type="text/html")]
    assert pull("one", "two") == 1
    _, (line,) = told()
    assert line.startswith(f"edged: one: {server.address}a/one.tflite: a web page instead of")
    assert here(own) == {"two.tflite", "labels.txt"}


def test_without_a_network_the_first_failure_is_the_last(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FileServer(FILES, tls=context) as server:
        monkeypatch.setenv("EDGED_MODELS_URL", server.address)
        with pytest.raises(UnreachableError, match=r"^one: https://127\.0\.0\.1"):
            pull("one", "two")
    assert here(own) == set()


def test_killed_in_the_middle_it_goes_on_where_it_was(own: Path, server: FileServer) -> None:
    server.answers = [partly(123_456, silence)]
    part = own / "one.tflite.part"
    with subprocess.Popen([*EDGED, "pull", "one"]) as process:
        until(lambda: part.exists() and part.stat().st_size == 123_456, "a beginning")
        process.kill()
    assert here(own) == {"one.tflite.part"}
    done = run("pull", "one")
    assert (done.returncode, done.stderr) == (0, "")
    assert here(own) == ONE
    assert server.ranges[:2] == [None, "bytes=123456-"]
    assert run("verify").returncode == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_it_is_quiet_and_keeps_what_it_has(
    own: Path, server: FileServer, number: signal.Signals, code: int
) -> None:
    server.answers = [partly(1000, silence)]
    part = own / "one.tflite.part"
    pipe = subprocess.PIPE
    with subprocess.Popen([*EDGED, "pull", "one"], stdout=pipe, stderr=pipe) as process:
        until(lambda: part.exists() and part.stat().st_size == 1000, "a beginning")
        process.send_signal(number)
        assert process.communicate(timeout=DEADLINE_S) == (b"", b"")
        assert process.returncode == code
    assert here(own) == {"one.tflite.part"}


def test_of_two_the_one_that_waits_goes_on_when_the_other_is_killed(
    own: Path, server: FileServer
) -> None:
    server.answers = [partly(1000, silence)]
    part = own / "two.tflite.part"
    command = [*EDGED, "pull", "two"]
    with subprocess.Popen(command) as first:
        until(lambda: part.exists() and part.stat().st_size == 1000, "a beginning")
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr is not None
            told = second.stderr.readline()
            assert told == "edged: two.tflite is being pulled already: waiting for that\n"
            first.kill()
            assert second.wait(DEADLINE_S) == 0
    assert here(own) == {"two.tflite", "labels.txt"}
    assert server.ranges[:2] == [None, "bytes=1000-"]


def in_a_small_disk(folder: Path, options: str) -> subprocess.CompletedProcess[str]:
    """Pull into a file system of its own, as another user namespace may mount it."""
    space = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*space, "true"], check=False).returncode:
        pytest.skip("needs unshare with user namespaces")
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && "$@"'
    return subprocess.run(
        [*space, "sh", "-c", script, "sh", options, folder, *EDGED, "pull", "one"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("size=100k", "no space left on device: make room and pull it again"),
        ("ro", "read-only file system: set XDG_DATA_HOME to a folder that can be written"),
    ],
)
def test_a_disk_that_is_full_or_read_only_is_one_line(
    own: Path, shelf: Path, options: str, told: str
) -> None:
    (shelf / "catalog.toml").write_text(CATALOG)
    done = in_a_small_disk(own.parent, options)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edged: {own}")
    assert told in line
