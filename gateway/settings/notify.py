"""Describe what may be set about notices by e-mail: where they leave, and to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from csenet.gateway.settings.kinds import LengthOfTime, ReadableFile, Seconds, Section, Text, plain_url


def _mailbox(value: str) -> str:
    """Refuse what is no plain address: a display name could be somebody's, and a line break a header."""
    name, sign, host = value.rpartition("@")
    plain = value.isascii() and value.isprintable() and not set(value) & set(' ,;:<>()[]\\"')
    if not (sign and name and "." in host.strip(".") and plain and len(value) <= 254):
        raise ValueError('must be an e-mail address such as "intake@agency.example"')
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class EmailSection(Section):
    """Name the mail server, and who hears of work: by office and by worker.

    The connection is encrypted in any case: ``starttls`` demands it, ``tls`` begins with it.  A notice holds
    numbers only.  Who has one of ``certificates`` gets the list of the work as well, encrypted to it.
    """

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls"] = "starttls"
    ca: ReadableFile | None = None
    user: Text | None = None
    password_file: ReadableFile | None = None
    sender: Mailbox
    console: Annotated[str, AfterValidator(plain_url)] | None = None
    words: ReadableFile | None = None
    every: LengthOfTime = timedelta(minutes=15)
    timeout_seconds: Seconds = 30.0
    attempt_limit: Annotated[int, Field(ge=1, le=100)] = 8
    offices: dict[str, Mailbox] = Field(default_factory=dict)
    workers: dict[str, Mailbox] = Field(default_factory=dict)
    certificates: dict[str, ReadableFile] = Field(default_factory=dict)

    @field_validator("certificates")
    @classmethod
    def _of_somebody(cls, value: dict[str, object], info: object) -> dict[str, object]:
        """Refuse a certificate for an address to which nothing goes."""
        told = getattr(info, "data", {})
        known = {*told.get("offices", {}).values(), *told.get("workers", {}).values()}
        if not set(value) <= known:
            raise ValueError("has an address that neither offices nor workers have")
        return value

    @field_validator("password_file")
    @classmethod
    def _not_alone(cls, value: object, info: object) -> object:
        """Refuse a password without a user."""
        if value is not None and not getattr(info, "data", {}).get("user"):
            raise ValueError("needs user as well")
        return value


class NotifySection(Section):
    """Say how people hear of work besides looking."""

    email: EmailSection | None = None
