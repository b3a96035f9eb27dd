"""A model's name or path becomes files, and with its tensors all that it needs."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_files import CATALOG, TINY, tiny, tiny_catalog

from edged import resources
from edged.config import model_directories, model_mirrors, own_models
from edged.errors import ConfigError, ModelError
from edged.inference import catalog

# Names


def test_every_bundled_model_can_be_had_checked_and_used_by_a_known_decoder() -> None:
    models = catalog.bundled()
    assert {"movenet-lightning", "movenet-thunder", "mobilenet-v2", "mobilenet-v2-tf2"} <= set(
        models
    )
    for entry in models.values():
        for file in entry.files.values():
            assert file.shipped or file.address.startswith("https://")
            assert file.address.endswith(f"/{file.path}")
            assert file.sha256 or file.blob
        assert (entry.labels is not None) == (entry.decoder == "classify")


def test_bundled_files_are_the_real_ones(shared: Path) -> None:
    checked = 0
    for entry in catalog.bundled().values():
        for file in entry.files.values():
            path = shared / "models" / file.name
            if path.exists():
                content = path.read_bytes()
                assert file.bytes == len(content)
                assert file.sha256 == hashlib.sha256(content).hexdigest()
                checked += 1
    assert checked >= 6


def test_an_unknown_name_gets_the_nearest_and_the_list(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as told:
        catalog.resolve("movenet-lightening", [tmp_path])
    assert "did you mean movenet-lightning?" in str(told.value)
    assert "mobilenet-v2" in str(told.value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("movenet", "did you mean movenet-lightning or movenet-thunder? Known"),
        ("MoveNet-Thunder", "did you mean movenet-thunder? Known"),
        ("thunder", "did you mean movenet-thunder? Known"),
        ("", 'called "". Known'),
        ("xyz", 'called "xyz". Known'),
    ],
)
def test_all_that_may_be_meant_is_named(tmp_path: Path, name: str, meant: str) -> None:
    with pytest.raises(ModelError) as told:
        catalog.resolve(name, [tmp_path])
    assert meant in str(told.value)


def test_a_model_that_is_not_here_tells_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"machine: edged models pull movenet-lightning$"):
        catalog.resolve("movenet-lightning", [tmp_path / "a", tmp_path / "b"])


def test_a_model_is_found_in_any_directory_with_its_twin_and_labels(shared: Path) -> None:
    models = shared / "models"
    file = catalog.resolve("movenet-lightning", [Path("/nowhere"), models])
    assert file.path == models / "movenet_single_pose_lightning_ptq.tflite"
    assert file.edgetpu == models / "movenet_single_pose_lightning_ptq_edgetpu.tflite"
    labels = catalog.resolve("mobilenet-v2", [models]).labels
    assert labels == models / "imagenet_labels.txt"


@pytest.mark.parametrize("damaged", [b"", TINY[:5], b"<html>"])
def test_a_damaged_twin_is_no_reason_to_refuse_a_model(tmp_path: Path, damaged: bytes) -> None:
    path, twin = tiny(tmp_path), tiny(tmp_path, "tiny_edgetpu.tflite", damaged)
    assert catalog.resolve(str(path), [tmp_path]).edgetpu == twin
    tiny_catalog(tmp_path)
    listed = tmp_path / "catalog.toml"
    listed.write_text(listed.read_text() + 'edgetpu = { path = "tiny_edgetpu.tflite" }\n')
    assert catalog.resolve("tiny", [tmp_path]).edgetpu == twin


def test_a_truncated_file_is_told_with_both_sizes(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path, content=TINY[:60])
    with pytest.raises(ModelError, match="is truncated: 60 of 108 bytes"):
        catalog.resolve("tiny", [tmp_path])


def test_a_directory_of_models_can_add_to_the_catalog(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    tiny(tmp_path)
    (tmp_path / "tiny_labels.txt").write_text("a\nb\nc\n")
    file = catalog.resolve("tiny", [tmp_path])
    assert file.entry is not None
    assert (file.entry.title, file.entry.crop, file.entry.licence) == ("Tiny", 0.875, "CC0-1.0")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("colour = 3\n[models]", "unknown field `colour`"),
        ("[models.x]\ntitle = 3", "title"),
        ("[models", "catalog.toml"),
        ("\ufeff\x00", "catalog.toml"),
        (f"x = {'[' * 3000}", "nested too deeply"),
        (CATALOG.replace("some/tiny.tflite", "some/../../tiny"), "path"),
        (CATALOG.replace("some/tiny.tflite", "/etc/tiny"), "path"),
        (CATALOG.replace("some/tiny.tflite", "some/"), "path"),
        (CATALOG.replace("some/tiny.tflite", ".."), "path"),
    ],
)
def test_a_wrong_catalog_is_told_with_its_path(tmp_path: Path, wrong: str, told: str) -> None:
    (tmp_path / "catalog.toml").write_text(wrong)
    with pytest.raises(ModelError, match=told) as error:
        catalog.resolve("movenet-lightning", [tmp_path])
    assert str(tmp_path / "catalog.toml") in str(error.value)


def test_directories_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("EDGED_MODELS", raising=False)
    system = Path("/var/lib/edged/models")
    home = Path("/home/somebody/.local/share/edged/models")
    assert model_directories() == (home, system)
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert model_directories() == (home, system)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("EDGED_MODELS", "/extra")
    assert model_directories() == (Path("/extra"), Path("/data/edged/models"), system)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("HOME")
    assert model_directories() == (Path("/extra"), system)


def test_pulled_models_have_a_place_by_who_pulls(monkeypatch: pytest.MonkeyPatch) -> None:
    system, home = Path("/var/lib/edged/models"), Path("/home/me/.local/share/edged/models")
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("XDG_DATA_HOME", "EDGED_MODELS", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert own_models() == home
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edged")  # a service
    assert own_models() == system
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert own_models() == system
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert own_models() == Path("/data/edged/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert own_models() == system
    assert own_models() in model_directories()


def test_mirrors_are_addresses_and_https_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGED_MODELS_URL", raising=False)
    assert model_mirrors() == ()
    monkeypatch.setenv("EDGED_MODELS_URL", " models.example.org/a  http://pi.local:8000/ ")
    assert model_mirrors() == ("https://models.example.org/a/", "http://pi.local:8000/")
    for wrong in ("ftp://x", "file:///srv/models", "https://"):
        monkeypatch.setenv("EDGED_MODELS_URL", wrong)
        with pytest.raises(ConfigError, match="EDGED_MODELS_URL: expected addresses such as"):
            model_mirrors()
    monkeypatch.setenv("EDGED_MODELS_URL", "ftp://me:hunter2@x")
    with pytest.raises(ConfigError, match=r'got "ftp://me:\*+@x"'):
        model_mirrors()


# Models that come with edged


@pytest.fixture(params=["checkout", "wheel"])
def shipped(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder of edged's own catalog, which has a model beside it."""
    package = tmp_path / "edged"
    folder = (tmp_path if request.param == "checkout" else package / "data") / "models"
    (folder / "some").mkdir(parents=True)
    tiny_catalog(folder)
    own = folder / "catalog.toml"
    own.write_text(own.read_text().replace("file = {", "file = { shipped = true,"))
    tiny(folder / "some")
    monkeypatch.setattr(resources, "_PACKAGE", package)
    catalog.bundled.cache_clear()
    yield folder
    catalog.bundled.cache_clear()


