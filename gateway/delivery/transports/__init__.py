"""Ways to carry a batch file to its destination."""

from __future__ import annotations

from csenet.gateway.delivery.transports.base import Parcel, Transport
from csenet.gateway.delivery.transports.folder import FolderTransport
from csenet.gateway.delivery.transports.http import HttpTransport

__all__ = ["FolderTransport", "HttpTransport", "Parcel", "Transport"]
