"""Define the few answers that the desk has no value for; all others are the desk's own views.

The OpenAPI document takes its schemas from these structs and from the desk's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from csenet.gateway.desk.results import TransactionView, WorkItemView
from csenet.gateway.store.dead import DeadRow
from csenet.gateway.store.receipts import ReceiptLine


class TransactionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hold part of the list of transactions; pass `next` as `after` for more, null at the end."""

    transactions: Sequence[TransactionView]
    next: str | None


class WorkItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hold part of the list of work items; pass `next` as `after` for more, null at the end."""

    work_items: Sequence[WorkItemView]
    next: str | None


class DeadTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """Tell which transaction was given up, after how many attempts and why; `id` reads `out-9`."""

    id: str
    far: str
    serial: str
    to_fips: str
    case_id: str | None
    attempts: int
    reason: str | None
    created_at: datetime


class DeadList(msgspec.Struct, frozen=True, kw_only=True):
    """List transactions that were given up after many attempts and wait for an operator."""

    dead: Sequence[DeadTransaction]


class Resent(msgspec.Struct, frozen=True, kw_only=True):
    """Say how many transactions will be tried again."""

    resent: int


class ReceiptList(msgspec.Struct, frozen=True, kw_only=True):
    """List receipts for our batches; those that are missing first, then the newest."""

    receipts: Sequence[ReceiptLine]


class RecallAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Say that a transaction was taken back: now, or before."""

    id: str
    status: str


def dead_transaction(row: DeadRow) -> DeadTransaction:
    """Write a row with the identifiers that the rest of the API uses."""
    return DeadTransaction(
        id=f"out-{row.id}",
        far=row.far,
        serial=f"{row.serial:012d}",
        to_fips=row.partner,
        case_id=row.case_id,
        attempts=row.attempts,
        reason=row.reason,
        created_at=row.created_at,
    )


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say that the gateway is alive, or ready to serve; ``notes`` what to look at all the same."""

    status: str
    notes: Sequence[str] = ()
