"""`edged schema`: the schemas that lie in the repository are those of the payloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edged.commands.schema import run, schema_of
from edged.errors import EdgedError
from edged.messages.asyncapi import document
from edged.messages.catalogue import CHANNELS, PAYLOADS

DIRECTORY = Path(__file__).parents[2] / "docs" / "schema"


def shapes(topic: str) -> list[dict[str, Any]]:
    schema = schema_of(topic)
    return [schema, *schema.get("$defs", {}).values()]


def test_the_schemas_of_the_repository_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    run(DIRECTORY, check=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("topic", PAYLOADS)
def test_a_schema_is_one_and_says_what_it_is_of(topic: str) -> None:
    schema = schema_of(topic)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:edged:v1:{topic}"
    assert all(shape["title"] and shape["description"] for shape in shapes(topic))


@pytest.mark.parametrize("topic", PAYLOADS)
def test_every_key_is_required_and_unknown_ones_are_allowed(topic: str) -> None:
    for shape in shapes(topic):
        assert shape["required"] == list(shape["properties"])
        assert "additionalProperties" not in shape


@pytest.mark.parametrize(
    ("topic", "wrong"),
    [
        ("pose", {"poses": None}),
        ("pose", {"v": 2}),
        ("pose", {"age_ms": -1}),
        ("labels", {"labels": [{"label": "cat", "index": 1, "score": 1.1}]}),
        ("info", {"keypoint_names": ["nose"]}),
        ("health", {"state": "fine"}),
    ],
)
def test_what_breaks_the_contract_is_refused(topic: str, wrong: dict[str, Any]) -> None:
    (key,) = wrong
    found = Draft202012Validator(schema_of(topic)).iter_errors(wrong)
    assert any(error.absolute_path and error.absolute_path[0] == key for error in found)


def test_written_schemas_are_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "new" / "schema"
    run(directory, check=False)
    files = sorted(directory.iterdir())
    wanted = {topic.replace("/", "-"): schema_of(topic) for topic in PAYLOADS}
    wanted["asyncapi"] = document(CHANNELS)
    assert [path.stem for path in files] == sorted(wanted)
    assert capsys.readouterr().out.splitlines() == [str(path) for path in files]
    assert all(json.loads(path.read_text()) == wanted[path.stem] for path in files)
    run(directory, check=True)


def test_a_check_lists_what_is_stale_missing_and_extra_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, check=False)
    (tmp_path / "asyncapi.json").write_text("{}")
    (tmp_path / "pose.json").write_text("{}")
    (tmp_path / "info.json").unlink()
    (tmp_path / "extra.json").write_text("{}")
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    capsys.readouterr()
    with pytest.raises(EdgedError, match="run edged schema"):
        run(tmp_path, check=True)
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'asyncapi.json'}: stale",
        f"{tmp_path / 'extra.json'}: extra",
        f"{tmp_path / 'info.json'}: missing",
        f"{tmp_path / 'pose.json'}: stale",
    ]
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgedError, match=r"file: \[Errno 17\] File exists"):
        run(tmp_path / "file", check=False)
