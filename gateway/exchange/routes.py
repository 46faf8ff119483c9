"""Say which states take part in the simulated exchange and how each is reached."""

from __future__ import annotations

from typing import Final

import msgspec

# No county or independent city of any state has a higher FIPS code (Winchester, Virginia).
_HIGHEST_COUNTY: Final = "840"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one state's gateway.

    ``url`` and ``token`` are where and with which secret the exchange posts; ``client_token`` is the secret
    that the state shows when it posts.  ``counties`` lists the county codes known to the exchange, None for
    every code that a county could have.
    """

    url: str
    token: str
    client_token: str
    counties: frozenset[str] | None = None

    def knows(self, county: str) -> bool:
        """Say whether the exchange knows a county code of this state."""
        if self.counties is not None:
            return county in self.counties
        return county <= _HIGHEST_COUNTY
