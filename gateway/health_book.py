"""Say where pages and programs that ask find how the gateway's parts fare."""

from __future__ import annotations

from typing import Final, Protocol

from aiohttp import web


class HealthBook(Protocol):
    """Know how the gateway's parts fare."""

    def not_alive(self) -> list[str]:
        """Say what makes a restart necessary."""
        ...

    def not_ready(self) -> list[str]:
        """Say what keeps the gateway from serving."""
        ...

    def notes(self) -> list[str]:
        """Say what somebody should look at although the gateway serves."""
        ...


HEALTH: Final[web.AppKey[HealthBook]] = web.AppKey("health")
