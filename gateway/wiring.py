"""Put a desk together from settings, for the service and for single commands."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from csenet.gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from csenet.gateway.clock import Clock
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.agency import Agency
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.settings.sealing import Provider
    from csenet.gateway.store.engine import Store
    from csenet.gateway.store.keyring import Keyring
    from csenet.gateway.store.wrapping import WrappingKeys


class NoStore(GatewayError):  # noqa: N818 - names what is missing
    """Report that there is no store yet to look into."""


def agency_from(settings: Settings) -> Agency:
    """Load profile, agreements and calendar, with the agency's own switches laid over the profile.

    Raises :class:`SettingsError` for a broken table.
    """
    from csenet.gateway.desk.agency import agency_of
    from csenet.handlers.policy.agreements import load_agreements
    from csenet.handlers.policy.dated import PolicyError
    from csenet.handlers.policy.profile import load_profile
    from csenet.handlers.policy.work_rules import load_work_rules

    fips = settings.gateway.jurisdiction
    try:
        profile = load_profile(fips).with_switches(settings.policy.switches)
        agreements = load_agreements(settings.policy.agreements)
        closes = settings.policy.close_of_business
        county = settings.gateway.county
        rules = settings.work.rules
        work_rules = () if rules is None else load_work_rules(rules)
        return agency_of(
            fips,
            county=county,
            profile=profile,
            agreements=agreements,
            closes=closes,
            work_rules=work_rules,
        )
    except PolicyError as error:
        raise SettingsError(f"{error.file}: {problem}" for problem in error.problems) from None


async def desk_of(
    settings: Settings, *, clock: Clock | None, log: Any, migrate: bool = True
) -> tuple[Store, Desk, Clock]:
    """Open the store and seat a desk at it; the caller closes the store."""
    from csenet.gateway.clock import SystemClock
    from csenet.gateway.desk import Desk
    from csenet.gateway.desk.indexing import index_cases
    from csenet.gateway.links import way_out_of, windows_of
    from csenet.gateway.people.anchors import Anchoring
    from csenet.gateway.store.engine import open_store

    agency = agency_from(settings)
    chosen = clock or SystemClock(agency.zone)
    # A command beside a running gateway is not that gateway.
    holder = holder_of(settings) if migrate else ""
    keyring = keyring_of(settings, chosen)
    store = await open_store(settings.store_location, migrate=migrate, holder=holder, keyring=keyring)
    tell_of_new_key(keyring, log)
    store.anchors = Anchoring(settings.audit_anchors, chosen.now, log)
    if migrate:
        await index_cases(store)
    desk = Desk(store, agency, chosen, log)
    desk.way_out = way_out_of(settings, chosen)
    desk.windows = windows_of(settings.delivery.windows, agency.zone)
    return store, desk, chosen


def keyring_of(settings: Settings, clock: Clock | None = None) -> Keyring:
    """Make the holder of the keys that seal content, as the settings want it.

    Raises :class:`SealingError` for a key that others can read, or that is none, and :class:`NotFips` where
    approved cryptography is demanded and missing: whatever opens a store comes by here.
    """
    from csenet.gateway import fips
    from csenet.gateway.clock import SystemClock
    from csenet.gateway.store.keyring import Keyring

    fips.demand(wanted=settings.gateway.fips)
    return Keyring(wrapping_keys_of(settings), (clock or SystemClock()).now)


def wrapping_keys_of(settings: Settings) -> WrappingKeys | None:
    """Find what wraps the data keys; None if content is not to be sealed."""
    from csenet.gateway.store.wrapping import Following

    sealing = settings.sealing
    if not sealing.enabled:
        return None
    keys = _keys_in(sealing.provider, settings)
    return keys if sealing.former is None else Following(keys, _keys_in(sealing.former, settings))


def _keys_in(provider: Provider, settings: Settings) -> WrappingKeys:
    """Reach the keys of one place; a token is not asked before it is needed."""
    from csenet.gateway.store.token import Pin, TokenKeys
    from csenet.gateway.store.wrapping import Credential, KeyFile

    sealing = settings.sealing
    if provider == "systemd":
        return Credential(sealing.credential)
    if provider == "pkcs11":
        module, token = sealing.token
        return TokenKeys(module, token, sealing.pkcs11_key, Pin(sealing.pkcs11_pin_file))
    return KeyFile(key_file_of(settings))


def key_file_of(settings: Settings) -> Path:
    """Name the file of wrapping keys, where they are in one."""
    return settings.sealing.key_file or settings.gateway.data_dir / "keys" / "wrapping.key"


def tell_of_new_key(keyring: Keyring, log: Any = None) -> None:
    """Say once, to whoever looks and in the log, that a key was made and has to be backed up."""
    if not keyring.made_key or keyring.provider is None:
        return
    keyring.made_key = False
    where = keyring.provider.where
    if log is not None:
        log.warning("sealing.key_made", path=where)
    sys.stderr.write(
        f"A new key seals this gateway's store: {where}\n"
        "Keep a copy of it apart from the store and its backups: without it nobody can read them.\n"
    )


def holder_of(settings: Settings) -> str:
    """Name this gateway among those that share a database, by its folder: the same after a restart."""
    place = f"{socket.gethostname()}:{settings.gateway.data_dir.resolve()}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Sit down at the store of a settings file for one command, also beside a running gateway.

    Raises :class:`NoStore` where there is none yet.
    """
    import structlog

    refuse_missing(settings)
    store, desk, _ = await desk_of(settings, clock=None, log=structlog.get_logger(), migrate=False)
    if settings.partners.file is not None:
        from csenet.gateway.partners import check_partners

        # A table that is wrong keeps a running gateway's old one in force; it stops no command.
        table = check_partners(settings.partners.file).partners
        if table is not None:
            desk.agency = msgspec.structs.replace(
                desk.agency, agreements=table.before(desk.agency.agreements)
            )
    try:
        yield desk
    finally:
        await store.close()


@asynccontextmanager
async def open_bare(settings: Settings) -> AsyncIterator[Store]:
    """Open the store without a desk; made if need be: accounts and tokens come before a start."""
    import structlog

    from csenet.gateway.clock import SystemClock
    from csenet.gateway.people.anchors import Anchoring
    from csenet.gateway.store.engine import open_store

    keyring = keyring_of(settings)
    store = await open_store(settings.store_location, migrate=_is_missing(settings), keyring=keyring)
    tell_of_new_key(keyring)
    store.anchors = Anchoring(settings.audit_anchors, SystemClock().now, structlog.get_logger())
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_tokens(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Open the store for one commit on its tokens."""
    async with open_bare(settings) as store, store.begin() as connection:
        yield connection


def refuse_missing(settings: Settings) -> None:
    """Raise :class:`NoStore` where there is no store yet."""
    if _is_missing(settings):
        raise NoStore(f"{settings.store_location}: no store yet; start the gateway, or run csenet db upgrade")


def _is_missing(settings: Settings) -> bool:
    """Say whether the embedded store has still to be made; a database server is asked when it is opened."""
    location = settings.store_location
    return isinstance(location, Path) and not location.exists()
