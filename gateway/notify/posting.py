"""Hand one e-mail to the mail server, encrypted on its way, and say plainly what became of it."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import aiosmtplib
import msgspec

from csenet.gateway.settings.notify import EmailSection
from csenet.gateway.tls import client_context, refusal


class Fate(StrEnum):
    """Tell what became of an e-mail; nobody knows where the server fell silent after it had it all."""

    SENT = "sent"
    LATER = "later"
    NEVER = "never"
    UNKNOWN = "unknown"


class Posted(msgspec.Struct, frozen=True):
    """Say what became of an e-mail, and why in a word that holds nothing of it."""

    fate: Fate
    why: str = ""


class Post(Protocol):
    """Take e-mail."""

    async def send(self, message: EmailMessage) -> Posted:
        """Hand an e-mail over, once."""
        ...


class MailServer:
    """Speak SMTP to one server."""

    def __init__(self, settings: EmailSection) -> None:
        """Take where it is; raises TlsError for authorities that cannot be read."""
        self._settings = settings
        self._tls: ssl.SSLContext = client_context(ca=settings.ca)

    async def send(self, message: EmailMessage) -> Posted:
        """Hand an e-mail over; its texts and the server's are in no answer."""
        set_ = self._settings
        begins = set_.security == "tls"
        client = aiosmtplib.SMTP(
            hostname=set_.host,
            port=set_.port,
            timeout=set_.timeout_seconds,
            use_tls=begins,
            start_tls=not begins,
            tls_context=self._tls,
            username=set_.user,
            password=_secret(set_.password_file),
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            return _not_reached(error)
        try:
            await client.send_message(message)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _not_taken(error)
        finally:
            client.close()
        return Posted(Fate.SENT)


def _secret(file: Path | None) -> str | None:
    return None if file is None else file.read_text("utf-8").strip()


def _not_reached(error: BaseException) -> Posted:
    """Judge a failure before anything was handed over: it can be tried again."""
    return Posted(Fate.LATER, refusal(error) or type(error).__name__)


def _not_taken(error: BaseException) -> Posted:
    """Judge a failure while the message was handed over."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        fate = Fate.NEVER if 500 <= error.code < 600 else Fate.LATER
        return Posted(fate, f"smtp_{error.code}")
    return Posted(Fate.UNKNOWN, type(error).__name__)
