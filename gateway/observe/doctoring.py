"""Look a gateway over from outside: settings, permissions, disk, clock, certificates, partners, store."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from csenet.gateway.errors import GatewayError, SettingsError
from csenet.gateway.observe import certificates, health, looking, machine
from csenet.gateway.store.errors import StoreDamaged
from csenet.gateway.store.server_log import REMEDY, kept_in_log

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.settings.loading import Settings

_SOON_DAYS: Final = 30
_OFF_SECONDS: Final = 2.0
_ANSWERS_WITHIN: Final = 15.0
"""Where no gateway runs, the connection is refused at once; one that is busy must not pass for none."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Say how one thing is, and what to do where it is not well."""

    part: str
    state: Literal["well", "look", "bad"]
    what: str
    do: str = ""


async def examine(config: Path) -> AsyncIterator[Finding]:
    """Look at everything; a broken settings file ends it, because all else depends on it."""
    from csenet.gateway.settings.loading import check_places, load_settings
    from csenet.gateway.wiring import agency_from

    try:
        settings = load_settings(config)
        agency_from(settings)
    except SettingsError as error:
        for problem in error.problems:
            yield Finding(part="settings", state="bad", what=problem, do="Change it, then look again.")
        return
    yield Finding(part="settings", state="well", what=f"{config} can be used")
    for wrong in check_places(settings):
        yield Finding(
            part="permissions", state="bad", what=wrong, do="Give the folder to the gateway's user."
        )
    for finding in (
        *_secrets(settings, config),
        *_wrapping(settings),
        *_disk(settings),
        *_backup(settings),
        *_certificates(settings),
        *_mail(settings),
    ):
        yield finding
    for finding in _partners(settings):
        yield finding
    yield await _clock(settings)
    async for finding in asked(settings):
        yield finding
    async for finding in _store(settings):
        yield finding


def _secrets(settings: Settings, config: Path) -> Iterator[Finding]:
    """Look who else may read keys and the data folder."""
    files = [*health.keys_of(settings)]
    if settings.observe.token_file is not None:
        files.append(("observe.token_file", settings.observe.token_file))
    for name, file in files:
        if not file.exists():
            what = f"{name}: there is no {file}"
            do = "It is made at the first start; if there was one before, take it from its backup."
            yield Finding(part="permissions", state="look", what=what, do=do)
    open_to_others = [(name, file) for name, file in files if file.exists() and file.stat().st_mode & _OTHERS]
    for name, file in open_to_others:
        what = f"{name}: others may read or write {file}"
        yield Finding(part="permissions", state="bad", what=what, do=f"chmod 600 {file}")
    folder = settings.gateway.data_dir
    if folder.exists() and folder.stat().st_mode & stat.S_IRWXO:
        what = f"gateway.data_dir: everybody on the machine may look into {folder}"
        yield Finding(part="permissions", state="look", what=what, do=f"chmod 700 {folder}")
    if config.stat().st_mode & stat.S_IWOTH:
        what = f"everybody on the machine may change {config}"
        yield Finding(part="permissions", state="bad", what=what, do=f"chmod o-w {config}")
    if not open_to_others:
        what = f"key files that only their owner reads: {len(files)}"
        yield Finding(part="permissions", state="well", what=what)


def _wrapping(settings: Settings) -> Iterator[Finding]:
    """Ask for the key that wraps, a token for its own: nothing is sealed or opened without."""
    from csenet.gateway.wiring import wrapping_keys_of

    try:
        keys = wrapping_keys_of(settings)
        name = None if keys is None else keys.present()
    except GatewayError as error:
        do = "Do what it says, then look again; the gateway does not start without."
        yield Finding(part="sealing", state="bad", what=str(error), do=do)
        return
    if keys is None:
        do = "Set sealing.enabled."
        yield Finding(part="sealing", state="look", what="content is written as it is", do=do)
    elif name is None:
        do = "The first start of an empty store makes one, csenet keys init does so now."
        yield Finding(part="sealing", state="look", what=f"no wrapping key yet: {keys.where}", do=do)
    else:
        yield Finding(part="sealing", state="well", what=f"wrapping key {name}; {keys.where}")


