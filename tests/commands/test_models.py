"""`edged models`: list, pull, verify, path, remove, with a real server and real processes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from brokers import DEADLINE_S, until
from file_servers import FileServer, partly, sends, silence
from terminals import Terminal

import edged
from edged import resources
from edged.commands import models
from edged.errors import ModelError, UnreachableError, UsageError
from edged.inference.catalog import bundled

EDGED = [sys.executable, "-m", "edged", "models"]
HEAD = b"\x1c\x00\x00\x00TFL3"
FILES = {
    "a/one.tflite": HEAD + random.Random(1).randbytes(400_000),
    "a/one_edgetpu.tflite": HEAD + random.Random(2).randbytes(90_000),
    "two.tflite": HEAD + random.Random(3).randbytes(50_000),
    "labels.txt": b"cat\ndog\n",
}
MODEL = """
[models.{name}]
title = "Number {name}"
decoder = "classify"
width = 224
height = 192
fit = "crop"
licence = "CC0-1.0"
"""


def listed(path: str, role: str = "file") -> str:
    content = FILES[path]
    digest = hashlib.sha256(content).hexdigest()
    return f'{role} = {{ path = "{path}", bytes = {len(content)}, sha256 = "{digest}" }}\n'


CATALOG = (
    MODEL.format(name="one")
    + listed("a/one.tflite")
    + listed("a/one_edgetpu.tflite", "edgetpu")
    + listed("labels.txt", "labels")
    + MODEL.format(name="two")
    + listed("two.tflite")
    + listed("labels.txt", "labels")
)
ONE = {"one.tflite", "one_edgetpu.tflite", "labels.txt"}
SHIPPED = bundled()["athlete-pose"].file.address
"""Where the model is that comes with edged."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(FILES) as server:
        yield server


@pytest.fixture
def own(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The own folder of models; its catalog knows `one` and `two`, and the server has them."""
    own = tmp_path / "data" / "edged" / "models"
    own.mkdir(parents=True)
    (own / "catalog.toml").write_text(CATALOG)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("EDGED_MODELS_URL", server.address)
    monkeypatch.setenv("EDGED_DEBUG", "")
    for name in ("EDGED_MODELS", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return own


@pytest.fixture
def shelf(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder, which is looked into before the own one."""
    assert own
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("EDGED_MODELS", str(shelf))
    return shelf


def pull(*names: str, everything: bool = False, edgetpu: bool = True) -> int:
    return models.pull(names, everything=everything, edgetpu=edgetpu)


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / Path(path).name).write_bytes(FILES[path])


def here(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"catalog.toml"}


def run(
    *words: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EDGED, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=DEADLINE_S,
        check=False,
    )


