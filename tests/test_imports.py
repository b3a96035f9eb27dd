"""Who may import whom: the arrows of the architecture, held."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edged

PACKAGE = Path(edged.__file__).parent
PARTS = {
    "capture",
    "inference",
    "decoders",
    "fitness",
    "mqtt",
    "dashboard",
    "evaluation",
    "metrics",
}
BASE = {"types", "messages", "errors", "config", "sections", "masking", "cv"}
SERVICE = {
    *("systemd", "processes", "isolated", "resources", "toml"),
    *("overlay", "health", "exercise_stage", "pipeline", "gym", "herald", "frameloop"),
    *("holdings", "chain"),
    *("observing", "orders", "supervision", "daemon"),
}
NATIVE = {"ai_edge_litert", "tflite_runtime", "onnxruntime"}
IN_THE_WORKER = {
    "inference.worker": {"edged.inference.graphs", "edged.inference.onnx"},
    "inference.graphs": set[str](),
    "inference.onnx": {
        "edged.inference.onnx_file.Quantization",
        "edged.inference.onnx_file.quantizations",
    },
    "inference.onnx_file": set[str](),
}
"""What the worker's process loads, and what of edged each of it may import."""
PI_CAMERA = {"picamera2", "libcamera"}

MAY_IMPORT = {
    "errors": set[str](),
    "systemd": set[str](),
    "types": set[str](),
    "messages": {"types"},
    "toml": {"masking"},
    "cv": {"types"},
    "masking": set[str](),
    "keys": set[str](),
    "textfile": {"errors"},
    "sections": {"keys"},
    "config": {"errors", "textfile", "toml", "masking", "sections"},
    "resources": {"errors"},
    "processes": set[str](),
    "isolated": {"processes"},
    "overlay": {"types", "cv"},
    "health": BASE | PARTS | {"systemd", "processes"},
    "exercise_stage": BASE | PARTS,
    "pipeline": BASE | PARTS | {"health", "exercise_stage"},
    "gym": BASE | {"fitness"},
    "herald": BASE | {"mqtt"},
    "frameloop": BASE | PARTS | {"health", "pipeline", "gym"},
    "holdings": BASE | PARTS | {"pipeline"},
    "chain": BASE | PARTS | {"health", "pipeline", "frameloop", "gym", "herald", "holdings"},
    "observing": BASE | PARTS | {"chain", "health", "processes"},
    "orders": {"chain", "errors", "gym", "mqtt"},
    "supervision": {"chain", "health", "systemd"},
    "daemon": BASE | PARTS | SERVICE - {"daemon"},
    "bench": BASE | PARTS | SERVICE,
    "doctor": BASE | PARTS | {"exercise_stage", "pipeline", "health", "processes", "isolated"},
    "fleet": BASE | PARTS,
    "view": {"types", "messages"},
    "commands": BASE | PARTS | SERVICE | {"bench", "doctor", "fleet", "view"},
    "options": {"commands"},  # to complete names
    "groups": {"commands", "options"},
    "measuring": {"commands", "options"},
    "cli": {"commands", "config", "errors", "options", "groups", "measuring"},
    "__main__": {"cli"},
} | dict.fromkeys(PARTS, BASE)
"""By the first name below `edged`; every one may import from itself."""

EXTRA = {
    "inference.catalog": {"resources"},
    "inference.process": {"processes"},
    "inference.libedgetpu": {"isolated"},
    "fitness.exercises": {"resources", "toml"},
    "capture.athlete.script": {"toml"},
}
TRAINING = PACKAGE.parent / "models" / "training"
TRAINING_MAY_IMPORT = {
    *("edged", "models", "msgspec", "numpy"),
    *("keras", "tensorflow", "ai_edge_litert"),
}
STDLIB_ONLY = {"errors", "systemd", "inference.graphs"}
# OpenCV and libcamera take their settings from the environment only, and systemd speaks to a
# service by it.
ENVIRONMENT = {"config", "cv", "systemd", "capture.pi_library"}


