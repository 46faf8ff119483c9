"""Let marked people live: through both gateways, the exchange between them, pages, commands and the API.

Everything is kept that somebody could see who sees people masked; what those get who own the content (the
case system, the other state) is not kept, and the exchange's own books are another's.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from marking import LETTERS, NUMBER, YEAR, People, traffic
from sqlalchemy import insert

from csenet.codecs import transaction
from csenet.codecs.model import Direction
from csenet.gateway import log
from csenet.gateway.demo import people as demo_people
from csenet.gateway.demo.office import StoryError
from csenet.gateway.demo.world import Site, World, opened
from csenet.gateway.desk import settling
from csenet.gateway.desk.results import WorkFilter
from csenet.gateway.intake.http import PATH
from csenet.gateway.jobs import Job, Jobs
from csenet.gateway.notify import listing
from csenet.gateway.notify.noticing import NAME, Noticing
from csenet.gateway.notify.posting import Fate, Posted
from csenet.gateway.people import tokens
from csenet.gateway.settings.loading import LogSection
from csenet.gateway.settings.notify import EmailSection
from csenet.gateway.store.tables_people import api_token

CSENET = Path(sys.executable).with_name("csenet")
LOOKED_AT = 150
"""How many transactions and cases are opened one by one at most, on pages and over the API."""
LISTED = 200
"""How many pieces of work go into the list that leaves by e-mail."""
HANDED_OVER = ("in", "out")
"""Folders of a gateway through which plain files change hands, as ops/security.md says."""

_LISTS = (
    "/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/v1/openapi.json",
    "/console/transactions",
    "/console/transactions?partner=20",
    "/console/cases",
    "/console/work",
    "/console/duties",
    "/console/participants",
    "/console/dead",
    "/console/partners",
    "/console/partners/20",
    "/console/audit",
    "/console/settings",
    "/console/transactions/export?format=csv",
    "/console/transactions/export?format=json",
    "/console/transactions/in-1/diff?with=in-2",
    "/console/no-such-page",
    "/v1/transactions?limit=200",
    "/v1/work-items?limit=200",
    "/v1/ledger",
)
_COMMANDS = (
    "status",
    "status --json",
    "ledger check",
    "outbox --status delivered",
    "work list",
    "work list --json",
    "dead list",
    "refused list",
    "duties list",
    "search --partner 20",
    "search --partner 20 --json",
    "timeline in-1",
    "show in-1",
    "show in-3 --json",
    "show out-1",
    "diff in-1 in-2",
    "audit verify",
    "doctor",
    "logs",
    "partners list",
    "people --help",
    "config check",
)


class Kept:
    """Collect what was shown, to be searched: one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self.pages = self.answers = self.commands = 0
        self.statuses: Counter[int] = Counter()

    def keep(self, kind: str, content: bytes) -> None:
        number = sum((self.pages, self.answers, self.commands))
        setattr(self, kind, getattr(self, kind) + 1)
        (self._folder / f"{kind}-{number:06}").write_bytes(content)


