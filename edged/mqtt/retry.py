"""When to connect again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter, so that a fleet does not come back all at once."""

    first_s: float = 1.0
    most_s: float = 60.0
    refused_s: float = 30.0
    """At least this after a refusal that only a person can mend, such as a wrong password."""

    def wait_s(self, failures: int, *, slowly: bool = False) -> float:
        """Seconds before the next attempt, after so many `failures` (1..) in a row."""
        if slowly:
            return random.uniform(self.refused_s, max(self.refused_s, self.most_s))  # noqa: S311
        longest = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return random.uniform(0.0, longest)  # noqa: S311
