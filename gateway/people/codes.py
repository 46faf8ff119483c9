"""Make and check one-time codes that change with the time (RFC 6238), each good for one sign-in only."""

from __future__ import annotations

import base64
import io
from datetime import datetime
from typing import Final

import pyotp
import qrcode
import qrcode.image.svg

_PERIODS: Final = (0, -1, 1)
"""The period of the moment first, then those around it: clocks of telephones differ."""


def new_secret() -> str:
    """Make the secret that telephone and gateway share."""
    return pyotp.random_base32()


def period_of(secret: str, code: str, now: datetime, used: int | None) -> int | None:
    """Find the period a code is good for, later than the one used last; None if the code is wrong."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    current = totp.timecode(now)
    for offset in _PERIODS:
        period = current + offset
        if pyotp.utils.strings_equal(typed, totp.generate_otp(period)) and period > (used or -1):
            return period
    return None


def picture(secret: str, name: str, issuer: str) -> str:
    """Draw what a telephone reads, as a data address that a page can show without asking for a file."""
    address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
    drawn = io.BytesIO()
    qrcode.make(address, image_factory=qrcode.image.svg.SvgPathImage, border=2).save(drawn)
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()


def spaced(secret: str) -> str:
    """Write a secret for somebody who types it."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
