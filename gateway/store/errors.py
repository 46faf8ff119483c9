"""Name what can be wrong with a store as a whole."""

from __future__ import annotations

from csenet.gateway.errors import GatewayError


class StoreError(GatewayError):
    """Report a store that cannot be used as it is."""
