"""Describe what may be set about watching the gateway."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from csenet.gateway.settings.kinds import (
    LengthOfTime,
    ReadableFile,
    Seconds,
    Section,
    Weekday,
    known_time_zone,
    plain_url,
    span,
)

TimeServer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?$")]


class ExpectedWindows(Section):
    """Say when files of the exchange are expected; without ``times``, at no certain time.

    Hours are those of ``time_zone``, which is the jurisdiction's own if left out.
    """

    times: tuple[Annotated[tuple[time, time], BeforeValidator(span)], ...] = ()
    weekdays: Annotated[frozenset[Weekday], Field(min_length=1)] = frozenset(get_args(Weekday))
    time_zone: Annotated[str, AfterValidator(known_time_zone)] | None = None
    skip_federal_holidays: bool = False


class ObserveSection(Section):
    """Say who may read the metrics, and from when on somebody should look.

    ``metrics`` opens ``/metrics`` to the machine itself (``loopback``), to whoever shows the content of
    ``token_file`` as a bearer token (``token``), or to nobody (``off``).
    """

    metrics: Literal["loopback", "token", "off"] = "loopback"
    token_file: ReadableFile | None = None
    sample_seconds: Seconds = 15.0
    expected: ExpectedWindows = ExpectedWindows()
    clock_jump_seconds: Seconds = 5.0
    slow_commit_seconds: Seconds = 1.0
    oldest_intake: LengthOfTime = timedelta(hours=1)
    oldest_outbox: LengthOfTime = timedelta(days=1)
    backup_folder: Path | None = None
    backup_limit: LengthOfTime = timedelta(hours=26)
    time_server: TimeServer | None = None
    traces_url: Annotated[str, AfterValidator(plain_url)] | None = None

    @model_validator(mode="after")
    def _token(self) -> ObserveSection:
        """Refuse a token that nobody could show."""
        if self.metrics == "token" and self.token_file is None:
            raise ValueError('metrics = "token" needs a token_file')
        return self
