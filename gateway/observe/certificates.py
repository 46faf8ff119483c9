"""Tell how many days are left of each certificate that the gateway needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from csenet.gateway.observe.registry import OURS

if TYPE_CHECKING:
    from csenet.gateway.partners import Partners
    from csenet.gateway.settings.loading import Settings

_DAY = 86_400.0


class Left(msgspec.Struct, frozen=True):
    """Say until when somebody has a certificate for a use; the one that lasts longest counts."""

    owner: str
    use: str
    end: datetime

    def days(self, now: datetime) -> float:
        """Give the days that are left, less than 0 afterwards."""
        return (self.end - now).total_seconds() / _DAY


def certificates_of(settings: Settings, partners: Partners | None) -> list[Left]:
    """Read our own certificates again, as they may have been renewed, and those of the table in force.

    Raises ``OSError`` or ``ValueError`` for a file that cannot be read any more.
    """
    found = [*_ours(settings), *(_theirs(partners) if partners is not None else ())]
    longest: dict[tuple[str, str], Left] = {}
    for each in found:
        key = each.owner, each.use
        if key not in longest or longest[key].end < each.end:
            longest[key] = each
    return list(longest.values())


def _ours(settings: Settings) -> Iterator[Left]:
    http, delivery, envelope = settings.http.tls, settings.delivery.http, settings.envelope
    yield from _ends("http", None if http is None else http.certificate)
    yield from _ends("delivery", None if delivery is None else delivery.certificate)
    yield from _ends("envelope", envelope.certificate)
    yield from _ends("envelope", envelope.next_certificate)


def _ends(use: str, file: Path | None) -> Iterator[Left]:
    from cryptography import x509

    if file is not None:
        first = x509.load_pem_x509_certificates(file.read_bytes())[0]
        yield Left(OURS, use, first.not_valid_after_utc)


def _theirs(partners: Partners) -> Iterable[Left]:
    from csenet.gateway.partners import window

    for each in partners.credentials:
        for use in each.use:
            yield Left(each.jurisdiction, use, window(each.pin)[1])
