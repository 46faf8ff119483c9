"""Show people how the gateway is doing: numbers only, no case, no person."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Final

import msgspec

from csenet.gateway.desk.views import WorkLine

INBOUND: Final[Mapping[str, str]] = {
    "received": "waiting to be read",
    "decided": "dealt with",
    "duplicate": "seen before, ignored",
    "parked": "waits for a person",
    "conflict": "number used twice, put aside",
    "malformed": "cannot be read",
}
OUTBOUND: Final[Mapping[str, str]] = {
    "held": "kept back",
    "queued": "goes with the next batch",
    "sending": "on its way",
    "delivered": "arrived",
    "refused": "returned by the exchange",
    "dead": "given up after many attempts",
    "cancelled": "withdrawn",
}
_WAITING: Final = ("held", "queued", "sending")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Hold everything that the page shows; `now` carries the zone in which times are written."""

    jurisdiction: str
    now: datetime
    today: date
    inbound: Mapping[str, int]
    outbound: Mapping[str, int]
    work: Sequence[WorkLine]
    oldest_waiting: datetime | None
    files_waiting: int
    balanced: bool


@cache
def _asset(name: str) -> str:
    """Read a file that lies beside this module."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@cache
def content_security_policy() -> str:
    """Allow exactly our own style sheet, by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_asset("status.css").encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page(summary: Summary) -> str:
    """Write the page as HTML."""
    concerns = _concerns(summary)
    return Template(_asset("status.html")).substitute(
        style=_asset("status.css"),
        jurisdiction=escape(summary.jurisdiction),
        mark="⚠" if concerns else "✓",
        mood="bad" if concerns else "good",
        verdict="Somebody should look" if concerns else "All is well",
        reasons=_bullets(concerns) if concerns else "",
        ledger="balanced" if summary.balanced else "does not add up",
        waiting=sum(summary.outbound.get(status, 0) for status in _WAITING),
        oldest=_age(summary),
        files=f"{summary.files_waiting:,}",
        open_work=sum(line.count for line in summary.work),
        inbound=_status_table("Transactions from the exchange, by status", INBOUND, summary.inbound),
        outbound=_status_table("Transactions to the exchange, by status", OUTBOUND, summary.outbound),
        work=_work_table(summary),
        as_of=escape(summary.now.isoformat(timespec="seconds")),
        as_of_text=escape(f"{summary.now:%d %B %Y, %H:%M:%S} {summary.now.tzname() or ''}".strip()),
    )


def _concerns(summary: Summary) -> list[str]:
    """Say in plain words what needs a person; empty when nothing does."""
    found = [] if summary.balanced else ["The ledger does not add up: run “csenet ledger check”."]
    dead, parked = summary.outbound.get("dead", 0), summary.inbound.get("parked", 0)
    if dead:
        found.append(f"{_count(dead, 'transaction')} could not be delivered: see “csenet dead list”.")
    if parked:
        found.append(f"{_count(parked, 'transaction')} received cannot be dealt with yet.")
    late = [line.kind for line in summary.work if _is_late(line, summary.today)]
    if late:
        found.append(f"Work is overdue: {', '.join(_words(kind) for kind in late)}.")
    return found


def _count(number: int, noun: str) -> str:
    """Put number and noun together."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _is_late(line: WorkLine, today: date) -> bool:
    """Tell whether the earliest due date has passed."""
    return line.next_due is not None and line.next_due < today


def _words(kind: str) -> str:
    """Turn an identifier into words."""
    return kind.replace("_", " ").replace("-", " ")


def _bullets(lines: Sequence[str]) -> str:
    """Write a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _age(summary: Summary) -> str:
    """Say how long the oldest transaction has been waiting to leave."""
    if summary.oldest_waiting is None:
        return "nothing waits"
    return _duration(max(summary.now - summary.oldest_waiting, timedelta()))


def _duration(span: timedelta) -> str:
    """Write a span in its largest sensible unit."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return _count(seconds // size, unit)
    return _count(seconds, "second")


def _status_table(caption: str, meanings: Mapping[str, str], counts: Mapping[str, int]) -> str:
    """Write one table of counts; statuses in the order of a transaction's life, zeros too."""
    rows = "".join(
        f'<tr><th scope="row">{escape(status)} <small>{escape(meaning)}</small></th>'
        f'<td class="figure">{counts.get(status, 0):,}</td></tr>'
        for status, meaning in meanings.items()
    )
    head = '<tr><th scope="col">Status</th><th scope="col" class="figure">Number</th></tr>'
    return _table(caption, head, rows)


def _work_table(summary: Summary) -> str:
    """Write the table of open work, the most urgent kind first."""
    if not summary.work:
        return '<div class="panel"><p class="empty">No work item is open.</p></div>'
    lines = sorted(summary.work, key=lambda line: (line.next_due or date.max, line.kind))
    rows = "".join(
        f'<tr><th scope="row">{escape(_words(line.kind))}</th><td class="figure">{line.count:,}</td>'
        f'<td class="figure">{_due(line, summary.today)}</td></tr>'
        for line in lines
    )
    head = (
        '<tr><th scope="col">Kind</th><th scope="col" class="figure">Open</th>'
        '<th scope="col" class="figure">Next due</th></tr>'
    )
    return _table("Work items that wait for a person, by kind", head, rows)


def _due(line: WorkLine, today: date) -> str:
    """Write a due date; an overdue one says so in words, not in colour alone."""
    if line.next_due is None:
        return "no date"
    text = f'<time datetime="{line.next_due.isoformat()}">{line.next_due:%d %b %Y}</time>'
    return f'<span class="late">{text} (overdue)</span>' if _is_late(line, today) else text


def _table(caption: str, head: str, rows: str) -> str:
    """Frame a table."""
    return (
        f'<div class="panel"><table><caption>{escape(caption)}</caption>'
        f"<thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )
