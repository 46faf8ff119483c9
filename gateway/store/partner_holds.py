"""Keep what goes to one partner here, at an operator's word, while everything else leaves.

Every function works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.store import audit
from csenet.gateway.store.prepared import Prepared
from csenet.gateway.store.tables_delivery import partner_hold


class PartnerHold(msgspec.Struct, frozen=True, kw_only=True):
    """Say since when, why and by whom a partner (two digits) is on hold."""

    partner: str
    held_at: datetime
    reason: str
    actor: str


def held() -> Select[Any]:
    """Select the partners on hold, for use inside other queries."""
    return select(partner_hold.c.partner)


_LOAD: Final = Prepared(
    select(*(partner_hold.c[name] for name in PartnerHold.__struct_fields__)).order_by(partner_hold.c.partner)
)


async def load(conn: AsyncConnection) -> list[PartnerHold]:
    """List the partners on hold."""
    return list(await _LOAD.structs(conn, PartnerHold))


async def hold(conn: AsyncConnection, partner: str, reason: str, *, actor: str, at: datetime) -> bool:
    """Keep what goes to a partner; say whether it was not on hold before.  The first reason stays."""
    insert_new: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = {"partner": partner, "held_at": at, "reason": reason, "actor": actor}
    done = await conn.execute(insert_new(partner_hold).values(**row).on_conflict_do_nothing())
    if done.rowcount == 1:
        await _by_hand(conn, "hold", partner, actor, at, {"reason": reason})
    return bool(done.rowcount == 1)


async def release(conn: AsyncConnection, partner: str, *, actor: str, at: datetime) -> bool:
    """Let what waits for a partner leave; say whether there was a hold."""
    done = await conn.execute(delete(partner_hold).where(partner_hold.c.partner == partner))
    if done.rowcount == 1:
        await _by_hand(conn, "release", partner, actor, at, {})
    return bool(done.rowcount == 1)


async def _by_hand(
    conn: AsyncConnection, action: str, partner: str, actor: str, at: datetime, detail: dict[str, Any]
) -> None:
    row = {"at": at, "actor": actor, "action": f"delivery.{action}", "object": f"partner {partner}"}
    await audit.add(conn, [{**row, "detail": detail}])
