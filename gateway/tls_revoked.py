"""Know which certificates were revoked, and learn of further ones without a restart.

The list is looked at when a connection begins: a new file counts from the next handshake on.  A file that is
none, or holds certificates (which would be trusted), leaves in force what was; so does an older list, as
OpenSSL goes by the list that its authority made last.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import structlog

from csenet.gateway.errors import GatewayError

log = structlog.get_logger("csenet.gateway.tls")

_Stamp = tuple[int, int, int] | None
_NONE: Final = "holds no list of revoked certificates in PEM form that can be used"


class TlsError(GatewayError):
    """Report certificates or keys that TLS cannot use; the start stops."""


class Revoked:
    """Keep the revoked certificates of a context as a file has them."""

    def __init__(self, file: Path, context: ssl.SSLContext) -> None:
        """Read the list for the first time; raises `TlsError`."""
        self._file = file
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
        except (ssl.SSLError, OSError, UnicodeDecodeError):
            raise TlsError(f"{self._file}: {_NONE}") from None
        held = tried.cert_store_stats()
        if not held["crl"] or held["x509"] or "BEGIN X509 CRL" not in text:
            raise TlsError(f"{self._file}: {_NONE}")
        context.load_verify_locations(self._file)
