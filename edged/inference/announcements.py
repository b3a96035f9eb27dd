"""What the log learns of accelerators: every change once, with its fields for the journal."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)


def refused(name: str, reason: str, *, is_fault: bool) -> None:
    """An accelerator was probed, and does not work."""
    level = logging.WARNING if is_fault else logging.INFO
    fields = {"event": "accelerator-refused", "accelerator": name, "reason": reason}
    _log.log(level, "not on %s: %s", name, reason, extra=fields)


def lost(name: str, reason: str, successor: str, rest_s: float | None) -> None:
    """The one that served failed, and another takes over; `rest_s`: it rests for so long."""
    rest = "" if rest_s is None else f"; {name} rests for {rest_s / 60:.0f} minutes"
    fields = {
        "event": "failover" if rest_s is None else "accelerator-rests",
        "accelerator": successor,
        "previous": name,
        "reason": reason,
    }
    _log.warning("%s failed: %s: %s takes over%s", name, reason, successor, rest, extra=fields)


def cannot_take_over(name: str, reason: str) -> None:
    """The CPU, on which everything relies, cannot run these models."""
    fields = {"event": "no-fallback", "accelerator": name, "reason": reason}
    _log.warning("%s: %s", name, reason, extra=fields)


def promoted(name: str, previous: str) -> None:
    """A better one has taken over."""
    fields = {"event": "promotion", "accelerator": name, "previous": previous}
    _log.info("the models run on %s now, before on %s", name, previous, extra=fields)
