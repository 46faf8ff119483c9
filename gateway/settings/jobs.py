"""Describe what may be set about timed jobs and about duties."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from csenet.gateway.settings.kinds import Section, length_of_time


class JobsSection(Section):
    """Say how often the gateway does what it does by the clock."""

    annual_interest: bool = False
    ledger_check_every: Annotated[timedelta, BeforeValidator(length_of_time)] = timedelta(minutes=1)
    duties_every: Annotated[timedelta, BeforeValidator(length_of_time)] = timedelta(hours=1)


class DutiesSection(Section):
    """Say how early a duty is warned of, and how a partner is reminded who owes us an answer."""

    warn_days: Annotated[int, Field(ge=0, le=60)] = 5
    reminders: bool = True
    remind_again_days: Annotated[int, Field(ge=1, le=365)] = 30