Told = Callable[[], tuple[list[str], list[str]]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """The lines on standard output and standard error since the last time."""

    def lines() -> tuple[list[str], list[str]]:
        out, err = capsys.readouterr()
        return out.splitlines(), err.splitlines()

    return lines


# pull


def test_a_model_comes_whole_and_is_not_asked_for_again(
    own: Path, server: FileServer, told: Told
) -> None:
    assert pull("one") == 0
    assert here(own) == ONE
    out, err = told()
    assert out == [
        f"one: {own / 'one.tflite'} (400 kB)",
        f"one: {own / 'one_edgetpu.tflite'} (90 kB)",
        f"one: {own / 'labels.txt'} (0 kB)",
    ]
    assert err == []
    assert pull("one", "one") == 0
    assert told() == (["one: here already, and right"], [])
    assert len(server.asked) == 3


def test_what_is_not_right_is_pulled_again(own: Path, server: FileServer) -> None:
    put(own, "a/one.tflite", "labels.txt")
    (own / "one_edgetpu.tflite").write_bytes(b"x" * len(FILES["a/one_edgetpu.tflite"]))
    assert pull("one") == 0
    assert [path for path, _ in server.asked] == ["a/one_edgetpu.tflite"]
    assert models.verify([], json=False) == 0


def test_the_half_for_the_edge_tpu_may_be_left_out(own: Path) -> None:
    assert pull("one", edgetpu=False) == 0
    assert here(own) == ONE - {"one_edgetpu.tflite"}
    assert models.verify(["one"], json=False) == 0


def test_what_another_folder_has_is_not_pulled(own: Path, shelf: Path, told: Told) -> None:
    put(shelf, "two.tflite", "labels.txt")
    assert pull("two") == 0
    assert told()[0] == ["two: here already, and right"]
    assert here(own) == set()


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


def test_names_that_nobody_knows_and_none_at_all_are_refused(own: Path, server: FileServer) -> None:
    with pytest.raises(ModelError, match=r'no model is called "tow", did you mean two\?'):
        pull("one", "tow")
    with pytest.raises(UsageError, match="name the models to pull, or say --all"):
        pull()
    with pytest.raises(UsageError, match="or say --all"):
        pull("one", everything=True)
    assert (server.asked, here(own)) == ([], set())


def test_all_is_all_of_the_catalogs(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    shutil.move(own / "catalog.toml", tmp_path / "models")
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "edged")  # else it is edged's own
    bundled.cache_clear()
    try:
        assert pull(everything=True) == 0
    finally:
        bundled.cache_clear()
    assert here(own) == {Path(path).name for path in FILES}


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
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


def test_a_terminal_shows_a_bar_and_is_left_as_it_was(own: Path, server: FileServer) -> None:
    server.answers = [partly(200_000, silence)]
    with Terminal(["-m", "edged", "models", "pull", "one"]) as terminal:
        until(lambda: "200.0/400.0 kB" in terminal.text, "half a bar")
        assert "one, CPU" in terminal.text
        terminal.send(b"\x03")
        assert terminal.wait() == 130
        assert terminal.is_restored
        assert "Traceback" not in terminal.text
    with Terminal(["-m", "edged", "models", "pull", "one"]) as terminal:
        assert terminal.wait() == 0
        assert f"one: {own / 'labels.txt'} (0 kB)" in terminal.text.replace("\r\n", "")
        assert terminal.is_restored


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


# list


def test_the_table_fits_a_terminal_and_tells_what_is_where(
    own: Path, shelf: Path, told: Told
) -> None:
    put(own, "a/one.tflite")
    put(shelf, "a/one_edgetpu.tflite")
    models.show(json=False)
    lines, _ = told()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["NAME", "TASK", "INPUT", "SIZE", "LICENCE", "CPU", "EDGE", "TPU"]
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines}
    assert rows["one"] == "labels 224x192 400 kB CC0-1.0 pulled shared"
    assert rows["two"] == "labels 224x192 50 kB CC0-1.0 not here -"
    assert rows["movenet-lightning"] == "pose 192x192 2.9 MB Apache-2.0 not here not here"


def test_the_list_for_programs_has_all_of_it(own: Path, told: Told) -> None:
    put(own, "a/one.tflite")
    models.show(json=True)
    (line,), _ = told()
    one = next(model for model in json.loads(line) if model["name"] == "one")
    assert (one["title"], one["task"], one["width"]) == ("Number one", "labels", 224)
    assert one["files"]["cpu"]["path"] == str(own / "one.tflite")
    assert one["files"]["cpu"]["where"] == "pulled"
    assert one["files"]["edgetpu"]["where"] is None


# verify


def test_every_copy_is_checked_and_told(own: Path, shelf: Path, told: Told) -> None:
    put(own, "a/one.tflite", "two.tflite")
    (shelf / "one.tflite").write_bytes(FILES["a/one.tflite"][:-1])
    (shelf / "labels.txt").write_bytes(b"dog\ncat\n")
    assert models.verify([], json=False) == 1
    out, err = told()
    assert [line.split(None, 2) for line in out] == [
        ["truncated", "one", str(shelf / "one.tflite")],
        ["right", "one", str(own / "one.tflite")],
        ["wrong", "one", str(shelf / "labels.txt")],
        ["right", "two", str(own / "two.tflite")],
        ["wrong", "two", str(shelf / "labels.txt")],
        ["right", "athlete-pose", SHIPPED],
    ]
    assert err == ["edged: 3 of 6 files are not right: remove or replace what is elsewhere"]


def test_where_there_are_no_models_at_all_it_says_so(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "known", lambda _: {})
    assert models.verify([], json=False) == 0
    assert told()[0] == ["no models are here: edged models list shows what there is"]


def test_what_is_missing_is_told_of_models_that_are_here_or_named(own: Path, told: Told) -> None:
    assert models.verify([], json=False) == 0
    assert told()[0] == [f"right       athlete-pose  {SHIPPED}"]
    put(own, "a/one_edgetpu.tflite", "labels.txt")
    assert models.verify([], json=True) == 1
    (line,), _ = told()
    rows = [row for row in json.loads(line) if row["model"] == "one"]
    assert [(row["role"], row["state"]) for row in rows] == [
        ("cpu", "missing"),
        ("edgetpu", "right"),
        ("labels", "right"),
    ]
    told()
    assert models.verify(["two"], json=False) == 1
    out, err = told()
    assert out[0] == f"missing     two  {own / 'two.tflite'}"
    assert err == ["edged: 1 of 2 files is not right: edged models pull two"]


