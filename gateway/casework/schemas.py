"""Gather the schemas of requests and answers: views from their structs, blocks from the layouts."""

from __future__ import annotations

from typing import Final

import msgspec

from csenet.codecs.errors import Problem
from csenet.gateway.casework import answers, block_schemas, policy, views_holds, views_releases
from csenet.gateway.casework.block_schemas import DATE, MONEY, Schema
from csenet.gateway.casework.event_views import event_schema
from csenet.gateway.casework.operations import OUTCOMES, STATUSES
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
from csenet.gateway.desk.facts_in import FORMERLY
from csenet.gateway.desk.reasons import LONGEST_REASON, SHORTEST_REASON
from csenet.gateway.desk.work_acts import LONGEST_COMMENT
from csenet.gateway.participant import enrolling, managing
from csenet.gateway.store.tables import WORK_STATUSES
from csenet.handlers.context import CaseState
from csenet.handlers.decision import Why
from csenet.handlers.lines import TEXT_WIDTH

_TEMPLATE: Final = "#/components/schemas/{name}"
_A_CASE_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 15}
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
_RENAMED: Final = {"TransactionView": "TransactionLine"}
_CODE: Final[Schema] = {
    "type": "string",
    "pattern": r"^(LO1|CSI|ENF|MSC|PAT|EST|COL) [RAPMUC] [A-Z0-9]{2,5}$",
}


def reference(name: str) -> Schema:
    """Point to a component."""
    return {"$ref": _TEMPLATE.format(name=name)}


def components() -> dict[str, Schema]:
    """Give every schema of the document by name."""
    found = block_schemas.components() | _answers()
    found["Transaction"] = _object(
        "A transaction in JSON form. Serial number, dates and our FIPS code are filled in by the gateway.",
        block_schemas.transaction_properties(),
        required=["header"],
    )
    found["CaseFacts"] = _case_facts()
    found["CaseEvent"] = event_schema(found["CaseFacts"]["properties"], DATE, reference("Collection"))
    found["Submission"] = {"oneOf": [reference("CodeSubmission"), reference("Transaction")]}
    found["CodeSubmission"] = _object(
        "Ask for a transaction by its code; the gateway builds its blocks from the facts of the case. "
        "Members given in `header` and `information` win over what it would write.",
        {
            "case_id": {"type": "string", "minLength": 1, "maxLength": 15},
            "far": _CODE,
            "header": reference("Header"),
            "information": reference("Information"),
        },
        required=["case_id", "far"],
    )
    found["Completion"] = _object(
        "Say on which day something was done, today at the latest, or declined where that is a choice. "
        "`case_id` names the case of ours to which a request was put that named none; `text` is what the "
        "other state is told where the answer has a line for it.",
        {
            "on": DATE,
            "outcome": {"type": "string", "enum": list(OUTCOMES), "default": "done"},
            "case_id": {"type": "string", "minLength": 1, "maxLength": 15},
            "text": {"type": "string", "minLength": 1, "maxLength": TEXT_WIDTH},
        },
        required=["on"],
    )
    found["Correction"] = _object(
        "Say what is changed in a transaction that did not get through; without changes it goes as it is.",
        {"changes": {"type": "object", "description": "Members of the transaction's JSON form."}},
        required=[],
    )
    found |= _acts_on_work()
    reason = {"type": "string", "minLength": SHORTEST_REASON, "maxLength": LONGEST_REASON}
    found["ReleaseWish"] = _object(
        "Ask that a transaction leave as it is; another person has to approve.",
        {"transaction": reference("Transaction"), "reason": reason},
        required=["transaction", "reason"],
    )
    found["ReleaseRefusal"] = _object("Say why it stays.", {"reason": reason}, required=["reason"])
    found["OperatorReason"] = _object(
        "Why an operator does it, for the record; no names or numbers of persons.",
        {"reason": {"type": "string", "minLength": 8, "maxLength": 200}},
        required=["reason"],
    )
    found["HoldReason"] = _object("Say why.", {"reason": reason}, required=["reason"])
    found["Enrolment"] = _object(
        "Say who of which case is let in.",
        {
            "case_id": _A_CASE_ID,
            "role": {"type": "string", "enum": ["ncp", "cp"]},
            "number": {"type": "string", "minLength": 1, "maxLength": 32},
        },
        required=["case_id", "role"],
    )
    found["Revocation"] = _object(
        "Say what ends: one case, or the whole number.",
        {"case_id": _A_CASE_ID, "whole": {"type": "boolean", "const": True}},
        required=[],
    ) | {"minProperties": 1, "maxProperties": 1}
    found["Nothing"] = _object("Nothing is to be said.", {}, required=[])
    found["Resend"] = _resend()
    found["Batch"] = {
        "type": "string",
        "description": "A file from the exchange, flat, XML or in CMS, byte for byte.",
    }
    found["OpenApi"] = {"type": "object", "description": "An OpenAPI 3.1 document."}
    found["Page"] = {"type": "string", "description": "Text, such as HTML."}
    return dict(sorted(found.items()))


