"""Installed in a clean container: the service, its faults, its upgrade and its end.

The container has no camera: the rendered athlete stands before it. The scenarios follow each other,
as in the life of a device.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from vm.container import Container
from vm.guests import Guest
from vm.product import CONFIG, EDGED, UNIT, Edged, accounts, names_on_disk, state_of_disk, units
from vm.rig import Rig

Figure = Callable[[str, object], None]

BACK_S = 5.0  # after a crash, or a broker's return
WATCHDOG_S = 60.0
MOST_EXPOSED = 2.0


@pytest.fixture(scope="module")
def before(clean_container: Container) -> dict[str, frozenset[str]]:
    clean_container.wait_booted(60)
    return _all(clean_container)


@pytest.fixture(scope="module")
def edged(rig: Rig, clean_container: Container, before: dict[str, frozenset[str]]) -> Edged:
    del before  # has to be looked at first
    edged = Edged(clean_container, rig.mirror.url())
    edged.install()
    edged.set("camera", "source", '"athlete:squat"')
    clean_container.run(f"systemctl restart {UNIT}", 120)
    return edged


def _all(guest: Guest) -> dict[str, frozenset[str]]:
    return {"files": names_on_disk(guest), "accounts": accounts(guest), "units": units(guest)}


def quickest(attempt: Callable[[], float]) -> float:
    """The quickest of up to three: a busy machine makes one late, a slow service all of them."""
    took_s = attempt()
    for _ in range(2):
        if took_s >= BACK_S:
            took_s = min(took_s, attempt())
    return took_s


def scenario_installed_and_active(edged: Edged, figure: Figure) -> None:
    assert edged.guest.run(f"systemctl is-active {UNIT}") == "active"
    assert edged.guest.run(f"systemctl is-enabled {UNIT}") == "enabled"
    pose = edged.poses(3)[-1]
    assert len(pose["poses"][0]["keypoints"]) == 17
    figure("status", edged.said())


def scenario_a_second_run_changes_nothing(edged: Edged) -> None:
    pid, disk = edged.pid(), state_of_disk(edged.guest)
    edged.install()
    assert sorted(state_of_disk(edged.guest) ^ disk) == []
    assert edged.pid() == pid


def scenario_a_dry_run_changes_nothing(edged: Edged) -> None:
    pid, disk = edged.pid(), state_of_disk(edged.guest)
    edged.install("--dry-run")
    assert sorted(state_of_disk(edged.guest) ^ disk) == []
    assert edged.pid() == pid


def scenario_its_own_user_without_capabilities(edged: Edged) -> None:
    status = edged.status()
    user = edged.guest.run("id -u edged")
    assert user != "0"
    assert set(status["Uid"].split()) == {user}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"


def scenario_the_units_are_correct_and_tight(edged: Edged, figure: Figure) -> None:
    figure("systemd-analyze verify", edged.guest.run(f"systemd-analyze verify {UNIT}") or "nothing")
    figure("systemd-analyze security", edged.exposure())
    assert edged.exposure() <= MOST_EXPOSED


def scenario_the_doctor_says_what_is_wrong(edged: Edged, figure: Figure) -> None:
    ended = edged.guest.ask(f"{EDGED} check --config {CONFIG} --json", 120)
    assert "No such command" not in ended.output, "part missing: edged check"
    figure("edged check ends with", ended.status)


def scenario_sigkill(edged: Edged, figure: Figure) -> None:
    def kill() -> float:
        pid, restarts = edged.pid(), edged.restarts()
        edged.guest.run(f"kill -KILL {pid}")
        took_s = edged.until_poses(BACK_S + 55)
        figure("poses after SIGKILL s", took_s)
        assert edged.pid() != pid
        assert edged.restarts() == restarts + 1
        return took_s

    assert quickest(kill) < BACK_S


def scenario_a_hang_is_ended_by_the_watchdog(edged: Edged, figure: Figure) -> None:
    pid = edged.pid()
    edged.guest.run(f"kill -STOP {pid}")
    took_s = edged.guest.until("another process", lambda: edged.pid() not in {0, pid}, WATCHDOG_S)
    figure("restarted after SIGSTOP s", took_s)
    edged.poses(1, 30)
    assert "Watchdog timeout" in edged.guest.run(f"journalctl -u {UNIT} --no-pager | tail -200")


def scenario_a_killed_worker_is_no_restart(edged: Edged, figure: Figure) -> None:
    # For a moment after a start there may be two: an accelerator is probed beside.
    edged.guest.until("a single worker", lambda: edged.worker() != 0, 30)
    pid, worker = edged.pid(), edged.worker()
    # A subscriber stays all the time: the longest silence is what the worker's end costs.
    times = edged.guest.run(
        "timeout 10 mosquitto_sub -t 'edged/+/pose' -F %U >/root/times & "
        f"sleep 2; kill -KILL {worker}; wait; cat /root/times"
    ).split()
    silence_s = max(float(after) - float(before) for before, after in pairwise(times))
    figure("longest silence around the worker's end s", silence_s)
    assert edged.worker() not in {0, worker}
    assert edged.pid() == pid
    assert silence_s < BACK_S
    assert len(times) > 20


def scenario_the_broker_goes_and_comes(edged: Edged, figure: Figure) -> None:
    def go_and_come() -> float:
        pid = edged.pid()
        edged.guest.run("systemctl stop mosquitto")
        edged.guest.until("a status that names the broker", lambda: "broker" in edged.said(), 30)
        edged.guest.run("systemctl start mosquitto")
        took_s = edged.until_poses(60)
        figure("poses after the broker's return s", took_s)
        assert edged.pid() == pid
        assert edged.messages("status")[0].payload == "online"
        return took_s

    assert quickest(go_and_come) < BACK_S


def scenario_a_configuration_that_is_wrong_stays_stopped(edged: Edged) -> None:
    guest = edged.guest
    guest.run(f"cp -p {CONFIG} /root/good.toml && echo 'nonsense' >>{CONFIG}")
    ended = guest.ask(f"systemctl restart {UNIT}", 60)
    shown = guest.unit(UNIT, "ActiveState", "ExecMainStatus")
    guest.run(f"cp -p /root/good.toml {CONFIG} && systemctl reset-failed {UNIT}")
    guest.run(f"systemctl start {UNIT}", 120)
    assert ended.status != 0
    assert shown == {"ActiveState": "failed", "ExecMainStatus": "78"}
    edged.poses(1)


def scenario_purged_without_a_trace(edged: Edged, before: dict[str, frozenset[str]]) -> None:
    guest = edged.guest
    assert {"/opt/edged", "/var/lib/edged", CONFIG} <= names_on_disk(guest)
    guest.run("cd /root/edged && ./install.sh uninstall --purge </dev/null", 300)
    after = _all(guest)
    left = {what: sorted(after[what] - names) for what, names in before.items()}
    assert left == {"files": [], "accounts": [], "units": []}
