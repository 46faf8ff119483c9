"""Say how patient we are by default: the one place for these figures, in seconds unless named otherwise.

Patient as mail is: a destination may be away for a day and a night, and nobody has to do anything about it.
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 300.0
# How long after its first try a batch is given up.
GIVE_UP_AFTER: Final = 2 * 86_400.0
# After so many failures in a row nothing but one probe an interval is tried.
BREAKER_AFTER: Final = 5
PROBE_INTERVAL: Final = 60.0
