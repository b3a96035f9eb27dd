"""Files of models are pulled from real servers, checked, and removed."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import trustme
from brokers import free_port, until
from file_servers import (
    Answer,
    FileServer,
    partly,
    redirects,
    sends,
    status,
    well,
    whole_always,
    without_length,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulls import BLOB, CONTENT, FILE, PATH, SHORT, Heard, begin, get, is_right

from edged.errors import DownloadError, EdgedError, UnreachableError
from edged.inference import store
from edged.inference.catalog import Entry, File
from edged.inference.store import State, pull

# What goes well


@pytest.mark.parametrize("file", [FILE, BLOB], ids=["sha256", "blob"])
def test_a_file_is_pulled_and_its_way_is_told(
    server: FileServer, tmp_path: Path, file: File
) -> None:
    heard = get(server, tmp_path, file)
    assert is_right(tmp_path)
    assert server.asked == [(quote(PATH), None)]
    assert heard.steps[0] == (0, len(CONTENT))
    assert heard.steps[-1] == (len(CONTENT), len(CONTENT))
    assert heard.steps == sorted(heard.steps)
    assert heard.troubles == []


def test_a_folder_is_made_for_its_owner_and_by_root_for_everybody(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o077)
    try:
        for user, mode in ((0, 0o755), (1000, 0o700)):
            monkeypatch.setattr("os.geteuid", lambda user=user: user)
            folder = tmp_path / f"{user}" / "edged" / "models"
            get(server, folder)
            for made in (folder, folder.parent, folder.parent.parent):
                assert stat.S_IMODE(made.stat().st_mode) == mode
            assert stat.S_IMODE((folder / FILE.name).stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_the_catalog_s_address_is_asked_after_the_mirrors(
    server: FileServer, tmp_path: Path
) -> None:
    file = msgspec.structs.replace(FILE, address=server.address + quote(PATH))
    heard = Heard()
    mirrors = [f"http://127.0.0.1:{free_port()}/", f"{server.address}other/"]
    pull(file, tmp_path, mirrors, heard, SHORT)
    assert is_right(tmp_path)
    assert "connection refused" in heard.troubles[0]
    assert "not found (HTTP 404); asking the next address" in heard.troubles[-1]
    assert [path for path, _ in server.asked] == [f"other/{quote(PATH)}", quote(PATH)]


def test_a_redirect_is_followed_and_what_is_here_is_kept(
    server: FileServer, tmp_path: Path
) -> None:
    with FileServer({quote(PATH): b""}) as front:
        front.otherwise = redirects(server.address + quote(PATH))
        begin(tmp_path, CONTENT[:1000])
        get(front, tmp_path)
    assert is_right(tmp_path)
    assert server.ranges == ["bytes=1000-"]


def test_a_proxy_of_the_environment_is_asked(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "http://models.invalid/"
    with FileServer({name + quote(PATH): CONTENT}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address)
        pull(FILE, tmp_path, [name], Heard(), SHORT)
        assert len(proxy.asked) == 1
    assert is_right(tmp_path)
    assert server.asked == []


def test_the_password_of_an_address_is_sent_and_never_shown(
    server: FileServer, tmp_path: Path
) -> None:
    address = server.address.replace("//", "//me:hunter2@")
    server.answers = [status(403)]
    with pytest.raises(DownloadError) as told:
        pull(FILE, tmp_path, [address], Heard(), SHORT)
    assert "hunter2" not in str(told.value)
    pull(FILE, tmp_path, [address], Heard(), SHORT)
    assert is_right(tmp_path)
    assert [headers["Authorization"] for headers in server.headers] == [
        "Basic bWU6aHVudGVyMg=="
    ] * 2


def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FileServer({quote(PATH): CONTENT}, tls=context) as server:
        with pytest.raises(UnreachableError, match=r"certificate is not trusted, .*clock right"):
            get(server, tmp_path)
        assert list(tmp_path.iterdir()) == []
        with authority.cert_pem.tempfile() as trusted:
            monkeypatch.setenv("SSL_CERT_FILE", trusted)
            get(server, tmp_path)
    assert is_right(tmp_path)


# What is here already


@pytest.mark.parametrize("file", [FILE, BLOB], ids=["sha256", "blob"])
def test_a_beginning_is_gone_on_with(server: FileServer, tmp_path: Path, file: File) -> None:
    begin(tmp_path, CONTENT[:123_456])
    heard = get(server, tmp_path, file)
    assert is_right(tmp_path)
    assert server.ranges == ["bytes=123456-"]
    assert heard.steps[0] == (123_456, len(CONTENT))


@pytest.mark.parametrize("file", [FILE, BLOB], ids=["sha256", "blob"])
def test_a_download_that_only_lacks_its_name_needs_no_network(tmp_path: Path, file: File) -> None:
    begin(tmp_path, CONTENT)
    pull(file, tmp_path, ["http://127.0.0.1:1/"], Heard(), SHORT)
    assert is_right(tmp_path)


@pytest.mark.parametrize("file", [FILE, BLOB], ids=["sha256", "blob"])
@pytest.mark.parametrize(
    "wrong", [b"?" * 1000, b"?" * len(CONTENT), b"?" * (len(CONTENT) + 1)], ids=len
)
def test_a_wrong_beginning_costs_a_download_and_no_more(
    server: FileServer, tmp_path: Path, wrong: bytes, file: File
) -> None:
    begin(tmp_path, wrong)
    get(server, tmp_path, file)
    assert is_right(tmp_path)
    assert server.ranges[-1] is None


@pytest.mark.parametrize(
    "answer",
    [
        whole_always,
        without_length,
        status(416),
        sends(b"?" * 50, 206, Content_Range="bytes 0-49/300000"),
        sends(b"?" * 50, 206),
    ],
    ids=["200", "200 without length", "416", "206 of other bytes", "206 of unknown bytes"],
)
def test_a_server_that_does_not_go_on_is_asked_for_all(
    server: FileServer, tmp_path: Path, answer: Answer
) -> None:
    begin(tmp_path, CONTENT[:1000])
    server.answers = [answer]
    get(server, tmp_path)
    assert is_right(tmp_path)


def test_a_wrong_file_of_that_name_is_replaced_when_the_right_one_is_whole(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / FILE.name).write_bytes(b"old")
    server.otherwise = partly(1000)
    with pytest.raises(DownloadError):
        get(server, tmp_path)
    assert (tmp_path / FILE.name).read_bytes() == b"old"
    server.otherwise = well
    get(server, tmp_path)
    assert is_right(tmp_path)


# Several at once


def test_of_several_at_once_one_pulls_and_all_have_it(server: FileServer, tmp_path: Path) -> None:
    go = threading.Event()

    def held(_: object) -> None:
        go.wait(10)

    server.answers = [partly(1000, held)]
    with ThreadPoolExecutor(4) as pool:
        watchers = [Heard() for _ in range(4)]
        patience = dataclasses.replace(SHORT, timeout_s=10.0)
        mirrors = [server.address]
        pulls = [pool.submit(pull, FILE, tmp_path, mirrors, heard, patience) for heard in watchers]
        until(lambda: sum(bool(heard.troubles) for heard in watchers) == 3, "three that wait")
        go.set()
        for done in pulls:
            done.result(10)
    assert is_right(tmp_path)
    assert len(server.asked) == 2  # the second goes on after the cut


def test_who_waited_for_one_that_failed_pulls_itself(server: FileServer, tmp_path: Path) -> None:
    part = begin(tmp_path, b"")
    heard = Heard()
    with part.open("r+b") as other, ThreadPoolExecutor(1) as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = pool.submit(pull, FILE, tmp_path, [server.address], heard, SHORT)
        until(lambda: heard.troubles != [], "somebody who waits")
        part.unlink()
        fcntl.flock(other, fcntl.LOCK_UN)
        waiting.result(10)
    assert heard.troubles == ["model file.tflite is being pulled already: waiting for that"]
    assert is_right(tmp_path)


# What is here


@pytest.mark.parametrize(
    ("content", "file", "how"),
    [
        (CONTENT, FILE, State.RIGHT),
        (CONTENT, BLOB, State.RIGHT),
        (CONTENT[:-1], FILE, State.TRUNCATED),
        (CONTENT[:-1], BLOB, State.WRONG),
        (CONTENT + b"x", FILE, State.WRONG),
        (b"x" * len(CONTENT), FILE, State.WRONG),
        (b"", FILE, State.TRUNCATED),
        (None, FILE, State.MISSING),
        (b"x", File(path="x"), State.UNCHECKED),
    ],
)
def test_a_file_is_told_by_its_size_and_content(
    tmp_path: Path, content: bytes | None, file: File, how: State
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    assert store.state(path, file) is how


def test_a_file_that_cannot_be_read_is_not_right(tmp_path: Path) -> None:
    assert store.state(tmp_path, File(path="x", sha256="0" * 64)) is State.UNREADABLE


def entry(*, labels: str = "", shipped: bool = False, name: str) -> Entry:
    return Entry(
        title=name,
        decoder="classify",
        width=1,
        height=1,
        fit="crop",
        licence="CC0-1.0",
        file=File(path=f"{name}.tflite", shipped=shipped, address=f"/none/{name}.tflite"),
        edgetpu=File(path=f"{name}_edgetpu.tflite"),
        labels=File(path=labels) if labels else None,
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    own=st.sets(st.sampled_from(["a.tflite", "a_edgetpu.tflite", "b.tflite", "l.txt"])),
    shared=st.sets(st.sampled_from(["a.tflite", "b_edgetpu.tflite", "l.txt"])),
)
def test_removing_takes_what_nobody_else_needs_and_from_its_own_folder_only(
    tmp_path_factory: pytest.TempPathFactory, own: set[str], shared: set[str]
) -> None:
    mine, others = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("shared")
    for folder, names in ((mine, own), (others, shared)):
        for name in names:
            (folder / name).write_bytes(b"12345")
    models = {name: entry(name=name, labels="l.txt") for name in ("a", "b")}
    is_b_here = "b.tflite" in own or "b_edgetpu.tflite" in shared
    gone = own & {"a.tflite", "a_edgetpu.tflite", *(() if is_b_here else ("l.txt",))}
    paths = store.removable("a", models, [mine, others], mine)
    assert store.remove(paths) == 5 * len(gone)
    assert {path.name for path in mine.iterdir()} == own - gone
    assert {path.name for path in others.iterdir()} == shared


def test_the_beginning_of_a_download_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / "a.tflite.part"
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert store.removable("a", {"a": entry(name="a")}, [tmp_path], tmp_path) == []


def test_the_beginning_of_a_download_is_removed_too(tmp_path: Path) -> None:
    part = tmp_path / "a.tflite.part"
    part.write_bytes(b"123")
    assert store.removable("a", {"a": entry(name="a")}, [tmp_path], tmp_path) == [part]
    assert store.remove([part]) == 3
    with pytest.raises(EdgedError, match=r"a\.tflite\.part: no such file"):
        store.remove([part])
