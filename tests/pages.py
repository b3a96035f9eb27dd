"""Examples of the pages for subscribers."""

from __future__ import annotations

import re
from pathlib import Path

SUBSCRIBERS = Path(__file__).parents[1] / "docs" / "subscribers"


def examples(page: str, language: str) -> list[str]:
    """Of a page of `docs/subscribers`, in their order."""
    text = (SUBSCRIBERS / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
