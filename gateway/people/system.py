"""Name the user of the operating system who types a command."""

from __future__ import annotations

import getpass

_LONGEST = 64


def system_user() -> str:
    """Name them as the audit does, such as ``os:root``; signed-in people cannot have such a name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"os:{name}"[:_LONGEST]
