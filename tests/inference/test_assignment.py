"""Which file of a model an accelerator runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edged.errors import ModelError
from edged.inference.accelerators import parse
from edged.inference.assignment import assign
from edged.inference.catalog import ModelFile, bundled


def model(
    name: str, *, edgetpu: bool = False, cpu: bool = True, suffix: str = "tflite"
) -> ModelFile:
    compiled = Path(f"/m/{name}_edgetpu.tflite") if edgetpu else None
    path = Path(f"/m/{name}.{suffix}") if cpu else compiled
    assert path is not None
    return ModelFile(name=name, path=path, edgetpu=compiled, entry=None, labels=None)


def test_each_accelerator_gets_its_half_of_a_pair() -> None:
    pair = model("a", edgetpu=True)
    on_tpu, on_cpu = assign([pair], parse("edgetpu")), assign([pair], parse("cpu"))
    assert (on_tpu.paths, on_cpu.paths) == ((pair.edgetpu,), (pair.path,))
    assert (on_tpu.runner(0), on_cpu.runner(0)) == ("edgetpu", "cpu")
    assert on_tpu.delegate is not None
    assert on_cpu.delegate is None


def test_another_delegate_takes_the_plain_half() -> None:
    pair = model("a", edgetpu=True)
    assigned = assign([pair], parse("delegate:/x.so?a=b"))
    assert assigned.paths == (pair.path,)
    assert assigned.delegate is not None
    assert (assigned.delegate.library, assigned.delegate.options) == ("/x.so", (("a", "b"),))


def test_what_has_no_compiled_half_runs_on_the_cpu_beside_one_that_has() -> None:
    assigned = assign([model("a"), model("b", edgetpu=True)], parse("edgetpu:usb"))
    assert [path.name for path in assigned.paths] == ["a.tflite", "b_edgetpu.tflite"]
    assert [assigned.runner(0), assigned.runner(1)] == ["cpu", "edgetpu:usb"]


def test_an_onnx_model_runs_beside_one_that_the_delegate_can_run() -> None:
    other = parse("delegate:/x.so")
    assigned = assign([model("a"), model("b", suffix="onnx")], other)
    assert [assigned.runner(0), assigned.runner(1)] == ["delegate:/x.so", "cpu"]
    with pytest.raises(ModelError, match="runs no ONNX models"):
        assign([model("b", suffix="onnx")], other)


def test_what_is_missing_is_told() -> None:
    with pytest.raises(ModelError, match="a is not compiled for the Edge TPU"):
        assign([model("a")], parse("edgetpu"))
    with pytest.raises(ModelError, match=r"nothing takes over .* a\.tflite beside"):
        assign([model("a", edgetpu=True, cpu=False)], parse("cpu"))
    name = "movenet-lightning"
    known = ModelFile(name, Path("/m/x.tflite"), None, bundled()[name], None)
    with pytest.raises(ModelError, match="is not on this machine: edged models pull movenet"):
        assign([known], parse("edgetpu"))
