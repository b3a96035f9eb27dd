"""`edged` that tries a failed accelerator again soon, and lets none rest: `run --config ...`."""

from __future__ import annotations

from edged.__main__ import main
from edged.inference import engine
from edged.inference.order import Patience

IMPATIENT = Patience(first_s=0.3, longest_s=0.3, least_s=0.1, losses=10**6, probe_s=5.0)

if __name__ == "__main__":
    setattr(engine, "Patience", lambda: IMPATIENT)  # noqa: B010 - no name of the module's own
    main()
