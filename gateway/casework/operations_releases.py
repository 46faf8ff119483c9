"""List the operations by which two persons release what disclosure rules withhold."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework import examples
from csenet.gateway.casework.operation import PURPOSE, Answer, Operation, path_id

_RELEASE: Final[dict[str, Any]] = {
    "id": 5,
    "case_id": "MN0000123",
    "far": "MSC P GSC15",
    "partner": "20",
    "withheld": ["ncp_locate[0]"],
    "reason": "The court ordered on 2026-11-18 that the address be told.",
    "state": "asked",
    "asked_by": "ada",
    "asked_at": "2026-11-20T15:30:00Z",
    "until": "2026-11-23T15:30:00Z",
    "decided_by": None,
    "decided_at": None,
    "refusal": None,
    "transaction": None,
}
_SENT: Final[dict[str, Any]] = _RELEASE | {
    "state": "sent",
    "decided_by": "sue",
    "decided_at": "2026-11-20T15:45:00Z",
    "transaction": "out-9",
}
_NUMBER: Final = path_id("release_id", "release")

OPERATIONS: Final = (
    Operation(
        id="askRelease",
        method="POST",
        path="/v1/releases",
        tag="Releases",
        summary="Ask that a transaction leave although disclosure rules withhold part of it",
        description=(
            "The whole transaction is kept as it is to leave, with the reason. It leaves when another "
            "person, who may approve releases, approves it within three days."
        ),
        body="ReleaseWish",
        body_examples={
            "by order of the court": {"transaction": examples.TRANSACTION, "reason": _RELEASE["reason"]}
        },
        answers={201: Answer(description="It waits.", schema="Release", example=_RELEASE)},
        problems=(404,),
    ),
    Operation(
        id="listReleases",
        method="GET",
        path="/v1/releases",
        tag="Releases",
        summary="List the newest releases without their content",
        answers={
            200: Answer(
                description="The releases.", schema="ReleasePage", example={"releases": [_SENT, _RELEASE]}
            )
        },
    ),
    Operation(
        id="getRelease",
        method="GET",
        path="/v1/releases/{release_id}",
        tag="Releases",
        summary="Read a release with the transaction that is to leave",
        parameters=(_NUMBER, PURPOSE),
        answers={
            200: Answer(
                description="The release.",
                schema="ReleaseDetail",
                example={"release": _RELEASE, "content": examples.TRANSACTION},
            )
        },
    ),
    Operation(
        id="approveRelease",
        method="POST",
        path="/v1/releases/{release_id}/approve",
        tag="Releases",
        summary="Approve a release as the second person, and send what it holds",
        parameters=(_NUMBER,),
        answers={200: Answer(description="It is queued.", schema="Release", example=_SENT)},
        problems=(409, 422),
    ),
    Operation(
        id="refuseRelease",
        method="POST",
        path="/v1/releases/{release_id}/refuse",
        tag="Releases",
        summary="Leave withheld what somebody asked to release",
        parameters=(_NUMBER,),
        body="ReleaseRefusal",
        body_examples={"why": {"reason": "The order does not name this address."}},
        answers={
            200: Answer(description="It stays.", schema="Release", example=_RELEASE | {"state": "refused"})
        },
        problems=(409,),
    ),
)
