"""Build flat transactions from column numbers typed off the printed charts, independently of the codec.

`COLUMNS` is a second transcription, on purpose: a slip in a layout table cannot hide in it. It holds the
fields the fixtures use, as block -> field -> (first position, width).
"""

from collections.abc import Mapping
from typing import Any

LENGTHS = {
    "case": 351,
    "ncp_identification": 181,
    "ncp_locate": 1421,
    "participants": 341,
    "orders": 254,
    "collections": 70,
    "information": 416,
}
HEADER_TO, HEADER_FROM = 127, 121

COLUMNS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "header": {
        "local_fips_state": (1, 2),
        "local_fips_county": (3, 3),
        "local_fips_sub": (6, 2),
        "other_fips_state": (8, 2),
        "other_fips_county": (10, 3),
        "other_fips_sub": (13, 2),
        "csenet_version_number": (15, 3),
        "transaction_serial_number": (18, 12),
        "action_code": (34, 1),
        "functional_type_code": (35, 3),
        "transaction_date": (38, 8),
        "case_id": (46, 15),
        "other_case_id": (61, 15),
        "action_reason": (76, 5),
        "action_resolution_date": (81, 8),
        "attachments_ind": (89, 1),
        "overdue_ind": (127, 1),
        "date_received": (97, 8),
        "time_received": (105, 6),
    },
    "case": {
        "case_type": (1, 1),
        "case_status": (2, 1),
        "payment_mail_address_line_1": (3, 25),
        "payment_city": (53, 18),
        "payment_state": (71, 2),
        "payment_zip_1": (73, 5),
        "contact_name_last": (82, 21),
        "contact_name_first": (103, 16),
        "contact_address_line_1": (138, 25),
        "contact_city": (188, 18),
        "contact_state": (206, 2),
        "contact_zip_1": (208, 5),
        "contact_phone_num": (217, 10),
    },
    "ncp_identification": {
        "name_last": (1, 21),
        "name_first": (22, 16),
        "ssn": (57, 9),
        "date_of_birth": (66, 8),
        "gender": (75, 1),
        "height_ft": (91, 1),
        "height_in": (92, 2),
        "weight": (94, 3),
    },
    "ncp_locate": {
        "residential_address_line_1": (1, 25),
        "residential_city": (51, 18),
        "residential_state": (69, 2),
        "residential_zip_1": (71, 5),
        "residential_address_effective_date": (159, 8),
        "residential_address_confirmed_ind": (175, 1),
        "employer_name": (500, 40),
        "employer_address_line_1": (540, 25),
        "employer_city": (590, 18),
        "employer_state": (608, 2),
        "employer_zip_1": (610, 5),
        "employer_phone_num": (619, 10),
        "employer_effective_date": (629, 8),
        "employer_confirmed_ind": (645, 1),
        "wage_qtr": (646, 1),
        "wage_year": (647, 4),
        "wage_amount": (651, 12),
        "insurance_carrier_name": (663, 36),
        "insurance_policy_num": (699, 20),
        "professional_licenses": (1372, 50),
    },
    "participants": {
        "name_last": (1, 21),
        "name_first": (22, 16),
        "date_of_birth": (57, 8),
        "ssn": (65, 9),
        "gender": (74, 1),
        "relationship": (76, 1),
        "participant_status": (77, 1),
        "dependent_relation_cp": (78, 1),
        "participant_address_line_1": (79, 25),
        "participant_city": (129, 18),
        "participant_state": (147, 2),
        "participant_zip_1": (149, 5),
        "dependent_paternity_status": (341, 1),
    },
    "orders": {
        "order_fips_state": (1, 2),
        "order_fips_county": (3, 3),
        "order_id": (8, 17),
        "order_filing_date": (25, 8),
        "order_type": (33, 1),
        "debt_type": (34, 2),
        "order_freq": (36, 1),
        "order_freq_amount": (37, 12),
        "order_effective_date": (49, 8),
        "order_arrears_freq": (73, 1),
        "order_arrears_freq_amount": (74, 12),
        "order_arrears_total_amount": (86, 12),
        "medical_ordered": (210, 1),
        "docket_num": (238, 17),
    },
    "collections": {
        "date_of_collection": (1, 8),
        "date_of_posting": (9, 8),
        "payment_amount": (17, 12),
        "payment_source": (29, 1),
        "interstate_payment_method": (30, 1),
    },
    "information": {
        "status_change_code": (1, 1),
        "new_case_id": (2, 15),
        "information_text_line_1": (17, 80),
        "information_text_line_5": (337, 80),
    },
}
COUNTS_AT = 90


def place(length: int, parts: Mapping[int, str]) -> str:
    """Put texts at their first positions (1-based) on a line of blanks."""
    line = [" "] * length
    for start, text in parts.items():
        line[start - 1 : start - 1 + len(text)] = text
    assert len(line) == length, "a text runs over the end"
    return "".join(line)


def characters(name: str, value: str, width: int) -> str:
    """Write a JSON value as the charts want it: dates and times bare, money with implied decimals."""
    if name.endswith("amount"):
        digits = value.replace(".", "").replace("-", "")
        return "-" + digits.zfill(11) if value.startswith("-") else digits.zfill(12)
    if "date" in name or "time" in name:
        return value.replace("-", "").replace(":", "")
    assert len(value) <= width, name
    return value


def block(name: str, values: Mapping[str, str], length: int) -> str:
    """Build one block from its JSON form."""
    at = COLUMNS[name]
    return place(length, {at[key][0]: characters(key, text, at[key][1]) for key, text in values.items()})


def flat(obj: Mapping[str, Any], length: int) -> bytes:
    """Build a whole transaction from its JSON form, with a header of the given length."""
    counts, body = "", ""
    for name, width in LENGTHS.items():
        held = obj.get(name, [])
        records = held if isinstance(held, list) else [held]
        counts += str(len(records))
        body += "".join(block(name, record, width) for record in records)
    head = block("header", obj["header"], length)
    head = head[: COUNTS_AT - 1] + counts + head[COUNTS_AT + 6 :]
    return (head + body).encode("ascii")


def to_server(obj: Mapping[str, Any]) -> bytes:
    """Build what the sender hands to the exchange."""
    return flat(obj, HEADER_TO)


def from_server(obj: Mapping[str, Any], received: Mapping[str, str]) -> bytes:
    """Build what the exchange hands to the receiver: sides swapped, its own stamps added."""
    head = dict(obj["header"])
    head.pop("overdue_ind", None)
    swapped: dict[str, str] = {}
    for key, value in head.items():
        if key.startswith("local_fips"):
            key = key.replace("local", "other")
        elif key.startswith("other_fips"):
            key = key.replace("other", "local")
        elif key in ("case_id", "other_case_id"):
            key = "case_id" if key == "other_case_id" else "other_case_id"
        swapped[key] = value
    return flat({**obj, "header": {**swapped, **received}}, HEADER_FROM)
