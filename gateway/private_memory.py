"""Keep the memory of this process off the disk: it holds data keys and opened content."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

_NEITHER: Final = 1
"""No file may be so small, and a program that takes core files, to which a limit of zero says nothing, gets
none either: the kernel itself takes this number for that (`fs/coredump.c`)."""


def keep_private() -> None:
    """Write no core file whatever happens, here and in what is started from here."""
    # Who may have none already may not ask for more.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (_NEITHER, _NEITHER))
