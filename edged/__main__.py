"""The entry of the `edged` command and of `python -m edged`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. A Ctrl-C before it listens to signals is as quiet as a later one."""
    try:
        from edged.cli import main as run  # noqa: PLC0415 - takes 0.1 s, and so is guarded too

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
