"""Describe what may be set about participants: whether, where and how they see their own case."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from csenet.gateway.settings.kinds import LengthOfTime, ProxyAddress, ReadableFile, Section, Text, is_loopback


class ParticipantTls(Section):
    """Name certificate and key of the participants' own listener."""

    certificate: ReadableFile
    key: ReadableFile


class ParticipantSection(Section):
    """Say whether participants may see their own case, where, and what they read.

    With ``port``, only their pages are offered there, and they are offered nowhere else; without it, they
    stand below ``/participant`` where the other pages are.  ``proxies`` may say from which address somebody
    comes (``X-Forwarded-For``, its last entry).  After ``lock_after`` wrong PINs in a row a number is locked
    for ``lock_for``, and each further one doubles that, up to a day.  The texts are the agency's own.
    """

    enabled: bool = False
    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    tls: ParticipantTls | None = None
    proxies: tuple[ProxyAddress, ...] = ()
    lock_after: Annotated[int, Field(ge=1, le=20)] = 5
    lock_for: LengthOfTime = timedelta(minutes=15)
    idle: LengthOfTime = timedelta(minutes=10)
    longest: LengthOfTime = timedelta(hours=1)
    tries_per_minute: Annotated[int, Field(ge=1, le=1000)] = 10
    views_per_minute: Annotated[int, Field(ge=1, le=1000)] = 30
    banner: ReadableFile | None = None
    privacy: ReadableFile | None = None
    disclaimers: ReadableFile | None = None
    links: ReadableFile | None = None
    contact: ReadableFile | None = None

    @model_validator(mode="after")
    def _fits(self) -> ParticipantSection:
        """Refuse an idle time beyond the longest, half of a listener, and plain text on a network."""
        if self.idle > self.longest:
            raise ValueError("idle must not be longer than longest")
        if self.port is None and (self.tls is not None or "host" in self.model_fields_set):
            raise ValueError("host and tls are for a listener of their own; set port as well")
        if self.port is not None and self.tls is None and not is_loopback(self.host):
            raise ValueError(f"plaintext on {self.host}; add [participant.tls], or listen on 127.0.0.1")
        return self
