"""Envelopes open for whom they are meant, prove who signed, and lose their proof with any single bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from csenet.codecs import envelope
from csenet.codecs.envelope import EnvelopeError, Identity, Pin, Reason, ReceiptOutcome, Scheme

from .envelope_people import NOON, YEAR, certificate_pem, certify, identity, key_pem, pin, usage

CONTENT = b"27000  20000  003 invented transactions\r\n" * 12
KINDS = ("rsa", "rsa3072", "p256", "p384")
SCHEMES = [
    Scheme(digest, pss) for digest in (hashes.SHA256, hashes.SHA384, hashes.SHA512) for pss in (True, False)
]
SHA = "ab" * 32


def refused(reason: Reason, act: Callable[[], object]) -> None:
    with pytest.raises(EnvelopeError) as told:
        act()
    assert told.value.reason is reason
    assert str(told.value) == reason.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: f"{each.digest.name}-{each.pss}")
def test_what_is_signed_comes_out_with_its_signer_and_time(kind: str, scheme: Scheme) -> None:
    us = identity(kind)
    found = envelope.verify(envelope.sign(CONTENT, us, NOON, scheme), [pin(us)], NOON)
    assert (found.content, found.signer, found.signed_at) == (CONTENT, us.certificate, NOON)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("authenticated", [True, False])
def test_what_is_sealed_opens_for_its_recipient_only(kind: str, authenticated: bool) -> None:
    us, them, stranger = identity("rsa"), identity(kind, "kansas"), identity(kind, "stranger")
    sealed = envelope.seal(CONTENT, us, [pin(them)], NOON, authenticated=authenticated)
    assert envelope.unseal(sealed, [them], [pin(us)], NOON).content == CONTENT
    assert CONTENT[:20] not in sealed
    refused(Reason.RECIPIENT, lambda: envelope.unseal(sealed, [stranger], [pin(us)], NOON))


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=30, deadline=None)
def test_any_content_comes_back_as_it_was(content: bytes, authenticated: bool) -> None:
    us = identity("p256")
    sealed = envelope.seal(content, us, [pin(us)], NOON, authenticated=authenticated)
    assert envelope.open_message(sealed, [us], [pin(us)], NOON).content == content


def test_a_message_for_two_certificates_opens_with_either() -> None:
    old, new = identity("rsa", "old"), identity("p384", "new")
    sealed = envelope.encrypt(CONTENT, [pin(old), pin(new)], NOON)
    assert [envelope.decrypt(sealed, [each]).content for each in (old, new)] == [CONTENT] * 2


@pytest.mark.parametrize("size", [0, 1, 2, 3, 40])
def test_a_message_that_breaks_off_or_goes_on_is_refused(size: int) -> None:
    us = identity("p256")
    message = envelope.sign(CONTENT, us, NOON)
    refused(Reason.MALFORMED, lambda: envelope.verify(message[:size], [pin(us)], NOON))
    refused(Reason.MALFORMED, lambda: envelope.verify(message + b"\0" * (size + 1), [pin(us)], NOON))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_and_nothing_else_happens(garbage: bytes) -> None:
    us = identity("p256")
    with pytest.raises(EnvelopeError):
        envelope.open_message(garbage, [us], [pin(us)], NOON)


def test_depth_without_end_is_refused_quickly() -> None:
    deep = b"\x30\x80" * 5000
    refused(Reason.MALFORMED, lambda: envelope.verify(deep, [], NOON))


INNER = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x30\x80" * 500_000,
        b"\x30\x80" + INNER + b"\xa0\x80" + b"\x24\x80" * 100_000,
        b"\x30\x84\x7f\xff\xff\xff" + INNER,
        b"\x30\x88" + b"\xff" * 8 + INNER,
        b"\x30\xff" + b"\xff" * 127,
        b"\x30\x80" + INNER + b"\xa0\x80" + b"\x05\x00" * 500_000 + b"\x00" * 4,
        b"\x30\x80" + INNER + b"\xa0\x80\x24\x80" + b"\x04\x01a" * 300_000 + b"\x00" * 6,
        b"\x30\x80" + INNER + b"\xa0\x80" + b"\x04\x84\x7f\xff\xff\xffab",
    ],
    ids=["deep", "deep inside", "long", "longest", "long length", "many", "in pieces", "long inside"],
)
def test_bombs_are_refused_quickly(bomb: bytes) -> None:
    us = identity("p256")
    begun = time.process_time()
    refused(Reason.MALFORMED, lambda: envelope.open_message(bomb, [us], [pin(us)], NOON))
    assert time.process_time() - begun < 2


class TestWhoMaySign:
    def test_a_stranger_is_refused_even_with_his_certificate_in_the_message(self) -> None:
        message = envelope.sign(CONTENT, identity("rsa", "stranger"), NOON)
        refused(Reason.SIGNER_UNKNOWN, lambda: envelope.verify(message, [pin(identity("rsa"))], NOON))

    def test_a_certificate_counts_in_its_window_only(self) -> None:
        us = identity("rsa")
        since, until = NOON - timedelta(days=1), NOON + timedelta(days=1)
        agreed = [Pin(us.certificate, since, until)]
        for at, good in ((since, True), (until, False), (until - timedelta(seconds=1), True)):
            message = envelope.sign(CONTENT, us, at)
            if good:
                assert envelope.verify(message, agreed, at).content == CONTENT
            else:
                refused(Reason.SIGNER_WINDOW, lambda: envelope.verify(message, agreed, at))  # noqa: B023
        early = since - timedelta(seconds=1)
        refused(Reason.SIGNER_WINDOW, lambda: envelope.verify(message, agreed, early))

    def test_a_certificate_past_its_own_dates_neither_signs_nor_counts(self) -> None:
        us = identity("p256")
        message = envelope.sign(CONTENT, us, NOON)
        late = NOON + 30 * YEAR + timedelta(seconds=1)
        refused(Reason.SIGNER_WINDOW, lambda: envelope.sign(CONTENT, us, late))
        refused(Reason.SIGNER_WINDOW, lambda: envelope.verify(message, [pin(us)], late))
        refused(Reason.RECIPIENT_WINDOW, lambda: envelope.encrypt(CONTENT, [pin(us)], late))

    @pytest.mark.parametrize(("minutes", "good"), [(15, True), (16, False), (-60, True)])
    def test_a_message_from_the_future_is_refused(self, minutes: int, good: bool) -> None:
        us = identity("p256")
        message = envelope.sign(CONTENT, us, NOON + timedelta(minutes=minutes))
        if good:
            assert envelope.verify(message, [pin(us)], NOON).content == CONTENT
        else:
            refused(Reason.SIGNING_TIME, lambda: envelope.verify(message, [pin(us)], NOON))

    def test_a_roll_over_loses_nothing(self) -> None:
        """Old and new overlap by ten days; each hour of forty days, whoever signs with either may."""
        key, later = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        change = NOON
        old = Identity(certify("k", key, since=NOON - YEAR, until=change + timedelta(days=5)), key)
        new = Identity(certify("k", later, since=change - timedelta(days=5), until=NOON + YEAR), later)
        agreed = [pin(old), pin(new)]
        for hour in range(-480, 480, 7):
            at = change + timedelta(hours=hour)
            signer = old if hour < 0 else new
            sealed = envelope.seal(CONTENT, signer, envelope.current(agreed, at), at)
            for holder in (each for each in (old, new) if pin(each).covers(at)):
                assert envelope.unseal(sealed, [holder], agreed, at).content == CONTENT

    def test_the_certificate_that_lasts_longest_comes_first(self) -> None:
        key = identity("p256").key
        short, long = (Pin(certify("k", key, until=NOON + timedelta(days=n))) for n in (3, 30))
        gone = Pin(certify("k", key, until=NOON - timedelta(days=1)))
        assert envelope.current([short, gone, long], NOON) == (long, short)


class TestWhatIsNotAllowed:
    def test_short_and_strange_keys_are_weak(self) -> None:
        keys = (
            rsa.generate_private_key(65537, 1024),
            ec.generate_private_key(ec.SECP224R1()),
            ec.generate_private_key(ec.SECP521R1()),
        )
        for key in keys:
            weak = Identity(certify("weak", key), key)
            refused(Reason.WEAK_KEY, lambda: envelope.sign(CONTENT, weak, NOON))  # noqa: B023
            refused(Reason.WEAK_KEY, lambda: envelope.encrypt(CONTENT, [pin(weak)], NOON))  # noqa: B023

    def test_a_certificate_is_used_for_what_it_is_for(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        signs = Identity(certify("s", key, usage=usage(digital_signature=True)), key)
        hides = Identity(certify("h", key, usage=usage(key_encipherment=True)), key)
        envelope.sign(CONTENT, signs, NOON)
        envelope.encrypt(CONTENT, [pin(hides)], NOON)
        refused(Reason.KEY_USAGE, lambda: envelope.sign(CONTENT, hides, NOON))
        refused(Reason.KEY_USAGE, lambda: envelope.encrypt(CONTENT, [pin(signs)], NOON))

    def test_nobody_to_encrypt_for_is_an_error(self) -> None:
        refused(Reason.RECIPIENT_WINDOW, lambda: envelope.encrypt(CONTENT, [], NOON))

    def test_what_is_only_encrypted_has_no_sender(self) -> None:
        us = identity("rsa")
        hidden = envelope.encrypt(CONTENT, [pin(us)], NOON)
        assert envelope.decrypt(hidden, [us]).content == CONTENT
        refused(Reason.MALFORMED, lambda: envelope.open_message(hidden, [us], [pin(us)], NOON))

    def test_inside_cbc_every_failure_looks_alike_and_the_log_knows_better(self) -> None:
        us, stranger = identity("rsa"), identity("rsa", "stranger")
        sealed = envelope.seal(CONTENT, stranger, [pin(us)], NOON, authenticated=False)
        with pytest.raises(EnvelopeError) as told:
            envelope.unseal(sealed, [us], [pin(us)], NOON)
        assert (told.value.reason, told.value.inner) == (Reason.DECRYPTION, Reason.SIGNER_UNKNOWN)
        sealed = envelope.seal(CONTENT, stranger, [pin(us)], NOON)
        refused(Reason.SIGNER_UNKNOWN, lambda: envelope.unseal(sealed, [us], [pin(us)], NOON))


class TestReceipts:
    def receipt(self, outcome: ReceiptOutcome = ReceiptOutcome.ACCEPTED, at: datetime = NOON) -> bytes:
        return envelope.sign_receipt("CSENET-27-000000000001", SHA, at, outcome, identity("p256"))

    @pytest.mark.parametrize("outcome", list(ReceiptOutcome))
    def test_a_receipt_binds_key_digest_time_and_outcome(self, outcome: ReceiptOutcome) -> None:
        at = NOON + timedelta(microseconds=250)
        found = envelope.verify_receipt(self.receipt(outcome, at), [pin(identity("p256"))], at)
        assert (found.key, found.sha256) == ("CSENET-27-000000000001", SHA)
        assert (found.time, found.outcome) == (at, outcome)
        assert found.signer == identity("p256").certificate

    def test_a_receipt_for_something_else_is_no_receipt(self) -> None:
        pins = [pin(identity("p256"))]
        told = self.receipt()
        envelope.verify_receipt(told, pins, NOON, key="CSENET-27-000000000001", sha256=SHA)
        refused(Reason.RECEIPT, lambda: envelope.verify_receipt(told, pins, NOON, key="CSENET-27-2"))
        refused(Reason.RECEIPT, lambda: envelope.verify_receipt(told, pins, NOON, sha256="cd" * 32))

    def test_signed_bytes_that_are_no_statement_are_no_receipt(self) -> None:
        us = identity("p256")
        good = envelope.verify(self.receipt(), [pin(us)], NOON).content
        for content in (b"{}", b"\xff", CONTENT, good.replace(b":", b": ", 1), good + b" "):
            message = envelope.sign(content, us, NOON)
            refused(Reason.RECEIPT, lambda: envelope.verify_receipt(message, [pin(us)], NOON))  # noqa: B023

    @pytest.mark.parametrize(("key", "sha"), [("two words", SHA), ("", SHA), ("k", SHA.upper()), ("k", "ab")])
    def test_a_receipt_needs_a_plain_key_and_a_digest(self, key: str, sha: str) -> None:
        with pytest.raises(ValueError, match="plain key"):
            envelope.sign_receipt(key, sha, NOON, ReceiptOutcome.REFUSED, identity("p256"))


class TestLoading:
    def test_certificate_and_key_are_read_from_pem(self) -> None:
        us = identity("p384")
        loaded = envelope.load_identity(certificate_pem(us), key_pem(us))
        assert loaded.certificate == us.certificate
        assert envelope.fingerprint(loaded.certificate) in repr(loaded)
        assert envelope.load_certificates(certificate_pem(us) * 2) == (us.certificate, us.certificate)

    def test_what_does_not_fit_together_is_refused(self) -> None:
        us, them = identity("p384"), identity("p256")
        for reason, certificate, key in (
            (Reason.KEY_MISMATCH, certificate_pem(us), key_pem(them)),
            (Reason.MALFORMED, b"nothing", key_pem(us)),
            (Reason.MALFORMED, certificate_pem(us), b"nothing"),
        ):
            refused(reason, lambda: envelope.load_identity(certificate, key))  # noqa: B023
        other = ed25519.Ed25519PrivateKey.generate()
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        refused(Reason.WEAK_KEY, lambda: envelope.load_identity(certificate_pem(us), pem))


def test_nothing_shows_content_or_keys_when_printed() -> None:
    us = identity("p256")
    signed = envelope.sign(b"SECRETNAME", us, NOON)
    hidden = envelope.encrypt(b"SECRETNAME", [pin(us)], NOON)
    shown = repr(envelope.verify(signed, [pin(us)], NOON)) + repr(envelope.decrypt(hidden, [us]))
    assert "SECRET" not in shown


def test_a_message_opens_whether_it_is_signed_or_sealed() -> None:
    us = identity("rsa")
    for message in (envelope.sign(CONTENT, us, NOON), envelope.seal(CONTENT, us, [pin(us)], NOON)):
        assert envelope.open_message(message, [us], [pin(us)], NOON).content == CONTENT


def test_the_year_2050_changes_the_form_of_time_and_nothing_else() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    us = Identity(certify("k", key, until=NOON + 40 * YEAR), key)
    for at in (
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=NOON.tzinfo),
        datetime(2050, 1, 1, tzinfo=NOON.tzinfo),
    ):
        assert envelope.verify(envelope.sign(CONTENT, us, at), [pin(us)], at).signed_at == at


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        # 32 bytes of salt announced as 20 and as 33, and SHA-256 as SHA-384 in one place of two.
        ((bytes.fromhex("a203020120"), bytes.fromhex("a203020114")), {Reason.NOT_ALLOWED, Reason.MALFORMED}),
        ((bytes.fromhex("a203020120"), bytes.fromhex("a203020121")), {Reason.SIGNATURE}),
        (
            (
                bytes.fromhex("a00f300d06096086480165030402010500"),
                bytes.fromhex("a00f300d06096086480165030402020500"),
            ),
            {Reason.NOT_ALLOWED},
        ),
        # PSS without parameters would be PSS with SHA-1.
        (
            (bytes.fromhex("06092a864886f70d01010a"), bytes.fromhex("06092a864886f70d010104")),
            {Reason.NOT_ALLOWED},
        ),
    ],
)
def test_other_parameters_than_those_signed_with_are_refused(
    change: tuple[bytes, bytes], reason: set[Reason]
) -> None:
    us = identity("rsa")
    message = envelope.sign(CONTENT, us, NOON)
    assert message.count(change[0]) == 1
    with pytest.raises(EnvelopeError) as told:
        envelope.verify(message.replace(*change), [pin(us)], NOON)
    assert told.value.reason in reason
