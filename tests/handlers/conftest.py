"""Build cases and transactions of invented people: Minnesota (27) is us, Kansas (20) the other state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest

from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers.context import (
    CaseRecord,
    CaseState,
    Context,
    SentTransaction,
    WorkView,
    facts_from_json,
    initial_state,
)
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.working_days import Calendar

TODAY = date(2026, 11, 5)
RECEIVED = date(2026, 11, 4)
CASE_ID = "MN0000000000001"
OTHER_CASE_ID = "KS77"

Body = dict[str, Any]


def body(role: str = "initiating", **more: Any) -> Body:
    """Write the facts of a case as its case system pushes them; `None` leaves a key out."""
    whole: Body = {
        "role": role,
        "other_fips": "2000000",
        "other_case_id": OTHER_CASE_ID,
        "case": {
            "case_type": "N",
            "case_status": "O",
            "contact_name_last": "NORDQUIST",
            "contact_phone_num": "6515550100",
        },
        "ncp_identification": {
            "name_last": "EXAMPLESON",
            "name_first": "ROWAN",
            "ssn": "900112233",
            "date_of_birth": "1984-02-29",
        },
        "participants": [
            {
                "name_last": "SAMPLEDOTTIR",
                "name_first": "WREN",
                "relationship": "C",
                "participant_status": "O",
                "date_of_birth": "1986-07-04",
                "participant_address_line_1": "3 NOWHERE LANE",
            },
            {
                "name_last": "EXAMPLESON",
                "name_first": "LARK",
                "relationship": "D",
                "participant_status": "O",
                "date_of_birth": "2014-09-15",
                "dependent_relation_cp": "C",
            },
        ],
    }
    return {key: value for key, value in (whole | more).items() if value is not None}


def case(role: str = "initiating", state: Body | None = None, **more: Any) -> CaseRecord:
    """Make a case from its facts, with fields of its state set as wished."""
    facts = facts_from_json(CASE_ID, body(role, **more))
    values = msgspec.to_builtins(initial_state(facts)) | (state or {})
    return CaseRecord(facts=facts, state=msgspec.convert(values, CaseState))


def context(record: CaseRecord | None = None, **more: Any) -> Context:
    """Make the surroundings of a decision in Minnesota's gateway."""
    profile = load_profile("27").with_switches(more.pop("switches", {}))
    values: Body = {
        "jurisdiction": "2700000",
        "profile": profile,
        "agreements": load_agreements(None),
        "calendar": Calendar("27"),
        "today": TODAY,
        "received_on": RECEIVED,
        "record": record,
    }
    return Context(**(values | more))


def incoming(far: str, line: str | None = None, **header: Any) -> Transaction:
    """Make a transaction from Kansas as the exchange hands it to us: we are local, Kansas is other."""
    code = FarCode.parse(far)
    values: Body = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "local_fips_sub": "00",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "other_fips_sub": "00",
        "csenet_version_number": "003",
        "transaction_serial_number": "000000000042",
        "action_code": code.action,
        "functional_type_code": code.function,
        "transaction_date": date(2026, 11, 3),
        "case_id": CASE_ID,
        "other_case_id": OTHER_CASE_ID,
        "action_reason": code.reason or None,
        "attachments_ind": "N",
    }
    information = Information(status_change_code="O", information_text_line_1=line) if line else None
    return Transaction(header=Header(**(values | header)), information=information)


def work(id_: int, kind: str, group: str = "GSC17:20:000000000042", **more: Any) -> WorkView:
    """Make a work item of the case as the store shows it."""
    return WorkView(id=id_, kind=kind, case_id=CASE_ID, group=group, **more)


def sent(far: str = "MSC R GRINT", serial: str = "000000000007", partner: str = "20") -> SentTransaction:
    """Make what we remember of a transaction of ours."""
    return SentTransaction(
        serial=serial,
        far=FarCode.parse(far),
        case_id=CASE_ID,
        partner=partner,
        transaction_date=date(2026, 11, 2),
        status="delivered",
    )


class Make:
    """Hold the builders, for tests to ask for as one fixture."""

    today = TODAY
    received = RECEIVED
    case_id = CASE_ID
    other_case_id = OTHER_CASE_ID
    body: Callable[..., Body] = staticmethod(body)
    case: Callable[..., CaseRecord] = staticmethod(case)
    context: Callable[..., Context] = staticmethod(context)
    incoming: Callable[..., Transaction] = staticmethod(incoming)
    work: Callable[..., WorkView] = staticmethod(work)
    sent: Callable[..., SentTransaction] = staticmethod(sent)


@pytest.fixture
def make() -> type[Make]:
    """Give the builders."""
    return Make
