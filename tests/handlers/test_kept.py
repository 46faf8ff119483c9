"""What was kept of a case reads back as what was told."""

from typing import Any

import msgspec
import pytest

from csenet.handlers.facts import facts_from_json, facts_to_json
from csenet.handlers.kept import kept_facts

TOLD: dict[str, Any] = {
    "role": "responding",
    "other_fips": "2000000",
    "other_case_id": "KS1",
    "withholding_active": True,
    "protected": ["participants[0]"],
    "case": {"case_type": "N", "case_status": "O"},
    "ncp_identification": {"name_last": "EXAMPLESON", "name_first": "ROWAN", "date_of_birth": "1984-02-29"},
    "ncp_locate": {"residential_address_effective_date": "2020-01-31"},
    "participants": [
        {
            "name_last": "SAMPLEDOTTIR",
            "name_first": "WREN",
            "relationship": "C",
            "participant_status": "O",
            "date_of_birth": "1986-07-04",
        }
    ],
    "orders": [
        {
            "order_fips_state": "27",
            "order_id": "1",
            "order_filing_date": "2019-05-06",
            "order_freq_amount": "250.00",
            "order_arrears_total_amount": "0.00",
        }
    ],
    "balances": {"as_of": "2026-11-19", "arrears": "310.00", "interest": "12.50"},
}
LEDGER = {
    "obligations": [{"due": "2021-07-31", "amount": "1000.00"}],
    "payments": [{"date": "2023-02-10", "amount": "50.00"}],
}


@pytest.mark.parametrize(
    "told",
    [
        TOLD,
        {name: value for name, value in TOLD.items() if name != "balances"} | {"ledger": LEDGER},
        {"role": "initiating", "other_fips": "2000000"},
    ],
)
def test_what_is_kept_reads_back_as_it_was_told(told: dict[str, Any]) -> None:
    facts = facts_from_json("MN1", told)
    assert kept_facts("MN1", msgspec.json.encode(facts_to_json(facts))) == facts
