"""Describe what may be set about the audit."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from csenet.gateway.settings.kinds import LengthOfTime, Section


class AuditSection(Section):
    """Say where and how often the head of the audit's chain is written outside the store.

    Best is a place where the gateway's machine can add but not change, such as a share of another office.
    """

    anchor: Path | None = None
    anchor_every: LengthOfTime = timedelta(minutes=15)
