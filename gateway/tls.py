"""Make TLS contexts for both sides, and say in one word why a connection was refused.

TLS 1.2 is the oldest version spoken; in it, only suites with forward secrecy and authenticated encryption.
OpenSSL's security level 2 refuses keys below 2,048 bits (RSA) or 224 (elliptic curves), and SHA-1, in every
certificate of a chain, our own included.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from csenet.gateway.tls_revoked import Revoked, TlsError, check_again

__all__ = ["TlsError", "client_context", "peer_fingerprint", "refusal", "server_context"]

_SUITES: Final = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"

# What OpenSSL's verification found, by its numbers (x509_vfy.h).
_FOUND: Final = {
    2: "tls_untrusted",
    3: "tls_no_crl",
    9: "tls_not_yet_valid",
    10: "tls_expired",
    12: "tls_crl_expired",
    18: "tls_self_signed",
    19: "tls_self_signed",
    20: "tls_untrusted",
    21: "tls_untrusted",
    23: "tls_revoked",
    62: "tls_wrong_host",
    64: "tls_wrong_host",
    66: "tls_weak",
    67: "tls_weak",
    68: "tls_weak",
}
# What the other side told us about our certificate, or did not do, by OpenSSL's names.
_TOLD: Final = {
    "CERTIFICATE_EXPIRED": "tls_ours_expired",
    "CERTIFICATE_REVOKED": "tls_ours_revoked",
    "UNKNOWN_CA": "tls_ours_untrusted",
    "BAD_CERTIFICATE": "tls_ours_refused",
    "CERTIFICATE_UNKNOWN": "tls_ours_refused",
    "UNSUPPORTED_CERTIFICATE": "tls_ours_refused",
    "HANDSHAKE_FAILURE": "tls_handshake",
    "CERTIFICATE_REQUIRED": "tls_ours_missing",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "tls_no_certificate",
    "PROTOCOL_VERSION": "tls_version",
    "UNSUPPORTED_PROTOCOL": "tls_version",
    "WRONG_VERSION_NUMBER": "tls_not_spoken",
}


def server_context(
    certificate: Path,
    key: Path,
    client_ca: Path | None = None,
    *,
    crl: Path | None = None,
    optional: bool = False,
    refused: Callable[[str], None] = lambda reason: None,
) -> ssl.SSLContext:
    """Make the context of our server.

    With ``client_ca``, a caller must show a certificate of those authorities; with ``optional`` it may, and
    a wrong one is refused all the same.  ``crl`` lists which of them were revoked, and is read again when
    its file changes.  ``refused`` hears the reason of each handshake that fails: the event loop drops such
    connections without a word.  Raises `TlsError`.
    """
    context = _plain(ssl.PROTOCOL_TLS_SERVER)
    revoked = None
    _load_pair(context, certificate, key)
    if client_ca is not None:
        _load_ca(context, client_ca)
        revoked = None if crl is None else Revoked(crl, context)
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
        # Tickets would outlive this process. Sessions of TLS 1.2 that OpenSSL remembers by itself cannot be
        # turned off from here: who takes one up again is looked at anew (`_watching`).
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    context.sslobject_class = _watching(context, revoked, refused)
    return context


def client_context(
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    crl: Path | None = None,
) -> ssl.SSLContext:
    """Make the context of our client: it checks chain and host name, and shows our certificate if any.

    ``ca`` replaces the machine's list of authorities; ``crl`` lists what they revoked, and is read again when
    its file changes.  Raises `TlsError`.
    """
    context = _plain(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        _load_ca(context, ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if crl is not None:
        context.sslobject_class = _watching(context, Revoked(crl, context))
    if certificate is not None and key is not None:
        _load_pair(context, certificate, key)
    return context


def refusal(error: BaseException) -> str | None:
    """Say in one word why TLS failed, us or the other side; None where the failure is another one."""
    failed = [each for each in _causes(error) if isinstance(each, ssl.SSLError)]
    for each in failed:
        # Libraries' own classes of that kind have neither; what they stand for comes behind them.
        code, reason = getattr(each, "verify_code", None), getattr(each, "reason", None)
        if code is not None:
            return _FOUND.get(code, "tls_untrusted")
        if reason:
            return next((word for name, word in _TOLD.items() if reason.endswith(name)), "tls_failed")
    return "tls_failed" if failed else None


def peer_fingerprint(transport: asyncio.BaseTransport | None) -> str | None:
    """Name the certificate that a caller showed by the SHA-256 of its bytes; None if it showed none."""
    connection = None if transport is None else transport.get_extra_info("ssl_object")
    der = None if connection is None else connection.getpeercert(binary_form=True)
    return hashlib.sha256(der).hexdigest() if der else None


class _Watching(ssl.SSLObject):
    """Be a connection that knows the newest revocations, and tells why it was refused.

    Who is revoked comes in neither by a new handshake nor by an earlier session, and what is open ends.
    """

    watched: ssl.SSLContext
    revoked: Revoked | None
    refused: Callable[[str], None]
    looked_at = 0
    """Which list of revocations its certificate was put before."""

    def do_handshake(self) -> None:
        """Shake hands, and put a session that is taken up again before the list: it shows no certificate."""
        self._look()
        with self._telling():
            super().do_handshake()
            if self.session_reused:
                check_again(self.getpeercert(binary_form=True), self.revoked)

    def read(self, *args: Any) -> Any:
        """Read unless the certificate of the connection has been revoked since."""
        if self._look():
            with self._telling():
                check_again(self.getpeercert(binary_form=True), self.revoked)
        return super().read(*args)

    def _look(self) -> bool:
        if self.revoked is None:
            return False
        self.revoked.look(self.watched)
        before, self.looked_at = self.looked_at, self.revoked.version
        return before != self.looked_at

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.refused(refusal(error) or "tls_failed")
            raise


def _watching(
    context: ssl.SSLContext, revoked: Revoked | None, refused: Callable[[str], None] = lambda reason: None
) -> type[ssl.SSLObject]:
    """Make the class of the connections of a context."""
    held = {"watched": context, "revoked": revoked, "refused": staticmethod(refused)}
    return type("Watching", (_Watching,), held)


def _plain(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Without this, a key with a passphrase would ask for it on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise TlsError(f"{certificate}, {key}: {_why(error)}") from None
    except OSError as error:
        raise TlsError(f"{certificate}, {key}: cannot be read: {error.strerror}") from None


def _load_ca(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(file)
    except (ssl.SSLError, OSError):
        raise TlsError(f"{file}: holds no certificate in PEM form that can be used") from None


def _why(error: ssl.SSLError) -> str:
    """Say what is wrong with our own pair."""
    words = {
        "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
        "EE_KEY_TOO_SMALL": "the certificate's key is too short; use RSA with 2,048 bits or P-256",
        "CA_KEY_TOO_SMALL": "a key in the certificate's chain is too short",
        "CA_MD_TOO_WEAK": "the certificate is signed with a digest that is too weak, such as SHA-1",
    }
    return words.get(error.reason or "", "no certificate and unencrypted key in PEM form that can be used")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to what is behind it; libraries wrap what TLS raised."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__context__, each.__cause__, getattr(each, "os_error", None)]
