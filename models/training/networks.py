"""Networks of TensorFlow as users have them, with a picture's bytes made what they expect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edged.errors import EdgedError, ModelError

CHANNELS = 3
KERAS = (".keras", ".h5", ".hdf5")
GRAPH = "saved_model.pb"


@dataclass(frozen=True, slots=True)
class Normalization:
    """What a network takes for a byte: (byte - mean) / std, alike or per channel (R, G, B)."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (255.0,)
    """The defaults make 0..1."""

    @property
    def in_graph(self) -> bool:
        """The channels differ: one quantization of the input cannot do it, so the network does."""
        return len(set(self.mean)) > 1 or len(set(self.std)) > 1

    def outside(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """What is given to the network for these bytes."""
        real = pixels.astype(np.float32)
        return (
            real if self.in_graph else (real - np.float32(self.mean[0])) / np.float32(self.std[0])
        )

    def inside(self, real: Any) -> Any:
        """What the network does with that, first of all."""
        if not self.in_graph:
            return real
        factor = np.broadcast_to(1 / np.asarray(self.std, np.float32), (CHANNELS,))
        return (real - np.broadcast_to(np.asarray(self.mean, np.float32), (CHANNELS,))) * factor


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Ready to be converted: one picture in, all sizes fixed."""

    function: Any
    """A concrete function of TensorFlow: float32 (1, height, width, 3) to a dict of outputs."""
    owner: Any
    """What holds the variables, and has to live as long as the function."""
    width: int
    height: int
    normalization: Normalization

    def ask(self, picture: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        """The outputs, in the order of their names, for a picture, uint8 (height, width, 3)."""
        import tensorflow as tf  # noqa: PLC0415 - takes seconds, and is an extra

        given = tf.constant(self.normalization.outside(picture)[None])
        answers = self.function(given)
        return {name: answers[name].numpy() for name in sorted(answers)}


def need_tensorflow() -> None:
    """Raises `EdgedError` where TensorFlow is not installed."""
    try:
        import tensorflow as tf  # noqa: PLC0415
    except ImportError as error:
        raise EdgedError(
            f"TensorFlow cannot be loaded ({error}): pip install 'edged[train]'"
        ) from error
    # Otherwise it compiles what it runs, and tells so.
    tf.get_logger().setLevel("ERROR")


def open_network(path: Path, normalization: Normalization) -> Network:
    """Read a Keras file or a SavedModel.

    Raises:
        ModelError: there is no such model, it is none, or one that cannot be quantized: of several
            inputs, or of sizes that are not fixed.
        EdgedError: TensorFlow is not installed.
    """
    if not path.exists():
        raise ModelError(f"{path}: there is no such model")
    if path.is_dir() and not (path / GRAPH).is_file():
        raise ModelError(f"{path} is no SavedModel: there is no {GRAPH} in it")
    if path.is_file() and path.suffix.lower() not in KERAS:
        raise ModelError(_not_keras(path))
    need_tensorflow()
    if path.is_dir():
        return _open_saved(path, normalization)
    return of_keras(_load_keras(path), normalization, str(path))


def of_keras(model: Any, normalization: Normalization, name: str) -> Network:
    """Of a model of Keras that has been read. Raises `ModelError` as `open_network` does."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ModelError(f"{name}: it tells no input: call it once before saving it")
    if len(inputs) > 1:
        raise ModelError(_several(name, [one.name for one in inputs]))
    _check_dtype(name, str(inputs[0].dtype))
    return of_call(
        lambda real: model(real, training=False), tuple(inputs[0].shape), normalization, model, name
    )


def of_call(
    call: Callable[[Any], Any],
    shape: Sequence[int | None],
    normalization: Normalization,
    owner: Any,
    name: str,
) -> Network:
    """Of what turns a float32 tensor of this shape into tensors.

    Raises:
        ModelError: the shape is not one of pictures of a fixed size.
    """
    import tensorflow as tf  # noqa: PLC0415

    if len(shape) != 4 or shape[3] != CHANNELS:  # noqa: PLR2004
        raise ModelError(
            f"{name}: its input is {list(shape)}: expected [batch, height, width, {CHANNELS}]"
        )
    _, height, width, _ = shape
    if height is None or width is None:
        raise ModelError(
            f"{name}: its input is {list(shape)}: give it a fixed height and width, as in "
            f"keras.Input((224, 224, {CHANNELS})), and save it again"
        )
    if shape[0] not in {None, 1}:
        raise ModelError(f"{name}: it takes {shape[0]} pictures at once: save it with a batch of 1")

    def answer(picture: Any) -> dict[str, Any]:
        return _named(call(normalization.inside(picture)))

    try:
        function = tf.function(answer).get_concrete_function(
            tf.TensorSpec((1, height, width, CHANNELS), tf.float32, name="picture")
        )
    except Exception as error:  # whatever a network of anybody's may raise
        raise ModelError(f"{name} cannot be run on one picture: {one_line(error)}") from error
    return Network(function, owner, width, height, normalization)


def _named(answer: Any) -> dict[str, Any]:
    """Outputs by name."""
    if isinstance(answer, Mapping):
        return {str(name): value for name, value in answer.items()}
    if isinstance(answer, (list, tuple)):
        return {f"output_{number}": value for number, value in enumerate(answer)}
    return {"output": answer}


def _load_keras(path: Path) -> Any:
    import keras  # noqa: PLC0415

    # Knows the layers of our own network by name.
    import models.training.network  # noqa: F401, PLC0415

    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever comes up
        raise ModelError(
            f"{path} cannot be read as a Keras model: {one_line(error)} (layers of your own? "
            "model.export(DIRECTORY) makes a SavedModel, which needs none of their code)"
        ) from error


def _open_saved(path: Path, normalization: Normalization) -> Network:
    import tensorflow as tf  # noqa: PLC0415

    try:
        loaded = tf.saved_model.load(str(path))
        signatures = dict(loaded.signatures)
    except Exception as error:  # TensorFlow raises whatever comes up
        raise ModelError(f"{path} cannot be read as a SavedModel: {one_line(error)}") from error
    signature = signatures.get("serving_default") or next(iter(signatures.values()), None)
    if signature is None:
        raise ModelError(f"{path}: it has no signature: save it with model.export(DIRECTORY)")
    _, inputs = signature.structured_input_signature
    if len(inputs) != 1:
        raise ModelError(_several(str(path), sorted(inputs)))
    ((name, spec),) = inputs.items()
    _check_dtype(str(path), spec.dtype.name)
    shape = tuple(spec.shape) if spec.shape.rank is not None else ()
    return of_call(lambda real: signature(**{name: real}), shape, normalization, loaded, str(path))


def _not_keras(path: Path) -> str:
    if path.suffix == ".tflite":
        return f"{path} is a TensorFlow Lite model already: give the network it was made from"
    if path.name == GRAPH:
        return f"{path}: give the directory it lies in"
    return f"{path} is no model: expected {', '.join(KERAS)}, or the directory of a SavedModel"


def _several(name: str, inputs: Sequence[str]) -> str:
    what = f"{len(inputs)} inputs ({', '.join(inputs)})" if inputs else "no input"
    return f"{name}: it has {what}: only networks that take one picture can be quantized"


def _check_dtype(name: str, dtype: str) -> None:
    if dtype != "float32":
        raise ModelError(
            f"{name}: its input is {dtype}: save it with a float32 input; the quantized one is "
            "uint8 in any case"
        )


def one_line(error: BaseException) -> str:
    """What an error of others says, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[0] if lines else type(error).__name__
    return told if len(told) <= 200 else f"{told[:200]}..."  # noqa: PLR2004
