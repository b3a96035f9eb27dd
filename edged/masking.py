"""What people may see of addresses that hold secrets."""

from __future__ import annotations

import re

MASK = "********"

_USER_PASSWORD = re.compile(r"^(\s*(?:[\w+.-]*:?//)?+[^:]*:).*@", re.DOTALL)
"""The scheme may be any, mistyped or missing."""

_SECRET = re.compile(
    r"((?:(?:pass|pwd|token|key|secret|auth)[^=&]*|(?:^|[?&;])p)=)[^&]+", re.IGNORECASE
)


def without_password(address: str) -> str:
    """`rtsp://user:secret@host/?password=secret` as it may be shown.

    A password may hold `/` and `@` though it should not: all from the first `:` behind the scheme
    to the last `@` is masked, which may be more than the password, also of a file called `a:b@c`.
    """
    return _SECRET.sub(rf"\1{MASK}", _USER_PASSWORD.sub(rf"\1{MASK}@", address))
