"""Data files are found beside the code that needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged import resources
from edged.errors import EdgedError
from edged.resources import resource

CHECKOUT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["config/edged.toml", "models/catalog.toml"])
def test_a_checkout_has_its_files_where_git_has_them(name: str) -> None:
    assert resource(name) == CHECKOUT / name


def test_an_installed_edged_takes_its_own_files_before_those_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "edged"
    for root in (tmp_path, package / "data"):
        (root / "models").mkdir(parents=True)
        (root / "models" / "catalog.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resource("models/catalog.toml") == package / "data" / "models" / "catalog.toml"


def test_a_file_that_is_missing_is_told() -> None:
    with pytest.raises(EdgedError, match=r"^models/none\.toml: .* install edged again$"):
        resource("models/none.toml")
