"""install.sh as people meet it: run for real in copies of this checkout that need few packages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
PYTHONS = ("python3", *(f"python3.{minor}" for minor in range(8, 20)))
PIP_DEADLINE_S = 120
"""One set-up takes about 8 s; the package index may be slow."""

NO_INDEX = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "1",
    "PIP_FIND_LINKS": "",
}
"""pip's settings on a machine whose package index does not answer (port 9, discard)."""

ONE_TEST = """\
def test_that_is_here() -> None:
    pass
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of this checkout, and a PATH without apt-get on which sudo asks for a password."""

    path: Path
    programs: Path

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.path / ".venv"

    @property
    def stamp(self) -> Path:
        """What the environment was made from, or "unfinished"."""
        return self.venv / "edged-setup"

    @property
    def pip_log(self) -> Path:
        """What pip said when it was last called."""
        return self.venv / "edged-setup.log"

    def environment(self, **changes: str | None) -> dict[str, str]:
        """Ours without what measures coverage; None takes a variable away."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "VIRTUAL_"))}
        wanted = {"PATH": str(self.programs), "EDGED_PYTHON": PYTHON, **changes}
        return {k: v for k, v in {**inherited, **wanted}.items() if v is not None}

    def start(self, *arguments: str, **changes: str | None) -> subprocess.Popen[str]:
        """Start install.sh in another directory and in a process group of its own."""
        return subprocess.Popen(
            [self.path / "install.sh", *arguments],
            cwd="/",
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **changes: str | None) -> Outcome:
        """Run install.sh to its end."""
        return finish(self.start(*arguments, **changes))

    def amend(self) -> None:
        """Change pyproject.toml, as an update does."""
        with (self.path / "pyproject.toml").open("a") as file:
            file.write("# another line\n")


@dataclass(frozen=True)
class Outcome:
    """What a finished run left."""

    code: int
    out: str
    err: str
    seconds: float


def finish(process: subprocess.Popen[str]) -> Outcome:
    begin = time.monotonic()
    try:
        out, err = process.communicate(timeout=PIP_DEADLINE_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Outcome(process.returncode, out, err, time.monotonic() - begin)


def copy_checkout(to: Path) -> Path:
    """Copy what git would keep, with one test, and with dependencies that install in seconds."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".git", "tests", *ignored))
    (to / "tests").mkdir()
    (to / "tests" / "test_here.py").write_text(ONE_TEST)
    project = (ROOT / "pyproject.toml").read_text()
    few_packages = {
        "dependencies": '["typer"]',
        "demo": '["iniconfig"]',
        "test": '["pytest", "pytest-cov", "pytest-xdist"]',
    }
    for name, few in few_packages.items():
        project, count = re.subn(rf"(?ms)^{name} = \[.*?^\]", f"{name} = {few}", project)
        assert count == 1
    (to / "pyproject.toml").write_text(project)
    return to


def link_programs(to: Path, *, without: Sequence[str]) -> Path:
    """Make a directory of links to the programs on PATH, but for some, with an unwilling sudo."""
    to.mkdir()
    for directory in os.get_exec_path():
        for program in Path(directory).glob("*"):
            link = to / program.name
            if program.name not in without and not link.is_symlink():
                link.symlink_to(program)
    (to / "sudo").unlink(missing_ok=True)
    script(to / "sudo", "echo 'sudo: a password is required' >&2; exit 1")
    return to


