"""Gather the schemas of requests and answers; those of answers are made of the structs that are answered."""

from __future__ import annotations

from typing import Final

import msgspec

from csenet.codecs.errors import Problem
from csenet.gateway.casework import answers, block_schemas, body_schemas, policy, views_holds, views_releases
from csenet.gateway.casework.block_schemas import TEMPLATE, Schema, reference
from csenet.gateway.casework.operations import STATUSES
from csenet.gateway.casework.problems import ProblemDocument
from csenet.gateway.delivery.probing import ProbeAnswer, ProbeReport
from csenet.gateway.desk import (
    dead_letters,
    duty_views,
    event_results,
    operating,
    reassigning,
    receipts,
    results,
)
from csenet.gateway.participant import enrolling, managing
from csenet.gateway.store.tables import WORK_STATUSES
from csenet.handlers.context import CaseState
from csenet.handlers.decision import Why

_ANSWERS: Final = (
    answers.TransactionPage,
    answers.WorkItemPage,
    answers.DeadList,
    answers.Resent,
    answers.Health,
    answers.RecallAnswer,
    answers.ReceiptList,
    receipts.Came,
    dead_letters.DeadLetter,
    operating.WayOut,
    results.CaseView,
    results.TransactionDetail,
    results.SubmitResult,
    event_results.EventResult,
    results.LedgerReport,
    results.Receipt,
    results.WorkHistory,
    reassigning.Reassignment,
    duty_views.DutyPage,
    duty_views.Compliance,
    views_releases.ReleasePage,
    views_releases.ReleaseDetail,
    views_holds.HoldPage,
    managing.ParticipantPage,
    enrolling.Enrolled,
    policy.RuleList,
    policy.RuleHistory,
    policy.OpenedDuties,
    policy.PolicyChanges,
    ProbeAnswer,
    ProbeReport,
    ProblemDocument,
    CaseState,
    Problem,
    Why,
)
_RENAMED: Final = {"TransactionView": "TransactionLine", "CorrectionView": "CorrectionMade"}


def components() -> dict[str, Schema]:
    """Give every schema of the document by name."""
    parts = (block_schemas.components(), _answers(), body_schemas.components())
    found = {name: schema for part in parts for name, schema in part.items()}
    assert len(found) == sum(map(len, parts))  # noqa: S101 - no name stands for two things
    found["OpenApi"] = {"type": "object", "description": "An OpenAPI 3.1 document."}
    found["Page"] = {"type": "string", "description": "Text, such as HTML."}
    return dict(sorted(found.items()))


def _answers() -> dict[str, Schema]:
    """Take the schemas of the answers from their structs, under names for the outside."""
    _, raw = msgspec.json.schema_components(_ANSWERS, ref_template=TEMPLATE)
    text = msgspec.json.encode(raw).decode()
    for name in raw:
        text = text.replace(f'"{TEMPLATE.format(name=name)}"', f'"{TEMPLATE.format(name=_public(name))}"')
    found: dict[str, Schema] = {_public(name): schema for name, schema in msgspec.json.decode(text).items()}
    for name, schema in found.items():
        schema["title"] = name
        schema["description"] = " ".join(schema.get("description", name).split())
        for member, about in schema.get("properties", {}).items():
            if member == "at" or member.endswith("_at"):
                _mark_moment(about)
    _fill_open_places(found)
    return found


def _mark_moment(about: Schema) -> None:
    """Say that a text is a moment: the library says so only of moments whose zone it was told."""
    for form in about.get("anyOf", [about]):
        if form.get("type") == "string":
            form["format"] = "date-time"


def _public(name: str) -> str:
    """Name a component without our inner word for it."""
    return _RENAMED.get(name) or name.removesuffix("View")


def _fill_open_places(found: dict[str, Schema]) -> None:
    """Say what stands in members that the structs leave open, because the desk hands them through."""
    found["Case"]["properties"]["facts"] = reference("CaseFacts")
    found["Case"]["properties"]["state"] = reference("CaseState")
    found["WorkItem"]["properties"]["reasons"] = {"type": "array", "items": reference("Why")}
    found["WorkItem"]["properties"]["status"]["enum"] = list(WORK_STATUSES)
    for name in ("TransactionLine", "TransactionDetail"):
        found[name]["properties"]["direction"]["enum"] = ["inbound", "outbound"]
        found[name]["properties"]["status"]["enum"] = list(STATUSES)
        found[name]["properties"]["problems"] = {"type": "array", "items": reference("Problem")}
    content = {"anyOf": [reference("Transaction"), {"type": "null"}]}
    found["TransactionDetail"]["properties"]["transaction"] = content
