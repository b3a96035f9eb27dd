"""`edged` in which a thread hangs from when a file appears: `PART FILE run --config ...`.

Nobody waits long here: every thread may be silent for `PATIENCE_S` only, and the rate is that of
`RATE_S`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from edged import supervision
from edged.__main__ import main
from edged.capture.slot import LatestFrame
from edged.inference.engine import Engine
from edged.mqtt.connection import Connection

PATIENCE_S = 1.5
RATE_S = 0.5
PLACES: dict[str, tuple[type, str]] = {
    "capture": (LatestFrame, "put"),
    "frames": (LatestFrame, "take"),
    "mqtt": (Connection, "step"),
}


def sabotage(part: str, sign: Path) -> None:
    """Have a part's thread hang as soon as `sign` is there; `idle`: frames are taken no more."""
    for name in ("CAMERA", "FRAMES", "BROKER", "CONNECTING"):
        setattr(supervision, f"{name}_PATIENCE_S", PATIENCE_S)
    supervision.RATE_S = RATE_S
    if part in PLACES:
        owner, method = PLACES[part]
        setattr(owner, method, _hanging(getattr(owner, method), sign))
    elif part == "idle":
        ready = Engine.wait_ready

        def never_ready(self: Engine, timeout_s: float) -> bool:
            if not sign.exists():
                return ready(self, timeout_s)
            time.sleep(timeout_s)
            return False

        Engine.wait_ready = never_ready  # type: ignore[method-assign]


def _hanging(method: Callable[..., Any], sign: Path) -> Callable[..., Any]:
    def hanging(*arguments: Any, **options: Any) -> Any:
        if sign.exists():
            Event().wait()
        return method(*arguments, **options)

    return hanging


if __name__ == "__main__":
    sabotage(sys.argv[1], Path(sys.argv[2]))
    del sys.argv[1:3]
    main()
