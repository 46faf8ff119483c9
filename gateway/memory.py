"""Let Python's search for cycles in memory pass over what is made to stay."""

from __future__ import annotations

import gc
from typing import Final

# Containers made and not yet dropped before new ones are looked through; a commit of a hundred holds as many.
# What is waiting to be looked through so comes to a few megabytes.
_MADE: Final = 20_000
_YOUNG: Final = 20


def settle_in() -> None:
    """Leave out of the search all that is loaded by now, and search seldom.

    Otherwise modules and tables of law are walked through again and again, which stops everybody for a tenth
    of a second, and each commit in the middle of its work, where next to nothing is in cycles: a fifteenth of
    all processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE, _YOUNG, _YOUNG)
