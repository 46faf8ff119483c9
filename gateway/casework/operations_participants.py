"""List the operations by which the agency's people let participants in and keep them out."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework.operation import (
    CASE_ID,
    LIMIT,
    Answer,
    Operation,
    path_id,
    query_after,
    query_filter,
)

_LINE: Final[dict[str, Any]] = {
    "id": 12,
    "number": "••••••3900",
    "state": "active",
    "cases": [{"case_id": "MN0000123", "role": "ncp"}],
    "failures": 0,
    "locked_until": None,
    "created_at": "2026-11-18T15:30:00Z",
    "signed_in_at": "2026-11-20T01:12:00Z",
}
_ENROLLED: Final[dict[str, Any]] = {
    "number": "4552303900",
    "pin": "39827680",
    "case_id": "MN0000123",
    "role": "ncp",
}
_WHOM: Final = path_id("participant_id", "participant; `GET /v1/participants` tells it")
_DONE: Final = Answer(description="It is done, and counts at once.")
_WHOLE: Final = "A number that opens cases of other offices, too, is a supervisor's."


def _act(
    name: str,
    word: str,
    summary: str,
    description: str = "",
    *,
    body: str = "Nothing",
    body_examples: dict[str, Any] | None = None,
    answers: dict[int, Answer] | None = None,
) -> Operation:
    """Describe an act on one participant."""
    return Operation(
        id=name,
        method="POST",
        path="/v1/participants/{participant_id}/" + word,
        tag="Participants",
        summary=summary,
        description=description,
        parameters=(_WHOM,),
        body=body,
        body_examples=body_examples or {},
        answers=answers or {204: _DONE},
        problems=(404,),
    )


OPERATIONS: Final = (
    Operation(
        id="listParticipants",
        method="GET",
        path="/v1/participants",
        tag="Participants",
        summary="List who of a case may see it, in the order in which they were let in",
        description="Those of one's own offices' cases. Of a number only the last digits are told, of a PIN "
        "nothing.",
        parameters=(
            query_filter("case_id", "Who sees this case.", CASE_ID.form),
            query_after({"type": "integer", "minimum": 0}),
            LIMIT,
        ),
        answers={
            200: Answer(
                description="One page.",
                schema="ParticipantPage",
                example={"participants": [_LINE], "next": None},
            )
        },
    ),
    Operation(
        id="enrolParticipant",
        method="POST",
        path="/v1/participants",
        tag="Participants",
        summary="Give somebody of a case a number and a PIN",
        description="Both stand in this answer and can never be shown again: hand them over in person or by "
        "letter, once you know who it is. With `number` somebody who has one already sees this case, too; "
        "`pin` is null then. That somebody has this part already is a conflict.",
        body="Enrolment",
        body_examples={
            "new": {"case_id": "MN0000123", "role": "ncp"},
            "one more case": {"case_id": "MN0000124", "role": "cp", "number": "4552303900"},
        },
        answers={201: Answer(description="They are let in.", schema="Enrolled", example=_ENROLLED)},
        problems=(404, 409),
    ),
    _act(
        "resetParticipantPin",
        "pin",
        "Give a participant another PIN, which stands in this answer only",
        f"Locks for wrong PINs are taken off, and their visits end. {_WHOLE}",
        answers={
            200: Answer(
                description="The new PIN.",
                schema="Enrolled",
                example=_ENROLLED | {"case_id": None, "role": None},
            )
        },
    ),
    _act("lockParticipant", "lock", "Let a participant in no more, until unlocked; their visits end at once"),
    _act(
        "unlockParticipant",
        "unlock",
        "Let a participant in again, whether the agency or wrong PINs had locked them out",
        f"{_WHOLE} That is so once the agency has locked it.",
    ),
    _act(
        "revokeParticipant",
        "revoke",
        "Let a participant see one case no more, or nothing ever again",
        f"Their visits end at once. {_WHOLE} `case_id` takes a case of one's own office from it.",
        body="Revocation",
        body_examples={"one case": {"case_id": "MN0000123"}, "all": {"whole": True}},
    ),
)