def script(path: Path, body: str) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def fake_python(path: Path, pretence: str) -> Path:
    """Make an interpreter that runs `-c CODE` after a statement that changes what it is."""
    return script(
        path, f"exec {PYTHON} -c 'import struct, sys; {pretence}; exec(sys.argv[2])' \"$@\""
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PIP_DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return link_programs(tmp_path_factory.mktemp("path") / "bin", without=("apt-get",))


@pytest.fixture
def fresh(tmp_path: Path, programs: Path) -> Checkout:
    """A checkout that nothing was run in."""
    return Checkout(copy_checkout(tmp_path / "checkout"), programs)


@pytest.fixture
def full_disk(tmp_path: Path) -> str:
    """A directory with a df that reports 100 MB: what comes before PATH ends a set-up early."""
    directory = tmp_path / "full"
    directory.mkdir()
    script(directory / "df", "echo Filesystem; echo /dev/sda 9000000 8897600 102400 99% /")
    return str(directory)


@pytest.fixture(scope="module")
def first_runs(
    tmp_path_factory: pytest.TempPathFactory, programs: Path
) -> tuple[Checkout, list[Outcome]]:
    """Two runs at once, the first ones in a checkout whose path has spaces and brackets."""
    path = copy_checkout(tmp_path_factory.mktemp("home") / "my own [1] checkout")
    checkout = Checkout(path, programs)
    both = [checkout.start("test", "-q"), checkout.start("test", "-q")]
    return checkout, [finish(one) for one in both]


@pytest.fixture
def installed(first_runs: tuple[Checkout, list[Outcome]]) -> Checkout:
    return first_runs[0]


# ---- words on the command line ----------------------------------------------------------------


@pytest.mark.parametrize("words", [("frobnicate",), ("--frobnicate",), ("check", "this")])
def test_wrong_use_is_told_in_one_line(fresh: Checkout, words: tuple[str, ...]) -> None:
    outcome = fresh.run(*words)
    assert outcome.code == 2
    assert re.fullmatch(r"install\.sh: .*--help.*\n", outcome.err)
    assert outcome.out == ""


def test_help_tells_the_commands(fresh: Checkout) -> None:
    outcome = fresh.run("--help")
    assert outcome.code == 0
    assert outcome.err == ""
    assert all(f"\n  {word} " in outcome.out for word in ("install, uninstall", "demo", "test"))


# ---- machines it cannot work on ---------------------------------------------------------------


def test_another_system_is_refused(fresh: Checkout, tmp_path: Path) -> None:
    script(tmp_path / "uname", "echo Darwin")
    outcome = fresh.run("demo", PATH=f"{tmp_path}:{fresh.programs}")
    assert outcome.code == 1
    assert outcome.err == "install.sh: edged runs on Linux, and this is Darwin\n"


def test_an_old_python_is_named_with_what_to_install(fresh: Checkout, tmp_path: Path) -> None:
    old = fake_python(tmp_path / "python3", "sys.version_info = (3, 9, 18)")
    path = link_programs(tmp_path / "bin", without=("apt-get", *PYTHONS))
    outcome = fresh.run("demo", PATH=f"{tmp_path}:{path}", EDGED_PYTHON=None)
    assert outcome.code == 1
    assert re.fullmatch(
        rf"install\.sh: .* 3\.11 or newer, and {old} is 3\.9: apt-get install python3 .*\n",
        outcome.err,
    )
    assert not fresh.venv.exists()


def test_a_32_bit_system_is_told_that_there_are_no_runtimes(
    fresh: Checkout, tmp_path: Path
) -> None:
    small = fake_python(tmp_path / "python3", "struct.calcsize = lambda _: 4")
    outcome = fresh.run("demo", EDGED_PYTHON=str(small))
    assert outcome.code == 1
    assert re.fullmatch(r"install\.sh: .*64-bit systems only.* a 32-bit one.*\n", outcome.err)


def test_a_chosen_python_that_does_not_run_is_not_replaced(fresh: Checkout) -> None:
    outcome = fresh.run("demo", EDGED_PYTHON="/no/such/python")
    assert outcome.code == 1
    assert re.fullmatch(r"install\.sh: EDGED_PYTHON .*/no/such/python does not run\n", outcome.err)


def test_a_full_disk_is_told_before_anything_is_made(fresh: Checkout, full_disk: str) -> None:
    outcome = fresh.run("demo", PATH=f"{full_disk}:{fresh.programs}")
    assert outcome.code == 1
    assert outcome.err.startswith("==> Making the virtual environment .venv\n")
    assert re.search(r"\ninstall\.sh: 100 MB are free in .* needs 600 MB.*\n\Z", outcome.err)
    assert not fresh.venv.exists()


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A directory that every user can enter."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def test_without_root_the_missing_packages_are_named(public_dir: Path) -> None:
    checkout = copy_checkout(public_dir / "checkout")
    checkout.chmod(0o555)  # so that it ends there
    programs = link_programs(public_dir / "bin", without=("gcc", "shellcheck", "mosquitto_sub"))
    script(programs / "apt-get", "echo 'never called without root'; exit 1")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    outcome = subprocess.run(
        [*(as_nobody if os.geteuid() == 0 else []), checkout / "install.sh", "test"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=PIP_DEADLINE_S,
        check=False,
    )
    checkout.chmod(0o755)
    assert outcome.returncode == 1
    skipped, command, end = outcome.stderr.rpartition("==> To have them too: ")
    assert "never called" not in outcome.stderr
    assert "==> Not installed, so skipped:\n" in skipped
    assert "the tests that compile a stand-in library (package gcc)\n" in skipped
    assert command
    packages, last = end.splitlines()
    assert re.fullmatch(
        r"sudo apt-get install --no-install-recommends .*mosquitto-clients gcc .*shellcheck",
        packages,
    )
    assert re.fullmatch(r"install\.sh: cannot write in .*/checkout, which belongs to .*", last)


# ---- setting up -------------------------------------------------------------------------------


def test_two_runs_at_once_set_up_once(first_runs: tuple[Checkout, list[Outcome]]) -> None:
    _, both = first_runs
    assert [one.code for one in both] == [0, 0]
    errors = sorted((one.err for one in both), key=len)
    assert errors[0] == "==> Another run is setting up this checkout: waiting for it\n" or (
        errors[0] == ""
    )
    assert "==> Making the virtual environment .venv\n" in errors[1]
    assert "==> Installing the Python packages" in errors[1]


def test_the_closing_line_of_the_tests_is_the_last_one(installed: Checkout) -> None:
    outcome = installed.run("test")
    assert "Required test coverage of 90.0% not reached" in outcome.out
    assert outcome.code == 1
    assert re.search(r"= 1 passed in .*=\n\Z", outcome.out)


def test_arguments_reach_pytest_and_no_coverage_is_asked_for(installed: Checkout) -> None:
    outcome = installed.run("test", "-k", "that_is_here", "tests/test_here.py")
    assert outcome.code == 0
    assert "coverage" not in outcome.out


def test_a_second_run_is_quick_and_leaves_pip_alone(installed: Checkout) -> None:
    before = installed.pip_log.stat().st_mtime_ns
    outcome = installed.run("demo", "--help", **NO_INDEX)
    assert outcome.seconds < 2
    assert "==>" not in outcome.err
    assert installed.pip_log.stat().st_mtime_ns == before


def test_demo_is_handed_its_options(installed: Checkout) -> None:
    outcome = installed.run("demo", "--no-such-option")
    assert outcome.code == 2
    assert outcome.err.startswith("edged: No such ")


def test_without_the_package_index_the_environment_stays_as_it_was(installed: Checkout) -> None:
    project = installed.path / "pyproject.toml"
    before = project.read_text()
    installed.amend()
    outcome = installed.run("demo", "--help", **NO_INDEX)
    assert outcome.code == 1
    reason = "==> pip does not reach the package index ([Errno 111] Connection refused): check "
    assert reason in outcome.err
    assert len(outcome.err.splitlines()) == 3
    project.write_text(before)
    assert "==>" not in installed.run("demo", "--help").err


def test_a_moved_checkout_needs_a_new_environment(installed: Checkout, full_disk: str) -> None:
    there = installed.path.with_name("elsewhere")
    installed.path.rename(there)
    try:
        moved = Checkout(there, installed.programs)
        outcome = moved.run("demo", PATH=f"{full_disk}:{installed.programs}")
    finally:
        there.rename(installed.path)
    assert f"==> Making .venv anew: it was made in {installed.path}\n" in outcome.err


def test_another_chosen_python_needs_a_new_environment(
    installed: Checkout, full_disk: str, tmp_path: Path
) -> None:
    newer = fake_python(tmp_path / "python", "sys.version_info = (3, 99, 0)")
    path = f"{full_disk}:{installed.programs}"
    outcome = installed.run("demo", PATH=path, EDGED_PYTHON=str(newer))
    assert re.search(r"==> Making \.venv anew: its Python is .*, EDGED_PYTHON is", outcome.err)


def test_an_environment_without_its_python_is_noticed(installed: Checkout, full_disk: str) -> None:
    python = installed.venv / "bin" / "python"
    aside = python.rename(python.with_name("aside"))
    python.symlink_to("/no/such/python")
    outcome = installed.run("demo", PATH=f"{full_disk}:{installed.programs}")
    aside.replace(python)
    assert "==> Making .venv anew: its Python does not work any more\n" in outcome.err


def test_an_interrupted_run_is_made_good_by_the_next(installed: Checkout) -> None:
    def begin() -> subprocess.Popen[str]:
        process = installed.start("test", "-q")
        wait_for(lambda: "unfinished" in installed.stamp.read_text())
        return process

    installed.amend()
    asked = begin()
    os.killpg(asked.pid, signal.SIGINT)
    outcome = finish(asked)
    assert outcome.code == 130
    assert outcome.err.endswith("install.sh: interrupted; run it again to go on\n")

    killed = begin()
    killed.kill()
    finish(killed)

    outcome = installed.run("test", "-q")
    assert "==> Making .venv anew: an earlier run was interrupted\n" in outcome.err
    assert outcome.code == 0
    assert not (installed.venv / "tmp").exists()


def test_a_demo_gets_the_extra_packages_of_the_demo(fresh: Checkout) -> None:
    outcome = fresh.run("demo", "--help")
    assert outcome.code == 0
    assert "Usage: edged demo" in outcome.out
    assert (fresh.stamp.read_text().split()[0], outcome.err.count("==>")) == ("demo", 2)
    there = [f"{fresh.venv}/bin/python", "-c", "import iniconfig"]
    subprocess.run(there, check=True, timeout=PIP_DEADLINE_S)


# ---- its text ---------------------------------------------------------------------------------


SHELLCHECK = shutil.which("shellcheck")


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed")
def test_the_shell_scripts_are_clean() -> None:
    outcome = subprocess.run(
        [str(SHELLCHECK), "-x", "install.sh", ".ci/run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stdout) == (0, "")
