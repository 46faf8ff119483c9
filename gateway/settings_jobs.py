"""Describe what may be set about timed jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from csenet.gateway.settings_kinds import Section, length_of_time


class JobsSection(Section):
    """Say how often the gateway does what it does by the clock."""

    ledger_check_every: Annotated[timedelta, BeforeValidator(length_of_time)] = timedelta(minutes=1)
