"""Every reason a handler gives names a rule, duty, ground or question that stands in the tables."""

import ast
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from csenet.codecs.blocks import Header, Information
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers import closure, policy
from csenet.handlers.context import CaseRecord, Context, WorkView, facts_from_json, initial_state
from csenet.handlers.decision import Decision, Refusal, to_json
from csenet.handlers.policy.agreements import load_agreements
from csenet.handlers.policy.deadlines import duties
from csenet.handlers.policy.explain import catalogue, rule_ids
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.rules import UnknownRuleError, load_reasons, reason
from csenet.handlers.policy.working_days import Calendar
from csenet.handlers.router import ROUTES, completed, dispatch, originate

HANDLERS = Path(policy.__file__).parents[1]
TODAY = date(2026, 11, 20)
CODES = sorted(VALID, key=str)
KNOWN = rule_ids()
NO_MSC = '[[agreement]]\nfunction = "*"\nallowed = false\ncitation = "c"\ntext = "t"\n'
LINES = (None, "000000010000000000000200" + "20261101", "000000000007" + "R" + "MSC" + "20261102" + "GRINT")


def facts(role: str, **more: Any) -> CaseRecord:
    body = {
        "role": role,
        "other_fips": "2000000",
        "other_case_id": "KS77",
        "case": {"case_type": "N", "case_status": "O"},
        "ncp_identification": {"name_last": "EXAMPLESON", "name_first": "ROWAN"},
    }
    found = facts_from_json("MN0000000000001", body | more)
    return CaseRecord(facts=found, state=initial_state(found))


CLOSED = {"case": {"case_type": "N", "case_status": "C"}}
LEDGER = {"ledger": {"obligations": [{"due": "2021-01-01", "amount": "365.00"}], "payments": []}}
BALANCES = {"balances": {"as_of": "2026-11-01", "arrears": "10.00", "interest": "1.00"}}
RECORDS: tuple[CaseRecord | None, ...] = (
    None,
    *(facts(role) for role in ("initiating", "responding")),
    *(facts(role, **CLOSED) for role in ("initiating", "responding")),
    facts("initiating", other_fips="5500000"),
    facts("initiating", **LEDGER),
    facts("initiating", **BALANCES, family_violence=True),
    facts("responding", protected=["ncp"], ncp_locate={"residential_city": "NOWHERE"}),
    facts("responding", case={"case_type": "N", "nondisclosure_finding": "Y"}),
    facts("responding", alternative_agreement=True),
    facts("responding", withholding_active=False),
)


def context(record: CaseRecord | None, **more: Any) -> Context:
    values: dict[str, Any] = {
        "jurisdiction": "2700000",
        "profile": load_profile("27"),
        "agreements": load_agreements(),
        "calendar": Calendar("27"),
        "today": TODAY,
        "received_on": TODAY,
        "record": record,
    }
    return Context(**values | more)


def incoming(code: FarCode, line: str | None = None, **header: Any) -> Transaction:
    values: dict[str, Any] = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "csenet_version_number": "003",
        "transaction_serial_number": "000000000042",
        "action_code": code.action,
        "functional_type_code": code.function,
        "transaction_date": TODAY,
        "case_id": "MN0000000000001",
        "other_case_id": "KS77",
        "action_reason": code.reason or None,
        "attachments_ind": "N",
    }
    information = Information(information_text_line_1=line) if line else None
    return Transaction(header=Header(**values | header), information=information)


def whys(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"rule", "text", "citation"} <= value.keys():
            yield value
        for inner in value.values():
            yield from whys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from whys(inner)


def named(decision: Decision | Refusal) -> Iterable[dict[str, Any]]:
    if isinstance(decision, Refusal):
        return [msgspec.to_builtins(why) for why in decision.reasons]
    return list(whys(to_json(decision)))


def check(decision: Decision | Refusal, about: str) -> None:
    if isinstance(decision, Decision):
        assert decision.reasons, about
        assert all(item.reasons for item in decision.work_items), about
        assert {item.duty for item in decision.work_items if item.duty} <= duties().keys()
    for why in named(decision):
        assert why["rule"] in KNOWN, (about, why["rule"])
        assert why["text"], about
        assert why["citation"], about


