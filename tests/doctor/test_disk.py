"""The disk: this machine's, and what the kernel tells of a card."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from machines import Write

from edged.doctor.disk import DiskFacts, judge, measure
from edged.doctor.finding import Level
from edged.doctor.machine import Machine

FINE = DiskFacts(
    path="/var/lib/edged",
    free_mb=12_345.0,
    total_mb=30_000.0,
    free_inodes=900_000,
    read_only=False,
    device="mmcblk0p2",
    errors=0,
    life_used=None,
    reserves=None,
)


def test_the_file_system_is_that_of_the_directory_or_of_the_first_above_it(
    machine: Machine, tmp_path: Path
) -> None:
    facts = measure(machine, tmp_path / "not" / "yet")
    assert facts.path == str(tmp_path)
    assert 0 < facts.free_mb <= facts.total_mb
    assert not facts.read_only


def test_a_read_only_file_system_is_seen() -> None:
    kernel = Path("/sys/kernel")
    assert measure(Machine(), kernel).read_only is bool(os.statvfs(kernel).f_flag & os.ST_RDONLY)


def test_what_the_kernel_knows_of_the_card(machine: Machine, write: Write, tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    write(
        {
            f"sys/dev/block/{os.major(number)}:{os.minor(number)}": "->../../block/mmcblk0p2",
            "sys/block/mmcblk0p2/partition": "2",
            "sys/fs/ext4/mmcblk0p2/errors_count": "3\n",
            "sys/block/mmcblk0/device/life_time": "0x02 0x0b\n",
            "sys/block/mmcblk0/device/pre_eol_info": "0x01\n",
        }
    )
    facts = measure(machine, tmp_path)
    told = (facts.device, facts.errors, facts.life_used, facts.reserves)
    assert told == ("mmcblk0p2", 3, 11, 1)
    said = [words for _, words in judge(facts).lines]
    assert len(said) == 2
    assert "mmcblk0p2 was found damaged 3 times" in said[0]
    assert "worn out" in said[1]


def test_an_sd_card_tells_nothing_and_nothing_is_made_up(machine: Machine, tmp_path: Path) -> None:
    facts = measure(machine, tmp_path)
    assert (facts.life_used, facts.reserves, facts.errors) == (None, None, 0)


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({}, Level.OK, "12.3 GB free at /var/lib/edged"),
        ({"free_mb": 150.0}, Level.WARNING, "150 MB free at /var/lib/edged; it is nearly full"),
        ({"free_mb": 0.0}, Level.PROBLEM, "it is full: make room"),
        ({"free_inodes": 500}, Level.WARNING, "only 500 more files"),
        ({"free_inodes": 0}, Level.PROBLEM, "no inodes"),
        ({"free_inodes": None}, Level.OK, "free"),
        ({"read_only": True, "free_mb": 0.0}, Level.WARNING, "mounted read-only"),
        ({"errors": 1}, Level.WARNING, "mmcblk0p2 was found damaged once"),
        ({"life_used": 3, "reserves": 1}, Level.OK, "30 % of the eMMC's life"),
        ({"life_used": 3, "reserves": 2}, Level.WARNING, "worn out"),
    ],
)
def test_what_is_said(change: dict[str, object], level: Level, said: str) -> None:
    finding = judge(dataclasses.replace(FINE, **change))  # type: ignore[arg-type]
    assert finding.level is level
    assert said in finding.lines[0][1]
