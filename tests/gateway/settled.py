"""Take files in on a desk, and ask in short what came of them."""

from __future__ import annotations

from typing import Any

from csenet.gateway.desk import Desk, TransactionFilter, WorkFilter

from .conftest import lines


async def settle(desk: Desk, *transactions: bytes, name: str = "batch") -> Any:
    """Take a file of transactions in, decide what stands in it, and count what came of it."""
    receipt = await desk.accept(lines(*transactions), source="test", name=name)
    return await desk.settle(receipt.file_id)


async def statuses(desk: Desk) -> list[str]:
    """List in which status each transaction is that came in, oldest first."""
    page = await desk.list_transactions(TransactionFilter(direction="inbound"))
    return [each.status for each in page.items]


async def sent(desk: Desk) -> list[tuple[str, str | None, str | None]]:
    """List what is to leave: its code, its serial number, and what it answers."""
    page = await desk.list_transactions(TransactionFilter(direction="outbound"))
    return [(each.far, each.serial, each.in_reply_to) for each in page.items]


async def open_kinds(desk: Desk) -> list[str]:
    """List the kinds of the open work."""
    return [each.kind for each in (await desk.list_work_items(WorkFilter(status="open"))).items]
