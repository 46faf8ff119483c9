"""List the operations by which the case system says what has happened."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework import examples
from csenet.gateway.casework.operation import CASE_ID, Answer, Operation, query_flag

_ADDRESS: Final[dict[str, Any]] = {
    "id": "2026-11-20-000017",
    "kind": "address_verified",
    "on": "2026-11-20",
    "ncp_locate": {
        "residential_address_line_1": "1 INVENTED STREET",
        "residential_city": "WICHITA",
        "residential_state": "KS",
        "residential_zip_1": "67202",
    },
}
_HEARING: Final[dict[str, Any]] = {
    "id": "2026-11-20-000018",
    "kind": "hearing_scheduled",
    "of": "support",
    "date": "2026-12-15",
}
_RESULT: Final[dict[str, Any]] = {
    "case_id": "MN0000123",
    "event_id": "2026-11-20-000017",
    "kind": "address_verified",
    "on": "2026-11-20",
    "dry_run": False,
    "repeated": False,
    "facts_changed": ["ncp_locate.residential_address_line_1", "ncp_locate.residential_city"],
    "lines": [
        {
            "far": "MSC P LSADR",
            "outcome": "sent",
            "why": [examples.WHY],
            "missing": [],
            "blocks": {"case": 1, "ncp_identification": 1, "ncp_locate": 1},
            "transaction": None,
        }
    ],
    "work_items": [],
    "notes": [],
    "warnings": [],
    "reasons": [examples.WHY],
}

OPERATIONS: Final = (
    Operation(
        id="reportEvent",
        method="POST",
        path="/v1/cases/{case_id}/events",
        tag="Cases",
        summary="Say what has happened on a case",
        description=(
            "What the event says about the facts becomes fact, and the transactions that the table of events "
            "lists for it leave, in one commit. Its `id` makes it count once: the same event again gives the "
            "first answer, another event under the same id is a conflict. What a transaction lacks becomes a "
            "work item that names the element. The kinds stand in `ops/reference/events.md`."
        ),
        parameters=(
            CASE_ID,
            query_flag("dry_run", "With `true` nothing is kept or sent: the answer says what would be."),
        ),
        body="CaseEvent",
        body_examples={"address verified": _ADDRESS, "hearing scheduled": _HEARING},
        answers={
            200: Answer(
                description="Taken in before, or a dry run.",
                schema="EventResult",
                example=_RESULT | {"dry_run": True},
            ),
            202: Answer(description="Taken in, durably.", schema="EventResult", example=_RESULT),
        },
        problems=(404, 409),
    ),
)