# path


def test_a_path_is_all_that_is_printed(own: Path, told: Told) -> None:
    put(own, "a/one.tflite", "a/one_edgetpu.tflite", "two.tflite")
    models.path("one", edgetpu=False)
    models.path("one", edgetpu=True)
    assert told() == ([str(own / "one.tflite"), str(own / "one_edgetpu.tflite")], [])
    with pytest.raises(ModelError, match="two: nobody has compiled it for the Edge TPU"):
        models.path("two", edgetpu=True)


def test_a_path_of_what_is_not_here_or_not_whole_is_how_to_get_it(own: Path) -> None:
    for edgetpu in (False, True):
        with pytest.raises(ModelError, match=r"not on this machine: edged models pull one$"):
            models.path("one", edgetpu=edgetpu)
    (own / "one_edgetpu.tflite").write_bytes(HEAD)
    with pytest.raises(ModelError, match=r"is truncated: 8 of 90008 bytes: edged models pull one"):
        models.path("one", edgetpu=True)


# remove


def test_removing_tells_what_is_freed_and_keeps_what_others_need(own: Path, told: Told) -> None:
    put(own, *FILES)
    assert models.remove(["one"]) == 0
    assert told()[0] == ["one: removed, 2 files, 490 kB freed"]
    assert here(own) == {"two.tflite", "labels.txt"}
    assert models.remove(["two"]) == 0
    assert here(own) == set()
    assert (own / "catalog.toml").exists()


def test_what_lies_elsewhere_or_nowhere_is_not_removed(own: Path, shelf: Path, told: Told) -> None:
    put(shelf, *FILES)
    assert models.remove(["one"]) == 1
    assert told()[1] == [
        f"edged: one: is in {shelf}, not among the pulled ones in {own}: remove it there"
    ]
    assert here(shelf) == {Path(path).name for path in FILES}
    shutil.rmtree(shelf)
    assert models.remove(["one"]) == 1
    assert told()[1] == [f"edged: one: is not in {own}: there is nothing to remove"]


# A model that comes with edged


def test_an_installed_edged_has_its_own_model_without_pulling(own: Path, tmp_path: Path) -> None:
    """In a copy of the package as a wheel lays it out, in a process of its own."""
    site = tmp_path / "site"
    data = site / "edged" / "data" / "models"
    shutil.copytree(Path(edged.__file__).parent, site / "edged")
    data.mkdir(parents=True)
    shipped = CATALOG.replace("file = {", "file = { shipped = true,")
    (data / "catalog.toml").write_text(shipped.replace("a/one.tflite", "one.tflite"))
    put(data, "a/one.tflite")
    put(own, "labels.txt")

    def run_it(*words: str) -> subprocess.CompletedProcess[str]:
        return run(*words, cwd=site, PYTHONPATH=str(site))

    done = run_it("path", "one")
    assert (done.stdout, done.stderr) == (f"{data / 'one.tflite'}\n", "")
    assert "CC0-1.0  shipped   not here" in run_it("list").stdout
    done = run_it("pull", "one", "--no-edgetpu")
    assert (done.stdout, done.stderr) == ("one: here already, and right\n", "")
    (own / "labels.txt").unlink()
    done = run_it("remove", "one")
    assert done.stderr == "edged: one: comes with edged: there is nothing to remove\n"
    (data / "one.tflite").unlink()
    done = run_it("pull", "one")
    assert done.returncode == 1
    assert done.stderr == f"edged: one: {data / 'one.tflite'} is missing: install edged again\n"


# Shells


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("edged models pull mov", ["movenet-lightning", "movenet-thunder"]),
        ("edged models remove o", ["one"]),
        ("edged infer --model tw", ["two"]),
        ("edged infer --model ./x", []),  # then the shell offers files
    ],
)
def test_a_shell_completes_names_of_models(own: Path, words: str, offered: list[str]) -> None:
    assert own
    done = subprocess.run(
        [sys.executable, "-m", "edged"],
        env={
            **os.environ,
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
            "_EDGED_COMPLETE": "complete_bash",
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_a_broken_catalog_completes_nothing(own: Path) -> None:
    (own / "catalog.toml").write_text("[")
    assert models.completions("m") == []
