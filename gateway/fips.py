"""Refuse to run where FIPS 140 is demanded and the libraries below us do not keep to it.

Two of them do cryptography: Python's own OpenSSL (TLS, digests), and the package ``cryptography`` (sealing,
signatures), which brings an OpenSSL of its own unless it was built against the machine's.
"""

from __future__ import annotations

from typing import Final

from csenet.gateway.errors import GatewayError
from csenet.gateway.people import passwords

_PYTHON: Final = (
    "Python's OpenSSL does not run with the FIPS provider; switch the machine to FIPS mode, or activate the "
    "provider in openssl.cnf"
)
_PACKAGE: Final = (
    "the package cryptography does not run with the FIPS provider; build it against the machine's OpenSSL "
    "(pip install --no-binary cryptography cryptography)"
)


class NotFips(GatewayError):  # noqa: N818 - read as an outcome
    """Report that FIPS 140 is demanded and missing; the start stops."""


def python_keeps_to_it() -> bool:
    """Tell whether Python's own OpenSSL offers approved algorithms only."""
    try:
        from _hashlib import get_fips_mode  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    return bool(get_fips_mode())


def package_keeps_to_it() -> bool:
    """Tell whether the package ``cryptography`` offers approved algorithms only."""
    from cryptography.hazmat.bindings._rust import openssl

    return bool(openssl.is_fips_enabled())


def demand(*, wanted: bool) -> None:
    """Make sure of it where it is wanted, and hash passwords in an approved way; raises ``NotFips``."""
    passwords.use_approved_only(wanted)
    if not wanted:
        return
    missing = [
        told
        for told, keeps in ((_PYTHON, python_keeps_to_it()), (_PACKAGE, package_keeps_to_it()))
        if not keeps
    ]
    if missing:
        raise NotFips("gateway.fips: " + "; ".join(missing))
