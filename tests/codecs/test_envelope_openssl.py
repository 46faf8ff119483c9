"""Envelopes go to and come from another implementation: openssl cms, for each algorithm on our lists."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from csenet.codecs import envelope
from csenet.codecs.envelope import EnvelopeError, Identity, Reason, Scheme

from .envelope_people import certificate_pem, identity, key_pem, pin

CONTENT = b"27000  20000  003 invented\ntransactions\r\n" * 60
DIGESTS = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
KINDS = ("rsa", "rsa3072", "p256", "p384")
OAEP = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256")
KEYOPTS = {"rsa": OAEP, "rsa3072": OAEP, "p256": ("ecdh_kdf_md:sha256",), "p384": ("ecdh_kdf_md:sha384",)}
# openssl takes the time from the machine, so both sides do here.
NOW = datetime.now(UTC)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def openssl(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


class Shell:
    """Run ``openssl cms`` on files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def cms(self, data: bytes, *options: str) -> bytes:
        self.file("in", data)
        command = ["openssl", "cms", *options, "-binary", "-in", "in", "-out", "out"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return (self.folder / "out").read_bytes()

    def sign(self, data: bytes, us: Identity, *options: str) -> bytes:
        signer = (
            "-signer",
            self.file("us.pem", certificate_pem(us)),
            "-inkey",
            self.file("us.key", key_pem(us)),
        )
        return self.cms(data, "-sign", "-nodetach", "-outform", "DER", *signer, *options)

    def verify(self, message: bytes, us: Identity) -> bytes:
        trusted = "-CAfile", self.file("us.pem", certificate_pem(us)), "-purpose", "any"
        return self.cms(message, "-verify", "-inform", "DER", *trusted)

    def encrypt(self, data: bytes, them: Identity, kind: str, cipher: str, *options: str) -> bytes:
        recipient = ["-recip", self.file("them.pem", certificate_pem(them))]
        for option in KEYOPTS[kind]:
            recipient += ["-keyopt", option]
        return self.cms(data, "-encrypt", "-outform", "DER", cipher, *recipient, *options)

    def decrypt(self, message: bytes, them: Identity) -> bytes:
        whose = "-recip", self.file("them.pem", certificate_pem(them))
        key = "-inkey", self.file("them.key", key_pem(them))
        return self.cms(message, "-decrypt", "-inform", "DER", *whose, *key)


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize(
    ("kind", "pss"), [("rsa", True), ("rsa", False), ("rsa3072", True), ("p256", True), ("p384", True)]
)
def test_openssl_accepts_what_we_sign(openssl: Shell, kind: str, pss: bool, digest: str) -> None:
    us = identity(kind)
    assert openssl.verify(envelope.sign(CONTENT, us, NOW, Scheme(DIGESTS[digest], pss)), us) == CONTENT


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rsa", ()),
        ("rsa", ("-keyopt", "rsa_padding_mode:pss")),
        ("rsa", ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:-1")),
        ("rsa3072", ("-keyid",)),
        ("p256", ("-nocerts",)),
        ("p384", ("-nosmimecap",)),
        ("p384", ("-stream",)),
        ("rsa", ("-stream", "-keyid")),
    ],
)
def test_we_accept_what_openssl_signs(
    openssl: Shell, kind: str, options: tuple[str, ...], digest: str
) -> None:
    us = identity(kind)
    message = openssl.sign(CONTENT, us, "-md", digest, *options)
    found = envelope.verify(message, [pin(us)], datetime.now(UTC))
    assert found.content == CONTENT
    assert found.signed_at is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("authenticated", [True, False])
def test_openssl_opens_what_we_encrypt_and_seal(openssl: Shell, kind: str, authenticated: bool) -> None:
    us, them = identity("p256"), identity(kind, "kansas")
    hidden = envelope.encrypt(CONTENT, [pin(them)], NOW, authenticated=authenticated)
    assert openssl.decrypt(hidden, them) == CONTENT
    sealed = envelope.seal(CONTENT, us, [pin(identity("rsa")), pin(them)], NOW, authenticated=authenticated)
    assert openssl.verify(openssl.decrypt(sealed, them), us) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cipher", ["-aes-256-gcm", "-aes-256-cbc"])
@pytest.mark.parametrize("options", [(), ("-stream",), ("-keyid",)])
def test_we_open_what_openssl_encrypts_and_seals(
    openssl: Shell, kind: str, cipher: str, options: tuple[str, ...]
) -> None:
    us, them = identity("rsa"), identity(kind, "kansas")
    found = envelope.decrypt(openssl.encrypt(CONTENT, them, kind, cipher, *options), [them])
    assert (found.content, found.authenticated) == (CONTENT, cipher == "-aes-256-gcm")
    sealed = openssl.encrypt(openssl.sign(CONTENT, us), them, kind, cipher, *options)
    assert envelope.unseal(sealed, [them], [pin(us)], datetime.now(UTC)).content == CONTENT


@pytest.mark.parametrize("digest", ["sha1", "md5", "sha224"])
def test_weak_digests_of_openssl_are_refused(openssl: Shell, digest: str) -> None:
    us = identity("rsa")
    message = openssl.sign(CONTENT, us, "-md", digest)
    refused(Reason.NOT_ALLOWED, lambda: envelope.verify(message, [pin(us)], datetime.now(UTC)))


@pytest.mark.parametrize("cipher", ["-des3", "-aes-128-cbc", "-aes-128-gcm"])
def test_weak_ciphers_of_openssl_are_refused(openssl: Shell, cipher: str) -> None:
    them = identity("rsa")
    message = openssl.encrypt(CONTENT, them, "rsa", cipher)
    with pytest.raises(EnvelopeError) as told:
        envelope.decrypt(message, [them])
    assert told.value.reason in {Reason.NOT_ALLOWED, Reason.DECRYPTION}


@pytest.mark.parametrize(
    ("kind", "keyopts"),
    [
        ("rsa", ()),
        ("rsa", ("rsa_padding_mode:oaep",)),
        ("rsa", ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha1")),
        ("p256", ()),
    ],
)
def test_weak_ways_to_carry_the_key_are_refused(openssl: Shell, kind: str, keyopts: tuple[str, ...]) -> None:
    them = identity(kind)
    recipient = ["-recip", openssl.file("them.pem", certificate_pem(them))]
    for option in keyopts:
        recipient += ["-keyopt", option]
    message = openssl.cms(CONTENT, "-encrypt", "-outform", "DER", "-aes-256-cbc", *recipient)
    refused(Reason.NOT_ALLOWED, lambda: envelope.decrypt(message, [them]))


@pytest.mark.parametrize("options", [("-noattr",), ("-certfile", "other.pem")])
def test_what_no_signature_covers_is_refused(openssl: Shell, options: tuple[str, ...]) -> None:
    us = identity("rsa")
    openssl.file("other.pem", certificate_pem(identity("rsa", "other")))
    message = openssl.sign(CONTENT, us, *options)
    with pytest.raises(EnvelopeError) as told:
        envelope.verify(message, [pin(us)], datetime.now(UTC))
    assert told.value.reason in {Reason.MALFORMED, Reason.SIGNER_UNKNOWN}


def refused(reason: Reason, act: object) -> None:
    with pytest.raises(EnvelopeError) as told:
        act()  # type: ignore[operator]
    assert told.value.reason is reason
