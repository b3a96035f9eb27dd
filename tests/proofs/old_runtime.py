"""Where only tflite-runtime is installed, edged runs on it: `python old_runtime.py`.

Makes an environment of its own (it needs NumPy 1), takes ai-edge-litert out of it, and runs models
there: one of a person, and one shaped as PoseNet, whose last operator is cut off. tflite-runtime
there, and one on the stand-in of libedgetpu, which crashes it at the fifth invoke. tflite-runtime
has wheels for CPython 3.11 and older.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from pathlib import Path
from edged.sections import Inference
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

ACCELERATED = """
import sys
import numpy as np
from tflite_runtime.interpreter import Interpreter, load_delegate

delegate = load_delegate(sys.argv[1], {"device": "usb:0", "Performance": "Low"})
interpreter = Interpreter(sys.argv[2], experimental_delegates=[delegate], num_threads=1)
interpreter.allocate_tensors()
(entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
while True:
    interpreter.set_tensor(entry["index"], np.full(entry["shape"], 100, np.uint8))
    interpreter.invoke()
    answer = interpreter.get_tensor(end["index"])
    print("the stand-in answers", answer[0, 0, 0].round(2).tolist(), flush=True)
    assert abs(answer - 0.4).max() < 1e-3
"""


def _prove_stand_in(python: Path, directory: Path) -> None:
    from stand_in.edgetpu import Mode, StandIn, build  # noqa: PLC0415 - found by `main`
    from stand_in.twins import compiled_twin  # noqa: PLC0415

    for name in ("built", "used"):
        (directory / name).mkdir()
    edgetpu = StandIn(build(directory / "built"), directory / "used")
    edgetpu.set_mode(Mode(on_invoke="segv", after=5))
    twin = directory / "pose_edgetpu.tflite"
    twin.write_bytes(compiled_twin((directory / "pose.tflite").read_bytes()))
    command = [str(python), "-c", ACCELERATED, str(edgetpu.path), str(twin)]
    done = subprocess.run(command, check=False, cwd=directory, timeout=60)
    print("ended by", signal.Signals(-done.returncode).name, edgetpu.counts())
    assert done.returncode == -signal.SIGSEGV
    assert (edgetpu.counts().invokes, edgetpu.counts().granted) == (5, 1)


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
        _prove_stand_in(python, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
