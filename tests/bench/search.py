"""Measure how long pages of the console take in stores of growing size: `python tests/bench/search.py`.

Fills a store with invented rows (half came, half went; 54 states, all valid codes, a year of days; a case to
five transactions, work and duties to some), then asks for pages as the console does and prints the 95th
percentile for each kind of search and size.  `--postgres` does it on a server instead of a file; `--plans
50` prints how the database goes about each query of what takes more than 50 ms.  Works in a temporary
folder, or in `--folder` to be looked at afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from csenet.codecs import codes
from csenet.gateway.desk import duty_views, views_queues, views_search, views_today
from csenet.gateway.desk.views_search import Search
from csenet.gateway.observe import looking
from csenet.gateway.store.duties import DutyFilter
from csenet.gateway.store.engine import Store, open_store

ZONE = ZoneInfo("America/Chicago")
START = datetime(2025, 11, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
TODAY = (START + YEAR).date()
RAW = b"X" * 1000
FACTS = b"X" * 2500
FARS = [str(far) for far in codes.VALID]
STATES = [fips for fips in codes.jurisdictions() if fips != "27"]
COMMON = random.Random(1).choices(FARS, k=20)
STATUSES = ("decided", "delivered", "malformed", "refused", "dead", "held")
PROBLEMS = ["header.case_id.format", "case.case_type.value", "order.docket.required"]
KINDS = ("malformed", "close_case", "stop_withholding", "answer_request")
COLUMNS = {
    "inbound_file": "id name source kind sha256 size raw received_at state",
    "case_file": "case_id role other_fips other_case_id facts state version updated_at office",
    "inbound": "id file_id position offset raw sender serial far case_id status received_at decided_at "
    "replies correlation",
    "outbound": "id serial partner case_id far status raw correlation intake_at created_at "
    "delivered_at attempts",
    "inbound_problem": "code inbound_id",
    "work_item": "id kind title case_id group due status reasons details inbound_id opened_at completed_on "
    "partner function",
    "duty": "id kind side case_id partner opened_by started_on due opened_at closed_on outcome",
    "audit": "id at actor action object hash",
}

Rows = Iterator[tuple[Any, ...]]
Ask = Callable[[Any], Awaitable[Any]]


def moment(row: int, rows: int) -> datetime:
    return START + YEAR * row / rows


def state_of(dice: random.Random) -> str:
    return STATES[min(int(dice.expovariate(0.1)), len(STATES) - 1)]


def case_of(number: int) -> str:
    return f"MN{number:08d}"


def came(rows: int) -> Rows:
    dice = random.Random(2)
    for row in range(1, rows + 1):
        far = dice.choice(COMMON) if row % 10 else dice.choice(FARS)
        status = "decided" if row % 200 else dice.choice(("duplicate", "malformed", "parked", "conflict"))
        at = moment(row, rows)
        case, serial = case_of(dice.randrange(rows // 5 + 1)), f"{row:012d}"
        yield (row, 1, row, 0, RAW, state_of(dice), serial, far, case, status, at, at, 0, f"in-1-{row}")


def went(rows: int) -> Rows:
    dice = random.Random(3)
    for row in range(1, rows + 1):
        far = dice.choice(COMMON) if row % 10 else dice.choice(FARS)
        status = "delivered" if row % 200 else dice.choice(("refused", "cancelled", "dead"))
        at, case = moment(row, rows), case_of(dice.randrange(rows // 5 + 1))
        yield (row, row, state_of(dice), case, far, status, RAW, f"in-1-{row}", at, at, at, 1)


def cases_of(rows: int) -> Rows:
    dice = random.Random(5)
    for row in range(rows // 5 + 1):
        role = ("initiating", "responding")[row % 2]
        office = (None, "NORTH", "SOUTH")[row % 3]
        yield (case_of(row), role, f"{state_of(dice)}00000", f"X{row}", FACTS, b"{}", 1, START, office)


def work_of(rows: int) -> Rows:
    dice = random.Random(6)
    for row in range(1, rows // 5 + 1):
        done = row % 10 != 0
        at, case = moment(row, rows // 5), case_of(dice.randrange(rows // 5 + 1))
        due = None if row % 50 == 0 else (at + timedelta(days=dice.randrange(10, 75))).date()
        status, on = ("completed", at.date()) if done else ("open", None)
        kind = dice.choice(KINDS)
        yield (
            row,
            kind,
            "A thing to do",
            case,
            "",
            due,
            status,
            b"[]",
            b"{}",
            dice.randrange(1, rows),
            at,
            on,
            state_of(dice),
            dice.choice(COMMON)[:3],
        )


def duties_of(rows: int) -> Rows:
    dice = random.Random(7)
    for row in range(1, rows // 5 + 1):
        day = moment(row, rows // 5).date()
        closed = None if row % 10 == 0 else day + timedelta(days=dice.randrange(1, 20))
        case, side = case_of(dice.randrange(rows // 5 + 1)), ("we-owe", "they-owe")[row % 2]
        kind, due = dice.choice(("CR1", "RS7", "IN8", "IN9")), day + timedelta(days=10)
        outcome = None if closed is None else "done"
        yield (row, kind, side, case, state_of(dice), "x", day, due, moment(row, rows // 5), closed, outcome)


def audit_of(rows: int) -> Rows:
    dice = random.Random(8)
    for row in range(1, rows + 1):
        actor = "exchange" if row % 20 else dice.choice(("ana", "ben", "cleo"))
        action = dice.choice(("transaction.decided", "transaction.queued", "work.opened"))
        if row % 5_000 == 0:
            actor, action = "dora", "transactions.export"
        yield (row, moment(row, rows), actor, action, f"in-{row}", "x")


def tables(rows: int) -> dict[str, Rows]:
    half = rows // 2
    file = (1, "bench", "bench", "transactions", "x", 1, b"\0", START, "settled")
    problems = ((PROBLEMS[row % 3], row) for row in range(200, half + 1, 200))
    return {
        "inbound_file": iter([file]),
        "case_file": cases_of(half),
        "inbound": came(half),
        "outbound": went(half),
        "inbound_problem": problems,
        "work_item": work_of(half),
        "duty": duties_of(half),
        "audit": audit_of(rows),
    }


def _sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat() if isinstance(value, date) else value


def fill_file(path: Path, rows: int) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous=OFF")
    conn.execute("BEGIN")
    for table, found in tables(rows).items():
        names = ", ".join(f'"{name}"' for name in COLUMNS[table].split())
        marks = ", ".join("?" * len(COLUMNS[table].split()))
        written = (tuple(_sqlite(value) for value in row) for row in found)
        conn.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", written)
    conn.execute("COMMIT")
    conn.close()


async def fill_server(url: Any, rows: int) -> None:
    import asyncpg

    where = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    conn = await asyncpg.connect(**where, database=url.database)
    for table, found in tables(rows).items():
        await conn.copy_records_to_table(table, records=found, columns=COLUMNS[table].split())
    await conn.execute("VACUUM ANALYZE")
    await conn.close()


def transactions(rows: int) -> dict[str, list[Search]]:
    dice = random.Random(4)
    half = rows // 2
    day = (START + YEAR / 2).date()
    near = timedelta(days=2)
    north = frozenset(("NORTH",))
    return {
        "newest": [Search() for _ in range(10)],
        "deep page": [Search(before=f"{half // 2}-{half // 2}") for _ in range(10)],
        "case": [Search(case_id=case_of(dice.randrange(half // 5 + 1))) for _ in range(30)],
        "serial": [Search(serial=str(dice.randrange(1, half))) for _ in range(30)],
        "partner": [Search(partner=state) for state in STATES],
        "code": [Search(code=far) for far in FARS[::4]],
        "code family": [Search(code=word) for word in ("ENF", "MSC P", "LO1", "CSI R", "COL", "EST P")],
        "status": [Search(status=word) for word in STATUSES],
        "days": [Search(since=day + near * n, until=day + near * n) for n in range(10)],
        "problem": [Search(problem=code) for code in PROBLEMS],
        "partner+code": [Search(partner=state, code=far) for state in STATES[::6] for far in FARS[::20]],
        "partner+days": [Search(partner=state, since=day, until=day + near) for state in STATES[::4]],
        "code+status": [Search(code=far, status="decided") for far in FARS[::10]],
        "one office": [Search(offices=north), Search(offices=north, code="ENF R", partner=STATES[-1])] * 5,
        "all": [Search(partner="20", code="ENF R", status="decided", since=day, until=day + near)] * 3,
        "export": [Search(limit=10_000)],
    }


def queues(rows: int) -> dict[str, list[Ask]]:
    """The other pages that search: cases, work, duties, what is stuck, the record of who did what, today."""
    case, middle = case_of(rows // 20), START + YEAR / 2
    north = frozenset(("NORTH",))
    rare = STATES[-1]

    def work(**more: Any) -> Ask:
        return lambda conn: views_queues.work_queue(conn, TODAY, **more)

    def of_cases(**more: Any) -> Ask:
        given = {"starts": None, "partner": None, "role": None, "after": None, **more}
        return lambda conn: views_queues.case_list(conn, **given)

    def duty(**more: Any) -> Ask:
        return lambda conn: duty_views.listed(conn, DutyFilter(**more, limit=50), TODAY)

    def said(**more: Any) -> Ask:
        return lambda conn: views_queues.audit_list(conn, **more)

    def stuck(*status: str, **more: Any) -> Ask:
        return lambda conn: views_queues.stuck(conn, *status, **more)

    month = TODAY.replace(day=1)
    return {
        "cases": [of_cases(), of_cases(after=case), of_cases(starts=case[:-2]), of_cases(role="initiating")],
        "cases of partner": [of_cases(partner=STATES[0]), of_cases(partner=rare)],
        "cases of office": [of_cases(offices=north), of_cases(offices=north, partner=rare)],
        "work": [work(), work(status="completed"), work(due="overdue"), work(due="week"), work(due="none")],
        "work of kind": [work(kind=KINDS[0]), work(kind="other"), work(kind=KINDS[0], status="completed")],
        "work of partner": [work(partner=STATES[0]), work(partner=rare), work(partner=rare, due="overdue")],
        "work of case": [work(case_id=case)],
        "work of office": [work(offices=north)],
        "work by day": [views_queues.kinds, views_queues.due_by_day],
        "duties": [duty(), duty(side="we-owe"), duty(overdue_on=TODAY), duty(open_only=False)],
        "duties of partner": [duty(partner=rare), duty(partner=rare, open_only=False), duty(offices=north)],
        "duties of case": [duty(case_id=case, open_only=False)],
        "compliance": [lambda conn: duty_views.compliance(conn, month, "we-owe", TODAY)],
        "stuck": [stuck("dead"), stuck("parked"), stuck("dead", partner=rare), views_queues.reasons],
        "audit": [said(), said(before=rows // 2)],
        "audit of actor": [said(actor="dora"), said(actor="nobody")],
        "audit of action": [said(action="transactions."), said(action="never")],
        "audit of object": [said(about=f"in-{rows // 2}"), said(about="nothing")],
        "audit of days": [said(since=middle, until=middle + timedelta(days=2)), said(until=START)],
        "partners": [lambda conn: views_queues.partner_traffic(conn, START + YEAR - timedelta(days=1))],
        "last heard": [lambda conn: views_queues.last_heard(conn, rare)],
        "gauges": [lambda conn: looking.look(conn, TODAY)],
        "today": [lambda conn: views_today.today(conn, START + YEAR - timedelta(days=1), TODAY)],
    }


def asked(rows: int) -> dict[str, list[Ask]]:
    def page(search: Search) -> Ask:
        return lambda conn: views_search.search(conn, search, state="27", zone=ZONE)

    found = {name: [page(each) for each in wanted] for name, wanted in transactions(rows).items()}
    return {**found, **{name: wanted * 3 for name, wanted in queues(rows).items()}}


class Watched:
    """A connection that has the database say how it goes about each query."""

    def __init__(self, conn: Any) -> None:
        self.conn = conn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.conn, name)

    async def execute(self, statement: Any, *given: Any) -> Any:
        began = time.perf_counter()
        found = await self.conn.execute(statement, *given)
        took = (time.perf_counter() - began) * 1000
        if not given:
            sql = str(statement.compile(dialect=self.conn.dialect, compile_kwargs={"literal_binds": True}))
            server = self.conn.dialect.name == "postgresql"
            word = "EXPLAIN (ANALYZE, BUFFERS, SUMMARY OFF) " if server else "EXPLAIN QUERY PLAN "
            plan = (await self.conn.exec_driver_sql(word + sql.replace("%", "%%"))).all()
            print(f"-- {took:.1f} ms: {' '.join(sql.split())[:1000]}")
            print("\n".join(f"   {row[-1]}" for row in plan))
        return found


async def measure(store: Store, rows: int, plans: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, wanted in asked(rows).items():
        times = []
        for ask in wanted:
            began = time.perf_counter()
            async with store.read() as conn:
                await ask(conn)
            times.append((time.perf_counter() - began) * 1000)
        if plans and max(times) > plans:
            print(f"\n== {name}, {rows:,} rows, {max(times):.0f} ms")
            async with store.read() as conn:
                await wanted[times.index(max(times))](Watched(conn))
        found[name] = max(times) if len(times) < 20 else statistics.quantiles(times, n=20)[-1]
    return found


async def at(where: Path | str, rows: int, url: Any, plans: float) -> dict[str, float]:
    fresh = url is not None or not Path(where).exists()  # noqa: ASYNC240 - nobody else waits
    store = await open_store(where)
    if fresh:
        await store.close()
        began = time.perf_counter()
        if url is None:
            await asyncio.to_thread(fill_file, Path(where), rows)
        else:
            await fill_server(url, rows)
        print(f"{rows:>9,} rows filled in {time.perf_counter() - began:.0f} s", flush=True)
        store = await open_store(where)
    found = await measure(store, rows, plans)
    await store.close()
    return found


async def on_server(server: Any, rows: int, plans: float) -> dict[str, float]:
    import postgres

    made = postgres.Databases(server)
    url = await made.make(migrated=False)
    try:
        return await at(postgres.plain(url), rows, url, plans)
    finally:
        await made.drop(url)
        await made.drop_template()


def main(given: argparse.Namespace) -> None:
    sizes = [int(each) for each in given.rows.split(",")]
    curves = {}
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if given.postgres:
            sys.path.append(str(Path(__file__).parent.parent / "gateway"))
            import postgres

            server = stack.enter_context(postgres.server())
        for rows in sizes:
            if given.postgres:
                curves[rows] = asyncio.run(on_server(server, rows, given.plans))
            else:
                curves[rows] = asyncio.run(at(folder / f"search-{rows}.db", rows, None, given.plans))
    print(f"{'p95, ms':<20}" + "".join(f"{rows:>12,}" for rows in sizes))
    for name in curves[sizes[0]]:
        print(f"{name:<20}" + "".join(f"{curves[rows][name]:>12.1f}" for rows in sizes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server, found or started")
    parser.add_argument("--plans", type=float, default=0, metavar="MS", help="tell how slow ones are done")
    main(parser.parse_args())
