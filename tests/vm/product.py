"""edged in a guest, as a person who looks after it sees it: systemctl and mosquitto_sub."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from vm.checkout import PLACE
from vm.guests import Guest, GuestError

CONFIG = "/etc/edged/edged.toml"
EDGED = "/opt/edged/current/bin/edged"
INSTALL_S = 1500.0
UNIT = "edged.service"

# What an uninstallation may leave: what apt and the system keep for themselves.
KEPT = "|".join(
    f"^{place}(/|$)"
    for place in (
        "/(proc|sys|dev|run|tmp|root)",
        "/var/(tmp|log|cache)",
        "/var/lib/(apt|dpkg|systemd|mosquitto)",
    )
)


@dataclass(frozen=True)
class Message:
    """What a subscriber got."""

    topic: str
    payload: str

    def json(self) -> Any:
        """The payload, read."""
        return json.loads(self.payload)


class Edged:
    """The service in a guest.

    Args:
        guest: Where it is, or will be installed.
        models_url: A mirror of the models.
    """

    def __init__(self, guest: Guest, models_url: str) -> None:
        self.guest, self._models_url = guest, models_url

    def install(self, *options: str, timeout_s: float = INSTALL_S) -> str:
        """Runs the checkout's installer.

        Returns:
            What it said.

        Raises:
            GuestError: It failed, or the checkout's installer makes no service.
        """
        if "uninstall" not in self.guest.run(f"/{PLACE}/install.sh --help"):
            raise GuestError("part missing: install.sh of this checkout installs no service")
        return self.guest.run(self.command(PLACE, *options), timeout_s)

    def command(self, checkout: str, *options: str) -> str:
        """The shell line that runs a checkout's installer."""
        words = " ".join(("install", *options))
        return f"EDGED_MODELS_URL={self._models_url} /{checkout}/install.sh {words} </dev/null"

    def set(self, section: str, key: str, value: str) -> None:
        """Changes a key of the configuration; the value is written as TOML has it."""
        program = (
            f"import re; p='{CONFIG}'; s=open(p).read(); "
            f"n=re.sub(r'(?ms)(^\\[{section}\\].*?^){key} = [^\\n]*', "
            f"lambda m: m[1] + {f'{key} = {value}'!r}, s, count=1); "
            "open(p,'w').write(n); assert n != s"
        )
        self.guest.put("/root/set.py", program.encode())
        self.guest.run("python3 /root/set.py")

    def messages(self, topic: str, count: int = 1, timeout_s: float = 30) -> list[Message]:
        """The next messages under a topic below edged/<device>/, retained ones too.

        Raises:
            GuestError: Fewer came in time.
        """
        command = f"mosquitto_sub -t 'edged/+/{topic}' -C {count} -W {timeout_s:.0f} -F '%t %p'"
        ended = self.guest.ask(command, timeout_s + 30)
        found = [
            Message(*line.split(" ", 1))
            for line in ended.output.splitlines()
            if line.startswith("edged/")
        ]
        if len(found) < count:
            state = self.guest.ask(f"systemctl status -n 20 {UNIT}", 60)
            raise GuestError(
                f"{len(found)} of {count} messages {topic} in {timeout_s:g} s\n{state}"
            )
        return found

    def poses(self, count: int = 3, timeout_s: float = 30) -> list[dict[str, Any]]:
        """Messages with somebody in them."""
        deadline = time.monotonic() + timeout_s
        found: list[dict[str, Any]] = []
        while len(found) < count:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise GuestError(f"{len(found)} of {count} poses within {timeout_s:g} s")
            try:
                told = [message.json() for message in self.messages("pose", count, left_s)]
            except GuestError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # a broker that is not up refuses at once
                continue
            found += [pose for pose in told if pose["poses"]]
        return found

    def until_poses(self, timeout_s: float) -> float:
        """Waits for a pose. Returns the seconds that took."""
        started = time.monotonic()
        self.poses(1, timeout_s)
        return time.monotonic() - started

    def pid(self) -> int:
        """The process id of the daemon; 0: none."""
        return int(self.guest.unit(UNIT, "MainPID")["MainPID"])

    def restarts(self) -> int:
        """How often systemd has started it again by itself."""
        return int(self.guest.unit(UNIT, "NRestarts")["NRestarts"])

    def said(self) -> str:
        """The status line that `systemctl status` shows."""
        return self.guest.unit(UNIT, "StatusText")["StatusText"]

    def worker(self) -> int:
        """The process id of the models' process; 0: none, or more than one for the moment."""
        children = self.guest.ask(f"pgrep -P {self.pid()}", 30).output.split()
        return int(children[0]) if len(children) == 1 else 0

    def status(self) -> dict[str, str]:
        """The lines of /proc/PID/status of the daemon."""
        lines = self.guest.run(f"cat /proc/{self.pid()}/status").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def exposure(self) -> float:
        """What `systemd-analyze security` says: 0 is best, 10 is worst."""
        said = self.guest.run(f"systemd-analyze security --no-pager {UNIT}")
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        if not found:
            raise GuestError(f"no exposure level in:\n{said}")
        return float(found[1])


def state_of_disk(guest: Guest) -> frozenset[str]:
    """Every file that the installer might have to do with: name, owner, mode, time of change.

    Of a directory without the time: what it holds is here too, and a download that is tried once
    more, in vain, comes and goes.
    """
    places = "/opt /etc /var/lib/edged /usr/lib/systemd /usr/lib/udev /usr/local"
    shown = r"\( -type d -printf '%p %u %g %m %y\n' -o -printf '%p %u %g %m %y %T@ %l\n' \)"
    # A service that runs writes its events down.
    command = f"find {places} -xdev ! -name 'outbox-*' {shown} 2>/dev/null | sort"
    return frozenset(guest.run(command).splitlines())


def names_on_disk(guest: Guest) -> frozenset[str]:
    """Every file that no Debian package brought and that nobody keeps for themselves."""
    command = (
        f"find / -xdev -printf '%p\\n' | grep -Ev '{KEPT}' | sort >/tmp/all;"
        " cat /var/lib/dpkg/info/*.list | sort -u >/tmp/owned;"
        " realpath -m $(cat /tmp/owned) 2>/dev/null | sort -u >/tmp/real;"
        " comm -23 /tmp/all /tmp/owned | comm -23 - /tmp/real"
    )
    names = guest.run(command, 180).splitlines()
    return frozenset(name for name in names if "__pycache__" not in name)


def accounts(guest: Guest) -> frozenset[str]:
    """Users and groups."""
    return frozenset(guest.run("getent passwd; getent group").splitlines())


def units(guest: Guest) -> frozenset[str]:
    """Unit files that systemd knows, and whether they are enabled."""
    listed = guest.run("systemctl list-unit-files --no-legend --no-pager").splitlines()
    return frozenset(" ".join(line.split()) for line in listed)
