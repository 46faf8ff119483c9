"""Say which cases have had their time, and why others have not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, Table, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import holds
from csenet.gateway.store.engine import Store
from csenet.gateway.store.sealing import opened
from csenet.gateway.store.tables import case_file, inbound, outbound, work_item
from csenet.gateway.store.tables_duties import duty
from csenet.gateway.store.tables_release import release
from csenet.gateway.store.tables_work import work_change, work_receiver
from csenet.handlers.kept import kept_state

if TYPE_CHECKING:
    from csenet.gateway.settings.retention import RetentionSection

UNDECIDED: Final = ("received", "parked")
UNDELIVERED: Final = ("held", "queued", "sending", "dead")
_PAGE: Final = 200


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the days and moments before which content has had its time."""

    closed_before: date
    quiet_before: datetime
    spent_before: datetime


def rules_of(section: RetentionSection, now: datetime, today: date) -> Rules:
    """Count back from now as the settings want it."""
    return Rules(
        closed_before=_years_before(today, section.closed_years),
        quiet_before=_moment_before(now, section.other_years),
        spent_before=datetime.fromtimestamp(now.timestamp() - section.spent_days * 86_400, now.tzinfo),
    )


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        # The 29th of February: what began on the 28th is kept a day longer.
        return day.replace(year=day.year - years, day=28)


def _moment_before(moment: datetime, years: int) -> datetime:
    day = _years_before(moment.date(), years)
    return moment.replace(year=day.year, month=day.month, day=day.day)


async def candidates(store: Store, rules: Rules) -> AsyncIterator[str]:
    """Give the cases that may have had their time, page by page; each is looked at again in its commit."""
    after = ""
    while True:
        async with store.read() as conn:
            query = select(case_file.c.case_id, case_file.c.state).where(case_file.c.case_id > after)
            rows = (await conn.execute(query.order_by(case_file.c.case_id).limit(_PAGE))).mappings()
            page = await opened(conn, case_file, rows)
        for row in page:
            if _is_closed(row, rules):
                yield row["case_id"]
        if len(page) < _PAGE:
            break
        after = page[-1]["case_id"]
    async with store.read() as conn:
        unknown = await _without_facts(conn, rules)
    for each in unknown:
        yield each


def _is_closed(row: dict[str, Any], rules: Rules) -> bool:
    """Tell whether a case was closed long enough ago; one without a day counts from what came last."""
    state = kept_state(row["state"])
    return state.status == "closed" and (state.closed_on is None or state.closed_on < rules.closed_before)


async def _without_facts(conn: AsyncConnection, rules: Rules) -> list[str]:
    """List IDs on which something came or went of which we never had the facts."""
    found: set[str] = set()
    for table, at in ((inbound, inbound.c.received_at), (outbound, outbound.c.created_at)):
        known = select(case_file.c.case_id).where(case_file.c.case_id == table.c.case_id).exists()
        query = select(table.c.case_id).where(at < rules.quiet_before, table.c.case_id.is_not(None), ~known)
        found |= set((await conn.execute(query.distinct())).scalars())
    return sorted(found)


async def why_kept(conn: AsyncConnection, case_id: str, rules: Rules) -> str | None:
    """Say why a case must stay, in the transaction that would destroy it; None when its time is over."""
    if await holds.of_case(conn, case_id) is not None:
        return "held"
    row = (await conn.execute(select(case_file).where(case_file.c.case_id == case_id))).mappings().first()
    if row is not None:
        known = (await opened(conn, case_file, [row]))[0]
        if not _is_closed(known, rules):
            return "open"
        dated = kept_state(known["state"]).closed_on is not None
        if not dated and known["updated_at"] >= rules.quiet_before:
            return "recent"
    for reason, query in _obstacles(case_id, rules):
        if (await conn.execute(query.limit(1))).first() is not None:
            return reason
    return None


def _obstacles(case_id: str, rules: Rules) -> list[tuple[str, Select[Any]]]:
    def rows(table: Table, *conditions: ColumnElement[bool]) -> Select[Any]:
        return select(table.c.id).where(table.c.case_id == case_id, *conditions)

    of_case = select(work_item.c.id).where(work_item.c.case_id == case_id)
    changes = select(func.max(work_change.c.id)).where(work_change.c.item_id.in_(of_case)).scalar_subquery()
    newest_item = select(func.max(work_item.c.id)).scalar_subquery()
    newest_change = select(func.max(work_change.c.id)).scalar_subquery()
    has_newest = select(work_change.c.id).where(work_change.c.id == changes, changes == newest_change)
    return [
        ("not decided", rows(inbound, inbound.c.status.in_(UNDECIDED))),
        ("not delivered", rows(outbound, outbound.c.status.in_(UNDELIVERED))),
        ("open work", rows(work_item, work_item.c.status == "open")),
        ("open duty", rows(duty, duty.c.closed_on.is_(None))),
        ("release waits", rows(release, release.c.state == "asked")),
        ("recent", rows(inbound, inbound.c.received_at >= rules.quiet_before)),
        ("recent", rows(outbound, _late(outbound, rules, "created_at", "delivered_at", "refused_at"))),
        ("recent", rows(work_item, _late(work_item, rules, "opened_at", "completed_at"))),
        ("work not taken", select(work_receiver.c.name).where(work_receiver.c.cursor < changes)),
        # The numbers of the newest are not given out again, or who follows the work would miss it.
        ("newest work", rows(work_item, work_item.c.id == newest_item)),
        ("newest work", has_newest),
    ]


def _late(table: Table, rules: Rules, *columns: str) -> ColumnElement[bool]:
    return or_(*(table.c[name] >= rules.quiet_before for name in columns))
