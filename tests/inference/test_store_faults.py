"""Pulls from servers and onto disks that fail, in all the ways that they do."""

from __future__ import annotations

import dataclasses
import os
import re
import resource
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from brokers import free_port
from file_servers import (
    Answer,
    Exchange,
    FileServer,
    drops,
    garbled,
    partly,
    redirects,
    sends,
    silence,
    status,
    well,
    without_length,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulls import BLOB, CONTENT, FILE, PATH, SHORT, Heard, begin, get, is_right

from edged.errors import DownloadError, EdgedError
from edged.inference import download
from edged.inference.catalog import File
from edged.inference.store import part_of, pull

# Faults that pass


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([status(500), status(503)], ["server error (HTTP 500)", "unavailable (HTTP 503)"]),
        ([status(429)], ["too many requests (HTTP 429)"]),
        ([partly(1000), partly(1500)], ["ended after 1000 of 300000", "ended after 1500 of"]),
        ([partly(1000, silence)], ["silent for 1 s"]),
        ([drops], ["sends next to nothing"]),
        ([silence], ["silent for 1 s"]),
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


def test_a_server_that_begins_again_and_again_is_not_asked_for_ever(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1000)

    def much(exchange: Exchange) -> None:
        exchange.head(200, Content_Length=len(CONTENT))
        exchange.body(CONTENT[:5000])

    def nothing(exchange: Exchange) -> None:
        exchange.head(200, Content_Length=len(CONTENT))

    server.answers = [much, nothing] * 20
    with pytest.raises(DownloadError, match="ended after"):
        get(server, tmp_path)
    assert len(server.asked) == SHORT.tries


def test_no_address_is_asked_more_often_than_is_patient(server: FileServer, tmp_path: Path) -> None:
    server.answers = [partly(1000 * number) for number in range(1, 20)]
    patience = dataclasses.replace(SHORT, tries=100, most=7)
    with pytest.raises(DownloadError, match="goes on after 7000 bytes"):
        pull(FILE, tmp_path, [server.address], Heard(), patience)
    assert len(server.asked) == 7


@pytest.mark.parametrize("then", [well, without_length], ids=["goes on", "begins again"])
def test_what_was_cut_off_without_a_length_is_not_thrown_away(
    server: FileServer, tmp_path: Path, then: Answer
) -> None:
    def cut_off(exchange: Exchange) -> None:
        exchange.head(200)
        exchange.body(CONTENT[:1000])

    server.answers = [cut_off, then]
    get(server, tmp_path, BLOB)
    assert is_right(tmp_path)
    assert server.ranges == [None, "bytes=1000-"]


def test_another_file_without_a_length_is_told_as_what_it_may_be(tmp_path: Path) -> None:
    with FileServer({quote(PATH): b"?" * 1000}, otherwise=without_length) as server:
        words = (
            r"another file, by its checksum, or cut off: the server does not tell its size: name"
        )
        with pytest.raises(DownloadError, match=words):
            get(server, tmp_path, BLOB)
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("name", [FILE.name, f"{FILE.name}.part"])
def test_something_else_in_its_place_is_told_by_name(
    server: FileServer, tmp_path: Path, make: Callable[[Path], None], name: str
) -> None:
    make(tmp_path / name)
    if name == FILE.name and make is os.mkfifo:
        get(server, tmp_path)  # is replaced as any other file is
        assert is_right(tmp_path)
        return
    with pytest.raises(EdgedError) as caught:
        get(server, tmp_path)
    place = re.escape(str(tmp_path / name))
    assert re.fullmatch(
        f"{place}: [a-z ]+: something else is in the way: remove it", str(caught.value)
    )


def test_a_beginning_that_is_removed_meanwhile_is_told(server: FileServer, tmp_path: Path) -> None:
    part = part_of(tmp_path / FILE.name)

    def removed(_: object) -> None:
        part.unlink()

    server.answers = [partly(len(CONTENT) // 2, removed)]
    with pytest.raises(EdgedError) as caught:
        get(server, tmp_path)
    assert str(caught.value) == (
        f"{part}: no such file or directory: removed meanwhile: pull it again"
    )
    assert list(tmp_path.iterdir()) == []
    get(server, tmp_path)
    assert is_right(tmp_path)
