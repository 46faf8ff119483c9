"""The invented cases of the demo: nobody here exists, and no SSN here was ever issued."""

from datetime import date, timedelta
from typing import Any

MINNESOTA = "2700000"
KANSAS = "2000000"
KANSAS_OFFICE_UNKNOWN_TO_EXCHANGE = "2017100"
"""A county of Kansas; the demo's exchange has only the central office in its table."""

_NONCUSTODIAL_PARENT = {
    "name_last": "EXAMPLESON",
    "name_first": "ROWAN",
    "ssn": "900112233",
    "date_of_birth": "1984-02-29",
    "gender": "M",
}
_PARTICIPANTS = [
    {
        "name_last": "SAMPLEDOTTIR",
        "name_first": "WREN",
        "relationship": "C",
        "participant_status": "O",
        "date_of_birth": "1986-07-04",
    },
    {
        "name_last": "EXAMPLESON",
        "name_first": "LARK",
        "relationship": "D",
        "participant_status": "O",
        "date_of_birth": "2014-09-15",
        "dependent_relation_cp": "C",
    },
]
_CONTACTS = {
    MINNESOTA: {
        "contact_name_last": "NORDQUIST",
        "contact_name_first": "TEDDY",
        "contact_address_line_1": "1 INVENTED PLAZA",
        "contact_city": "SAINT PAUL",
        "contact_state": "MN",
        "contact_zip_1": "55101",
        "contact_phone_num": "6515550100",
        "payment_mail_address_line_1": "PO BOX 1",
        "payment_city": "SAINT PAUL",
        "payment_state": "MN",
        "payment_zip_1": "55101",
    },
    KANSAS: {
        "contact_name_last": "PRAIRIE",
        "contact_name_first": "ALEX",
        "contact_address_line_1": "2 INVENTED AVENUE",
        "contact_city": "TOPEKA",
        "contact_state": "KS",
        "contact_zip_1": "66603",
        "contact_phone_num": "7855550100",
        "payment_mail_address_line_1": "PO BOX 2",
        "payment_city": "TOPEKA",
        "payment_state": "KS",
        "payment_zip_1": "66603",
    },
}

INTEREST_LEDGER = {
    "obligations": [{"due": "2021-07-31", "amount": "1000.00"}, {"due": "2023-01-31", "amount": "250.00"}],
    "payments": [{"date": "2023-02-10", "amount": "50.00"}],
}
"""1,000.00 unpaid through the 365 days from 2021-08-01 to 2022-07-31 at 4 % is 40.00 of interest; from
2022-08-01 the rate is 0 %. The payment of 50.00 goes to the oldest principal: 950.00 + 250.00 are left."""
INTEREST_EXPECTED = {"arrears": "1240.00", "interest": "40.00"}


def facts(home: str, role: str, other: str, other_case_id: str, **more: Any) -> dict[str, Any]:
    """Write the facts of one state's side of a case, as its case system would push them.

    home and other are 7-character FIPS codes; more adds or replaces keys of the body of
    `PUT /v1/cases/{case_id}`.
    """
    body: dict[str, Any] = {
        "role": role,
        "other_fips": other,
        "other_case_id": other_case_id,
        "case": {"case_type": "N", "case_status": "O", **_CONTACTS[home]},
        "ncp_identification": _NONCUSTODIAL_PARENT,
        "participants": _PARTICIPANTS,
    }
    return body | more


def balances(as_of: date) -> dict[str, str]:
    """Write a balance statement of an invented size, good through the day before as_of."""
    return {"as_of": (as_of - timedelta(days=1)).isoformat(), "arrears": "310.00", "interest": "12.50"}