def _disk(settings: Settings) -> Iterator[Finding]:
    free, reserve = machine.free_bytes(settings.gateway.data_dir), settings.limits.disk_reserve_mb * 2**20
    have, keep = f"{free / 2**30:.1f} GiB", f"{reserve / 2**30:.1f} GiB"
    what = f"{have} free for {settings.gateway.data_dir}; the reserve is {keep}"
    if free < reserve:
        yield Finding(
            part="disk", state="bad", what=what, do="Make room; the gateway takes nothing in meanwhile."
        )
    else:
        yield Finding(part="disk", state="well", what=what)


def _backup(settings: Settings) -> Iterator[Finding]:
    folder, limit = settings.observe.backup_folder, settings.observe.backup_limit
    make = "Make one with csenet backup create; see ops/backup.md."
    if folder is None:
        what = "observe.backup_folder is not set: nobody is told when backups stop"
        yield Finding(part="backup", state="look", what=what, do=make)
        return
    newest = machine.newest_change(folder)
    if newest is None:
        yield Finding(part="backup", state="bad", what=f"there is none in {folder}", do=make)
        return
    hours = (datetime.now(UTC) - newest).total_seconds() / 3600
    what = f"the newest in {folder} is {hours:.0f} hours old; the limit is {limit.total_seconds() / 3600:.0f}"
    late = hours * 3600 > limit.total_seconds()
    yield Finding(part="backup", state="bad" if late else "well", what=what, do=make if late else "")


def _certificates(settings: Settings) -> Iterator[Finding]:
    from csenet.gateway.partners import check_partners

    file = settings.partners.file
    table = None if file is None else check_partners(file).partners
    try:
        found = certificates.certificates_of(settings, table)
    except (OSError, ValueError) as error:
        what = f"a certificate cannot be read: {type(error).__name__}"
        yield Finding(
            part="certificates", state="bad", what=what, do="See [http.tls], [delivery.http], [envelope]."
        )
        return
    for each in found:
        days = each.days(datetime.now(UTC))
        what = f"{each.owner}, {each.use}: {days:.0f} days left"
        if days < 0:
            yield Finding(part="certificates", state="bad", what=what, do="Replace it now.")
        elif days < _SOON_DAYS:
            yield Finding(part="certificates", state="look", what=what, do="Put its successor beside it.")
        else:
            yield Finding(part="certificates", state="well", what=what)


def _mail(settings: Settings) -> Iterator[Finding]:
    """Try each certificate to which lists of work are encrypted."""
    from csenet.gateway.notify import listing

    now, email = datetime.now(UTC), settings.notify.email
    for file in {} if email is None else dict.fromkeys(email.certificates.values()):
        do = "Ask its owner for a new one; until then notices go without the list of the work."
        try:
            pins = listing.pins_of(file, now)
            listing.sealed(b"", pins, now)
        except listing.ListRefused as error:
            what = f"{file}: no list of work can be encrypted to it: {error}"
            yield Finding(part="e-mail", state="bad", what=what, do=do)
            continue
        days = (max(each.certificate.not_valid_after_utc for each in pins) - now).days
        what = f"{file}: lists of work are encrypted to it, {days} days left"
        state: Literal["well", "look"] = "look" if days < _SOON_DAYS else "well"
        yield Finding(part="e-mail", state=state, what=what, do=do if state == "look" else "")


def _partners(settings: Settings) -> Iterator[Finding]:
    from csenet.gateway.partners import check_partners

    if settings.partners.file is None:
        return
    checked = check_partners(settings.partners.file, datetime.now(UTC).date())
    for problem in checked.problems:
        yield Finding(part="partners", state="bad", what=problem, do="Change it, with a higher version.")
    for warning in checked.warnings:
        yield Finding(part="partners", state="look", what=warning, do="Ask the partner for a certificate.")
    if checked.partners is not None:
        what = f"version {checked.partners.version} with {len(checked.partners.names)} partners"
        yield Finding(part="partners", state="well", what=what)


