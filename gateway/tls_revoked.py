"""Know which certificates were revoked, and learn of further ones without a restart.

The list is looked at when a connection begins and when it is read from: a new file counts from the next
handshake on, and ends the connections of whom it names.  A file that is none, or holds certificates (which
would be trusted), leaves in force what was; so does an older list, as OpenSSL goes by the list that its
authority made last.

OpenSSL goes through the list only when a certificate is shown.  Who takes an earlier session up again shows
none (RFC 5246, 7.3), so what the session remembers is put before the list here.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from csenet.gateway.errors import GatewayError

log = structlog.get_logger("csenet.gateway.tls")

_Stamp = tuple[int, int, int] | None
_EXPIRED: Final = 10
_REVOKED: Final = 23
_LIST: Final = re.compile("-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_NONE: Final = "holds no list of revoked certificates in PEM form that can be used"


class TlsError(GatewayError):
    """Report certificates or keys that TLS cannot use; the start stops."""


class Revoked:
    """Keep the revoked certificates of a context as a file has them."""

    def __init__(self, file: Path, context: ssl.SSLContext) -> None:
        """Read the list for the first time; raises `TlsError`."""
        self._file = file
        self._lists: dict[bytes, x509.CertificateRevocationList] = {}
        self.version = 0
        """Counts the lists that came into force."""
        self._seen = self._stamp()
        self._load(context)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF

    def look(self, context: ssl.SSLContext) -> bool:
        """Read the list again if its file has changed; say whether a new one came into force."""
        now = self._stamp()
        if now == self._seen:
            return False
        self._seen = now
        try:
            self._load(context)
        except TlsError:
            log.error("tls.crl_refused")
            return False
        log.info("tls.crl_changed")
        return True

    def names(self, certificate: x509.Certificate) -> bool:
        """Tell whether the newest list of its authority names a certificate."""
        of = self._lists.get(certificate.issuer.public_bytes())
        number = certificate.serial_number
        return of is not None and of.get_revoked_certificate_by_serial_number(number) is not None

    def _stamp(self) -> _Stamp:
        try:
            seen = self._file.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_size, seen.st_mtime_ns

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            text = self._file.read_text("ascii")
            # Tried apart: half of a wrong file must not get in, and no certificate may become trusted.
            tried = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tried.load_verify_locations(cadata=None, cafile=str(self._file))
            lists = [x509.load_pem_x509_crl(each.encode()) for each in _LIST.findall(text)]
        except (ssl.SSLError, OSError, ValueError):
            raise TlsError(f"{self._file}: {_NONE}") from None
        held = tried.cert_store_stats()
        if not held["crl"] or held["x509"] or not lists:
            raise TlsError(f"{self._file}: {_NONE}")
        context.load_verify_locations(self._file)
        for each in lists:
            before = self._lists.get(each.issuer.public_bytes())
            if before is None or before.last_update_utc < each.last_update_utc:
                self._lists[each.issuer.public_bytes()] = each
        self.version += 1


def now() -> datetime:
    """Tell the time of the machine, by which OpenSSL goes as well."""
    return datetime.now(UTC)


def check_again(der: bytes | None, revoked: Revoked | None) -> None:
    """Put the certificate of a connection or a session before the clock and the list once more.

    Raises `ssl.SSLCertVerificationError` with OpenSSL's number of what it found.
    """
    if der is None:
        return
    shown = x509.load_der_x509_certificate(der)
    found = None
    if revoked is not None and revoked.names(shown):
        found = _REVOKED
    elif shown.not_valid_after_utc < now():
        found = _EXPIRED
    if found is not None:
        error = ssl.SSLCertVerificationError("the certificate of this session counts no longer")
        error.verify_code = found
        raise error
