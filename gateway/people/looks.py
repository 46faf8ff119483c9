"""Write down who looks at content, how and why, before anything of it is shown.

What cannot be written down is not shown: whoever shows something calls ``keep`` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.errors import GatewayError
from csenet.gateway.people.person import Person
from csenet.gateway.store import audit
from csenet.gateway.store import tax as tax_records
from csenet.gateway.store.engine import Store

SHOWN: Final = "shown"
NOT_FOUND: Final = "not found"
OUT_OF_SCOPE: Final = "out of scope"
REFUSED: Final = "refused"

LONGEST_PURPOSE: Final = 200
SHORTEST_PURPOSE: Final = 8
_LONGEST_OBJECT: Final = 128
_LONGEST_CASE_ID: Final = 15


class ReadRefused(GatewayError):  # noqa: N818 - read as an outcome
    """Report that something is not shown: no right to it, no reason given, or no record possible."""


class Unrecorded(ReadRefused):
    """Report that the record of a read cannot be written."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Say how somebody wants to see content: masked, or in clear for a purpose; an export says so."""

    unmask: bool = False
    purpose: str = ""
    channel: str = "api"


MASKED: Final = Look()


def is_purpose(text: str) -> bool:
    """Tell whether a text can say why somebody looks; signs that steer a terminal say nothing."""
    return len(text.strip()) >= SHORTEST_PURPOSE and text.isprintable()


def row_of(
    person: Person,
    action: str,
    objects: Sequence[str],
    look: Look = MASKED,
    *,
    outcome: str,
    fields: Sequence[str] = (),
    known: bool = True,
) -> dict[str, Any]:
    """Write a record without its moment.

    What is not ``known`` may be anything that somebody typed, a number of somebody too: it is sealed only.
    """
    detail = {
        "objects": list(objects),
        "outcome": outcome,
        "source": person.source,
        "agent": person.agent,
        "session": person.session,
        "channel": look.channel,
        "purpose": look.purpose[:LONGEST_PURPOSE],
        "unmasked": list(fields),
    }
    kept = {name: value for name, value in detail.items() if value}
    about = objects[0][:_LONGEST_OBJECT] if objects else "(nothing)"
    about = about if known else f"{about.partition(' ')[0]} (not known)"
    seen = [each.removeprefix("case ") for each in objects if known and each.startswith("case ")]
    cases = [case_id for case_id in seen if len(case_id) <= _LONGEST_CASE_ID]
    return {"actor": person.name, "action": action, "object": about, "detail": kept, "cases": cases}


def access_to_tax(
    person: Person, objects: Sequence[str], look: Look, fields: Sequence[str]
) -> dict[str, Any]:
    """Write the record of an access to federal tax information, without its moment."""
    row = row_of(person, tax_records.ACCESSED, objects, look, outcome=SHOWN)
    told = {
        "blocks": list(fields),
        "from": "gateway",
        "to": person.name,
        "reason": look.purpose or "own system of the agency",
        "disposition": f"shown in clear: {look.channel}",
    }
    return {**row, "detail": {**row["detail"], **told}}


async def keep(store: Store, at: datetime, rows: Sequence[dict[str, Any]]) -> None:
    """Put records on disk; raises Unrecorded when that fails."""

    async def write(conn: AsyncConnection) -> None:
        await audit.add(conn, [{"at": at, **row} for row in rows])

    try:
        await store.together(write)
    except Exception as error:
        raise Unrecorded("The record of who reads cannot be written, so nothing is shown.") from error