async def _clock(settings: Settings) -> Finding:
    server = settings.observe.time_server
    if server is None:
        do = "Set observe.time_server to have it compared; deadlines go by this clock."
        return Finding(part="clock", state="look", what=f"{datetime.now(UTC):%F %T}Z, not compared", do=do)
    try:
        ahead = await machine.clock_offset(server, lambda: datetime.now(UTC))
    except (OSError, TimeoutError, ValueError):
        do = "Look at the network, or name another in observe.time_server."
        return Finding(part="clock", state="look", what=f"{server} does not tell the time", do=do)
    what = f"{ahead:+.3f} s against {server}"
    if abs(ahead) > _OFF_SECONDS:
        return Finding(
            part="clock", state="bad", what=what, do="Have the machine's clock set (chrony, timesyncd)."
        )
    return Finding(part="clock", state="well", what=what)


async def asked(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the gateway that runs by these settings how it is; nothing is said where none answers."""
    import aiohttp

    http = settings.http
    scheme = "http" if http.tls is None else "https"
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host  # noqa: S104 - compared, not bound
    # Whose certificate it shows is not the question here, and what it says is no secret.
    connector = aiohttp.TCPConnector(ssl=False)
    patience = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=patience) as session,
            session.get(f"{scheme}://{host}:{http.port}/readyz") as answer,
        ):
            told = await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return
    if answer.status != 200:
        detail = told.get("detail") if isinstance(told, dict) else None
        why = str(detail or f"it answers {answer.status}").removeprefix("Not now: ").rstrip(".")
        what = f"the gateway on port {http.port} is not ready: {why}"
        yield Finding(part="gateway", state="bad", what=what, do="See the runbook: CsenetNotReady.")
        return
    yield Finding(part="gateway", state="well", what=f"runs on port {http.port} and is ready")
    for note in told.get("notes", ()):
        what, _, do = str(note).partition(". ")
        yield Finding(part="gateway", state="look", what=what, do=do)


async def standing(settings: Settings) -> list[Finding]:
    """Say how the gateway that runs by these settings is, if one does, and its disk."""
    found = [finding async for finding in asked(settings)]
    if not found:
        what = f"no gateway answers on port {settings.http.port}: nothing is taken in or sent"
        do = "Start it if it should run: systemctl start csenet-gateway, or csenet serve."
        found = [Finding(part="gateway", state="look", what=what, do=do)]
    return [*found, *_disk(settings)]


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    from csenet.gateway.wiring import open_desk

    try:
        async with open_desk(settings) as desk:
            async for finding in _opened(desk):
                yield finding
    except StoreDamaged as error:
        do = "Set the file aside and put the newest backup back: csenet backup restore, ops/disaster.md."
        yield Finding(part="store", state="bad", what=str(error), do=do)
    except GatewayError as error:
        do = "csenet db upgrade makes a store, or brings it up to date."
        yield Finding(part="store", state="bad", what=str(error), do=do)
    except Exception as error:
        what = f"cannot be used: {type(error).__name__}"
        yield Finding(part="store", state="bad", what=what, do="See the runbook: CsenetStoreUnwritable.")


async def _opened(desk: Desk) -> AsyncIterator[Finding]:
    takes = await looking.try_to_write(desk.store, desk.clock.now())
    yield Finding(part="store", state="well", what=f"{desk.store.server}, takes commits")
    if not takes:
        do = "See the runbook: CsenetAuditUnwritable."
        yield Finding(part="audit", state="bad", what="the audit trail takes no rows", do=do)
    async with desk.store.read() as conn:
        seen = await looking.look(conn, desk.clock.today())
        kept = await kept_in_log(conn) if desk.store.shared else []
    if kept:
        what = f"the server's own log may keep {', '.join(kept)}, which no purge reaches"
        yield Finding(part="store", state="look", what=what, do=REMEDY)
    if seen.destination.held_at is not None:
        yield Finding(part="exchange", state="look", what="on hold", do="csenet delivery release ends it.")
    elif seen.destination.state != "closed":
        what = f"the breaker is {seen.destination.state}: {seen.destination.last_error}"
        yield Finding(part="exchange", state="bad", what=what, do="See the runbook: CsenetBreakerOpen.")
    else:
        yield Finding(part="exchange", state="well", what="takes what is sent, as far as is known")


def running(settings: Settings) -> int | None:
    """Give the process that works on the data folder, or None."""
    from csenet.gateway.lock import NAME

    try:
        text = (settings.gateway.data_dir / NAME).read_text("ascii").strip()
        os.kill(int(text), 0)
    except (OSError, ValueError):
        return None
    return int(text)
