"""Write a notice: numbers, by a table of words that can ask for nothing else."""

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

from csenet.gateway.errors import GatewayError

KNOWN: Final = frozenset(("agency", "name", "new", "overdue", "console"))


class NoticeError(GatewayError):
    """Report words that cannot be used."""


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
