"""Describe what may be set about how much is taken in at once, and how much of the disk is kept free."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from csenet.gateway.settings.kinds import Seconds, Section


class LimitsSection(Section):
    """Say when the gateway takes nothing more for the moment; callers are told to come again."""

    disk_reserve_mb: Annotated[int, Field(ge=1)] = 256
    requests_at_once: Annotated[int, Field(ge=1, le=10_000)] = 256
    megabytes_at_once: Annotated[int, Field(ge=1, le=65_536)] = 256
    connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    head_seconds: Seconds = 20.0
    body_seconds: Seconds = 300.0
    retry_after_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
