"""A server of the file that is pulled, and no way around it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from file_servers import FileServer
from pulls import CONTENT, PATH


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({quote(PATH): CONTENT}) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
