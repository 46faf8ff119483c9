"""List the operations on duties: what we owe other states, what they owe us, and how well it is kept."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework.operation import (
    LIMIT,
    OF_CASE,
    WITH_PARTNER,
    WORD_FORM,
    Answer,
    Operation,
    query_after,
    query_choice,
    query_filter,
    query_flag,
    query_needed,
)

_DUTY: Final[dict[str, Any]] = {
    "id": 31,
    "duty": "RS7",
    "text": "Stop the own income withholding and close the case, then tell the initiating state.",
    "citation": "45 CFR 303.7(d)(9)",
    "side": "we-owe",
    "case_id": "MN0000123",
    "partner": "20",
    "office": None,
    "opened_by": "MSC P GSC17",
    "transaction": "in-3",
    "started_on": "2026-11-20",
    "due": "2026-12-07",
    "days_left": 17,
    "act_on": None,
    "warned_at": None,
    "overdue_at": None,
    "reminded_at": None,
    "closed_on": None,
    "closed_by": None,
    "outcome": None,
    "in_time": None,
}
_KEPT: Final[dict[str, Any]] = _DUTY | {
    "days_left": None,
    "closed_on": "2026-12-01",
    "closed_by": "MSC P GSC18",
    "outcome": "answered",
    "in_time": True,
}
_SIDE: Final = query_choice("side", "What we owe, or what is owed to us.", ("we-owe", "they-owe"))

OPERATIONS: Final = (
    Operation(
        id="listDuties",
        method="GET",
        path="/v1/duties",
        tag="Duties",
        summary="List duties with their clocks, first due first",
        description="A duty opens and closes with the transaction that causes it. Open ones only, unless "
        "`all` is true.",
        parameters=(
            _SIDE,
            query_filter("duty", "Of this kind, such as `RS7`.", WORD_FORM),
            OF_CASE,
            WITH_PARTNER,
            query_filter("office", "That this office answers for.", WORD_FORM),
            query_filter(
                "due_within",
                "Due within so many calendar days.",
                {"type": "integer", "minimum": 0, "maximum": 3660},
            ),
            query_flag("overdue", "Only what is overdue."),
            query_flag("all", "Closed ones too."),
            LIMIT,
            query_after({"type": "integer", "minimum": 1}),
        ),
        answers={
            200: Answer(description="One page.", schema="DutyPage", example={"duties": [_DUTY], "next": None})
        },
    ),
    Operation(
        id="getCompliance",
        method="GET",
        path="/v1/duties/compliance",
        tag="Duties",
        summary="Say how well duties were kept in a month, with the cases behind each number",
        description="Each duty counts once: in the month in which it was fulfilled in time, or in which its "
        "time ran out. What lapsed, was declined or sent back does not count.",
        parameters=(
            query_needed(
                "month",
                "The month, such as `2026-10`.",
                {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"},
            ),
            _SIDE,
        ),
        answers={
            200: Answer(
                description="The figures.",
                schema="Compliance",
                example={
                    "month": "2026-12",
                    "side": "we-owe",
                    "in_time": 1,
                    "late": 0,
                    "share": 1.0,
                    "groups": [
                        {
                            "by": "duty",
                            "name": "RS7",
                            "in_time": 1,
                            "late": 0,
                            "share": 1.0,
                            "median_days": 11.0,
                        }
                    ],
                    "cases": [_KEPT],
                },
            )
        },
    ),
)
