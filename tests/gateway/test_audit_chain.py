"""A chain of records shows each change: an edit, a removal, an addition, a move, an end cut off."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from csenet.gateway.store.chain import START, Mark, chained, check

Row = dict[str, Any]
Change = Callable[[random.Random, list[Row]], int]

NOON = datetime(2026, 11, 20, 18, tzinfo=UTC)


def chain(length: int) -> list[Row]:
    rows = [
        {
            "at": NOON + timedelta(seconds=number),
            "actor": f"person {number % 7}",
            "action": "case.read",
            "object": f"case {number % 11}",
            "detail": {"objects": [f"case {number}"], "outcome": "shown"} if number % 3 else None,
        }
        for number in range(length)
    ]
    return list(chained(Mark(0, START), rows))


def end(rows: list[Row]) -> Mark:
    return Mark(rows[-1]["id"], rows[-1]["hash"])


def edited(chance: random.Random, rows: list[Row]) -> int:
    row = chance.choice(rows)
    name = chance.choice(["at", "actor", "action", "object", "detail", "hash"])
    if name == "at":
        row["at"] += timedelta(microseconds=chance.randint(1, 10**6))
    elif name == "detail":
        row["detail"] = {**(row["detail"] or {}), "purpose": str(chance.random())}
    else:
        place = chance.randrange(len(row[name]))
        letter = chance.choice([each for each in "0123456789abcdef" if each != row[name][place]])
        row[name] = row[name][:place] + letter + row[name][place + 1 :]
    return int(row["id"])


def removed(chance: random.Random, rows: list[Row]) -> int:
    return int(rows.pop(chance.randrange(len(rows)))["id"])


def closed_up(chance: random.Random, rows: list[Row]) -> int:
    number = removed(chance, rows)
    for row in rows[number - 1 :]:
        row["id"] -= 1
    return number


def added(chance: random.Random, rows: list[Row]) -> int:
    place = chance.randrange(len(rows))
    copy = dict(rows[place], actor="nobody")
    for row in rows[place:]:
        row["id"] += 1
    rows.insert(place, copy)
    return place + 1


def swapped(chance: random.Random, rows: list[Row]) -> int:
    one, other = sorted(chance.sample(range(len(rows)), 2))
    rows[one]["id"], rows[other]["id"] = rows[other]["id"], rows[one]["id"]
    rows.sort(key=lambda row: row["id"])
    return one + 1


def cut_off(chance: random.Random, rows: list[Row]) -> int:
    keep = chance.randrange(len(rows))
    del rows[keep:]
    return keep + 1


CHANGES: tuple[Change, ...] = (edited, edited, removed, closed_up, added, swapped, cut_off)


def test_a_whole_chain_has_no_fault() -> None:
    rows = chain(60)
    anchors = [Mark(row["id"], row["hash"]) for row in rows[::7]]
    assert check(rows, end(rows), anchors) is None
    assert check([], Mark(0, START)) is None


def test_a_thousand_changes_are_all_found_and_named() -> None:
    chance = random.Random(20261122)
    whole = chain(60)
    missed = []
    for number in range(1000):
        rows = [dict(row) for row in whole]
        change = CHANGES[number % len(CHANGES)]
        first = change(chance, rows)
        fault = check(rows, end(whole))
        if fault is None or fault.record != first:
            missed.append((number, change.__name__, first, fault))
    assert missed == []


def test_who_writes_all_later_records_anew_and_the_head_as_well_is_found_by_an_anchor() -> None:
    whole = chain(60)
    anchors = [Mark(row["id"], row["hash"]) for row in whole if row["id"] in (20, 40)]
    forged = [dict(row) for row in whole]
    forged[29]["actor"] = "nobody"
    forged = list(chained(Mark(0, START), [{k: v for k, v in row.items() if k != "id"} for row in forged]))
    assert check(forged, end(forged)) is None
    fault = check(forged, end(forged), anchors)
    assert fault is not None
    assert fault.record == 21
    assert "up to 40" in fault.what


def test_who_cuts_the_end_off_and_sets_the_head_back_is_found_by_an_anchor() -> None:
    whole = chain(60)
    short = whole[:35]
    assert check(short, end(short)) is None
    fault = check(short, end(short), [Mark(40, whole[39]["hash"])])
    assert fault is not None
    assert (fault.record, fault.what) == (36, "and all after it are missing")
