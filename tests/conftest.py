"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import tiny_models
from brokers import ANYBODY, Broker
from hypothesis import settings
from stand_in.edgetpu import StandIn, build

ROOT = Path(__file__).parent.parent

# A busy machine is no fault of what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# xdist sets them, and programs would believe them rather than the terminal they are given.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What edged keeps while tests run is nobody's."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models, pictures and keypoints, which are too large for the repository."""
    folder = Path(os.environ.get("EDGED_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} with the models and pictures (or set EDGED_SHARED)")
    return folder


@pytest.fixture
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Broker]]:
    """Makes Mosquittos, not yet started, from lines of `mosquitto.conf`; ends them."""
    with ExitStack() as stack:

        def make(options: str) -> Broker:
            broker = Broker(tmp_path_factory.mktemp("broker"), options)
            stack.callback(broker.close)
            return broker

        yield make


@pytest.fixture
def broker(make_broker: Callable[[str], Broker]) -> Broker:
    """A Mosquitto that runs and takes anybody."""
    broker = make_broker(ANYBODY)
    broker.start()
    return broker


@pytest.fixture
def pose_file(tmp_path: Path) -> Path:
    """A tiny model of poses, see `tiny_models`."""
    path = tmp_path / "pose.tflite"
    path.write_bytes(tiny_models.pose_model())
    return path


@pytest.fixture(scope="session")
def built_edgetpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in of libedgetpu, compiled once; each `StandIn` takes a copy."""
    return build(tmp_path_factory.mktemp("libedgetpu"))


@pytest.fixture
def edgetpu(built_edgetpu: Path, tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """A libedgetpu with one USB device, which does as it is told."""
    return StandIn(built_edgetpu, tmp_path_factory.mktemp("edgetpu"))