def violations(module: str, code: str) -> list[str]:
    """What a module (`mqtt.publisher`) does that it may not, a line each."""
    tree = ast.parse(code)
    return [f"edged.{module}: {what}" for what in _violations(module, tree)]


def _violations(module: str, tree: ast.Module) -> Iterator[str]:
    home = module.partition(".")[0]
    for name in _imports(tree):
        if name.partition(".")[0] == "edged":
            yield from _wrong_way(module, home, name)
        else:
            yield from _wrong_library(module, home, name)
    if module not in ENVIRONMENT:
        copies = _environment_copies(tree) if home == "inference" else set()
        yield from (
            f"line {look.lineno}: reads the environment"
            for look in _environment_looks(tree)
            if look not in copies
        )


def _wrong_way(module: str, home: str, name: str) -> Iterator[str]:
    allowed = MAY_IMPORT.get(home, set()) | EXTRA.get(module, set()) | {home}
    _, target, *_ = [*name.split("."), ""]
    if target not in allowed or name not in IN_THE_WORKER.get(module, {name}):
        yield f"imports {name}"
    elif home in PARTS and target == "config":
        yield f"imports {name}: a part knows its section only"


def _wrong_library(module: str, home: str, name: str) -> Iterator[str]:
    library = name.partition(".")[0]
    if {home, module} & STDLIB_ONLY and library not in sys.stdlib_module_names | {"systemd"}:
        yield f"imports {name}, which is not in the standard library"
    if library == "models":
        yield f"imports {name}, which makes models and is no part of edged"
    if module != "cv" and library == "cv2":
        yield "imports cv2, which has to be set up by edged.cv before it is loaded"
    if module != "capture.pi_library" and library in PI_CAMERA:
        yield f"imports {name}, which only those have who ask for the Pi's camera"
    if module not in IN_THE_WORKER and library in NATIVE:
        yield f"imports {name}, which belongs to the worker"


def _imports(tree: ast.Module) -> Iterator[str]:
    """Every imported thing with its full name: `edged.types.Frame`, `numpy`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), level=0, names=names):
                yield from (f"{source}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                yield "edged"  # relative: no arrow to be seen
            case ast.Call(
                func=ast.Attribute(attr="import_module")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(source)), *_],
            ):
                yield source


def _environment_looks(tree: ast.Module) -> Iterator[ast.Attribute | ast.ImportFrom]:
    """Where a module touches the environment of the process."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(
                value=ast.Name(id="os"), attr="environ" | "environb" | "getenv" | "getenvb"
            ):
                yield node
            case ast.ImportFrom(module="os", names=names):
                if any(alias.name.startswith(("environ", "getenv")) for alias in names):
                    yield node


def _environment_copies(tree: ast.Module) -> set[ast.expr]:
    """What is copied as a whole, as for a child process: that is not a look inside."""
    copies: set[ast.expr] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="copy")):  # os.environ.copy()
                copies.add(value)
            case ast.Call(func=ast.Name(id="dict"), args=[value]):  # dict(os.environ, ...)
                copies.add(value)
            case ast.Dict(keys=keys, values=values):  # {**os.environ, ...}
                copies |= {v for key, v in zip(keys, values, strict=True) if key is None}
            case ast.BinOp(left=value, op=ast.BitOr()):  # os.environ | {...}
                copies.add(value)
    return copies


def training_violations(code: str) -> list[str]:
    """What a module of `models.training` imports that it may not, a line each."""
    return [
        f"imports {name}"
        for name in _imports(ast.parse(code))
        if name.partition(".")[0] not in TRAINING_MAY_IMPORT | sys.stdlib_module_names
        or name.startswith(("edged.cli", "edged.daemon"))
        or name == "edged"
    ]


def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    }


