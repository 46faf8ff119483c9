"""Two records of one case become one; what cannot be of one case is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from csenet.handlers.context import CaseRecord, CaseState, Offset, facts_from_json
from csenet.handlers.joining import differences, joined, known_as, renamed, without_former

PARENT = {"name_last": "EXAMPLESON", "name_first": "ROWAN"}


def record(case_id: str, state: CaseState | None = None, **facts: Any) -> CaseRecord:
    body = {"role": "initiating", "other_fips": "2000000"} | facts
    return CaseRecord(facts=facts_from_json(case_id, body), state=state or CaseState())


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ({}, {}, ()),
        ({}, {"role": "responding", "other_fips": "4800000"}, ("role", "other_fips")),
        ({"other_case_id": "KS1"}, {"other_case_id": "KS2"}, ("other_case_id",)),
        ({"other_case_id": "001"}, {"other_case_id": "1"}, ()),
        ({"other_case_id": "KS1"}, {}, ()),
        (
            {"ncp_identification": PARENT},
            {"ncp_identification": {"name_last": "NEW", "name_first": "ROWAN"}},
            (),
        ),
        (
            {"ncp_identification": PARENT},
            {"ncp_identification": {"name_last": "NEW", "name_first": "ANN"}},
            ("ncp_identification",),
        ),
        (
            {"ncp_identification": PARENT | {"date_of_birth": "1984-02-29"}},
            {"ncp_identification": PARENT | {"date_of_birth": "1984-02-28"}},
            ("ncp_identification",),
        ),
        (
            {"ncp_identification": PARENT | {"ssn": "900112233"}},
            {"ncp_identification": {"name_last": "X", "name_first": "Y", "alias_ssn_1": "900112233"}},
            (),
        ),
        ({"family_violence": True}, {}, ("protection",)),
        ({"protected": ["ncp"]}, {}, ("protection",)),
        ({"case": {"nondisclosure_finding": "Y"}}, {"protected": ["ncp"]}, ("protection",)),
        ({"family_violence": True, "protected": ["ncp"]}, {"family_violence": True}, ()),
        ({}, {"family_violence": True}, ()),
    ],
)
def test_what_two_records_cannot_both_say_of_one_case_is_named(
    old: dict[str, Any], new: dict[str, Any], differs: tuple[str, ...]
) -> None:
    assert differences(record("A", **old), record("B", **new)) == differs


def test_the_new_record_wins_and_takes_over_what_it_leaves_open() -> None:
    offset = Offset(serial="1", federal_tax_information=False)
    old = CaseState(
        status="closed",
        closed_on=date(2026, 1, 2),
        other_case_id="KS2",
        earlier_other_case_ids=("KS1",),
        former_case_ids=("A0",),
        may_issue_withholding=True,
        milestones={"located": date(2026, 1, 1), "ordered": date(2026, 1, 5)},
        offsets=(offset,),
    )
    new = CaseState(
        milestones={"ordered": date(2026, 2, 5)},
        offsets=(offset, msgspec.structs.replace(offset, serial="2")),
    )
    both = joined(record("A", old), record("B", new)).state
    assert (both.status, both.closed_on) == ("open", None)
    assert (both.other_case_id, both.earlier_other_case_ids) == ("KS2", ("KS2", "KS1"))
    assert both.may_issue_withholding
    assert both.milestones == {"located": date(2026, 1, 1), "ordered": date(2026, 2, 5)}
    assert [each.serial for each in both.offsets] == ["1", "2"]
    assert both.former_case_ids == ("A0", "A")


def test_a_case_that_gets_an_id_back_has_it_no_longer_as_a_former_one() -> None:
    twice = renamed(renamed(record("A"), "B"), "A")
    assert (twice.case_id, twice.state.former_case_ids) == ("A", ("B",))
    more = known_as(twice, "C")
    assert more.state.former_case_ids == ("B", "C")
    assert without_former(more, "B").state.former_case_ids == ("C",)
