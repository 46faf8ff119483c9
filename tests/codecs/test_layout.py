"""The layouts are the printed charts, and a table that does not add up is refused."""

from pathlib import Path

import pytest

from csenet.codecs import blocks
from csenet.codecs.layout import LayoutError, load_layouts, load_line_layouts, parse_layout, python_name

TABLE = """
name = "toy"
chart = "C-0"
title = "A toy"
block = "toy"
direction = "both"
length = 5
fields = [
  { federal = "First", start = 1, end = 2, kind = "text" },
  { federal = "Second", start = 3, end = 5, kind = "digits" },
]
"""


@pytest.mark.parametrize(
    ("name", "length", "count"),
    [
        ("header_to_server", 127, 30),
        ("header_from_server", 121, 31),
        ("case", 351, 31),
        ("ncp_identification", 181, 20),
        ("ncp_locate", 1421, 110),
        ("participant", 341, 33),
        ("order", 254, 33),
        ("collection", 70, 7),
        ("information", 416, 7),
        ("error_record", 145, 23),
    ],
)
def test_each_chart_has_its_printed_length_and_fields(name: str, length: int, count: int) -> None:
    layout = load_layouts()[name]
    assert layout.length == length
    assert len(layout.fields) == count


@pytest.mark.parametrize(
    ("layout", "federal", "start", "end"),
    [
        ("header_to_server", "Case-ID", 46, 60),
        ("header_to_server", "Overdue-Ind.", 127, 127),
        ("header_from_server", "Time-Received", 105, 110),
        ("case", "Nondisclosure-Finding", 351, 351),
        ("ncp_identification", "Mother's-Maiden-Or-Father's-Name", 161, 181),
        ("ncp_locate", "Professional-Licenses", 1372, 1421),
        ("participant", "Participant-Employer-Info.-Emp.-Zip-2", 273, 276),
        ("order", "Order-Arrears-Total-Amount", 86, 97),
        ("collection", "RDFI-Account-Num.", 51, 70),
        ("information", "Information-Text-Line-5", 337, 416),
        ("error_record", "Error-Mess.", 91, 145),
    ],
)
def test_fields_stand_where_the_chart_prints_them(layout: str, federal: str, start: int, end: int) -> None:
    field = load_layouts()[layout].field(python_name(federal))
    assert (field.federal, field.start, field.end) == (federal, start, end)


def test_the_lines_with_a_fixed_form_add_up() -> None:
    lengths = {name: layout.length for name, layout in load_line_layouts().items()}
    assert lengths == {"error_message": 12 + 1 + 42, "interest_line": 12 + 12 + 8, "reject_line": 29}


def test_a_name_the_chart_does_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load_layouts()["case"].field("shoe_size")


@pytest.mark.parametrize(
    ("federal", "name"),
    [
        ("Order-Arrears-Freq.-Amount", "order_arrears_freq_amount"),
        ("Mother's-Maiden-Or-Father's-Name", "mothers_maiden_or_fathers_name"),
        ("Participant Address-Line-2", "participant_address_line_2"),
        ("Employer2-EIN", "employer2_ein"),
        ("Last-Res.-Zip-1", "last_res_zip_1"),
    ],
)
def test_python_names_follow_from_federal_names(federal: str, name: str) -> None:
    assert python_name(federal) == name


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("start = 3", "start = 4", r"toy.toml: row 2 \(Second\): gap"),
        ("start = 3", "start = 2", r"row 2 \(Second\): overlap"),
        ("end = 2", "end = 0", r"row 1 \(First\): ends at 0, before it starts"),
        ("length = 5", "length = 6", "the fields end at 5, the record is 6 long"),
        ('"Second"', '"First."', r"row 2 \(First\.\): the name first is used twice"),
        ('"digits"', '"number of sorts"', "Invalid enum value"),
        ('"digits"', '"date"', "date takes 8 positions, not 3"),
        ('"digits"', '"code"', "lists its values"),
        ('"digits"', '"digits", values = "1"', "lists its values"),
        ('"digits"', '"code", values = "AB"', "every value must be 3 long"),
        ("start = 3", "begin = 3", "unknown field `begin`"),
        ("fields = [", "fields = ", "toy.toml"),
    ],
)
def test_a_table_that_does_not_add_up_is_refused_with_file_and_row(
    old: str, new: str, complaint: str
) -> None:
    assert parse_layout(TABLE, "toy.toml").length == 5
    with pytest.raises(LayoutError, match=complaint):
        parse_layout(TABLE.replace(old, new, 1), "toy.toml")


def test_the_header_joins_both_directions_without_block_counts() -> None:
    names = set(blocks.struct_fields("Header"))
    assert {"sent_date", "due_date", "overdue_ind", "date_received", "attachments_ind"} <= names
    assert names.isdisjoint(blocks.INDICATORS)


def test_the_stub_file_is_what_the_layouts_say() -> None:
    root = Path(__file__).resolve().parents[2]
    scope: dict[str, object] = {
        "__file__": str(root / "ops" / "generate_block_stubs.py"),
        "__name__": "stubs",
    }
    exec((root / "ops" / "generate_block_stubs.py").read_text("utf-8"), scope)
    stubs = scope["stubs"]
    assert callable(stubs)
    assert (root / "codecs" / "blocks.pyi").read_text("utf-8") == stubs()