@pytest.mark.parametrize("code", CODES, ids=str)
def test_what_a_transaction_causes_is_reasoned_from_the_tables(code: FarCode) -> None:
    for record in RECORDS:
        for line in LINES if code in ROUTES else LINES[:1]:
            check(dispatch(incoming(code, line), context(record)), f"{code} {line}")


@pytest.mark.parametrize(
    "header", [{"local_fips_state": "55"}, {"case_id": None}, {"other_fips_state": "55"}]
)
def test_an_objection_is_reasoned_from_the_tables(header: dict[str, Any]) -> None:
    for code in ROUTES:
        check(dispatch(incoming(code, **header), context(RECORDS[1])), str(code))


def test_a_refused_exchange_is_reasoned_from_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "agreements.toml"
    path.write_text(NO_MSC, "utf-8")
    for code in ROUTES:
        check(dispatch(incoming(code), context(RECORDS[2], agreements=load_agreements(path))), str(code))
    switched_off = load_profile("27").with_switches({"sends_gstai": False, "sends_gsc16": False})
    check(dispatch(incoming(FarCode.parse("MSC R GRINT")), context(RECORDS[7], profile=switched_off)), "off")


@pytest.mark.parametrize("code", CODES, ids=str)
def test_what_our_side_asks_for_is_reasoned_from_the_tables(code: FarCode) -> None:
    for record in RECORDS:
        check(originate(code, context(record)), str(code))


@pytest.mark.parametrize("reason_code", sorted(closure.ANSWERS))
@pytest.mark.parametrize("done", [True, False])
def test_completed_work_is_reasoned_from_the_tables(reason_code: str, done: bool) -> None:
    for kind in ("close_case", "stop_withholding", "review"):
        group = "" if kind == "review" else f"{reason_code}:20:000000000042"
        work = WorkView(id=1, kind=kind, case_id="MN0000000000001", group=group)
        other = WorkView(id=2, kind="close_case", case_id="MN0000000000001", group=group)
        for siblings in ((work,), (work, other)):
            check(completed(work, TODAY, siblings, context(RECORDS[2]), done=done), kind)


def literals(source: str) -> Iterator[str]:
    """Give the rule ids that stand in a module: Why(rule="..."), law("..."), duty="...", item(..., "...")."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given: list[ast.expr] = []
        if name in ("law", "reason", "value_on", "count"):
            given = node.args[:1]
        elif name in ("item", "_closing"):
            given = node.args[4:]
        given += [word.value for word in node.keywords if word.arg in ("rule", "duty", "why")]
        yield from (each.value for each in given if isinstance(each, ast.Constant) and each.value)


@pytest.mark.parametrize("path", sorted(HANDLERS.rglob("*.py")), ids=lambda path: path.name)
def test_every_rule_named_in_code_stands_in_the_tables(path: Path) -> None:
    assert [name for name in literals(path.read_text("utf-8")) if name not in KNOWN] == []


def test_rule_literals_are_found_where_they_stand() -> None:
    source = 'law("a", c); Why(rule="b"); item(tx, c, "k", "t", "d", duty="e"); value_on("f", day)'
    assert sorted(literals(source)) == ["a", "b", "d", "e", "f"]


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(UnknownRuleError, match=r"'check\.nothing'"):
        reason("check.nothing")


def test_wrong_reasons_are_refused_by_file_and_key(table: Any) -> None:
    from csenet.handlers.policy.dated import PolicyError

    with pytest.raises(PolicyError) as caught:
        load_reasons(table('[[reason]]\nid = "a"\ncitation = ""\ntext = " "\n'))
    assert caught.value.problems == ("reason 'a'.citation: is missing", "reason 'a'.text: is missing")


def test_every_entry_has_its_own_name() -> None:
    entries = [(entry.kind, entry.id) for entry in catalogue(load_profile("27"))]
    assert len(set(entries)) == len(entries)
