"""Play the story, and say in one document what was sent, what is to do and whether it all held."""

import time
from collections.abc import Callable
from contextlib import suppress

from csenet.gateway.demo.office import Body, StoryError, until
from csenet.gateway.demo.story import Part, Stage, parts
from csenet.gateway.demo.world import World

Watcher = Callable[[Part, str], None]
"""Told of each part when it begins ("begins") and when it is over ("held", "failed")."""


async def play(stage: Stage, watch: Watcher) -> list[Part]:
    """Play all parts in order; a part that fails is noted and the next one is played all the same."""
    played = parts()
    for part in played:
        watch(part, "begins")
        began = time.perf_counter()
        try:
            part.told = await part.play(stage)
            part.held = True
        except StoryError as error:
            part.told = str(error)
        part.milliseconds = round((time.perf_counter() - began) * 1000, 1)
        watch(part, "held" if part.held else "failed")
    return played


async def report(world: World, stage: Stage, played: list[Part]) -> Body:
    """Write the report of one run: the parts, its transactions, its work items and the ledger."""
    offices = (world.minnesota.office, world.kansas.office)
    # What an earlier run left to states that are not here, say, is no part of this one.
    with suppress(StoryError):
        await until("everything has left and is settled", lambda: _is_settled(world))
    marks = tuple(f"{prefix}{stage.run:06d}" for prefix in ("MN", "KS"))
    transactions, work_items = [], []
    for office in offices:
        for row in await office.transactions(direction="outbound"):
            if (row["case_id"] or "").startswith(marks):
                transactions.append(_transaction(row))
        for item in await office.work():
            if (item["case_id"] or "").startswith(marks):
                work_items.append({"state": office.name, **{key: item[key] for key in _WORK}})
    differences = await world.differences()
    return {
        "story": [part.as_json() for part in played],
        "transactions": sorted(transactions, key=lambda row: (row["from"], row["serial"])),
        "work_items": work_items,
        "ledger": "balanced" if not differences else "not balanced",
        "differences": differences,
    }


def is_held(document: Body) -> bool:
    """Say whether all parts held and the ledgers balance."""
    return all(part["held"] for part in document["story"]) and document["ledger"] == "balanced"


_WORK = ("id", "kind", "case_id", "due", "status", "title")


def _transaction(row: Body) -> Body:
    return {
        "far": row["far"],
        "from": row["from_fips"],
        "to": row["to_fips"],
        "serial": row["serial"],
        "status": row["status"],
        "milliseconds": row["milliseconds"],
    }


async def _is_settled(world: World) -> bool:
    for site in world.sites.values():
        desk = site.app.desk
        if desk is None:
            raise RuntimeError("the world is not started")
        ledger = await desk.ledger_check()
        if ledger.files_waiting:
            return False
        # What an earlier run left dead keeps its case from leaving; it waits for a person, not for us.
        leaving = any(ledger.outbound.get(status) for status in ("queued", "sending"))
        if leaving and not ledger.outbound.get("dead"):
            return False
    counts = await world.exchange.counts()
    return not (counts.waiting or counts.unprocessed or counts.errors_waiting)
