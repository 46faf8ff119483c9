"""List what can be done with a work item besides completing it."""

from __future__ import annotations

from typing import Any, Final

from csenet.gateway.casework import examples
from csenet.gateway.casework.operation import Answer, Operation, path_id

_ITEM: Final = path_id("item_id", "work item")
_SHOWN: Final = {200: Answer(description="The item.", schema="WorkItem", example=examples.WORK_ITEM)}
_HISTORY: Final[dict[str, Any]] = {
    "item": examples.WORK_ITEM,
    "changes": [
        {
            "id": 41,
            "at": "2026-11-20T15:30:00Z",
            "change": "opened",
            "actor": "exchange",
            "transaction": "in-3",
            "text": None,
        }
    ],
}

_REASSIGNED: Final[dict[str, Any]] = {
    "dry_run": True,
    "looked": 214,
    "work_items": 1,
    "duties": 0,
    "kept_by_hand": 3,
    "without_rule": 0,
    "given": [
        {
            "what": "work",
            "id": 12,
            "kind": "update_case",
            "case_id": "MN0000123",
            "office_before": "HENNEPIN",
            "worker_before": None,
            "office": "RAMSEY",
            "worker": None,
        }
    ],
}

OPERATIONS: Final = (
    Operation(
        id="reassignWork",
        method="POST",
        path="/v1/work-items/reassign",
        tag="Work",
        summary="Give open work and duties out anew, by the rules of work of today",
        description="Rules count when work opens; this applies them to what is open. What a person gave to "
        "somebody stays there unless `by_hand` is true, and so does what the rules say nothing of. Doing it "
        "again changes nothing; `dry_run` only tells. What goes elsewhere is told to the case system.",
        body="Reassigning",
        body_examples={"only look": {"dry_run": True}},
        answers={200: Answer(description="What went elsewhere.", schema="Reassignment", example=_REASSIGNED)},
    ),
    Operation(
        id="getWorkHistory",
        method="GET",
        path="/v1/work-items/{item_id}/history",
        tag="Work",
        summary="Read a work item with all that happened to it, comments among it",
        parameters=(_ITEM,),
        answers={200: Answer(description="Oldest first.", schema="WorkHistory", example=_HISTORY)},
    ),
    Operation(
        id="assignWorkItem",
        method="POST",
        path="/v1/work-items/{item_id}/assign",
        tag="Work",
        summary="Give a work item to a worker, an office or both",
        parameters=(_ITEM,),
        body="Assignment",
        body_examples={"to a worker": {"worker": "W12", "office": "HENNEPIN"}},
        answers=_SHOWN,
        problems=(409,),
    ),
    Operation(
        id="commentWorkItem",
        method="POST",
        path="/v1/work-items/{item_id}/comments",
        tag="Work",
        summary="Write something about a work item",
        description="What is written stays here: it is not delivered with the item.",
        parameters=(_ITEM,),
        body="Comment",
        body_examples={"a comment": {"text": "Asked the employer on Friday."}},
        answers=_SHOWN,
    ),
    Operation(
        id="reopenWorkItem",
        method="POST",
        path="/v1/work-items/{item_id}/reopen",
        tag="Work",
        summary="Open a completed work item again",
        description="A duty closed by its completion alone is owed again, with the clock it had. A "
        "transaction that left on completion is not called back. Reopening an open item changes nothing.",
        parameters=(_ITEM,),
        body="Reopening",
        body_examples={"why": {"reason": "completed by mistake"}},
        answers=_SHOWN,
    ),
)
