"""Asking a child process: answers, failures, crashes, silence."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil
import pytest

from edged.isolated import Answer, ask


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = {
        "answers": "import sys; print('chatter'); print(sys.stdin.read().upper())",
        "fails": "import sys; sys.exit('no such library')",
        "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "hangs": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()",
        "deaf": "import os; os.close(0); print('fine')",
    }
    for name, code in programs.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize(
    ("module", "answer"),
    [
        ("answers", Answer(b"A QUESTION")),
        ("fails", Answer(b"", "ended with code 1: no such library")),
        ("crashes", Answer(b"", "was killed by SIGSEGV")),
        ("deaf", Answer(b"fine")),
    ],
)
def test_what_comes_of_a_question(module: str, answer: Answer) -> None:
    assert ask(module, b"a question", 20.0) == answer


def open_files() -> set[str]:
    return {file.name for file in Path("/proc/self/fd").iterdir()}


def test_a_child_that_hangs_is_killed_and_leaves_nothing() -> None:
    gc.collect()  # what earlier tests have left open must not be closed meanwhile
    before, others = open_files(), set(psutil.Process().children())
    assert ask("hangs", b"", 0.2) == Answer(b"", "did not answer within 0.2 s")
    assert open_files() == before
    assert set(psutil.Process().children()) <= others
