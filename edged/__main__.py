"""The entry of the `edged` command and of `python -m edged`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        # Here, since it takes 0.1 s, and an early Ctrl-C is as quiet as a late one.
        from edged.cli import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