def test_a_shipped_model_is_found_beside_the_catalog_and_nowhere_else(
    shipped: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "store"
    elsewhere.mkdir()
    tiny(elsewhere, content=TINY[:-1])
    file = catalog.resolve("tiny", [elsewhere])
    assert file.path == shipped / "some" / "tiny.tflite"
    assert catalog.resolve(str(file.path), [elsewhere]).name == "tiny"


def test_a_shipped_model_that_is_missing_or_damaged_is_a_matter_of_installing(
    shipped: Path, tmp_path: Path
) -> None:
    path = shipped / "some" / "tiny.tflite"
    path.write_bytes(TINY[:50])
    with pytest.raises(ModelError, match=r"is truncated: 50 of 108 bytes: install edged again$"):
        catalog.resolve("tiny", [tmp_path])
    path.unlink()
    with pytest.raises(ModelError, match=r"tiny\.tflite is missing: install edged again$"):
        catalog.resolve("tiny", [tmp_path])


def test_every_shipped_file_goes_into_the_wheel() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["models/catalog.toml"] == "edged/data/models/catalog.toml"
    for entry in catalog.bundled().values():
        for file in entry.files.values():
            if file.shipped:
                assert included[f"models/{file.path}"] == f"edged/data/models/{file.path}"


# Paths


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "m.tflite", "is empty"),
        (b"hello, this is text", "m.tflite", "bytes 4 to 8 are not TFL3"),
        (b"abc", "m.tflite", "bytes 4 to 8 are not TFL3"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "m.tflite", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "m.tflite", "web page"),
        (b"\x89HDF\r\n\x1a\n", "m.tflite", "Keras"),
        (b"PK\x03\x04........", "m.keras", "zip or Keras"),
        (b"\x08\x07\x12\x07pytorch", "m.bin", "looks like an ONNX one: have its name end in .onnx"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "m.onnx",
            "no ONNX .* Git LFS pointer",
        ),
        (b"<!DOCTYPE html><html>", "m.ONNX", "no ONNX model but a web page"),
        (TINY, "m.onnx", "no ONNX model but a TensorFlow Lite one: have its name end in .tflite"),
        (b"", "m.onnx", "is empty"),
        (b"\x1f\x8b\x08\x00....", "m.tflite", "gzip"),
    ],
)
def test_what_is_no_model_is_told_by_what_it_is(
    tmp_path: Path, content: bytes, name: str, told: str
) -> None:
    path = tiny(tmp_path, name, content)
    with pytest.raises(ModelError, match=told) as error:
        catalog.resolve(str(path), [tmp_path])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_directory_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing.tflite: No such file or directory"):
        catalog.resolve("nothing.tflite", [tmp_path])
    with pytest.raises(ModelError, match="is a directory"):
        catalog.resolve(str(tmp_path), [tmp_path])


