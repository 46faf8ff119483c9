"""List the operations by which supervisors keep cases from being purged."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework.operation import CASE_ID, Answer, Operation, query_flag

_HOLD: Final[dict[str, Any]] = {
    "id": 3,
    "case_id": "MN0000123",
    "reason": "Subpoena of 2026-11-18, file 62-FA-26-118.",
    "held_by": "sue",
    "held_at": "2026-11-20T15:30:00Z",
    "released_by": None,
    "released_at": None,
    "release_reason": None,
}
_ENDED: Final[dict[str, Any]] = _HOLD | {
    "released_by": "sue",
    "released_at": "2027-02-01T16:00:00Z",
    "release_reason": "The court has closed the file.",
}

OPERATIONS: Final = (
    Operation(
        id="listHolds",
        method="GET",
        path="/v1/holds",
        tag="Retention",
        summary="List the cases that are kept from being purged, and why",
        parameters=(query_flag("all", "Those that ended too."),),
        answers={200: Answer(description="The holds.", schema="HoldPage", example={"holds": [_HOLD]})},
    ),
    Operation(
        id="holdCase",
        method="POST",
        path="/v1/cases/{case_id}/hold",
        tag="Retention",
        summary="Keep a case from being purged, whatever its age",
        description="The case need not be known: what came on it without its facts is kept as well. A case "
        "that is held already is a conflict.",
        parameters=(CASE_ID,),
        body="HoldReason",
        body_examples={"for a court": {"reason": _HOLD["reason"]}},
        answers={201: Answer(description="It is kept.", schema="Hold", example=_HOLD)},
        problems=(404, 409),
    ),
    Operation(
        id="releaseCase",
        method="POST",
        path="/v1/cases/{case_id}/hold/release",
        tag="Retention",
        summary="Let a case go when its time is over",
        parameters=(CASE_ID,),
        body="HoldReason",
        body_examples={"the court is done": {"reason": _ENDED["release_reason"]}},
        answers={200: Answer(description="How it ended.", schema="Hold", example=_ENDED)},
        problems=(404,),
    ),
)
