"""A transaction in words: what it says, who to whom, what codes mean, and nothing that is personal."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from csenet.codecs import codes, describe, transaction
from csenet.codecs.blocks import Header
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.layout import load_layouts
from csenet.codecs.transaction import Direction, Transaction

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "transactions"
SLUGS = sorted(path.stem for path in FIXTURES.glob("*.json"))


def golden(slug: str, direction: Direction = Direction.TO_SERVER) -> Transaction:
    raw = (FIXTURES / f"{slug}.{direction}.txt").read_bytes().rstrip(b"\n")
    found = transaction.read(raw, direction).transaction
    assert found is not None
    return found


@pytest.mark.parametrize("direction", list(Direction))
def test_the_sender_comes_first_whichever_way_the_transaction_goes(direction: Direction) -> None:
    tx = golden("msc-r-grint", direction)
    case = "KS00447712"
    assert describe.sentence(tx) == f"Kansas asks Minnesota what interest is owed on case {case}."
    assert "From Kansas to Minnesota\n" in describe.text(tx)


def test_the_fixed_lines_are_part_of_the_sentence() -> None:
    balances = describe.sentence(golden("msc-p-gstai"))
    assert balances.endswith("$3,071.55 in all, $219.04 of it interest, as of 2026-11-20.")
    assert "MSC R GRINT number 2004" in describe.sentence(golden("msc-p-rejct"))


def test_a_line_without_its_form_leaves_the_sentence_readable() -> None:
    tx = golden("msc-p-gstai")
    assert tx.information is not None
    vague = msgspec.structs.replace(tx.information, information_text_line_1="SEE LETTER")
    assert "not given" in describe.sentence(msgspec.structs.replace(tx, information=vague))


def test_fields_carry_their_federal_names_and_codes_their_meanings() -> None:
    told = describe.text(golden("enf-r-erall"))
    assert told.startswith("ENF R ERALL – Asks for every enforcement remedy\n")
    assert "Case 001234567801 in Minnesota, KS00447712 in Kansas\n" in told
    words = [" ".join(line.split()) for line in told.splitlines()]
    for line in (
        "Case-Status O – Open",
        "Order-Freq. M – Monthly",
        "Order-Arrears-Total-Amount -$15.20",
        "Order-Filing-Date 2016-04-11",
        "Relationship D – Dependent",
        "Participant 3",
    ):
        assert line in words


def test_personal_data_is_masked_unless_asked_for() -> None:
    tx = golden("enf-r-erall")
    personal = (
        "FERNWOOD",
        "GARRETT",
        "900550101",
        "1984-05-17",
        "COTTONWOOD",
        "67202",
        "TALLGRASS",
        "LINDQVIST",
    )
    masked, clear = describe.text(tx), describe.text(tx, unmask=True)
    for value in personal:
        assert value not in masked
        assert value in clear
    assert "SSN" in masked


@pytest.mark.parametrize("slug", SLUGS)
def test_no_golden_transaction_tells_a_name_or_a_number_masked(slug: str) -> None:
    told = describe.text(golden(slug))
    for value in ("FERNWOOD", "O'MALLEY", "900550101", "666120002", "000430003", "LETTER"):
        assert value not in told


def test_a_birth_date_and_every_text_field_but_fips_codes_are_personal() -> None:
    order = describe.field_of("orders", "order_fips_state")
    born = describe.field_of("participants", "date_of_birth")
    city = describe.field_of("case", "contact_city")
    assert order is not None
    assert born is not None
    assert city is not None
    assert not describe.is_personal("orders", order)
    assert describe.is_personal("participants", born)
    assert describe.is_personal("case", city)
    assert describe.field_of("nothing", "x") is None


def test_how_somebody_looks_is_personal_though_it_is_a_code() -> None:
    looks = ("race", "height_ft", "height_in", "weight", "hair_color", "eye_color")
    for name in looks:
        field = describe.field_of("ncp_identification", name)
        assert field is not None
        assert describe.is_personal("ncp_identification", field), name
    gender = describe.field_of("ncp_identification", "gender")
    assert gender is not None
    assert not describe.is_personal("ncp_identification", gender)


def test_a_states_fips_code_is_told_with_its_name() -> None:
    assert "Order-FIPS-State            27 – Minnesota" in describe.text(golden("enf-r-erall"))


def test_every_valid_transaction_has_a_sentence_of_its_own() -> None:
    own = {row["far"] for row in codes.rows("sentences")}
    assert {str(code) for code in VALID} <= own
    assert len({describe.sentence_form(code) for code in VALID}) == len(VALID)
    assert {name for name in own if "*" not in name} <= {str(code) for code in VALID}


def test_every_valid_transaction_has_a_note_and_its_answers_exist() -> None:
    for code in VALID:
        note = describe.note(code)
        assert note.receiver
        assert set(note.answer) <= set(VALID)
        assert code not in note.answer


def test_every_value_of_a_code_has_a_meaning() -> None:
    plain = {"csenet_version_number", "height_in", *Header.__struct_fields__} - {"action_code"}
    for layout in load_layouts().values():
        for field in layout.fields:
            if field.kind != "code" or field.name in plain or field.federal.endswith("-Data-Ind."):
                continue
            if field.name in ("ncp_identification_ind", "information_ind"):
                continue
            for value in field.values or ():
                assert (field.name, value) in describe.meanings(), (field.federal, value)


def test_what_is_unknown_or_missing_is_said_so() -> None:
    header = Header(functional_type_code="MSC", action_code="P", action_reason="GSC99", local_fips_state="27")
    told = describe.text(Transaction(header=header))
    assert "MSC P GSC99 – no valid transaction" in told
    assert "an unknown state" in told
    assert "not given" in told
    with pytest.raises(LookupError):
        describe.note(FarCode("XXX", "Q"))
    assert "does not exist" in describe.sentence_form(FarCode("XXX", "Q"))
    assert describe.state("99") == "FIPS 99"


def test_dates_of_the_envelope_are_told() -> None:
    tx = golden("msc-p-gsc16", Direction.FROM_SERVER)
    when = tx.header.action_resolution_date
    assert when is not None
    assert f"Action resolution date {when}, delivered {date(2026, 11, 21)}" in describe.text(tx)