def test_a_file_without_ending_is_a_path_when_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny(tmp_path, "mymodel")
    assert catalog.resolve("mymodel", [tmp_path]).path == Path("mymodel")


def test_a_renamed_file_of_the_catalog_is_recognised(tmp_path: Path, shared: Path) -> None:
    path = tmp_path / "renamed.tflite"
    shutil.copyfile(shared / "models" / "mobilenet_v1_0.25_128_quant.tflite", path)
    file = catalog.resolve(str(path), [shared / "models"])
    assert file.name == "mobilenet-v1-0.25-128"
    assert file.labels == shared / "models" / "imagenet_labels.txt"


def test_a_file_of_the_same_size_is_not_taken_for_the_catalog_s(tmp_path: Path) -> None:
    tiny_catalog(tmp_path)
    path = tiny(tmp_path, content=TINY[:-1] + b"\x01")
    assert catalog.resolve(str(path), [tmp_path]).entry is None


def test_a_file_known_by_git_s_name_is_recognised(tmp_path: Path) -> None:
    blob = hashlib.sha1(b"blob 108\0" + TINY, usedforsecurity=False).hexdigest()
    text = CATALOG.replace("bytes = 108, sha256", "blob") % blob
    (tmp_path / "catalog.toml").write_text(text)
    assert catalog.resolve(str(tiny(tmp_path)), [tmp_path]).name == "tiny"
    assert catalog.resolve(str(tiny(tmp_path, "other.tflite")), [tmp_path]).name == "other"


def test_a_compiled_model_and_the_one_it_was_compiled_from_find_each_other(
    tmp_path: Path,
) -> None:
    compiled = tiny(tmp_path, "m_edgetpu.tflite", TINY + b"edgetpu-custom-op")
    alone = catalog.resolve(str(compiled), [tmp_path])
    assert (alone.name, alone.cpu, alone.edgetpu) == ("m", None, compiled)
    plain = tiny(tmp_path, "m.tflite")
    for path in (compiled, plain):
        file = catalog.resolve(str(path), [tmp_path])
        assert (file.name, file.cpu, file.edgetpu) == ("m", plain, compiled)
