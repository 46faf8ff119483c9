"""Tokens: the secret is shown once, only its digest is kept, and a revoked one opens nothing."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from csenet.gateway.people import tokens
from csenet.gateway.people.rights import Role
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables_people import api_token

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


async def make(store: Store, name: str = "case-system", role: str = "casesystem") -> str:
    async with store.begin() as conn:
        return await tokens.create(conn, name, role, NOW)


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def check(store: Store, secret: str) -> tokens.Token | None:
    async with store.read() as conn:
        return await tokens.verify(conn, secret)


async def test_a_secret_has_the_prefix_and_256_random_bits(store: Store) -> None:
    first, second = await make(store, "one"), await make(store, "two")
    assert first.startswith("csn_")
    assert len(base64.urlsafe_b64decode(first.removeprefix("csn_") + "=")) == 32
    assert first != second


async def test_a_token_is_found_by_its_secret(store: Store) -> None:
    secret = await make(store, "night-batch", "operator")
    token = await check(store, secret)
    assert token is not None
    assert (token.name, token.roles, token.created_at) == ("night-batch", {Role.OPERATOR}, NOW)


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
async def test_only_the_digest_of_the_secret_is_on_disk(store: Store, tmp_path: Path) -> None:
    secret = await make(store)
    async with store.read() as conn:
        kept = (await conn.execute(select(api_token.c.sha256))).scalar_one()
    assert kept == hashlib.sha256(secret.encode()).hexdigest()
    files = contents(tmp_path)
    assert secret.encode() not in files
    assert secret.removeprefix("csn_").encode() not in files


@pytest.mark.parametrize(
    "wrong",
    ["", "csn_", "csn_" + "A" * 43, "bearer", "csn_\udcff", "csn_ÄÖÜ", "csn_" + "A" * 10_000],
)
async def test_an_unknown_secret_finds_nothing(store: Store, wrong: str) -> None:
    await make(store)
    assert await check(store, wrong) is None


async def test_the_digest_itself_is_no_secret(store: Store) -> None:
    secret = await make(store)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert await check(store, digest) is None
    assert await check(store, "csn_" + digest) is None


async def test_a_secret_with_one_character_changed_finds_nothing(store: Store) -> None:
    secret = await make(store)
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "E")
    assert await check(store, changed) is None


async def test_a_revoked_token_opens_nothing_and_stays_listed(store: Store) -> None:
    secret = await make(store)
    later = NOW + timedelta(days=1)
    async with store.begin() as conn:
        assert await tokens.revoke(conn, "case-system", later)
    assert await check(store, secret) is None
    async with store.read() as conn:
        (listed,) = await tokens.list(conn)
    assert (listed.name, listed.revoked_at) == ("case-system", later)


async def test_revoking_what_is_not_valid_says_so(store: Store) -> None:
    await make(store)
    async with store.begin() as conn:
        assert not await tokens.revoke(conn, "another", NOW)
        assert await tokens.revoke(conn, "case-system", NOW)
        assert not await tokens.revoke(conn, "case-system", NOW)


async def test_a_name_is_free_again_only_after_revocation(store: Store) -> None:
    old = await make(store)
    with pytest.raises(tokens.TokenError, match="has this name already"):
        await make(store)
    async with store.begin() as conn:
        await tokens.revoke(conn, "case-system", NOW)
    new = await make(store)
    assert await check(store, old) is None
    assert await check(store, new) is not None


@pytest.mark.parametrize("name", ["", " ", "two words", "-dash", "a" * 61, "näme", "line\nbreak", "a\n"])
async def test_a_name_that_would_blur_the_audit_is_refused(store: Store, name: str) -> None:
    with pytest.raises(tokens.TokenError, match="1 to 60"):
        await make(store, name)


@pytest.mark.parametrize("role", ["", "root", "Admin", "casesystem ", "viewer"])
async def test_an_unknown_role_is_refused_with_those_that_exist(store: Store, role: str) -> None:
    with pytest.raises(tokens.TokenError, match="exchange, casesystem, operator, administrator"):
        await make(store, "x", role)


async def test_tokens_are_listed_in_the_order_made_without_their_secrets(store: Store) -> None:
    secrets = [await make(store, name, role) for name, role in (("b", "exchange"), ("a", "admin"))]
    async with store.read() as conn:
        listed = await tokens.list(conn)
    assert [(token.name, set(token.roles)) for token in listed] == [
        ("b", {"exchange"}),
        ("a", {"administrator"}),
    ]
    assert not any(secret in repr(listed) for secret in secrets)


async def test_a_program_may_have_several_roles(store: Store) -> None:
    async with store.begin() as conn:
        secret = await tokens.create(conn, "both", ["operator", "casesystem", "operator"], NOW)
    token = await check(store, secret)
    assert token is not None
    assert token.roles == {Role.OPERATOR, Role.CASESYSTEM}


@pytest.mark.parametrize(("former", "now"), [("caseworker", Role.CASESYSTEM), ("admin", Role.ADMINISTRATOR)])
async def test_what_roles_were_called_before_still_counts(store: Store, former: str, now: Role) -> None:
    token = await check(store, await make(store, "t", former))
    assert token is not None
    assert token.roles == {now}
