"""Write e-mail: a notice is made of numbers by a table of words, a file is encrypted to its recipient."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from csenet.codecs.envelope import EnvelopeError, Pin, load_certificates
from csenet.codecs.envelope_enveloped import encrypt
from csenet.gateway.errors import GatewayError
from csenet.gateway.settings.notify import EmailSection

KNOWN: Final = frozenset(("agency", "name", "new", "overdue", "console"))


class NoticeError(GatewayError):
    """Report words that cannot be used."""


class AttachmentRefused(GatewayError):  # noqa: N818 - read as an outcome
    """Report that a file does not leave by e-mail, and why."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hold what a notice says."""

    subject: str
    body: str

    def message(
        self, values: Mapping[str, str], *, sender: str, to: str, at: datetime, id_: str
    ) -> EmailMessage:
        """Write a notice; raises KeyError for a value that is missing."""
        message = _envelope(sender, to, at, id_)
        message["Subject"] = " ".join(self.subject.format_map(values).split())
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.body.format_map(values).strip() + "\n")
        return message


def _envelope(sender: str, to: str, at: datetime, id_: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{id_}@{sender.rpartition('@')[2]}>"
    return message


@cache
def words(file: Path | None = None) -> Words:
    """Read the words, the agency's own or ours; raises NoticeError for words that ask for anything else."""
    if file is not None:
        text = file.read_text("utf-8")
    else:
        text = resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    name = file or "words.toml"
    try:
        found = msgspec.convert(tomllib.loads(text), Words)
        asked = {each for part in (found.subject, found.body) for each in _names(part)}
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise NoticeError(f"{name}: {error}") from None
    if not asked <= KNOWN:
        raise NoticeError(f"{name}: knows {', '.join(sorted(KNOWN))} only, as e-mail can be read by others")
    return found


def _names(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def certificate_of(settings: EmailSection, to: str) -> bytes | None:
    """Read the certificate to which a file for an address is encrypted; None where none is set."""
    file = settings.certificates.get(to)
    return None if file is None else file.read_bytes()


def document(
    content: bytes, certificate: bytes | None, *, sender: str, to: str, at: datetime, id_: str
) -> EmailMessage:
    """Write an e-mail with a file, encrypted (CMS, AES-256) to its recipient; the file's name stays here.

    Raises AttachmentRefused where there is no certificate, or none that can be used now.
    """
    if certificate is None:
        raise AttachmentRefused(
            "nothing is sent: there is no certificate of the recipient to encrypt the file to"
        )
    try:
        pins = [Pin(each, None, None) for each in load_certificates(certificate)]
        sealed = encrypt(content, pins, at)
    except EnvelopeError as error:
        raise AttachmentRefused(f"nothing is sent: the recipient's certificate: {error.reason}") from None
    message = _envelope(sender, to, at, id_)
    message["Subject"] = "An encrypted document"
    message.set_content("The document is encrypted to your certificate.\n")
    message.add_attachment(sealed, maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    part = message.get_payload()[-1]  # type: ignore[index]
    part.set_param("smime-type", "authEnveloped-data")  # type: ignore[union-attr]
    return message
