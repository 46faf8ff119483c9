"""Show duties, and how well they were kept in a month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from statistics import median

import msgspec
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import duties
from csenet.gateway.store.duties import DutyFilter
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.kept_duties import COUNTED, SIDES

_LARGEST_PAGE = 10_000


class DutyView(msgspec.Struct, frozen=True, kw_only=True):
    """Describe a duty with its clock.

    ``days_left`` are calendar days, below zero when overdue and None when closed; ``in_time`` is known once
    the duty was fulfilled or its time has run.
    """

    id: int
    duty: str
    text: str
    citation: str
    side: str
    case_id: str | None
    partner: str
    office: str | None
    opened_by: str
    transaction: str | None
    started_on: date
    due: date
    days_left: int | None
    act_on: date | None
    warned_at: datetime | None
    overdue_at: datetime | None
    reminded_at: datetime | None
    closed_on: date | None
    closed_by: str | None
    outcome: str | None
    in_time: bool | None


class DutyPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hold part of the list of duties; pass `next` as `after` for more, null at the end."""

    duties: list[DutyView]
    next: str | None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Say how many duties of one group were kept in time in a month, and in how many days half of them were.

    ``share`` is in time divided by all; the median counts calendar days of what was fulfilled.
    """

    by: str
    name: str
    in_time: int
    late: int
    share: float
    median_days: float | None


class Compliance(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the figures of a month, and the duties behind them."""

    month: str
    side: str
    in_time: int
    late: int
    share: float | None
    groups: list[Share]
    cases: list[DutyView]


def duty_view(row: RowMapping, today: date) -> DutyView:
    """Describe a duty as it stands on a day."""
    known = deadlines.duty_of(row["kind"])
    direct = {name: row[name] for name in DutyView.__struct_fields__ if name in row}
    return DutyView(
        **direct,
        duty=row["kind"],
        text=known.text,
        citation=known.citation,
        transaction=_named(row),
        days_left=None if row["closed_on"] is not None else (row["due"] - today).days,
        in_time=_in_time(row, today),
    )


def _named(row: RowMapping) -> str | None:
    if row["outbound_id"] is not None:
        return f"out-{row['outbound_id']}"
    return None if row["inbound_id"] is None else f"in-{row['inbound_id']}"


def _in_time(row: RowMapping, today: date) -> bool | None:
    if row["closed_on"] is None:
        return False if row["due"] < today else None
    return bool(row["closed_on"] <= row["due"]) if row["outcome"] in COUNTED else None


async def listed(conn: AsyncConnection, wanted: DutyFilter, today: date) -> DutyPage:
    """List duties, first due first."""
    limit = max(1, min(wanted.limit, _LARGEST_PAGE))
    rows = await duties.listed(conn, msgspec.structs.replace(wanted, limit=limit))
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return DutyPage(duties=[duty_view(row, today) for row in rows[:limit]], next=following)


async def compliance(
    conn: AsyncConnection, month: date, side: str, today: date, offices: frozenset[str] | None = None
) -> Compliance:
    """Take the figures of the month in which ``month`` lies.

    Each duty counts once: in the month in which it was fulfilled in time, or in which its time ran out.  What
    lapsed, was declined or sent back counts neither way, and waiting times are no duties to be late with.
    """
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    found = [
        duty_view(row, today)
        for row in await duties.judged_in(conn, first, following, offices)
        if row["side"] == side and deadlines.duty_of(row["kind"]).clock == "deadline"
    ]
    counted = [each for each in found if each.in_time is not None]
    groups = [
        share
        for by in ("duty", "partner", "office")
        for share in _shares(by, ((getattr(each, by) or "", each) for each in counted))
    ]
    kept = sum(each.in_time is True for each in counted)
    return Compliance(
        month=f"{first:%Y-%m}",
        side=side if side in SIDES else "we-owe",
        in_time=kept,
        late=len(counted) - kept,
        share=round(kept / len(counted), 4) if counted else None,
        groups=groups,
        cases=counted,
    )


def _shares(by: str, named: Iterable[tuple[str, DutyView]]) -> list[Share]:
    grouped: dict[str, list[DutyView]] = {}
    for name, each in named:
        grouped.setdefault(name, []).append(each)
    return [_share(by, name, members) for name, members in sorted(grouped.items())]


def _share(by: str, name: str, members: list[DutyView]) -> Share:
    days = [(each.closed_on - each.started_on).days for each in members if each.closed_on is not None]
    kept = sum(each.in_time is True for each in members)
    return Share(
        by=by,
        name=name,
        in_time=kept,
        late=len(members) - kept,
        share=round(kept / len(members), 4),
        median_days=float(median(days)) if days else None,
    )