def _object(description: str, properties: Schema, *, required: list[str]) -> Schema:
    """Describe an object that takes no other members."""
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }


def _answers() -> dict[str, Schema]:
    """Take the schemas of the answers from their structs, under names for the outside."""
    _, raw = msgspec.json.schema_components(_ANSWERS, ref_template=_TEMPLATE)
    text = msgspec.json.encode(raw).decode()
    for name in raw:
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{_public(name)}"')
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


def _case_facts() -> Schema:
    """Describe the facts of a case; the blocks among them are those of a transaction."""
    blocks = block_schemas.transaction_properties()
    flag: Schema = {"type": "boolean"}
    named: Schema = {
        "role": {
            "type": "string",
            "enum": ["initiating", "responding"],
            "description": "Our part in the case.",
        },
        "other_fips": {
            "type": "string",
            "pattern": r"^\d{5}[ 0-9A-Z]{2}$",
            "description": "The other agency: state, county, and two more characters that may be blank.",
        },
        "other_case_id": {"type": "string", "minLength": 1, "maxLength": 15},
        FORMERLY: {
            "oneOf": [_A_CASE_ID, {"type": "array", "minItems": 1, "maxItems": 20, "items": _A_CASE_ID}],
            "description": "IDs of ours that the case had: what names one of them reaches the case.",
            "examples": ["MN0000122"],
        },
        "withholding_active": flag | {"description": "Whether our income withholding is in force."},
        "family_violence": flag | {"description": "If true, everybody of the case is protected."},
        "protected": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": r"^(ncp|participants\[\d\])$"},
            "description": "Those at risk, where the rest of the case may be told: the noncustodial parent, "
            "and participants by their place in the list, from 0. Their addresses and employers do not "
            "leave unless two people release them (askRelease).",
            "examples": [["participants[0]"]],
        },
        "office": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$",
            "description": "Whose case it is: caseworkers see those of their own offices. Without one it "
            "is the agency's as a whole.",
        },
        "our_fips": {
            "type": "string",
            "pattern": r"^\d{5}[ 0-9A-Z]{2}$",
            "description": "The locality of our state that has the case, written as `other_fips` is, "
            "where it is not the whole agency.",
        },
        "alternative_agreement": flag
        | {"description": "Whether both states agreed on another course (45 CFR 303.7(c)(12))."},
        "balances": _object(
            "Balances that the case system worked out; `arrears` includes `interest`.",
            {"as_of": DATE, "arrears": MONEY, "interest": MONEY},
            required=["as_of", "arrears", "interest"],
        ),
        "ledger": _object(
            "What was due and what was paid, from which the gateway works out balances.",
            {"obligations": _dated("due"), "payments": _dated("date")},
            required=[],
        ),
    }
    kept = ("case", "ncp_identification", "ncp_locate", "participants", "orders")
    schema = _object(
        "A snapshot of an interstate case. Give `balances` or `ledger`, not both.",
        named | {name: blocks[name] for name in kept},
        required=["role", "other_fips"],
    )
    return schema | {"not": {"required": ["balances", "ledger"]}}


def _dated(day: str) -> Schema:
    """Describe a list of amounts with their days."""
    row = _object("An amount and its day.", {day: DATE, "amount": MONEY}, required=[day, "amount"])
    return {"type": "array", "items": row}


def _acts_on_work() -> dict[str, Schema]:
    """Describe what can be done with a work item besides completing it."""
    name: Schema = {"type": "string", "maxLength": 64}
    text: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT}
    whose = _object(
        "Whose the work is; what is left out stays, an empty text takes it away.",
        {"worker": name, "office": name},
        required=[],
    )
    return {
        "Assignment": whose | {"minProperties": 1},
        "Comment": _object("What a person writes.", {"text": text}, required=["text"]),
        "Reassigning": _object(
            "What is given out anew; what is left out is false.",
            {"dry_run": {"type": "boolean"}, "by_hand": {"type": "boolean"}},
            required=[],
        ),
        "Reopening": _object("Why it is opened again.", {"reason": text}, required=["reason"]),
    }


def _resend() -> Schema:
    """Describe the choice between some and all."""
    ids: Schema = {
        "type": "array",
        "minItems": 1,
        "maxItems": 1000,
        "items": {"type": "string", "pattern": "^out-[1-9][0-9]{0,17}$"},
    }
    return {
        "oneOf": [
            _object("Send these again.", {"ids": ids}, required=["ids"]),
            _object("Send all again.", {"all": {"const": True}}, required=["all"]),
        ]
    }
