"""The tables of valid transactions, their elements and the jurisdictions are complete and consistent."""

from collections import Counter

import pytest

from csenet.codecs import blocks
from csenet.codecs.codes import VALID, Element, FarCode, elements, jurisdictions
from csenet.codecs.validation import block_rules

STRUCTS = {
    "header": "Header",
    "case": "Case",
    "ncp_identification": "NcpIdentification",
    "ncp_locate": "NcpLocate",
    "participants": "Participant",
    "orders": "Order",
    "collections": "Collection",
    "information": "Information",
}


def test_there_are_186_valid_transactions_104_of_them_core() -> None:
    assert len(VALID) == 186
    assert sum(row.core for row in VALID.values()) == 104
    assert Counter(code.function for code in VALID) == {
        "COL": 2,
        "CSI": 4,
        "ENF": 50,
        "EST": 39,
        "LO1": 9,
        "MSC": 63,
        "PAT": 19,
    }


@pytest.mark.parametrize(
    ("text", "sent_by"),
    [
        ("MSC P GSC15", "initiating"),
        ("MSC P GSC16", "responding"),
        ("MSC P GSC17", "initiating"),
        ("MSC P GSC18", "responding"),
        ("MSC R GRINT", "responding"),
        ("MSC P GSTAI", "either"),
        ("MSC P REJCT", "either"),
        ("CSI R FRINF", "either"),
        ("MSC P GSC4D", "initiating"),
        ("EST P SIANS", "responding"),
        ("ENF M BLANK", "initiating"),
    ],
)
def test_each_code_knows_who_sends_it(text: str, sent_by: str) -> None:
    assert VALID[FarCode.parse(text)].sent_by == sent_by


def test_titles_are_sentences_of_our_own_and_no_two_are_alike() -> None:
    titles = [row.title for row in VALID.values()]
    assert len(set(titles)) == len(titles)
    assert all(title and not title.isupper() and not title.endswith(".") for title in titles)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MSC P GSC17", FarCode("MSC", "P", "GSC17")),
        ("LO1 R BLANK", FarCode("LO1", "R")),
        ("lo1 r", FarCode("LO1", "R")),
    ],
)
def test_a_code_is_read_as_people_write_it(text: str, code: FarCode) -> None:
    assert FarCode.parse(text) == code
    assert FarCode.parse(str(code)) == code


def test_a_blank_reason_is_written_as_a_word() -> None:
    assert str(FarCode("LO1", "R")) == "LO1 R BLANK"


@pytest.mark.parametrize("text", ["", "MSC", "MSC P GSC17 X"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="function, action and reason"):
        FarCode.parse(text)


def test_every_element_names_a_field_of_its_block() -> None:
    for code in VALID:
        for element in elements(code):
            fields = blocks.struct_fields(STRUCTS[element.block])
            assert not element.field or element.field in fields, (code, element)
            values = fields[element.field].values if element.field else None
            assert element.fixed is None or values is None or element.fixed in values, (code, element)


def test_elements_of_a_closure_are_those_printed() -> None:
    listed = elements(FarCode("MSC", "P", "GSC17"))
    assert Element("case", "", "required") in listed
    assert Element("case", "case_status", "required", "C") in listed
    assert Element("case", "contact_phone_num", "recommended") in listed
    assert Element("participants", "participant_status", "recommended", "C") in listed
    assert Element("header", "action_reason", "required", "GSC17") in listed
    assert Element("header", "csenet_version_number", "required", "003") in listed
    assert not any(element.block in ("orders", "information", "ncp_locate") for element in listed)


@pytest.mark.parametrize(
    ("text", "block"),
    [("ENF R ERALL", "information"), ("EST R SRPAT", "information"), ("MSC P GSFWD", "ncp_locate")],
)
def test_blocks_the_print_both_lists_and_counts_as_none_are_optional(text: str, block: str) -> None:
    assert Element(block, "", "recommended") in elements(FarCode.parse(text))


def test_every_block_chart_c3_demands_is_a_required_element() -> None:
    for code, row in VALID.items():
        required = {element.block for element in elements(code) if element.level == "required"}
        demanded = {rule.block for rule in block_rules() if rule.applies(code)}
        assert not row.core or demanded <= required, code


def test_codes_outside_the_core_set_have_only_the_common_header() -> None:
    assert {element.block for element in elements(FarCode("MSC", "P", "GSUPD"))} == {"header"}


def test_there_are_54_jurisdictions() -> None:
    known = jurisdictions()
    assert len(known) == 54
    assert len({jurisdiction.abbreviation for jurisdiction in known.values()}) == 54
    assert (known["20"].name, known["27"].abbreviation) == ("Kansas", "MN")
    assert [known[fips].abbreviation for fips in ("11", "66", "72", "78")] == ["DC", "GU", "PR", "VI"]
    assert not known.keys() & {"03", "07", "14", "43", "52", "60"}
