"""Copy a store while it is in service, sealed, prove the copy, and put it back."""

from csenet.gateway.backup.errors import BackupError
from csenet.gateway.backup.making import Made, create
from csenet.gateway.backup.restoring import Proof, restore, verify

__all__ = ["BackupError", "Made", "Proof", "create", "restore", "verify"]
