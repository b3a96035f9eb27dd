"""The broker: does it take us, and what we send?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edged.doctor.finding import Finding, Trouble, problem, warning
from edged.doctor.round_trip import Trip, travel
from edged.messages.topics import ONLINE, Topics
from edged.sections import Mqtt

SLOW_MS = 200.0
"""A message that takes so long is older than five frames."""
SOON_DAYS = 14.0
"""Certificates of Let's Encrypt are renewed when they have 30 days left."""
_HERE = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """What came of connecting."""

    host: str
    port: int
    tls: bool
    username: str
    prefix: str
    """The device's: `edged/gym`."""
    trip: Trip
    password_file: str = ""
    """Where its password is; empty: in none, as far as we may see."""

    @property
    def is_online(self) -> bool:
        """The service is connected, by what the broker retains of it."""
        return self.trip.status == ONLINE.decode()


def measure(settings: Mqtt, topics: Topics, credential: Path | None = None) -> BrokerFacts:
    """Connect, and send a message there and back; `credential`: the file beside the configuration.

    That one counts where it is there, named or not.
    """
    is_there = credential is not None and os.path.lexists(credential)
    return BrokerFacts(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        username=settings.username,
        prefix=f"{topics.prefix}/{topics.device}",
        trip=travel(settings, topics),
        password_file=settings.password_file or (str(credential) if is_there else ""),
    )


def judge(facts: BrokerFacts, *, is_root: bool) -> Finding:
    """What to say of it."""
    trip = facts.trip
    if not trip.protocol:
        return Finding("", (problem(trip.problem, _remedy(facts, is_root=is_root)),))
    how = f"MQTT {trip.protocol}" + (" with TLS" if facts.tls else "")
    found = f"{facts.host}:{facts.port} takes us, {how}"
    if trip.round_trip_ms is not None:
        found += f", a message there and back {trip.round_trip_ms:.1f} ms"
    return Finding(found, tuple(_troubles(facts)))


def _remedy(facts: BrokerFacts, *, is_root: bool) -> str:
    """Where the text of the problem does not say it."""
    start = "start the broker there, let it listen to the network, or correct [mqtt] port"
    if facts.host in _HERE:
        start = "sudo systemctl start mosquitto (sudo apt install mosquitto), or set [mqtt] host"
    remedies = {
        "ConnectionRefusedError": start,
        "gaierror": "correct [mqtt] host, or give its IP address",
        "TimeoutError": f"is it on, in this network, and is port {facts.port} open in a firewall?",
        "OSError": "is this device in the network (ip route)? Else correct [mqtt] host",
    }
    if facts.trip.cause in remedies:
        return remedies[facts.trip.cause]
    own = "" if is_root else " (only root can read the service's: sudo edged check)"
    if "refused the password" in facts.trip.problem:
        where = facts.password_file or "[mqtt] password_file"
        return f"correct [mqtt] username, or the password in {where}{own}"
    if "wants a user" not in facts.trip.problem:
        return ""
    if facts.password_file:  # as ./install.sh --with-broker leaves it beside somebody's own file
        return 'put username = "edged" under [mqtt] (edged finds the password itself)'
    return f"set [mqtt] username and password_file{own}"


def _troubles(facts: BrokerFacts) -> list[Trouble]:
    trip = facts.trip
    troubles = []
    who = f"user {facts.username}" if facts.username else "a client without a name"
    allow = f"allow {who} to read and write {facts.prefix}/# in its ACL"
    if trip.problem:
        troubles.append(problem(f"it hung up: {trip.problem}"))
    elif trip.refusal:
        make = warning if facts.is_online or trip.is_published else problem
        troubles.append(make(f"it refuses {trip.refusal}", allow))
    elif trip.round_trip_ms is None:
        what = "does not acknowledge" if not trip.is_published else "does not give back"
        troubles.append(warning(f"it {what} what we send to {facts.prefix}/check", allow))
    elif trip.round_trip_ms > SLOW_MS:
        near = "" if facts.host in _HERE else ": a cable, or a nearer access point"
        troubles.append(warning("that is slow", f"poses come late{near}"))
    if trip.certificate_days is not None and trip.certificate_days < SOON_DAYS:
        wrong = f"its certificate expires in {trip.certificate_days:.0f} days"
        troubles.append(warning(wrong, "renew it on the broker"))
    return troubles
