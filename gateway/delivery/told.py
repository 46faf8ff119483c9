"""Read what a receipt in JSON says, and tell in the log what a receipt means."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from csenet.gateway.store import receipts
from csenet.gateway.store.receipts import Told
from csenet.gateway.store.tables_delivery import RECEIPT_OUTCOMES


def plain(stated: dict[str, Any], way: str) -> Told:
    """Take from a receipt in JSON what it says; what has another form than it should says nothing."""
    outcome = stated.get("outcome", "duplicate" if stated.get("duplicate") is True else "accepted")
    sha256, count = stated.get("sha256"), stated.get("count")
    return Told(
        way=way,
        outcome=outcome if outcome in RECEIPT_OUTCOMES else None,
        sha256=sha256.lower()[:64] if isinstance(sha256, str) else None,
        count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        stated_at=_moment(stated.get("time", stated.get("received_at"))),
    )


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def tell(log: Any, state: str, batch: str) -> None:
    """Log what a receipt means, the louder the more somebody should look."""
    if state == receipts.CONTRADICTING:
        log.error("receipt.contradicting", batch=batch)
    elif state == receipts.MISSING:
        log.warning("receipt.missing", batch=batch)
    elif state == "late":
        log.warning("receipt.late", batch=batch)
    elif state == "repeated":
        log.warning("receipt.repeated", batch=batch)
    else:
        log.debug("receipt.good", batch=batch)
