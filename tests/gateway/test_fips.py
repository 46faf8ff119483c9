"""Where FIPS 140 is demanded, nothing starts without it, and passwords are hashed in an approved way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csenet.gateway import fips
from csenet.gateway.backup import BackupError, passphrase
from csenet.gateway.backup.passphrase import Passphrase
from csenet.gateway.cli.backup import _keys
from csenet.gateway.people import passwords
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.wiring import desk_of, open_bare


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    passwords.use_approved_only(False)


def have(monkeypatch: pytest.MonkeyPatch, *, python: bool, package: bool) -> None:
    monkeypatch.setattr(fips, "python_keeps_to_it", lambda: python)
    monkeypatch.setattr(fips, "package_keeps_to_it", lambda: package)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[gateway]\njurisdiction = "27"\ndata_dir = "data"\nfips = true\n[delivery.folder]\npath = "out"\n'
    )
    return file


@pytest.mark.parametrize(
    ("python", "package", "told"),
    [
        (False, True, "Python's OpenSSL"),
        (True, False, "--no-binary cryptography"),
        (False, False, "; the package"),
    ],
)
async def test_without_the_provider_nothing_starts(
    settings: Path, monkeypatch: pytest.MonkeyPatch, python: bool, package: bool, told: str
) -> None:
    have(monkeypatch, python=python, package=package)
    with pytest.raises(fips.NotFips, match=told):
        await desk_of(load_settings(settings, {}), clock=None, log=None)
    with pytest.raises(fips.NotFips, match=r"gateway\.fips"):
        async with open_bare(load_settings(settings, {})):
            pass
    assert not (settings.parent / "data" / "gateway.db").exists()


async def test_with_it_the_store_opens_and_passwords_are_pbkdf2(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await passwords.hashed("seven green umbrellas")
    have(monkeypatch, python=True, package=True)
    async with open_bare(load_settings(settings, {})):
        kept = await passwords.hashed("seven green umbrellas")
        assert kept.startswith("$pbkdf2-sha512$")
        assert await passwords.fits(kept, "seven green umbrellas")
        assert not await passwords.fits(kept, "seven green umbrella")
        assert not await passwords.fits(None, "seven green umbrellas")
        assert not await passwords.fits(before, "seven green umbrellas"), "argon2 is not approved"
    passwords.use_approved_only(False)
    assert await passwords.fits(before, "seven green umbrellas")
    assert await passwords.fits(kept, "seven green umbrellas")


def test_the_libraries_of_this_machine_are_asked() -> None:
    assert fips.python_keeps_to_it() in (True, False)
    assert fips.package_keeps_to_it() in (True, False)


def test_a_passphrase_goes_by_what_is_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(passphrase._COST, "n", 1 << 4)
    file = tmp_path / "words"
    file.write_text("correct horse battery staple\n")
    old, approved = Passphrase(file), Passphrase(file, approved=True)
    before, now = (each.wrap(bytes(32), b"about") for each in (old, approved))
    assert (before.by, now.by) == ("passphrase", "passphrase pbkdf2-sha512")
    assert old.unwrap(before, b"about") == old.unwrap(now, b"about") == bytes(32)
    with pytest.raises(BackupError, match="scrypt"):
        approved.unwrap(before, b"about")
    monkeypatch.delattr(passphrase, "Scrypt")
    assert approved.unwrap(now, b"about") == bytes(32), "scrypt is not asked for"


def test_the_command_takes_that_way_where_fips_is_demanded(settings: Path, tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("correct horse battery staple\n")
    demanded = load_settings(settings, {})
    assert _keys(demanded, file).present() == passphrase.APPROVED
    settings.write_text(settings.read_text().replace("fips = true", "fips = false"))
    assert _keys(load_settings(settings, {}), file).present() == passphrase.NAME
