"""A guest without a kernel of its own: real systemd in a container, up in seconds.

For what needs systemd and packages, but neither devices nor a boot loader. It has a network of its
own, connected in user mode (slirp4netns), so that its ports are its own.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from vm.guests import Ended, Guest, GuestError

BOOT_S = 60.0
POWER_OFF_S = 30.0
END_S = 10.0


class Container(Guest):
    """A private root file system, booted by systemd-nspawn.

    Args:
        root: The root file system; the container writes into it.
        log: Where its console goes.
    """

    def __init__(self, root: Path, log: Path) -> None:
        self.name = "container"
        self._root, self._log = root, log
        self._stack = ExitStack()
        started = time.monotonic()
        try:
            self._console = self._stack.enter_context(log.open("wb"))
            self._process = self._boot()
            self._init = self._find_init()
            self._connect(log.with_suffix(".net"))
            self.booted_s = self.until(
                "systemd", "systemctl is-system-running | grep -Eq '^(start|run|degr)'", BOOT_S
            )
        except BaseException:
            self.close()
            raise
        self.booted_s = time.monotonic() - started

    def ask(self, command: str, timeout_s: float) -> Ended:
        return self._ask(command, timeout_s, b"")

    def _ask(self, command: str, timeout_s: float, given: bytes) -> Ended:
        line = ["nsenter", "-t", str(self._init), "-a", "--", "/usr/bin/env", "-i"]
        line += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        line += ["LANG=C.UTF-8", "timeout", "-k", "5", f"{timeout_s:g}", "sh", "-c", command]
        started = time.monotonic()
        try:
            done = subprocess.run(
                line,
                input=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s + 10,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise GuestError(f"$ {command}\nno answer within {timeout_s:g} s") from error
        seconds = time.monotonic() - started
        output = done.stdout.decode(errors="replace")
        if done.returncode in {124, 137} and seconds >= timeout_s:
            raise GuestError(f"$ {command}\n{output}\nnot done within {timeout_s:g} s")
        return Ended(command, done.returncode, output, seconds)

    def put(self, path: str, content: bytes) -> None:
        # From inside: what the guest has mounted for itself, such as /tmp, is not seen from here.
        name = shlex.quote(path)
        ended = self._ask(f"mkdir -p $(dirname {name}) && cat >{name}", 60, content)
        if ended.status:
            raise GuestError(f"in the {self.name}:\n{ended}")

    def console(self) -> str:
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._stack.close()

    def power_off(self) -> None:
        """Ends it as an administrator does. The root file system stays, to be looked at."""
        self._process.terminate()  # nspawn hands it on as a request to power off
        self._process.wait(POWER_OFF_S)

    def _boot(self) -> subprocess.Popen[bytes]:
        command = ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--boot"]
        command += ["--register=no", "--keep-unit", "--private-network", "--resolv-conf=off"]
        command += ["--timezone=off", "-D", str(self._root)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._console, stderr=self._console
        )
        self._stack.callback(_end, process)
        return process

    def _find_init(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    self._stack.callback(_end_all, os.pidfd_open(int(pid)))
                    return int(pid)
            time.sleep(0.05)
        raise GuestError(f"systemd-nspawn did not start systemd: see {self._console.name}")

    def _connect(self, log: Path) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", "slirp4netns", "--configure", "--mtu=65520"]
        command += [str(self._init), "tap0"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self._stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # at once: what it has written is thrown away
    process.wait()


def _end_all(init: int) -> None:
    """Ends a container's init, which outlives nspawn's end, and with it the kernel all the rest."""
    try:
        signal.pidfd_send_signal(init, signal.SIGKILL)
        select.select([init], [], [], END_S)  # readable when it has ended
    except ProcessLookupError:
        pass  # it was powered off
    finally:
        os.close(init)