async def live(folder: Path, wanted: int) -> tuple[People, Kept]:
    """Let that many marked people live in a folder, and give what was shown."""
    log.configure(LogSection(level="debug", format="json", file=folder / "gateway.log"))
    people, kept = People(), Kept(folder / "shown")
    async with opened(folder / "world", usual_ports=False) as world:
        await _cases(world, people, kept, wanted // 3)
        await _arrivals(world, people, kept, wanted)
        await _trouble(world, people, kept)
        await _settled(world)
        await _mails(world, kept, folder / "clerk.pem")
        await _looks(world, kept, min(LOOKED_AT, wanted // 10))
        await _commands(world, kept, _COMMANDS if wanted >= 1000 else _COMMANDS[:: len(_COMMANDS) // 4])
        return people, kept


async def _cases(world: World, people: People, kept: Kept, wanted: int) -> None:
    """Push cases on both sides, and let them talk about each through the exchange."""
    number = 0
    while people.made < wanted:
        number += 1
        mine, theirs = f"MN{number:06}Q", f"KS{number:06}Q"
        minnesota, kansas = demo_people.MINNESOTA, demo_people.KANSAS
        roles = ("initiating", "responding") if number % 2 else ("responding", "initiating")
        more = {"ledger": demo_people.INTEREST_LEDGER} if number % 2 else {"withholding_active": True}
        facts = demo_people.facts(minnesota, roles[0], kansas, theirs, **more)
        marked = people.mark(facts)
        await world.minnesota.office.put_case(mine, marked)
        other = demo_people.facts(kansas, roles[1], minnesota, mine, withholding_active=True)
        names = ("ncp_identification", "participants")
        await world.kansas.office.put_case(theirs, {**people.mark(other), **{n: marked[n] for n in names}})
        for far in ("MSC R GRINT",) if number % 2 else ("MSC P GSC17", "MSC P GSADD")[: 1 + number % 4 // 2]:
            await world.kansas.office.send(theirs, far)
        if number % 5 == 0:
            await world.minnesota.office.send(mine, "MSC P GSWKR")
    for item in (await world.minnesota.office.work(status="open"))[:40]:
        if item["kind"] in ("stop_withholding", "close_case"):
            await world.minnesota.office.complete(item, world.stage().today.isoformat())


async def _arrivals(world: World, people: People, kept: Kept, wanted: int) -> None:
    """Hand over files about the rest, by HTTP and by folder, some of them spoilt, some twice."""
    secret = await _token(world.minnesota, "exchange")
    today = world.stage().today
    batch: list[bytes] = []
    number = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
        while people.made < wanted or number < 2:
            for tx in traffic(people, max(10, min(100, wanted // 20)), today):
                raw = transaction.write(tx, Direction.FROM_SERVER)
                batch.append(_spoilt(raw, len(batch)))
            payload, number = b"\n".join(batch) + b"\n", number + 1
            payload = _renumbered(payload, number)
            batch = []
            if number % 3 == 1:
                inbox = world.minnesota.folder / "in"
                (inbox / f".canaries-{number}").write_bytes(payload)
                (inbox / f".canaries-{number}").rename(inbox / f"canaries-{number}.txt")
                continue
            for _ in range(1 + (number == 2)):
                async with session.post(world.minnesota.office.url + PATH, data=payload) as answer:
                    kept.keep("answers", await answer.read())


def _spoilt(raw: bytes, number: int) -> bytes:
    """Spoil some: too short, with letters for a date, with a state that does not exist, beyond its end."""
    if number % 23 == 7:
        return raw[: len(raw) * 2 // 3]
    if number % 23 == 11:
        return raw[:37] + LETTERS.encode() + b"AA" + raw[45:]
    if number % 23 == 13:
        return raw[:7] + b"99" + raw[9:]
    if number % 23 == 17:
        return raw + f"{LETTERS}AAAB {NUMBER}0001".encode()
    return raw


def _renumbered(payload: bytes, number: int) -> bytes:
    """Give each file serial numbers of its own, in their columns."""
    lines = payload.split(b"\n")
    return b"\n".join(
        line[:17] + f"{number * 1000 + at:012}".encode() + line[29:] if len(line) > 126 else line
        for at, line in enumerate(lines)
    )


async def _trouble(world: World, people: People, kept: Kept) -> None:
    """Ask for what cannot be, have a handler fail with a text that quotes people, and search by person."""
    office = world.minnesota.office
    person = people.values()
    facts = demo_people.facts(demo_people.MINNESOTA, "initiating", demo_people.KANSAS, "KS1")
    bad_parent = {**facts["ncp_identification"], "ssn": f"{person['ssn']}X", "gender": person["name"]}
    for body in (
        {**facts, "ncp_identification": bad_parent},
        {**facts, "role": person["name"]},
        {**facts, "no_such_field": person["ssn"]},
        {**facts, "participants": [{"name_last": person["name"], "date_of_birth": person["name"]}]},
    ):
        try:
            await office.call("PUT", "/v1/cases/MNBAD", body)
        except StoryError as error:
            kept.keep("answers", str(error).encode())
    dispatch = settling.router.dispatch

    def failing(tx: Any, context: Any) -> Any:
        raise ValueError(f"{person['name']} {person['ssn']} {tx}")

    settling.router.dispatch = failing
    secret = await _token(world.minnesota, "exchange")
    made = [transaction.write(tx, Direction.FROM_SERVER) for tx in traffic(people, 5, world.stage().today)]
    payload = _renumbered(b"\n".join(made) + b"\n", 900_000)
    headers = {"Authorization": f"Bearer {secret}"}
    where = world.minnesota.office.url + PATH
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(where, data=payload) as answer,
    ):
        kept.keep("answers", await answer.read())
    await _settled(world)
    settling.router.dispatch = dispatch


async def _settled(world: World) -> None:
    """Wait until nothing is under way on either side."""
    before: Any = None
    for _ in range(6000):
        now = []
        for site in world.sites.values():
            assert site.app.desk is not None
            ledger = await site.app.desk.ledger_check()
            moving = [ledger.outbound.get(each) for each in ("queued", "sending")]
            now.append((ledger.files_waiting, *moving, sum(ledger.inbound.values())))
        if before == now and all(not each[0] and not any(each[1:3]) for each in now):
            return
        before = now
        await asyncio.sleep(0.1)
    raise AssertionError(f"never settled: {before}")


async def _mails(world: World, kept: Kept, certificate: Path) -> None:
    """Have the list of work sent to somebody with a certificate; keep it as it leaves, and what is in it."""
    desk = world.minnesota.app.desk
    assert desk is not None
    items = (await desk.list_work_items(WorkFilter(status="open", limit=LISTED))).items
    for item in items:
        await desk.assign_work(item.id, worker=None, office="CANARY", actor="canaries")
    await asyncio.to_thread(certificate.write_bytes, _certificate())
    told = EmailSection(
        host="localhost",
        sender="gateway@agency.example",
        offices={"CANARY": "clerk@agency.example"},
        certificates={"clerk@agency.example": certificate},
    )
    listed: list[str] = []

    def table(*values: Any, **more: Any) -> str:
        listed.append(listing_table(*values, **more))
        return listed[-1]

    class _Mailbox:
        async def send(self, message: EmailMessage) -> Posted:
            kept.keep("answers", message.as_bytes())
            return Posted(Fate.SENT)

    async def work(turn: Any) -> Any:
        return await Noticing(turn, told, _Mailbox()).run()

    listing_table, listing.table = listing.table, table
    try:
        await Jobs(desk, [Job(NAME, timedelta(minutes=1), work)], desk.log).run_now(NAME, actor="canaries")
    finally:
        listing.table = listing_table
    assert len(listed) == 1
    assert listed[0].count("\n") > min(len(items), 5)
    kept.keep("answers", listed[0].encode())


def _certificate() -> bytes:
    """Make somebody's certificate, good for some days around today."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=400))
    made = made.not_valid_after(now + timedelta(days=400))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def _token(site: Site, role: str) -> str:
    assert site.app.store is not None
    assert site.app.clock is not None
    async with site.app.store.begin() as conn:
        name = f"canaries-{role.replace(' ', '-')}"
        await tokens.revoke(conn, name, site.app.clock.now())
        return await tokens.create(conn, name, role, site.app.clock.now())


@asynccontextmanager
async def _as(site: Site, role: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session of somebody with a role of people; the secret is written down as tokens are."""
    secret = f"csn_{role}{'x' * 40}"
    row = {"name": f"canaries-{role}", "role": role, "sha256": tokens._digest(secret)}
    assert site.app.store is not None
    assert site.app.clock is not None
    async with site.app.store.begin() as conn:
        if await tokens.verify(conn, secret) is None:
            await conn.execute(insert(api_token).values(**row, created_at=site.app.clock.now()))
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/html,application/json"}
    async with aiohttp.ClientSession(site.office.url, headers=headers) as session:
        yield session


async def _looks(world: World, kept: Kept, most: int) -> None:
    """Open every page and ask every question as each role of people, none of which types a reason."""
    for site in world.sites.values():
        for role in ("viewer", "caseworker", "operator", "supervisor", "auditor", "administrator"):
            async with _as(site, role) as session:
                for path in _LISTS:
                    await _look(session, path, kept)
        async with _as(site, "viewer") as session:
            mark = "MN" if site is world.minnesota else "KS"
            for number in range(1, most + 1):
                for path in (
                    f"/console/transactions/in-{number}",
                    f"/console/transactions/out-{number}",
                    f"/console/cases/{mark}{number:06}Q",
                    f"/v1/transactions/in-{number}",
                    f"/v1/cases/{mark}{number:06}Q",
                    f"/v1/work-items/{number}",
                ):
                    await _look(session, path, kept)
        async with _as(site, "caseworker") as session:
            await _find(session, kept)


async def _look(session: aiohttp.ClientSession, path: str, kept: Kept) -> bytes:
    async with session.get(path) as answer:
        body = await answer.read()
        kept.statuses[answer.status] += 1
        heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        kept.keep("pages" if "/v1/" not in path else "answers", heads.encode() + b"\n\n" + body)
        return body


async def _find(session: aiohttp.ClientSession, kept: Kept) -> None:
    """Search by SSN and by name: what was typed must not come back, nor stay anywhere."""
    page = (await _look(session, "/console/transactions", kept)).decode()
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    for kind, value in (("ssn", f"{NUMBER}0000"), ("name", f"{LETTERS}AAAA"), ("ssn", LETTERS)):
        form = {"kind": kind, "value": value, "csrf_token": found[1] if found else ""}
        async with session.post("/console/find", data=form) as answer:
            assert answer.status in (200, 422), answer.status
            kept.keep("pages", await answer.read())


async def _commands(world: World, kept: Kept, wanted: tuple[str, ...]) -> None:
    """Run the commands that show something, as a person at the terminal would."""
    for words in wanted:
        process = await asyncio.create_subprocess_exec(
            *(str(CSENET), *words.split(), "--config", str(world.minnesota.config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        shown, _ = await process.communicate()
        kept.keep("commands", words.encode() + b"\n" + shown)


assert YEAR < 1930  # whoever was born then is in no case
