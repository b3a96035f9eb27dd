"""Permissions: of ourselves, of another user, and what to do about them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from somebody import an_ordinary_user, open_folder

from edged.doctor.finding import Level
from edged.doctor.identity import Access, Identity, accesses, looked_for, named, ourselves
from edged.doctor.permissions import Need, facts_of, judge

EDGED = Identity("edged", 990, 985, {"edged": 985, "video": 44})
PI = Identity("pi", 1000, 1000, {"pi": 1000})


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


def said(
    need: Need,
    access: Access,
    who: Identity,
    service: Identity | None = EDGED,
    hidden: Sequence[str] = (),
) -> str:
    facts = facts_of(who, service, [need], {need.path: access}, hidden)
    return "\n".join(words for _, words in judge(facts, unit="edged").lines)


def test_who_we_are_and_who_others_are() -> None:
    us = ourselves()
    assert us.uid == os.geteuid()
    assert named(pwd.getpwuid(us.uid).pw_name) is not None
    assert named("nobody-of-this-name") is None


def test_what_we_may_do(folder: Path) -> None:
    file = folder / "file"
    file.touch(0o644)
    mays = accesses([str(file), str(folder / "missing")], ourselves())
    assert mays[str(file)].may == "rw"
    assert not mays[str(folder / "missing")].exists


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user")
def test_what_another_user_may_do_is_what_the_kernel_says(folder: Path) -> None:
    nobody = named("nobody")
    assert nobody is not None
    modes = {"all": 0o666, "read": 0o644, "none": 0o600, "$(reboot) 'x'\n": 0o644}
    for name, mode in modes.items():
        (folder / name).touch()
        (folder / name).chmod(mode)
    (folder / "closed").mkdir(0o700)
    (folder / "closed" / "in").touch(0o666)
    names = [str(folder / name) for name in (*modes, "closed/in", "missing")]
    mays = accesses(names, nobody)
    assert [mays[name].may for name in names] == ["rw", "r", "", "r", "", ""]
    assert mays[names[4]].exists, "root sees it"


def test_an_ordinary_user_knows_what_another_may_do_by_modes_and_groups(folder: Path) -> None:
    modes = {"all": 0o666, "read": 0o644, "none": 0o600, "group": 0o660}
    for name, mode in modes.items():
        (folder / name).touch()
        (folder / name).chmod(mode)
    (folder / "closed").mkdir(0o700)
    (folder / "closed" / "in").touch(0o666)
    names = [str(folder / name) for name in (*modes, "closed/in", "closed", "missing")]
    group = (folder / "group").stat().st_gid
    stranger = Identity("stranger", 4321, 4321, {"strangers": 4321})
    member = Identity("member", 4322, 4321, {"strangers": 4321, "ours": group})
    with an_ordinary_user():
        mays = [accesses(names, one) for one in (stranger, member)]
    assert [[one[name].may for name in names[:4]] for one in mays] == [
        ["rw", "r", "", ""],
        ["rw", "r", "", "rw"],
    ]
    there = mays[0][names[5]]
    assert (there.may, there.is_known) == ("", True)
    if os.geteuid() == 0:
        assert not mays[0][names[4]].is_known, "what is behind a closed door is not known"
    assert not mays[0][names[6]].exists


@pytest.mark.skipif(os.geteuid() != 0, reason="the user of the service has to be another one")
def test_the_service_is_looked_for_with_its_own_configuration() -> None:
    name = pwd.getpwuid(1).pw_name
    with an_ordinary_user():
        assert looked_for(name, is_its=True)[0].name == name
        assert looked_for(name, is_its=False)[0].uid == os.geteuid()
        assert looked_for("nobody-of-this-name", is_its=True)[0].uid == os.geteuid()
    assert looked_for(name, is_its=False)[0].name == name, "root tries it as the service"


def test_what_only_root_sees_is_no_trouble_and_told() -> None:
    access = Access("/etc/edged/x", exists=True, may="", is_known=False)
    assert said(Need("/etc/edged/x", "file", "r"), access, EDGED) == (
        "edged may open what can be seen from here (0 files and devices); "
        "only root sees the rest, such as /etc/edged/x: sudo edged check"
    )


def test_a_file_that_the_unit_hides_is_told_whatever_its_mode() -> None:
    for kind, there in (("source", "/var/lib/edged"), ("model", "/var/lib/edged/models")):
        need = Need("/home/anna/a.mp4", kind, "r")  # type: ignore[arg-type]
        access = Access(need.path, exists=True, may="r")
        assert said(need, access, EDGED, hidden=("/home", "/root")) == (
            "the service does not see /home/anna/a.mp4, since its unit hides /home: "
            f"sudo install -D -m 644 -t {there} /home/anna/a.mp4, and name it {there}/a.mp4"
        )
        assert "may open all" in said(need, access, EDGED, hidden=("/tmp",))  # noqa: S108
    folder = said(Need("/usr", "source", "r"), Access("/usr", exists=True, may=""), EDGED)
    assert folder.endswith("sudo cp -r /usr /var/lib/edged, and name it there")


def test_all_that_is_needed_may_be_opened() -> None:
    access = Access("/dev/video0", exists=True, may="rw", group="video", group_may="rw")
    words = said(Need("/dev/video0", "device", "rw"), access, EDGED)
    assert words == "edged may open all that edged needs (1 file or device, by group video)"


def test_a_missing_group_is_a_command_away() -> None:
    access = Access("/dev/media0", exists=True, may="", group="render", group_may="rw")
    assert said(Need("/dev/media0", "device", "rw"), access, EDGED) == (
        "edged may not open /dev/media0: sudo usermod -aG render edged, "
        "then sudo systemctl restart edged"
    )


def test_a_device_of_root_alone_needs_a_rule() -> None:
    access = Access("/dev/bus/usb/002/003", exists=True, may="r", group="root", group_may="r")
    words = said(Need("/dev/bus/usb/002/003", "device", "rw"), access, EDGED)
    assert "udev rules" in words


@pytest.mark.parametrize(
    ("need", "todo"),
    [
        (Need("/etc/edged/edged.toml", "file", "r"), "sudo chown root:edged /etc/edged/edged.toml"),
        (Need("/root/it's.tflite", "model", "r"), "-t /var/lib/edged/models '/root/it'\"'\"'s"),
        (Need("/var/lib/edged", "state", "rw", Level.WARNING), "chown -R edged: /var/lib/edged"),
    ],
)
def test_files_that_the_service_may_not_open(need: Need, todo: str) -> None:
    assert todo in said(need, Access(need.path, exists=True, may=""), EDGED)


def test_what_is_not_there_is_the_business_of_others() -> None:
    access = Access("/dev/video0", exists=False, may="")
    assert "may open all" in said(Need("/dev/video0", "device", "rw"), access, EDGED)


def test_somebody_else_is_told_how_to_ask_for_the_service() -> None:
    need = Need("/etc/edged/edged.toml", "file", "r")
    assert "sudo edged check asks for edged" in said(
        need, Access(need.path, exists=True, may="r"), PI
    )
    assert "run this as root" in said(need, Access(need.path, exists=True, may=""), PI)
