"""What people may see of addresses that hold secrets."""

from __future__ import annotations

import re

MASK = "********"

_USER_PASSWORD = re.compile(r"^(\w+:/*[^@/?#:]*):.*@", re.DOTALL)
_QUERY_SECRET = re.compile(r"([?&](?:pass|pwd|token|key|secret|auth)[^=&#]*=)[^&#]*", re.IGNORECASE)


def without_password(address: str) -> str:
    """`rtsp://user:secret@host/?password=secret` as it may be shown.

    A password may hold `/` and `@` though it should not: all up to the last `@` is masked, which
    may be more than the password.
    """
    return _QUERY_SECRET.sub(rf"\1{MASK}", _USER_PASSWORD.sub(rf"\1:{MASK}@", address))
