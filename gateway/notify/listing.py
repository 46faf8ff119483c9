"""Add the list of the work that a notice counts, encrypted to its recipient, or leave it out.

E-mail is read on its way: a list of cases leaves only as CMS with AES-256, to a certificate that the settings
have for the address.  Without one that can be used now the notice goes alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final

from csenet.codecs.envelope import EnvelopeError, Pin, load_certificates
from csenet.codecs.envelope_enveloped import encrypt
from csenet.gateway.errors import GatewayError

COLUMNS: Final = ("number", "case", "kind", "title", "opened", "due", "overdue")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NOTICE: Final = (
    "Confidential: 45 CFR 303.21 limits to whom this may be shown. That it was sent is on record."
)


class ListRefused(GatewayError):  # noqa: N818 - read as an outcome
    """Report why a list does not leave by e-mail."""


def table(rows: Iterable[Mapping[str, Any]], to: str, at: datetime, today: date, *, whole: bool) -> str:
    """Write work for a spreadsheet, marked; a leading sign that it would take for a formula is disarmed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["# for", to])
    writer.writerow(["# made", at.isoformat(timespec="seconds")])
    writer.writerow(["# complete", whole])
    writer.writerow(["# notice", _NOTICE])
    writer.writerow(COLUMNS)
    for row in rows:
        due, opened = row["due"], row["opened_at"]
        late = due is not None and due < today
        values = (row["id"], row["case_id"], row["kind"], row["title"], opened.date(), due, late)
        writer.writerow([_cell(each) for each in values])
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def pins_of(file: Path, at: datetime) -> list[Pin]:
    """Read the certificates of a recipient that count now; raises ListRefused if there is none."""
    try:
        pins = [Pin(each) for each in load_certificates(file.read_bytes())]
    except (OSError, EnvelopeError):
        raise ListRefused("unreadable") from None
    counting = [each for each in pins if each.covers(at)]
    if not counting:
        raise ListRefused("expired")
    return counting


def sealed(content: bytes, pins: list[Pin], at: datetime) -> bytes:
    """Encrypt to all of a recipient's certificates; raises ListRefused for one that is not for that."""
    try:
        return encrypt(content, pins, at)
    except EnvelopeError as error:
        raise ListRefused(str(error.reason.value)) from None


def enclosed(notice: EmailMessage, listed: str, pins: list[Pin], at: datetime) -> EmailMessage:
    """Write the notice once more with the list in it, all of it encrypted but subject and addresses.

    The form is S/MIME (RFC 8551), so that mail programs open it by themselves.  Raises ListRefused for a
    certificate to which nothing can be encrypted.
    """
    inside = EmailMessage(policy=SMTP)
    inside.set_content(notice.get_content())
    inside.add_attachment(listed, subtype="csv", filename="work.csv")
    content = sealed(inside.as_bytes(), pins, at)
    message = EmailMessage()
    for name in ("From", "To", "Date", "Message-ID", "Subject", "Auto-Submitted"):
        message[name] = notice[name]
    message.set_content(content, maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    message.set_param("smime-type", "authEnveloped-data")
    message.set_param("name", "smime.p7m")
    return message
