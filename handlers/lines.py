"""Break free text over the five lines of the information block: between words, and nothing is cut off."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from csenet.codecs.blocks import Information
from csenet.handlers.work import LINE_WIDTH

LINES = tuple(name for name in Information.__struct_fields__ if name.startswith("information_text_line_"))
TEXT_WIDTH = LINE_WIDTH * len(LINES)
"""Characters that all lines hold together; a text that has to be broken may hold fewer."""


def fits(text: str) -> bool:
    """Tell whether a text has room in the lines."""
    return len(_broken(text)) <= len(LINES)


def in_lines(text: str) -> Mapping[str, str]:
    """Give the fields of a text that fits, by line."""
    return MappingProxyType(dict(zip(LINES, _broken(text), strict=False)))


def _broken(text: str) -> list[str]:
    return textwrap.wrap(text, LINE_WIDTH, break_on_hyphens=False)
