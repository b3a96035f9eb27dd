"""Folders of models, a server that has them, and what was printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_servers import FileServer
from shelves import CATALOG, FILES, Told


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


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """The lines on standard output and standard error since the last time."""

    def lines() -> tuple[list[str], list[str]]:
        out, err = capsys.readouterr()
        return out.splitlines(), err.splitlines()

    return lines
