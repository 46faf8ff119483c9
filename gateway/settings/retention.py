"""Describe what may be set about how long content is kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from csenet.gateway.settings.kinds import Section
from csenet.handlers.policy.dated import in_force
from csenet.handlers.policy.deadlines import duty_of

_CLOSED = "CL7"
_LONGEST_YEARS = 100


class RetentionSection(Section):
    """Say when content is destroyed: nothing is unless ``purge`` is true.

    ``closed_years`` count from the day a case was closed, ``other_years`` from when something came or went;
    both have to be over, and neither may be less than the law's time.  After ``spent_days`` whole files and
    batches go, whose transactions are kept one by one, and the archive's copies.
    """

    purge: bool = False
    closed_years: Annotated[int, Field(le=_LONGEST_YEARS)] = 3
    other_years: Annotated[int, Field(le=_LONGEST_YEARS)] = 3
    spent_days: Annotated[int, Field(ge=7, le=1095)] = 90
    certificates: Path | None = None

    @field_validator("closed_years", "other_years")
    @classmethod
    def _lawful(cls, value: int) -> int:
        """Refuse less than the law wants."""
        limit = in_force(duty_of(_CLOSED).limits, date.max)
        if limit is not None and value < limit.number:
            raise ValueError(f"must be at least {limit.number} years: {limit.citation}")
        return value
