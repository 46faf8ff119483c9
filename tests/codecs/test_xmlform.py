"""Transactions go through XML and come back; hostile documents are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from csenet.codecs import transaction, xmlform
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.framing import NEED_DATA
from csenet.codecs.transaction import Direction, Transaction
from csenet.codecs.xmlform import CLOSING, OPENING, XmlRecord, dump, dump_error, read_all

SCHEMA = Path(__file__).resolve().parents[2] / "codecs" / "xsd" / "transactions.xsd"
Golden = dict[str, bytes]


@pytest.fixture(scope="module")
def schema() -> Any:
    return etree.XMLSchema(etree.parse(SCHEMA))


@pytest.fixture(scope="module")
def transactions(golden: Golden) -> list[Transaction]:
    found = [
        transaction.read(raw, Direction(name.split(".")[1])).transaction
        for name, raw in sorted(golden.items())
    ]
    return [tx for tx in found if tx is not None]


@pytest.fixture(scope="module")
def one(golden: Golden) -> Transaction:
    found = transaction.read(golden["enf-r-erall.to-server.txt"], Direction.TO_SERVER).transaction
    assert found is not None
    return found


def document(*elements: bytes) -> bytes:
    return OPENING + b"".join(elements) + CLOSING


def codes(data: bytes) -> list[str]:
    return [problem.code for record in read_all(data) for problem in record.problems]


def test_every_golden_transaction_comes_back_and_fits_the_schema(
    transactions: list[Transaction], schema: Any
) -> None:
    data = document(*map(dump, transactions))
    schema.assertValid(etree.fromstring(data))
    records = list(read_all(data))
    assert [record.transaction for record in records] == transactions
    assert [record.position for record in records] == list(range(1, len(transactions) + 1))
    assert not any(record.problems for record in records)


def test_the_writer_is_deterministic_and_readable(one: Transaction) -> None:
    assert dump(one) == dump(one)
    lines = dump(one).decode().splitlines()
    assert lines[:3] == ["  <transaction>", "    <header>", "      <local_fips_state>27</local_fips_state>"]
    assert sum(line == "    <participant>" for line in lines) == len(one.participants)
    assert "      <order_arrears_total_amount>" in dump(one).decode()


def test_markup_in_values_is_only_text(one: Transaction) -> None:
    header = {**transaction.to_json(one)["header"], "case_id": "<A>&\"B'"}
    tx = transaction.from_json({"header": header})
    (record,) = read_all(document(dump(tx)))
    assert record.transaction == tx


def test_the_line_of_each_transaction_is_told(one: Transaction) -> None:
    first = dump(one)
    lines = [record.line for record in read_all(document(first, first))]
    assert lines == [3, 3 + first.count(b"\n")]


def test_bytes_may_come_in_any_pieces(one: Transaction) -> None:
    data = document(dump(one), dump(one))
    for size in (1, 10, 1000):
        decoder = xmlform.Decoder()
        assert decoder.next_record() is NEED_DATA
        found: list[Transaction | None] = []
        for start in range(0, len(data), size):
            decoder.feed(memoryview(data)[start : start + size])
            while isinstance(record := decoder.next_record(), XmlRecord):
                found.append(record.transaction)
        decoder.close()
        assert decoder.next_record() is None
        assert found == [one, one]


def test_error_records_come_back(schema: Any) -> None:
    refusal = ErrorRecord(txn_counter="000001", serial="000000000041", description="no <such> state")
    data = document(dump_error(refusal))
    schema.assertValid(etree.fromstring(data))
    (record,) = read_all(data)
    assert record.error_record == refusal
    assert record.transaction is None
    assert codes(data.replace(b"serial>", b"colour>")) == ["xml.field.name"]


def test_a_document_of_none_holds_nothing() -> None:
    assert list(read_all(document())) == []


class TestWrongContent:
    """A transaction with wrong content is told; its neighbours are read."""

    CHANGES: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
        (
            "bad date",
            lambda text: text.replace(b"2026-11-20<", b"2026-13-20<", 1),
            "header.transaction_date.date",
        ),
        ("bad code", lambda text: text.replace(b">R</action", b">X</action", 1), "header.action_code.value"),
        ("field unknown", lambda text: text.replace(b"case_id>", b"colour>"), "header.colour.unknown"),
        ("block unknown", lambda text: text.replace(b"case>", b"colour>"), "transaction.colour.unknown"),
        (
            "field twice",
            lambda text: text.replace(b"</header>", b"<case_id>1</case_id></header>"),
            "xml.field.twice",
        ),
        ("block twice", lambda text: text.replace(b"</header>", b"</header><header/>"), "xml.block.twice"),
        ("text between", lambda text: text.replace(b"<header>", b"<header>x"), "xml.block.content"),
        ("attribute", lambda text: text.replace(b"<header>", b"<header id='1'>"), "xml.block.content"),
        (
            "nested",
            lambda text: text.replace(b"<header>", b'<header xmlns="urn:other">'),
            "transaction.?.unknown",
        ),
    )

    @pytest.mark.parametrize(
        ("change", "code"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
    )
    def test_it_is_told_once_with_its_place(
        self, change: Callable[[bytes], bytes], code: str, one: Transaction
    ) -> None:
        good, bad = dump(one), change(dump(one))
        assert bad != good
        records = list(read_all(document(good, bad, good)))
        assert [record.transaction for record in records] == [one, None, one]
        if "?" not in code:
            assert code in [problem.code for problem in records[1].problems]
        assert all(problem.stops for problem in records[1].problems)

    def test_an_element_that_is_no_transaction(self, one: Transaction) -> None:
        assert codes(document(b"<letter/>", dump(one))) == ["xml.element.name"]

    def test_comments_and_processing_instructions_are_passed_over(self, one: Transaction) -> None:
        text = dump(one).replace(b"<header>", b"<!-- a --><header><?b c?>")
        data = b"\xef\xbb\xbf" + document(text).replace(
            b"<transactions", b"<!-- - d --><?e f?> <transactions"
        )
        assert [record.transaction for record in read_all(data)] == [one]


class TestHostileDocuments:
    """What could harm the reader never reaches a parser that obeys it, and is told without being quoted."""

    LAUGHS = b'<!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><t>&b;</t>'

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "xml.form.empty"),
            (b"   ", "xml.form.empty"),
            (b"{}", "xml.form.syntax"),
            (LAUGHS, "xml.prolog.doctype"),
            (b"<!-- " + b"x" * 1000 + b" -->" + LAUGHS, "xml.prolog.doctype"),
            (b'<!DOCTYPE t SYSTEM "http://example.org/t.dtd"><t/>', "xml.prolog.doctype"),
            (OPENING[:39] + b"<!DOCTYPE t><t/>", "xml.prolog.doctype"),
            (LAUGHS.decode().encode("utf-16"), "xml.prolog.encoding"),
            (LAUGHS.decode().encode("utf-16-le"), "xml.prolog.encoding"),
            (b'<?xml version="1.0" encoding="UTF-7"?><t/>', "xml.prolog.encoding"),
            (b'<?xml version="1.0" encoding="cp037"?><t/>', "xml.prolog.encoding"),
            (b" " * 70_000 + b"<t/>", "xml.prolog.limit"),
            (b"<!--" + b" " * 70_000, "xml.prolog.limit"),
            (b"<t/>", "xml.root.name"),
            (b'<transactions xmlns="urn:other"/>', "xml.root.name"),
            (OPENING.replace(b'version="1.0">', b'version="2.0">') + CLOSING, "xml.root.version"),
            (OPENING + b"<transaction>" * 3 + b"<a><b><c>", "xml.form.depth"),
            (OPENING + b"<a>" * 400, "xml.form.depth"),
            (OPENING + b"<transaction>&undefined;</transaction>", "xml.form.syntax"),
            (OPENING + b"<transaction>" + b" " * (1 << 21), "xml.transaction.limit"),
            (OPENING + b"<transaction><header>" + b"<a/>" * (1 << 19), "xml.transaction.limit"),
            (OPENING + b"<transaction></header>", "xml.form.syntax"),
            (OPENING, "xml.form.syntax"),
            (OPENING + CLOSING + b"<more/>", "xml.form.syntax"),
            (OPENING + b"\xff\xfe", "xml.form.syntax"),
        ],
    )
    def test_it_is_refused(self, data: bytes, code: str) -> None:
        for size in (1 << 16, 100):
            decoder = xmlform.Decoder()
            for start in range(0, min(len(data), 3 << 20), size):
                decoder.feed(data[start : start + size])
            decoder.close()
            record = decoder.next_record()
            assert isinstance(record, XmlRecord)
            assert [problem.code for problem in record.problems] == [code]
            assert decoder.next_record() is None

    def test_what_was_whole_before_the_damage_is_read(self, one: Transaction) -> None:
        good = dump(one)
        records = list(read_all(document(good, good[:300] + b"<" + good[300:], good)))
        assert [record.transaction for record in records] == [one, None]
        assert [problem.code for problem in records[1].problems] == ["xml.form.syntax"]

    def test_no_problem_quotes_the_document(self, one: Transaction) -> None:
        for damaged in (dump(one)[:-40], dump(one).replace(b"<ssn>", b"<ssn><b>", 1)):
            for record in read_all(document(damaged)):
                assert all("9005" not in problem.message for problem in record.problems)

    def test_a_long_document_is_not_kept(self, one: Transaction) -> None:
        decoder = xmlform.Decoder()
        decoder.feed(OPENING)
        count = 0
        for _ in range(200):
            decoder.feed(dump(one))
            while isinstance(decoder.next_record(), XmlRecord):
                count += 1
        assert count >= 199
        # The root keeps at most the transaction taken last and the one at hand.
        assert sum(1 for _ in decoder._parser.root or ()) <= 2 if hasattr(decoder._parser, "root") else True


class TestSchema:
    """The schema refuses what is no value of a field."""

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"<action_code>R<", b"<action_code>X<"),
            (b"2026-11-20<", b"2026-02-30<"),
            (b"2026-11-20<", b"20261120<"),
            (b"<case_type>", b"<case_type>Q"),
            (b"<name_last>FERNWOOD<", b"<name_last>Fernwood<"),
            (b"<name_last>FERNWOOD<", b"<name_last> FERNWOOD<"),
            (b"<name_last>FERNWOOD<", b"<name_last>" + b"X" * 22 + b"<"),
            (b"<name_last>FERNWOOD<", b"<name_last><"),
            (b"<transaction_serial_number>0", b"<transaction_serial_number>"),
            (b"<ssn>9", b"<ssn>A"),
            (b"<header>", b"<header><colour>RED</colour>"),
            (b"</transaction>", b"<information/><information/></transaction>"),
        ],
    )
    def test_a_wrong_value_does_not_fit(self, old: bytes, new: bytes, one: Transaction, schema: Any) -> None:
        data = document(dump(one))
        assert old in data
        assert not schema.validate(etree.fromstring(data.replace(old, new, 1)))

    def test_a_tenth_participant_does_not_fit(self, one: Transaction, schema: Any) -> None:
        text = dump(one).decode()
        start, end = text.index("    <participant>"), text.rindex("</participant>") + len("</participant>\n")
        person = text[start : text.index("</participant>") + len("</participant>\n")]
        for times, fits in ((9, True), (10, False)):
            data = document((text[:start] + person * times + text[end:]).encode())
            assert schema.validate(etree.fromstring(data)) is fits

    def test_every_element_is_documented_with_its_federal_name_and_chart(self) -> None:
        names = {"xs": "http://www.w3.org/2001/XMLSchema"}
        root = etree.parse(SCHEMA)
        fields = root.xpath("//xs:complexType[@name]//xs:element", namespaces=names)
        assert len(fields) > 250
        for field in fields:
            (words,) = field.xpath("xs:annotation/xs:documentation/text()", namespaces=names)
            assert ". Chart C-" in words
