"""One transaction, many forms: whatever way it goes, it arrives as the same, to the byte."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from csenet.codecs import lexical, transaction, xmlform
from csenet.codecs.flatfile import Encoder, Encoding, Framing, read_all
from csenet.codecs.layout import load_layouts
from csenet.codecs.model import BLOCKS
from csenet.codecs.transaction import Direction, Transaction

ROOT = Path(__file__).resolve().parents[2]
RELAXED = settings(deadline=None, suppress_health_check=list(HealthCheck))
JSON_FILES = sorted((ROOT / "fixtures" / "transactions").glob("*.json"))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drawn = _load(Path(__file__).with_name("test_properties.py"))


@pytest.fixture(scope="module")
def json_schema() -> Any:
    schema = json.loads((ROOT / "codecs" / "schemas" / "transaction.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    return validator(schema, format_checker=validator.FORMAT_CHECKER)


@pytest.fixture(scope="module")
def xml_schema() -> Any:
    return etree.XMLSchema(etree.parse(ROOT / "codecs" / "xsd" / "transactions.xsd"))


@settings(RELAXED, max_examples=25)
@given(data=st.data(), direction=st.sampled_from(list(Direction)))
def test_any_transaction_comes_back_from_every_flat_form(data: st.DataObject, direction: Direction) -> None:
    transactions = data.draw(st.lists(drawn.transactions(direction), min_size=1, max_size=3))
    raws = [transaction.write(tx, direction) for tx in transactions]
    for framing in Framing:
        for encoding in Encoding:
            encoder = Encoder(framing, direction, encoding, block_size=2000)
            file = b"".join([*map(encoder.add, transactions), encoder.close()])
            records = list(read_all(file, direction, framing, encoding))
            assert [record.transaction for record in records] == transactions
            assert [record.raw for record in records] == raws
            assert not any(record.problems for record in records)


@settings(RELAXED, max_examples=50)
@given(data=st.data(), direction=st.sampled_from(list(Direction)))
def test_any_transaction_comes_back_from_xml_and_json_and_fits_their_schemas(
    data: st.DataObject, direction: Direction, json_schema: Any, xml_schema: Any
) -> None:
    tx = data.draw(drawn.transactions(direction))
    raw = transaction.write(tx, direction)
    document = xmlform.OPENING + xmlform.dump(tx) + xmlform.CLOSING
    (record,) = xmlform.read_all(document)
    obj = json.loads(json.dumps(transaction.to_json(tx)))
    xml_schema.assertValid(etree.fromstring(document))
    json_schema.validate(obj)
    for found in (record.transaction, transaction.from_json(obj)):
        assert found == tx
        assert transaction.write(found, direction) == raw


@settings(RELAXED, max_examples=50)
@given(data=st.data())
def test_a_damaged_byte_of_xml_never_raises_nor_reaches_what_came_before(data: st.DataObject) -> None:
    one, two = (data.draw(drawn.transactions(Direction.TO_SERVER)) for _ in range(2))
    before = xmlform.OPENING + xmlform.dump(one)
    document = before + xmlform.dump(two) + xmlform.CLOSING
    at, byte = data.draw(st.integers(len(before), len(document) - 1)), data.draw(st.integers(0, 255))
    records = list(xmlform.read_all(document[:at] + bytes([byte]) + document[at + 1 :]))
    assert records[0].transaction == one
    assert len(records) <= 3
    for record in records[1:]:
        assert record.transaction is not None or any(problem.stops for problem in record.problems)


@pytest.mark.parametrize("path", JSON_FILES, ids=lambda path: path.stem)
def test_every_golden_json_fits_the_schema(path: Path, json_schema: Any) -> None:
    json_schema.validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("header", "action_code"), "X"),
        (("header", "transaction_date"), "20261120"),
        (("header", "transaction_date"), "2026-02-30"),
        (("header", "transaction_serial_number"), "41"),
        (("header", "sent_time"), "25:00:00"),
        (("header", "case_id"), " 1"),
        (("header", "case_id"), "1" * 16),
        (("header", "colour"), "RED"),
        (("case", "payment_zip_1"), "00000"),
        (("case", "case_status"), "c"),
        (("orders", 0, "order_freq_amount"), "412"),
        (("orders", 0, "order_freq_amount"), 412.0),
        (("orders", 0, "order_freq_amount"), "-1234567890.00"),
        (("letters",), {}),
        (("collections",), []),
    ],
)
def test_the_json_schema_refuses_what_is_no_value_of_a_field(
    path: tuple[Any, ...], value: Any, json_schema: Any
) -> None:
    obj = json.loads((ROOT / "fixtures" / "transactions" / "enf-r-erall.json").read_text("utf-8"))
    assert json_schema.is_valid(obj)
    place = obj
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not json_schema.is_valid(obj)


def test_the_json_schema_counts_blocks_and_needs_a_header(json_schema: Any) -> None:
    obj = json.loads((ROOT / "fixtures" / "transactions" / "enf-r-erall.json").read_text("utf-8"))
    person = obj["participants"][0]
    assert json_schema.is_valid(obj | {"participants": [person] * 9})
    assert not json_schema.is_valid(obj | {"participants": [person] * 10})
    del obj["header"]
    assert not json_schema.is_valid(obj)


@pytest.mark.parametrize(
    ("script", "target"),
    [
        ("generate_json_schema", "codecs/schemas/transaction.schema.json"),
        ("generate_xsd", "codecs/xsd/transactions.xsd"),
        ("generate_forms_page", "ops/reference/forms.md"),
    ],
)
def test_what_is_generated_is_current(script: str, target: str) -> None:
    assert (ROOT / target).read_text("utf-8") == _load(ROOT / "ops" / f"{script}.py").text()


def test_every_niem_element_belongs_to_a_field() -> None:
    named = _load(ROOT / "ops" / "generate_xsd.py").niem()
    assert {element.split(":")[0] for element in named.values()} == {"nc", "hs"}
    for block, field in named:
        layout = load_layouts()["header_to_server"] if block == "header" else BLOCKS[block].layout
        assert layout.field(field).name == field


def test_the_shapes_of_the_schemas_are_those_of_the_writer() -> None:
    shapes = {place.field.kind: lexical.shape(place.field).pattern for place in lexical.places("Order")}
    assert set(shapes) == {"text", "date", "code", "money"}
    assert (
        lexical.places("Header")[0].words
        == "Local-FIPS-State. Chart C-3, positions 1-2 and C-4, positions 1-2."
    )


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("direction", list(Direction))
def test_a_flat_file_is_the_same_byte_for_byte_after_another_form(direction: Direction, form: str) -> None:
    data = (ROOT / "fixtures" / "forms" / f"vb-cp037.{direction.value}.dat").read_bytes()
    held = [record.transaction for record in read_all(data)]
    encoder = Encoder(Framing.BDW, direction, Encoding.CP037, block_size=684)
    again = [_through(form, tx) for tx in held if tx is not None]
    lines = b"".join([*map(encoder.add, again), encoder.close()])
    assert [record.raw for record in read_all(lines)] == [record.raw for record in read_all(data)]
    flat = Encoder(Framing.LINES, direction)
    expected = ROOT / "fixtures" / "forms" / f"lines-lf.{direction.value}.txt"
    assert b"".join(map(flat.add, again)) == expected.read_bytes()


def _through(form: str, tx: Transaction) -> Transaction:
    if form == "json":
        return transaction.from_json(json.loads(json.dumps(transaction.to_json(tx))))
    (record,) = xmlform.read_all(xmlform.OPENING + xmlform.dump(tx) + xmlform.CLOSING)
    assert record.transaction is not None
    return record.transaction
