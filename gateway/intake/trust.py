"""Decide whose batch it is: by the certificate of the connection, by the envelope, by the headers inside.

What is refused is told to the sender in one plain sentence; the reason goes into our log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.typing import FilteringBoundLogger

from csenet.codecs import anyform, errorfile
from csenet.codecs.envelope import (
    EnvelopeError,
    Identity,
    Pin,
    ReceiptOutcome,
    fingerprint,
    open_message,
    sign_receipt,
)
from csenet.gateway.clock import Clock
from csenet.gateway.partners import EXCHANGE, Partners
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import sealed_one
from csenet.gateway.store.tables import idempotency

# Keys of batches stand in the same table as those of requests, and must not meet them.
_PREFIX: Final = "exchange-batch:"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the flat bytes of a batch, whether they came in an envelope, and whose they proved to be."""

    content: bytes
    enveloped: bool = False
    sender: str | None = None

    @property
    def sha256(self) -> str:
        """Give the digest of the flat bytes, which receipts name."""
        return hashlib.sha256(self.content).hexdigest()


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """Refuse a batch in a sentence for its sender."""

    def __init__(self, text: str, *, forbidden: bool = False) -> None:
        """Keep the sentence; ``forbidden`` if it is about who sent it."""
        super().__init__(text)
        self.forbidden = forbidden


class Trust:
    """Know the partners of the moment and our own keys for envelopes."""

    def __init__(
        self,
        partners: Callable[[], Partners],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        identities: Sequence[Identity] = (),
        certificates_needed: bool = False,
    ) -> None:
        """Remember where to ask.

        With ``certificates_needed`` a caller must have shown a partner's certificate in TLS.
        """
        self._partners = partners
        self._clock = clock
        self._log = log
        self._identities = tuple(identities)
        self._needed = certificates_needed

    def caller(self, shown: str | None) -> str | None:
        """Say whose the certificate with this fingerprint is; raises `Refusal` if it has to be somebody's."""
        if shown is None and not self._needed:
            return None
        whose = None if shown is None else self._partners().whose(shown, "tls", self._clock.now())
        if whose is None and self._needed:
            self._log.warning("exchange.stranger", reason="no_partner_certificate", sha256=shown)
            raise Refusal("This needs the certificate of a partner.", forbidden=True)
        return whose

    def opened(self, raw: bytes, caller: str | None, *, enveloped: bool) -> Opened:
        """Give the flat bytes; raises `Refusal` where the envelope or the senders inside are wrong."""
        sender = caller
        if enveloped:
            raw, sender = self._unwrapped(raw, caller)
        if sender not in (None, EXCHANGE):
            self._check_senders(raw, sender)
        return Opened(content=raw, enveloped=enveloped, sender=sender)

    def receipt(self, key: str, sha256: str, *, duplicate: bool) -> bytes | None:
        """Sign a receipt with our newest key in use; None if we have none."""
        now = self._clock.now()
        ours = [each for each in self._identities if Pin(each.certificate).covers(now)]
        if not ours:
            return None
        outcome = ReceiptOutcome.DUPLICATE if duplicate else ReceiptOutcome.ACCEPTED
        return sign_receipt(key, sha256, now, outcome, ours[0])

    def _unwrapped(self, raw: bytes, caller: str | None) -> tuple[bytes, str | None]:
        now, partners = self._clock.now(), self._partners()
        try:
            verified = open_message(raw, self._identities, partners.pins("sign", now, caller), now)
        except EnvelopeError as error:
            reason = (error.inner or error.reason).value
            self._log.warning("exchange.envelope_refused", reason=reason, partner=caller)
            raise Refusal("The envelope does not open, or nobody that we know signed it.") from None
        return verified.content, caller or partners.whose(fingerprint(verified.signer), "sign", now)

    def _check_senders(self, raw: bytes, sender: str | None) -> None:
        """Let a state speak for itself only; what cannot be read says nothing and is dealt with later."""
        if errorfile.is_error_file(raw):
            raise Refusal("Only the exchange sends error files.", forbidden=True)
        for record in anyform.read_all(raw):
            header = record.header
            named = None if header is None else header.other_fips_state
            if named is not None and named != sender:
                self._log.warning("exchange.wrong_sender", partner=sender, sender=named)
                raise Refusal("A transaction in it is another state's.", forbidden=True)


class StoreKeys:
    """Keep the keys of batches in the store, before their batches."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Remember where to write."""
        self._store = store
        self._clock = clock

    async def claim(self, key: str, sha256: str) -> bool:
        """Bind a key to a digest, on disk when this returns; False if it is bound to another.

        A batch lost between this commit and its own comes again with the same bytes and passes.
        """
        name = _PREFIX + key
        now = self._clock.now()

        async def bind(conn: AsyncConnection) -> bool:
            query = select(idempotency.c.request_sha256).where(idempotency.c.key == name)
            known = (await conn.execute(query)).scalar_one_or_none()
            if known is None:
                row = {"key": name, "request_sha256": sha256, "result": {}, "created_at": now}
                await conn.execute(insert(idempotency).values(sealed_one(conn, idempotency, row)))
            return known in (None, sha256)

        return await self._store.together(bind)
