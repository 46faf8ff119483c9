"""Describe what may be set about work items: whose they are, and where they are delivered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator

from csenet.gateway.settings.kinds import (
    ReadableFile,
    Seconds,
    Section,
    is_loopback,
    length_of_time,
    plain_url,
)

_SHORTEST_SECRET = 16


class WorkWebhook(Section):
    """Name the address that takes changed work items, and the secret that signs them."""

    url: Annotated[str, AfterValidator(plain_url)]
    secret_file: ReadableFile
    ca: ReadableFile | None = None
    timeout_seconds: Seconds = 30.0

    @field_validator("secret_file")
    @classmethod
    def _long_enough(cls, value: Path) -> Path:
        """Refuse a secret that can be guessed."""
        if len(value.read_bytes().strip()) < _SHORTEST_SECRET:
            raise ValueError(f"{value} holds less than {_SHORTEST_SECRET} bytes")
        return value

    @model_validator(mode="after")
    def _hidden(self) -> WorkWebhook:
        """Refuse to send work in the clear beyond this machine."""
        host = self.url.partition("://")[2].partition("/")[0].rpartition(":")
        name = host[0] or host[2]
        if self.url.startswith("http://") and not is_loopback(name):
            raise ValueError("url must start with https://, except on this machine")
        return self


class WorkSection(Section):
    """Say who gets which work, and how the case system hears of it besides asking."""

    rules: ReadableFile | None = None
    webhook: WorkWebhook | None = None
    file: Path | None = None
    deliver_every: Annotated[timedelta, BeforeValidator(length_of_time)] = timedelta(seconds=15)
