"""The case system's side: facts in, work items out, transactions to send."""

from csenet.gateway.casework.api import build_app
from csenet.gateway.casework.requests import Limits

__all__ = ["Limits", "build_app"]
