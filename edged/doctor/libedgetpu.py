"""Loads libedgetpu and prints its version. A program of its own: a wrong build crashes.

Standard input is not read. Standard output gets the version; a library that is not there, or cannot
be loaded, is exit code 1 with the loader's text.
"""

from __future__ import annotations

import ctypes
import sys

LIBRARY = "libedgetpu.so.1"


def main() -> None:
    """Print `edgetpu_version()`, as edgetpu_c.h declares it."""
    try:
        version = ctypes.CDLL(LIBRARY).edgetpu_version
    except (OSError, AttributeError) as error:
        sys.exit(f"{error}")
    version.argtypes, version.restype = [], ctypes.c_char_p
    told = version()
    print((told or b"").decode(errors="replace"), flush=True)


if __name__ == "__main__":
    main()
