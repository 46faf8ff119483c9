"""Error files are recognised, read and written at the positions of chart C-12."""

import pytest

from csenet.codecs import errorfile, flatfile
from csenet.codecs.errorfile import ErrorRecord
from csenet.codecs.errors import CodecError
from csenet.codecs.flatfile import Encoding, Framing

BY_HAND = (
    b"000012 2700000 2000000 001234567801    KS00447712      P MSC ZZZZZ 20261119 20261120 E436 "
    b"000000001005 " + b"NOT A VALID TRANSACTION".ljust(42)
)
RECORD = ErrorRecord(
    txn_counter="000012",
    local_fips_code="2700000",
    other_fips_code="2000000",
    local_case_id="001234567801",
    other_case_id="KS00447712",
    action_code="P",
    functional_type_code="MSC",
    action_reason="ZZZZZ",
    action_resolution_date="20261119",
    transaction_date="20261120",
    error_code="E436",
    serial="000000001005",
    description="NOT A VALID TRANSACTION",
)


def test_a_record_is_read_and_written_at_its_positions() -> None:
    assert len(BY_HAND) == 145
    reading = errorfile.read(BY_HAND)
    assert (reading.record, reading.problems) == (RECORD, ())
    assert errorfile.write(RECORD) == BY_HAND


def test_blanks_lost_at_the_end_do_no_harm() -> None:
    assert errorfile.read(BY_HAND.rstrip()).record == RECORD


def test_unknown_codes_and_wrong_dates_are_kept_as_they_are() -> None:
    record = ErrorRecord(txn_counter="1", transaction_date="2026-NOV", serial="5", description="bad")
    back = errorfile.read(errorfile.write(record)).record
    assert back == ErrorRecord(
        txn_counter="000001", transaction_date="2026-NOV", serial="000000000005", description="BAD"
    )


def test_a_field_that_cannot_be_read_does_not_lose_the_rest() -> None:
    raw = BY_HAND[:23] + b"0012\xe9" + BY_HAND[28:]
    reading = errorfile.read(raw, 4)
    assert reading.record is not None
    assert (reading.record.local_case_id, reading.record.serial) == (None, "000000001005")
    assert [(problem.code, problem.occurrence) for problem in reading.problems] == [
        ("error.local_case_id.characters", 4)
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"x" * 145, BY_HAND + b" x", BY_HAND[:60], BY_HAND[:6] + b"." + BY_HAND[7:]]
)
def test_other_lines_are_no_error_records(raw: bytes) -> None:
    reading = errorfile.read(raw)
    assert reading.record is None
    assert [problem.code for problem in reading.problems] == ["error.record.shape"]


def test_error_files_are_told_from_transactions(golden: dict[str, bytes]) -> None:
    assert errorfile.is_error_file(b"\r\n" + BY_HAND + b"\r\n")
    assert errorfile.is_error_file(BY_HAND * 3)
    assert not errorfile.is_error_file(b"")
    assert not any(errorfile.is_error_file(raw + b"\n") for raw in golden.values())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_every_record_of_a_file_is_read(end: bytes) -> None:
    readings = list(errorfile.read_all((BY_HAND + end) * 3))
    assert [reading.position for reading in readings] == [1, 2, 3]
    assert [reading.record for reading in readings] == [RECORD] * 3


def test_a_long_description_is_cut_and_other_values_are_not() -> None:
    words = "WORD " * 20
    record = ErrorRecord(txn_counter="1", serial="1", description=words)
    assert errorfile.write(record)[103:] == words[:42].rstrip().ljust(42).encode()
    with pytest.raises(CodecError, match=r"error\.error_code\.length"):
        errorfile.write(ErrorRecord(error_code="TOOLONG"))


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("framing", [Framing.LINES, Framing.STREAM, Framing.RDW, Framing.BDW])
def test_an_error_file_of_a_mainframe_is_recognised_and_read(framing: Framing, encoding: Encoding) -> None:
    data = flatfile.encode([BY_HAND] * 3, framing, encoding=encoding)
    assert errorfile.is_error_file(data)
    readings = list(errorfile.read_all(data))
    assert [reading.record for reading in readings] == [RECORD] * 3
    assert [reading.raw for reading in readings] == [BY_HAND] * 3
    # 4 bytes for a record's descriptor word, a line end of 1, and 4 before all for the block's.
    step = {Framing.LINES: 146, Framing.STREAM: 145}.get(framing, 149)
    first = 4 if framing is Framing.BDW else 0
    assert [reading.offset for reading in readings] == [first, first + step, first + 2 * step]


@pytest.mark.parametrize("framing", [Framing.LINES, Framing.RDW])
@pytest.mark.parametrize("count", [1, 2])
def test_blanks_that_fill_up_a_fixed_record_length_do_no_harm(framing: Framing, count: int) -> None:
    data = flatfile.encode([BY_HAND.ljust(160)] * count, framing, encoding=Encoding.CP037)
    assert errorfile.is_error_file(data)
    assert [reading.record for reading in errorfile.read_all(data)] == [RECORD] * count


def test_damage_in_an_error_file_of_a_mainframe_is_told_and_not_passed_over() -> None:
    data = bytearray(flatfile.encode([BY_HAND] * 3, Framing.RDW, encoding=Encoding.CP037))
    data[149:153] = b"\xff\xff\xff\xff"
    first, rest = errorfile.read_all(bytes(data))
    assert first.record == RECORD
    assert (rest.record, rest.offset, rest.position) == (None, 149, 2)
