"""Files of models are pulled from real servers with real faults, checked, and removed."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import random
import resource
import ssl
import stat
import threading
from collections.abc import Iterator
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
    drops,
    garbled,
    partly,
    redirects,
    sends,
    silence,
    status,
    well,
    whole_always,
    without_length,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edged.errors import DownloadError, EdgedError, UnreachableError
from edged.inference import download, store
from edged.inference.catalog import Entry, File
from edged.inference.download import Patience
from edged.inference.store import State, part_of, pull

CONTENT = random.Random(1).randbytes(300_000)
PATH = "some/model file.tflite"
FILE = File(path=PATH, bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
BLOB = File(
    path=PATH,
    blob=hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT, usedforsecurity=False).hexdigest(),
)
SHORT = Patience(timeout_s=0.3, tries=3, backoff_s=0.01)


@dataclasses.dataclass
class Heard:
    """A watcher that keeps what it is told."""

    steps: list[tuple[int, int | None]] = dataclasses.field(default_factory=list)
    troubles: list[str] = dataclasses.field(default_factory=list)

    def progress(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))

    def trouble(self, text: str) -> None:
        self.troubles.append(text)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({quote(PATH): CONTENT}) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(server: FileServer, folder: Path, file: File = FILE) -> Heard:
    heard = Heard()
    pull(file, folder, [server.address], heard, SHORT)
    return heard


def is_right(folder: Path) -> bool:
    """The file is there, and nothing else."""
    (path,) = folder.iterdir()
    return (path.name, path.read_bytes()) == ("model file.tflite", CONTENT)


def begin(folder: Path, content: bytes) -> Path:
    part = part_of(folder / FILE.name)
    part.write_bytes(content)
    return part


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


# Faults that pass


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([status(500), status(503)], ["server error (HTTP 500)", "unavailable (HTTP 503)"]),
        ([status(429)], ["too many requests (HTTP 429)"]),
        ([partly(1000), partly(1500)], ["ended after 1000 of 300000", "ended after 1500 of"]),
        ([partly(1000, silence)], ["silent for 0.3 s"]),
        ([drops], ["sends next to nothing"]),
        ([silence], ["silent for 0.3 s"]),
        ([lambda exchange: exchange.body(b"what?\r\n\r\n")], ["no proper answer (BadStatusLine)"]),
        ([lambda _: None], ["hung up without an answer"]),
    ],
)
def test_what_may_pass_is_told_and_tried_again(
    server: FileServer, tmp_path: Path, answers: list[Answer], told: list[str]
) -> None:
    server.answers = answers[:]
    heard = get(server, tmp_path)
    assert is_right(tmp_path)
    for trouble, words in zip(heard.troubles, told, strict=True):
        assert trouble.startswith(server.address)
        assert words in trouble
        assert "; again in 0.0 s" in trouble


def test_tries_that_bring_much_do_not_count(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PROGRESS_BYTES", 30_000)
    server.answers = [partly(count) for count in range(30_000, 300_000, 30_000)]
    get(server, tmp_path)
    assert is_right(tmp_path)
    assert server.ranges == [None, *(f"bytes={n}-" for n in range(30_000, 300_000, 30_000))]


def test_pieces_that_do_not_belong_together_cost_a_download_and_no_more(
    server: FileServer, tmp_path: Path
) -> None:
    server.answers = [garbled]
    get(server, tmp_path)
    assert is_right(tmp_path)
    assert server.ranges == [None, "bytes=1000-", None]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    here=st.integers(0, len(CONTENT) + 10),
    is_good=st.booleans(),
    cuts=st.lists(st.integers(0, len(CONTENT) + 1), max_size=2),
    file=st.sampled_from([FILE, BLOB]),
)
def test_wherever_it_was_cut_the_file_comes_out_right(
    server: FileServer,
    tmp_path_factory: pytest.TempPathFactory,
    here: int,
    *,
    is_good: bool,
    cuts: list[int],
    file: File,
) -> None:
    folder = tmp_path_factory.mktemp("store")
    begin(folder, (CONTENT if is_good else bytes(len(CONTENT) + 10))[:here])
    server.answers = [partly(cut) for cut in cuts]
    get(server, folder, file)
    server.answers.clear()
    assert is_right(folder)


# Faults that stay


@pytest.mark.parametrize(
    ("answer", "told", "requests"),
    [
        (status(404), "not found (HTTP 404)", 1),
        (status(403), "forbidden (HTTP 403)", 1),
        (status(500), "internal server error (HTTP 500)", 3),
        (redirects("/elsewhere"), "not found (HTTP 404)", 2),
        (redirects("/some/model%20file.tflite"), "redirects without end", None),
        (redirects("file:///etc/passwd"), "redirects without end, or to no web address", 1),
        (redirects("ftp://127.0.0.1/x"), "no such address can be asked: unknown url type: ftp", 1),
        (sends(b"<html>", Content_Type="text/html"), "a web page instead of the file", 1),
        (sends(b"x" * 1000), "another file: 1000 bytes instead of 300000", 1),
        (sends(b"x" * len(CONTENT)), "another file, by its checksum", 1),
        (sends(b"x" * 300_001, Content_Length=""), "sends more than 300000 bytes", 1),
    ],
)
def test_what_does_not_pass_is_one_line_and_leaves_nothing(
    server: FileServer, tmp_path: Path, answer: Answer, told: str, requests: int | None
) -> None:
    server.otherwise = answer
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path)
    line = str(caught.value)
    assert told in line
    assert line.startswith(server.address)
    assert "\n" not in line
    assert "EDGED_MODELS_URL" in line
    assert list(tmp_path.iterdir()) == []
    assert requests in {None, len(server.asked)}


def test_a_web_page_does_not_cost_what_is_here(server: FileServer, tmp_path: Path) -> None:
    part = begin(tmp_path, CONTENT[:1000])
    server.otherwise = sends(b"<html>", Content_Type="text/html")
    with pytest.raises(DownloadError, match="pull it again, it goes on after 1000 bytes"):
        get(server, tmp_path)
    assert part.read_bytes() == CONTENT[:1000]


def test_more_than_was_promised_is_not_taken(server: FileServer, tmp_path: Path) -> None:
    server.otherwise = sends(CONTENT + b"more", Content_Length=len(CONTENT))
    get(server, tmp_path)
    assert is_right(tmp_path)


@pytest.mark.parametrize("answer", [partly(1000), partly(1000, silence)])
def test_what_arrived_of_a_truncated_file_is_kept_without_its_name(
    server: FileServer, tmp_path: Path, answer: Answer
) -> None:
    server.otherwise = answer
    with pytest.raises(DownloadError, match="pull it again, it goes on after 1000 bytes"):
        get(server, tmp_path)
    (part,) = tmp_path.iterdir()
    assert (part.name, part.read_bytes()) == ("model file.tflite.part", CONTENT[:1000])


@pytest.mark.parametrize(
    ("mirror", "told"),
    [
        ("http://127.0.0.1:{port}/", "connection refused"),
        ("https://127.0.0.1:{server}/", "no TLS with it: "),
        ("http://no-such-host.invalid/", "its name is not found"),
        ("http://127.0.0.1:notaport/", "no such address can be asked: "),
        ("http://[::1/", "no such address can be asked: "),
    ],
)
def test_a_server_that_is_not_reached_is_told_with_what_to_check(
    server: FileServer, tmp_path: Path, mirror: str, told: str
) -> None:
    port = server.address.rstrip("/").rpartition(":")[2]
    address = mirror.format(port=free_port(), server=port)
    with pytest.raises(DownloadError, match=told) as caught:
        pull(FILE, tmp_path, [address], Heard(), SHORT)
    assert str(caught.value).startswith(address)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_address_or_checksum_is_not_pulled(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"no address of it: put it into {tmp_path}"):
        pull(FILE, tmp_path, [], Heard())
    with pytest.raises(DownloadError, match="the catalog has no checksum of it"):
        pull(File(path="x", address="http://127.0.0.1:1/x"), tmp_path, [], Heard())


# The disk


def test_a_disk_that_takes_no_more_keeps_what_it_has(server: FileServer, tmp_path: Path) -> None:
    """The limit of a file's size ends a write half-way, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_001, before[1]))
    try:
        with pytest.raises(EdgedError, match=r"model file\.tflite: file too large: ") as caught:
            get(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not isinstance(caught.value, DownloadError)
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == CONTENT[:100_001]
    get(server, tmp_path)
    assert is_right(tmp_path)
    assert server.ranges == [None, "bytes=100001-"]


def test_a_file_in_the_folder_s_place_and_links_are_told(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgedError, match=r"/file(/models)?: (not a directory|file exists): "):
        get(server, tmp_path / "file" / "models")
    (tmp_path / "target").touch()
    part_of(tmp_path / FILE.name).symlink_to(tmp_path / "target")
    with pytest.raises(EdgedError, match="a link is in the way: remove it"):
        get(server, tmp_path)
    assert (tmp_path / "target").read_bytes() == b""


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


def test_the_beginning_of_a_download_is_removed_too(tmp_path: Path) -> None:
    part = tmp_path / "a.tflite.part"
    part.write_bytes(b"123")
    assert store.removable("a", {"a": entry(name="a")}, [tmp_path], tmp_path) == [part]
    assert store.remove([part]) == 3
    with pytest.raises(EdgedError, match=r"a\.tflite\.part: no such file"):
        store.remove([part])
