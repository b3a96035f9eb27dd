"""Where only tflite-runtime is installed, edged runs on it: `python old_runtime.py`.

Makes an environment of its own (it needs NumPy 1), takes ai-edge-litert out of it, and runs models
there: one of a person, and one shaped as PoseNet, whose last operator is cut off. tflite-runtime
has wheels for CPython 3.11 and older.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from pathlib import Path
from edged.config import Inference
from edged.inference.engine import Engine

engine = Engine([Path(path) for path in sys.argv[1:]], Inference(threads=1))
model, maps = engine.start()
model.inputs[0].reshape(-1)[:51] = 100
engine.invoke(0)
print(engine.runtime, "answers", model.outputs[0][0, 0, 0].round(2).tolist())
assert engine.runtime.startswith("tflite_runtime"), engine.runtime
assert abs(model.outputs[0] - 0.4).max() < 1e-3
maps.inputs[0].reshape(-1)[:] = 100
engine.invoke(1)
print("PoseNet's maps:", [output.shape for output in maps.outputs])
assert [output.shape[-1] for output in maps.outputs] == [17, 34, 64]
assert all((output == 100).all() for output in maps.outputs)
engine.close()
"""


def main() -> int:
    """Install, run, tell."""
    if sys.version_info >= (3, 12):
        print("skipped: tflite-runtime has no wheel for Python 3.12 and newer")
        return 0
    sys.path.insert(0, str(ROOT / "tests"))
    import tiny_models  # noqa: PLC0415 - found by the line above

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model = directory / "pose.tflite"
        model.write_bytes(tiny_models.pose_model())
        posenet = directory / "posenet.tflite"
        posenet.write_bytes(tiny_models.posenet_model())
        venv.create(directory / "venv", with_pip=True)
        python = directory / "venv" / "bin" / "python"
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", f"{ROOT}[legacy]"], check=True)
        subprocess.run([*pip, "uninstall", "--yes", "ai-edge-litert"], check=True)
        subprocess.run([python, "-c", PROGRAM, model, posenet], check=True, cwd=directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
