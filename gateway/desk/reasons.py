"""Say once how long the reason is that somebody gives for what another has to agree with or look up later."""

from __future__ import annotations

from typing import Final

SHORTEST_REASON: Final = 8
LONGEST_REASON: Final = 500


def is_reason(text: str) -> bool:
    """Tell whether a text is neither too short to say anything nor too long to be read."""
    return SHORTEST_REASON <= len(text.strip()) <= LONGEST_REASON
