"""The real Home Assistant beside a broker of this machine, as its users and its log see it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import brokers
from vm.home_assistant_api import Api, NotThereError
from vm.home_assistant_tree import PLACE, VERSION, Installed

START_S = 120.0
STOP_S = 30.0
CONFIG = "cfg"
SINCE = "2026-01-01T00:00:00+00:00"
TOKEN, USER = "rig-token", "rig-user"

CONFIGURATION = """\
homeassistant:
  name: Home
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
automation: !include automations.yaml
logger:
  default: warning
"""

# In a mount namespace of its own: nothing is left mounted, however it ends.
ENTER = f"""\
set -e
mount --bind "$2" "$1/{PLACE}"
mount -o remount,bind,ro "$1/{PLACE}"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin \\
    /{PLACE}/bin/hass -c /{CONFIG} --skip-pip
"""


# What it says of itself in this rig, whatever edged does.
OWN = ("Skipping pip installation", "zlib_ng and isal are not available")


class HomeAssistant:
    """A home with one broker and nothing else. `close` leaves nothing behind.

    Args:
        root: A private copy of its root file system; its configuration stays there over restarts.
        installed: Where it was installed.
        broker_port: Of the broker on the loopback.
        output: The file for what it prints, its log.
        automations: What `automations.yaml` holds.
    """

    def __init__(
        self,
        root: Path,
        installed: Installed,
        broker_port: int,
        output: Path,
        automations: str = "[]",
    ) -> None:
        self._root, self._installed, self._output = root, installed, output
        self._port = brokers.free_port()
        self._key = secrets.token_hex(32)
        self._process: subprocess.Popen[bytes] | None = None
        self._api: Api | None = None
        self.started_s = 0.0
        (root / PLACE).mkdir(exist_ok=True)
        store = root / CONFIG / ".storage"
        store.mkdir(parents=True)
        configuration = CONFIGURATION.format(port=self._port)
        (root / CONFIG / "configuration.yaml").write_text(configuration)
        (root / CONFIG / "automations.yaml").write_text(automations)
        (store / "core.config_entries").write_text(json.dumps(_broker_entry(broker_port)))
        (store / "auth").write_text(json.dumps(_somebody(self._key)))

    @property
    def api(self) -> Api:
        """Its own interface, as its administrator."""
        assert self._api is not None, "Home Assistant does not run"
        return self._api

    def start(self) -> float:
        """Starts, or starts again with all that it knew.

        Returns:
            The seconds until it says that it is running.

        Raises:
            AssertionError: it is not in time; with the end of its log.
        """
        started = time.monotonic()
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--pid", "--kill-child"]
        command += ["--mount", "sh", "-c", ENTER, "sh", str(self._root)]
        command += [str(self._installed.home_assistant)]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            self._api = self._connected(started + START_S)
            self._api.until("it runs", lambda api: api.is_running(), START_S)
        except BaseException as error:
            self.kill()
            error.add_note(self.last_words())
            raise
        self.started_s = time.monotonic() - started
        return self.started_s

    def _connected(self, deadline: float) -> Api:
        assert self._process is not None
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(NotThereError):
                return Api(self._port, _access(self._key))
            time.sleep(0.1)
        raise AssertionError(f"Home Assistant does not answer at port {self._port}")

    def stop(self) -> None:
        """Ends it in order, as its own restart does: it writes what it knows."""
        assert self._process is not None
        self._end_api()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGTERM)
        self._process.wait(STOP_S)
        self._process = None

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        self._end_api()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)  # and the kernel whatever it started
            self._process.wait(STOP_S)
            self._process = None

    def _end_api(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    def log(self) -> str:
        """All that it has said."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def complaints(self) -> list[str]:
        """Its warnings and errors, but for those that are not about us."""
        return [
            line
            for line in self.log().splitlines()
            if any(f" {level} (" in line for level in ("WARNING", "ERROR", "CRITICAL"))
            and not any(own in line for own in OWN)
        ]

    def last_words(self) -> str:
        """The end of its log."""
        return "Home Assistant's log:\n" + "\n".join(self.log().splitlines()[-60:])

    def close(self) -> None:
        """Ends it however it is."""
        self.kill()
        shutil.rmtree(self._root / CONFIG, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _broker_entry(port: int) -> dict[str, Any]:
    """What is stored when somebody has set up the integration for MQTT by hand."""
    entry = {
        "entry_id": "rig",
        "domain": "mqtt",
        "title": "127.0.0.1",
        "version": 2,
        "minor_version": 1,
        "data": {"broker": "127.0.0.1", "port": port, "protocol": "5"},
        "options": {},
        "subentries": [],
        "discovery_keys": {},
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "created_at": SINCE,
        "modified_at": SINCE,
    }
    key = "core.config_entries"
    return {"version": 1, "minor_version": 5, "key": key, "data": {"entries": [entry]}}


def _somebody(key: str) -> dict[str, Any]:
    """What is stored of an administrator who made a long-lived access token."""
    group = {"id": "system-admin", "name": "Administrators"}
    user = {
        "id": USER,
        "group_ids": [group["id"]],
        "is_owner": True,
        "is_active": True,
        "name": "rig",
        "system_generated": False,
        "local_only": False,
    }
    token = {
        "id": TOKEN,
        "user_id": USER,
        "client_id": None,
        "client_name": "rig",
        "client_icon": None,
        "token_type": "long_lived_access_token",
        "created_at": SINCE,
        "access_token_expiration": 315_360_000.0,
        "token": secrets.token_hex(64),
        "jwt_key": key,
        "last_used_at": None,
        "last_used_ip": None,
        "expire_at": None,
        "credential_id": None,
        "version": VERSION,
    }
    data = {"users": [user], "groups": [group], "credentials": [], "refresh_tokens": [token]}
    return {"version": 1, "minor_version": 1, "key": "auth", "data": data}


def _access(key: str) -> str:
    """The long-lived access token itself: a JSON Web Token, RFC 7519, signed by HMAC-SHA256."""
    now = int(time.time())
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": TOKEN, "iat": now, "exp": now + 86_400})
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
    signature = hmac.digest(key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
