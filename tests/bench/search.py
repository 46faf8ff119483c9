"""Measure how long a search for transactions takes in stores of growing size: `python tests/bench/search.py`.

Fills an embedded store with invented rows (half came, half went; 54 states, all valid codes, a year of days),
then asks for pages as the console does and prints the 95th percentile for each kind of search and size.
Works in a temporary folder, or in `--folder` to be looked at afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from csenet.codecs import codes
from csenet.gateway.desk import views_search
from csenet.gateway.desk.views_search import Search
from csenet.gateway.store.engine import open_store

ZONE = ZoneInfo("America/Chicago")
START = datetime(2025, 11, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
RAW = b"X" * 1000
FARS = [str(far) for far in codes.VALID]
STATES = [fips for fips in codes.jurisdictions() if fips != "27"]
COMMON = random.Random(1).choices(FARS, k=20)
CAME = (
    "id, file_id, position, offset, raw, sender, serial, far, case_id, status, received_at, decided_at, "
    "replies, correlation"
)
WENT = (
    "id, serial, partner, case_id, far, status, raw, correlation, intake_at, created_at, delivered_at, "
    "attempts"
)
STATUSES = ("decided", "delivered", "malformed", "refused", "dead", "held")
PROBLEMS = ["header.case_id.format", "case.case_type.value", "order.docket.required"]


def moment(row: int, rows: int) -> str:
    return (START + YEAR * row / rows).strftime("%Y-%m-%d %H:%M:%S.%f")


def came(rows: int, total: int) -> Iterator[tuple[object, ...]]:
    dice = random.Random(2)
    for row in range(1, rows + 1):
        far = dice.choice(COMMON) if row % 10 else dice.choice(FARS)
        status = "decided" if row % 200 else dice.choice(("duplicate", "malformed", "parked", "conflict"))
        at = moment(row, total)
        sender = STATES[min(int(dice.expovariate(0.1)), len(STATES) - 1)]
        case = f"MN{dice.randrange(rows // 5 + 1):08d}"
        serial = f"{row:012d}"
        yield (row, 1, row, 0, RAW, sender, serial, far, case, status, at, at, 0, f"in-1-{row}")


def went(rows: int, total: int) -> Iterator[tuple[object, ...]]:
    dice = random.Random(3)
    for row in range(1, rows + 1):
        far = dice.choice(COMMON) if row % 10 else dice.choice(FARS)
        status = "delivered" if row % 200 else dice.choice(("refused", "cancelled", "dead"))
        at = moment(row, total)
        partner = STATES[min(int(dice.expovariate(0.1)), len(STATES) - 1)]
        case = f"MN{dice.randrange(rows // 5 + 1):08d}"
        yield (row, row, partner, case, far, status, RAW, f"in-1-{row}", at, at, at, 1)


def fill(path: Path, rows: int) -> None:
    half = rows // 2
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous=OFF")
    conn.execute("BEGIN")
    at = moment(0, rows)
    conn.execute(
        "INSERT INTO inbound_file (id, name, source, kind, sha256, size, raw, received_at, state) "
        "VALUES (1, 'bench', 'bench', 'transactions', 'x', 1, x'00', ?, 'received')",
        (at,),
    )
    conn.executemany(f"INSERT INTO inbound ({CAME}) VALUES ({', '.join('?' * 14)})", came(half, half))
    conn.executemany(f"INSERT INTO outbound ({WENT}) VALUES ({', '.join('?' * 12)})", went(half, half))
    named = ((PROBLEMS[row % 3], row) for row in range(200, half + 1, 200))
    conn.executemany("INSERT INTO inbound_problem (code, inbound_id) VALUES (?, ?)", named)
    conn.execute("COMMIT")
    conn.close()


def searches(rows: int) -> dict[str, list[Search]]:
    dice = random.Random(4)
    half = rows // 2
    day = (START + YEAR / 2).date()
    near = timedelta(days=2)
    return {
        "newest": [Search() for _ in range(10)],
        "deep page": [Search(before=f"{half // 2}-{half // 2}") for _ in range(10)],
        "case": [Search(case_id=f"MN{dice.randrange(half // 5 + 1):08d}") for _ in range(30)],
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
        "all": [Search(partner="20", code="ENF R", status="decided", since=day, until=day + near)] * 3,
    }


async def measure(path: Path, rows: int) -> dict[str, float]:
    store = await open_store(path)
    found: dict[str, float] = {}
    for name, wanted in searches(rows).items():
        times = []
        for search in wanted:
            began = time.perf_counter()
            async with store.read() as conn:
                await views_search.search(conn, search, state="27", zone=ZONE)
            times.append((time.perf_counter() - began) * 1000)
        found[name] = max(times) if len(times) < 20 else statistics.quantiles(times, n=20)[-1]
    await store.close()
    return found


async def main(sizes: list[int], folder: Path) -> None:
    curves = {}
    for rows in sizes:
        path = folder / f"search-{rows}.db"
        if not path.exists():
            await (await open_store(path)).close()
            began = time.perf_counter()
            fill(path, rows)
            print(f"{rows:>9,} rows filled in {time.perf_counter() - began:.0f} s", flush=True)
        curves[rows] = await measure(path, rows)
    print(f"{'p95, ms':<14}" + "".join(f"{rows:>12,}" for rows in sizes))
    for name in curves[sizes[0]]:
        print(f"{name:<14}" + "".join(f"{curves[rows][name]:>12.1f}" for rows in sizes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main([int(each) for each in given.rows.split(",")], given.folder or Path(temporary)))
