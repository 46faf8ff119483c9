"""Facts in JSON: what is read, what is refused, and that every wrong field is named at once."""

from datetime import date
from decimal import Decimal

import pytest

from csenet.handlers.context import FactsError, Role, facts_from_json, facts_to_json


def paths(wrong):
    return [path for path, _ in wrong.value.problems]


def test_a_full_snapshot_is_read(make):
    facts = facts_from_json(
        "MN1",
        make.body(
            "responding",
            withholding_active=True,
            family_violence=True,
            alternative_agreement=True,
            orders=[{"order_fips_state": "27", "order_freq_amount": "300.00"}],
            ncp_locate={"residential_city": "NOWHERE"},
            ledger={
                "obligations": [{"due": "2026-01-31", "amount": "300.00"}],
                "payments": [{"date": "2026-02-05", "amount": "120.50"}],
            },
        ),
    )
    assert facts.case_id == "MN1"
    assert facts.role is Role.RESPONDING
    assert facts.role.opposite is Role.INITIATING
    assert facts.other_state == "20"
    assert facts.withholding_active is True
    assert facts.family_violence
    assert facts.alternative_agreement
    assert facts.case.case_type == "N"
    assert facts.orders[0].order_freq_amount == Decimal("300.00")
    assert facts.ledger.obligations[0].due == date(2026, 1, 31)
    assert facts.ledger.payments[0].amount == Decimal("120.50")
    assert facts.balances is None


def test_what_is_not_said_is_not_known(make):
    facts = facts_from_json("MN1", {"role": "initiating", "other_fips": "20001  "})
    assert facts.withholding_active is None
    assert facts.case is None
    assert facts.participants == ()
    assert not facts.family_violence
    assert not facts.alternative_agreement
    assert facts.role.opposite is Role.RESPONDING


@pytest.mark.parametrize(
    "more",
    [
        {"balances": {"as_of": "2026-11-01", "arrears": "100.00", "interest": "4.00"}},
        {
            "ledger": {"obligations": [{"due": "2026-01-31", "amount": "300.00"}], "payments": []},
            "withholding_active": False,
            "orders": [{"order_fips_state": "27"}],
        },
        {},
    ],
)
def test_facts_come_back_as_they_went_in(make, more):
    given = make.body("initiating", family_violence=False, alternative_agreement=True, **more)
    written = facts_to_json(facts_from_json("MN1", given))
    assert written == given
    assert facts_from_json("MN1", written) == facts_from_json("MN1", given)


def test_every_wrong_field_is_named_at_once(make):
    given = make.body(
        "referee",
        other_fips="KANSAS",
        other_case_id="X" * 16,
        withholding_active="yes",
        family_violence=1,
        alternative_agreement="no",
        shoe_size="44",
        case={"case_type": "N", "case_colour": "RED"},
        orders=[{"order_filing_date": "2020-01-01"}, {"order_filing_date": "soon"}],
        ledger={
            "obligations": [{"due": "2026-13-01", "amount": "1.00"}, {"due": "2026-01-01"}],
            "payments": [
                {"date": "2026-01-01", "amount": "1.00"},
                {"date": "2026-01-01", "amount": "0.00"},
                {"date": "2026-01-01", "amount": 12.5, "note": "x"},
            ],
            "remark": "x",
        },
    )
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", given)
    assert set(paths(wrong)) == {
        "role",
        "other_fips",
        "other_case_id",
        "withholding_active",
        "family_violence",
        "alternative_agreement",
        "shoe_size",
        "case.case_colour",
        "orders[1].order_filing_date",
        "ledger.obligations[0].due",
        "ledger.obligations[1].amount",
        "ledger.payments[1].amount",
        "ledger.payments[2].amount",
        "ledger.payments[2].note",
        "ledger.remark",
    }


def test_a_problem_never_repeats_the_value(make):
    given = make.body(ncp_identification={"ssn": "900-MARK-33", "name_last": "MARKEDNAME" * 5})
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", given)
    assert set(paths(wrong)) == {"ncp_identification.ssn", "ncp_identification.name_last"}
    assert "MARK" not in str(wrong.value)


def test_role_and_other_state_are_required():
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", {})
    assert paths(wrong) == ["role", "other_fips"]


def test_balances_and_ledger_exclude_each_other(make):
    given = make.body(
        balances={"as_of": "2026-11-01", "arrears": "1.00", "interest": "0.00"},
        ledger={"obligations": [], "payments": []},
    )
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", given)
    assert paths(wrong) == ["balances"]


@pytest.mark.parametrize(
    ("balances", "path"),
    [
        ({"as_of": "2026-11-01", "arrears": "1.00"}, "balances.interest"),
        ({"as_of": 20261101, "arrears": "1.00", "interest": "0.00"}, "balances.as_of"),
        ({"as_of": "20261101", "arrears": "1.00", "interest": "0.00"}, "balances.as_of"),
        ({"as_of": "2026-11-01", "arrears": "-1.00", "interest": "0.00"}, "balances.arrears"),
        ({"as_of": "2026-11-01", "arrears": "1.0", "interest": "0.00"}, "balances.arrears"),
        ({"as_of": "2026-11-01", "arrears": "12345678901.00", "interest": "0.00"}, "balances.arrears"),
        ([], "balances"),
    ],
)
def test_balances_need_a_day_and_two_amounts(make, balances, path):
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", make.body(balances=balances))
    assert path in paths(wrong)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"participants": {}}, "participants"),
        ({"orders": [{}] * 10}, "orders"),
        ({"participants": [{}, "x"]}, "participants[1]"),
        ({"case": "x"}, "case"),
        ({"ledger": {"obligations": {}}}, "ledger.obligations"),
        ({"ledger": {"obligations": ["x"]}}, "ledger.obligations[0]"),
        ({"ledger": "x"}, "ledger"),
    ],
)
def test_a_wrong_shape_is_named_by_its_path(make, more, path):
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", make.body(**more))
    assert path in paths(wrong)


def test_facts_are_one_json_object():
    with pytest.raises(FactsError) as wrong:
        facts_from_json("MN1", ["role"])
    assert paths(wrong)[0] == "(facts)"
