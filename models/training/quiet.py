"""TensorFlow without its chatter: what it and the libraries below it write to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what happens inside gets to stderr, whoever writes it, in whichever language.

    With EDGED_DEBUG=1 all of it does.
    """
    if os.environ.get("EDGED_DEBUG"):
        yield
        return
    # Read when TensorFlow is loaded: 3 = fatal errors only.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    real = os.dup(2)
    try:
        with tempfile.TemporaryFile() as swallowed, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(swallowed.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(real, 2)
    finally:
        os.close(real)
