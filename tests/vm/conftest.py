"""Guests for the scenarios. Run them by `tests/vm/run`: the usual test run leaves them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from vm.container import Container
from vm.emulator import Emulator
from vm.ending import clears_away_on_sigterm
from vm.product import Edged
from vm.rig import Rig
from vm.telling import RIG


@pytest.fixture(scope="session")
def rig(pytestconfig: pytest.Config) -> Iterator[Rig]:
    """The rig. What a run made is gone afterwards, also when it is terminated."""
    with clears_away_on_sigterm(), Rig() as rig:
        pytestconfig.stash[RIG] = rig
        yield rig


@pytest.fixture
def figure(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> Callable[[str, object], None]:
    """Tells a figure that a scenario measured, in the run's output and in its JUnit file."""

    def tell(name: str, value: object) -> None:
        text = f"{value:.1f}" if isinstance(value, float) else str(value)
        record_property(name, text)
        with capsys.disabled():
            print(f"\n    {name}: {text}", end="", flush=True)

    return tell


@pytest.fixture(scope="module")
def clean_container(rig: Rig) -> Container:
    """A container in which nothing was installed yet."""
    return rig.container(rig.root())


@pytest.fixture(scope="module")
def installed_machine(rig: Rig) -> Emulator:
    """An emulated machine in whose root file system the installer has run, as a container."""
    root = rig.root()
    with rig.container(root) as container:
        container.wait_booted(60)
        edged = Edged(container, rig.mirror.url())
        edged.install()
        container.power_off()
    guest = rig.emulator(rig.disk(root))
    guest.wait_booted(600)
    return guest
