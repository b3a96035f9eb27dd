"""When to connect again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter, so that a fleet does not come back all at once."""

    first_s: float = 0.5
    most_s: float = 4.0
    """A broker that is back should not be waited for, and one that is away costs a packet a try."""
    refused_s: float = 30.0
    """After a refusal that only a person can mend, such as a wrong password; up to twice that."""

    look_s: float = 5.0
    longest_look_s: float = 120.0
    """Between two looks whether the first broker is there again, while another one serves."""

    def wait_s(self, failures: int, *, slowly: bool = False) -> float:
        """Seconds before the next attempt, after so many `failures` (1..) in a row."""
        if slowly:
            return random.uniform(self.refused_s, 2 * self.refused_s)  # noqa: S311
        longest = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return random.uniform(0.0, longest)  # noqa: S311

    def until_look_s(self, looks: int, *, slowly: bool = False) -> float:
        """Seconds before the first broker is looked at, after so many `looks` (0..) in vain.

        At least half of what the backoff says: a fleet goes home one by one, and none at once.
        """
        if slowly:
            return self.wait_s(looks, slowly=True)
        longest = min(self.longest_look_s, self.look_s * 2.0 ** min(looks, 32))
        return random.uniform(longest / 2, longest)  # noqa: S311
