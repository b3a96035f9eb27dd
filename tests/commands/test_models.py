"""`edged models`: list, pull, verify, path, remove, with a real server and real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import DEADLINE_S, until
from file_servers import FileServer, partly, silence
from shelves import CATALOG, FILES, HEAD, ONE, Told, here, pull, put, run
from terminals import Terminal

import edged
from edged import resources
from edged.commands import models
from edged.errors import ModelError, UsageError
from edged.inference.catalog import bundled

SHIPPED = bundled()["athlete-pose"].file.address
"""Where the model is that comes with edged."""


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


def test_a_file_that_is_not_whole_is_not_called_pulled(own: Path, told: Told) -> None:
    put(own, "a/one_edgetpu.tflite", "two.tflite")
    (own / "one.tflite").write_bytes(HEAD)
    with (own / "two.tflite").open("ab") as file:
        file.write(b"more")
    models.show(json=False)
    rows = {line.split()[0]: line.split()[-2:] for line in told()[0]}
    assert (rows["one"], rows["two"]) == (["truncated", "pulled"], ["wrong", "-"])
    models.show(json=True)
    (line,), _ = told()
    one = next(model for model in json.loads(line) if model["name"] == "one")
    assert {role: file["flaw"] for role, file in one["files"].items()} == {
        "cpu": "truncated",
        "edgetpu": None,
        "labels": None,
    }


def test_what_is_wrong_in_the_service_s_folder_is_mended_by_root(
    own: Path, shelf: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "SYSTEM_MODELS", shelf)
    put(own, "labels.txt")
    for folder, name in ((own, "one"), (shelf, "two")):
        (folder / f"{name}.tflite").write_bytes(HEAD)
    assert models.verify([], json=False) == 1
    assert told()[1][-1].endswith(
        "2 of 5 files are not right: edged models pull one; sudo edged models pull two"
    )


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