@pytest.mark.parametrize("module", _modules())
def test_a_module_imports_and_reads_only_what_it_may(module: str) -> None:
    assert violations(module, _modules()[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", _modules())
def test_every_module_has_its_place_in_the_house(module: str) -> None:
    assert module.partition(".")[0] in MAY_IMPORT


@pytest.mark.parametrize("path", sorted(TRAINING.glob("*.py")), ids=lambda path: path.stem)
def test_training_stands_on_edged_and_never_the_other_way_around(path: Path) -> None:
    assert training_violations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code", ["import cv2", "import tiny_models", "from edged.cli import app", "from . import train"]
)
def test_what_training_may_not_import_is_seen(code: str) -> None:
    assert training_violations(code) != []


def test_package_files_are_empty() -> None:
    assert [path for path in PACKAGE.rglob("__init__.py") if path.read_bytes()] == []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("capture.opencv", "from edged.mqtt.publisher import Publisher"),
        ("capture.opencv", "from edged import mqtt"),
        ("capture.opencv", "import edged.pipeline"),
        ("capture.opencv", "from edged.commands.run import run"),
        ("capture.opencv", "from ..mqtt import publisher"),
        ("capture.opencv", "def f():\n    from edged.inference import engine"),
        ("capture.opencv", "from edged.config import Config"),
        ("capture.opencv", "import edged.config"),
        ("capture.opencv", "from edged.resources import resource"),
        ("capture.opencv", "import os\nx = dict(os.environ)"),
        ("evaluation.report", "from models.training.frames import Frames"),
        ("bench.rig", "import models"),
        ("errors", "import numpy"),
        ("types", "from edged.errors import EdgedError"),
        ("daemon", "from edged.commands import run"),
        ("commands.run", "from edged.cli import app"),
        ("inference.worker", "from edged.types import Pixels"),
        ("inference.worker", "from edged.inference import engine"),
        ("inference.worker", "import cv2"),
        ("inference.graphs", "import numpy"),
        ("inference.graphs", "from edged.types import Pixels"),
        ("inference.worker", "from edged.cv import cv2"),
        ("inference.onnx", "from edged.errors import ModelError"),
        ("inference.onnx", "from edged.inference.catalog import ModelFile"),
        ("inference.onnx", "import cv2"),
        ("inference.engine", "import onnxruntime"),
        ("capture.opencv", "import cv2"),
        ("capture.picamera", "from picamera2 import Picamera2"),
        ("view.canvas", "from edged.cv import cv2"),
        ("inference.engine", "from ai_edge_litert.interpreter import Interpreter"),
        ("inference.engine", "import importlib\nimportlib.import_module('tflite_runtime')"),
        ("inference.engine", "import os\nhome = os.environ['HOME']"),
        ("inference.engine", "import os\nhome = os.environ.get('HOME')"),
        ("cli", "import os\ndebug = os.getenv('EDGED_DEBUG')"),
        ("cli", "from os import environ"),
    ],
)
def test_what_may_not_be_is_seen(module: str, code: str) -> None:
    assert violations(module, code) != []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("capture.opencv", "from edged.cv import cv2\nfrom edged.types import Frame"),
        ("capture.opencv", "from edged.capture.source import Source"),
        ("capture.opencv", "from edged.sections import Camera"),
        ("inference.catalog", "from edged.resources import resource"),
        ("inference.worker", "from ai_edge_litert.interpreter import Interpreter"),
        ("inference.worker", "from edged.inference import graphs"),
        ("inference.worker", "def f():\n    from edged.inference import onnx"),
        ("inference.catalog", "from edged.inference.onnx import is_onnx"),
        ("inference.onnx", "def f():\n    import onnxruntime"),
        ("inference.engine", "import os\nenv = {**os.environ, 'A': 'b'}"),
        ("inference.engine", "import os\nenv = os.environ.copy()"),
        ("inference.engine", "import os\nenv = os.environ | {'A': 'b'}"),
        ("commands.run", "from edged.daemon import Daemon"),
        ("config", "import os\ndebug = os.environ.get('EDGED_DEBUG')"),
    ],
)
def test_what_may_be_is_left_alone(module: str, code: str) -> None:
    assert violations(module, code) == []


@pytest.mark.parametrize("module", ["edged.cli", "edged.commands.watch"])
def test_opencv_is_loaded_by_those_who_need_it_only(module: str) -> None:
    code = f"import sys, {module}; sys.exit('cv2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
