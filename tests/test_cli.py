"""The command line as a shell sees it: one line and the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import tiny_models

from edged.messages.catalogue import PAYLOADS

DEADLINE_S = 30


def edged(
    *words: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edged", *words],
        cwd=cwd,
        env={**os.environ, "EDGED_DEBUG": "", **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "edged: Missing command (see edged --help)"),
        (["bogus"], "edged: No such command 'bogus' (see edged --help)"),
        (["config"], "edged: Missing command (see edged config --help)"),
        (["config", "check"], "edged: Missing argument 'FILE' (see edged config check --help)"),
        (["schema", "--chekc"], "edged: No such option: --chekc"),
    ],
)
def test_wrong_use_gets_one_line_and_exit_code_2(words: list[str], told: str) -> None:
    done = edged(*words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(told)


def test_the_version_is_that_of_the_package() -> None:
    done = edged("--version")
    assert (done.returncode, done.stdout) == (0, f"edged {version('edged')}\n")


def test_the_entry_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("edged")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    )
    assert done.stdout == f"edged {version('edged')}\n"


def test_a_good_configuration_is_ok(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_models.pose_model())
    (tmp_path / "edged.toml").write_text('[pose]\nmodel = "model.tflite"\n')
    done = edged("config", "check", "edged.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "edged.toml: ok\n", "")


def test_what_the_service_would_refuse_is_told_with_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "edged.toml").write_text(
        '[camera]\nsource = "no.mp4"\n[pose]\nmodel = "movenet-lightnin"\n'
        '[labels]\nmodel = "no.tflite"\nlabels = "no.txt"\n[mqtt]\ntls = true\nca_file = "no.pem"\n'
    )
    done = edged("config", "check", "edged.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    told = done.stderr.splitlines()
    places = (
        "[mqtt]",
        "[camera] source",
        "[pose] model",
        "[labels] model",
        "[labels] labels",
    )
    for line, place in zip(told, places, strict=True):
        assert line.startswith("edged.toml: ")
        assert f"{place}: not usable here: " in line
    only = edged("config", "check", "edged.toml", "--only-file", cwd=tmp_path)
    assert (only.returncode, only.stdout, only.stderr) == (0, "edged.toml: ok\n", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[camera]\nsource = "athlete:squatt"\n', "did you mean"),
        ('[camera]\nsource = "athlete"\nrotate = 90\n', "rotate"),
        ('[camera]\nsource = "edged.toml"\n', "not a video"),
        ('[pose]\nmodel = "movenet-lightnin"\n', "did you mean movenet-lightning?"),
        ('[pose]\nmodel = ""\n[labels]\nmodel = "mobilenet-v2"\n', "edged models pull mobilenet"),
    ],
)
def test_the_daemon_and_the_check_refuse_the_same(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_models.pose_model())
    pose = "" if "[pose]" in text else '[pose]\nmodel = "model.tflite"\n'
    (tmp_path / "edged.toml").write_text(pose + text)
    where = {"EDGED_MODELS": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    checked = edged("config", "check", "edged.toml", cwd=tmp_path, **where)
    assert (checked.returncode, checked.stdout) == (78, "")
    (line,) = checked.stderr.splitlines()
    assert why in line
    ran = edged("run", "--config", "edged.toml", cwd=tmp_path, **where)
    assert ran.returncode == 78
    assert why in ran.stderr


@pytest.mark.parametrize("source", ["/dev/video987", "picamera", "rtsp://192.0.2.1/x"])
def test_what_is_only_away_is_no_reason_against_a_configuration(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_models.pose_model())
    (tmp_path / "edged.toml").write_text(
        f'[camera]\nsource = "{source}"\n[pose]\nmodel = "model.tflite"\n'
        '[mqtt]\nhost = "192.0.2.1"\n'
    )
    done = edged("config", "check", "edged.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "edged.toml: ok\n", "")


@pytest.mark.parametrize("words", [["config", "check"], ["config", "show"]])
def test_a_bad_configuration_is_told_whole_with_exit_code_78(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "edged.toml").write_text('[mqtt]\nport = "abc"\nprot = 1\n')
    done = edged(*words, "edged.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.splitlines() == [
        'edged.toml: [mqtt] port: expected an integer 1-65535, got "abc"',
        'edged.toml: [mqtt] prot: unknown key, did you mean "port"?',
    ]


def test_a_traceback_is_for_those_who_ask(tmp_path: Path) -> None:
    done = edged("config", "check", tmp_path / "missing", EDGED_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ConfigError" in done.stderr


def test_stale_schemas_are_exit_code_1(tmp_path: Path) -> None:
    done = edged("schema", "--check", cwd=tmp_path)
    assert done.returncode == 1
    told = done.stdout.splitlines()
    assert len(told) == len(PAYLOADS) + 1
    assert all(one.endswith(": missing") for one in told)
    assert done.stderr == (
        "edged: docs/schema: not as the payloads are; run edged schema, remove extras\n"
    )


def test_a_reader_that_leaves_early_is_no_reason_for_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "edged", "config", "show"],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_fault_of_edged_itself_is_one_line_too(tmp_path: Path) -> None:
    # A file name that is no text cannot be printed as text.
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(path).touch()
    done = edged("config", "check", path, "--only-file", PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("edged: unforeseen UnicodeEncodeError")
    assert "Traceback" not in done.stderr


DURING_IMPORT = """
import sys

class Finder:
    def find_spec(self, name, *_):
        if name == "edged.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
"""
WHILE_BUILT = """
import edged.cli

def app(**_):
    raise KeyboardInterrupt

edged.cli.app = app
"""


@pytest.mark.parametrize("moment", [DURING_IMPORT, WHILE_BUILT])
def test_an_early_ctrl_c_is_quiet(moment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{moment}\nfrom edged.__main__ import main\nmain()"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_athlete_that_there_is_not_is_told_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny_models.pose_model())
    for source, told in (
        ("athlete:squat?seed=7", ""),
        ("athlete:sqat", "did you mean squat?"),
        ("athlete:no.toml", "no.toml: no such file"),
    ):
        (tmp_path / "edged.toml").write_text(
            f'[camera]\nsource = "{source}"\n[pose]\nmodel = "model.tflite"\n'
        )
        done = edged("config", "check", "edged.toml", cwd=tmp_path)
        is_good = told == ""
        assert (done.returncode, done.stdout) == ((0, "edged.toml: ok\n") if is_good else (78, ""))
        assert told in done.stderr
        assert (done.stderr == "") is is_good
