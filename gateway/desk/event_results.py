"""What the desk answers to an event: plain values that the API and the command line can show."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from csenet.codecs.errors import Problem
from csenet.gateway.desk.results import TransactionView


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """Say what became of one transaction that the table of events has for the event.

    `outcome` is `sent` (queued, or in a dry run would be), `work` (a person has to do something first),
    `withheld` (disclosure forbids it) or `silent` (nothing is to be told). `blocks` counts what it carries.
    """

    far: str
    outcome: str
    why: list[dict[str, Any]]
    missing: list[str] = []
    blocks: dict[str, int] = {}
    transaction: TransactionView | None = None


class EventWork(msgspec.Struct, frozen=True, kw_only=True):
    """Name work that an event opened."""

    kind: str
    title: str
    due: date | None
    duty: str | None


class EventResult(msgspec.Struct, frozen=True, kw_only=True):
    """Say what an event caused, or in a dry run would cause; `repeated` when its id was answered before."""

    case_id: str
    event_id: str
    kind: str
    on: date
    dry_run: bool
    repeated: bool = False
    facts_changed: list[str] = []
    lines: list[EventLine] = []
    work_items: list[EventWork] = []
    notes: list[str] = []
    warnings: list[Problem] = []
    reasons: list[dict[str, Any]] = []
