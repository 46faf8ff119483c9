"""Name what can be wrong with a store as a whole."""

from __future__ import annotations

from csenet.gateway.errors import GatewayError


class StoreError(GatewayError):
    """Report a store that cannot be used as it is."""


class SealingError(StoreError):
    """Report keys that are missing, wrong or not to be used as they are; says what to do."""


class SealBroken(StoreError):  # noqa: N818 - names what happened
    """Report content that is not what was sealed in its place."""
