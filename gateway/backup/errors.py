"""Name what can be wrong with a backup."""

from csenet.gateway.errors import GatewayError


class BackupError(GatewayError):
    """Report a backup that cannot be made, read or put back."""
