"""Whatever is valid comes back as it was; whatever is damaged harms nothing else."""

from datetime import date, time
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csenet.codecs import blocks, flatfile, transaction
from csenet.codecs.blocks import (
    Case,
    Collection,
    Header,
    Information,
    NcpIdentification,
    NcpLocate,
    Order,
    Participant,
)
from csenet.codecs.layout import Field
from csenet.codecs.transaction import Direction, Transaction

RELAXED = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126, exclude_categories=["Ll"])


def value_of(field: Field) -> st.SearchStrategy[Any]:
    """Draw a value that may stand in a field."""
    width = field.width
    if field.kind == "text":
        return st.text(PRINTABLE, max_size=width).map(str.strip).map(lambda text: text or None)
    if field.kind == "code":
        return st.sampled_from(field.values or ())
    if field.kind == "digits":
        digits = st.text("0123456789", min_size=1, max_size=width)
        return digits.map(lambda text: text if text.strip("0") else None)
    if field.kind == "number":
        least = 0 if field.zero_is_value else 1
        return st.integers(least, 10**width - 1).map(lambda number: str(number).zfill(width))
    if field.kind == "date":
        return st.dates(min_value=date(1800, 1, 1))
    if field.kind == "time":
        seconds = st.integers(1, 86_399)
        return seconds.map(lambda n: time(n // 3600, n // 60 % 60, n % 60))
    return st.integers(-99_999_999_999, 999_999_999_999).map(lambda cents: Decimal(cents).scaleb(-2))


def block_of(struct: Any) -> st.SearchStrategy[Any]:
    """Draw a block with some of its fields filled."""
    fields = blocks.struct_fields(struct.__name__)
    drawn = st.dictionaries(st.sampled_from(sorted(fields)), st.integers(0, 0), max_size=12)
    return drawn.flatmap(
        lambda names: st.builds(struct, **{name: st.none() | value_of(fields[name]) for name in names})
    )


@st.composite
def headers(draw: st.DrawFn, direction: Direction) -> Any:
    """Draw a header as one direction has it."""
    only_from = {"date_received", "time_received", "processing_complete"}
    only_from |= {"attachments_due_date", "sent_to_state_host", "interstate_forms_printed"}
    only_to = {"sent_date", "sent_time", "due_date", "response_date", "overdue_ind"}
    absent = only_from if direction is Direction.TO_SERVER else only_to
    values = {}
    for name, field in blocks.struct_fields("Header").items():
        if name not in absent:
            drawn = value_of(field)
            values[name] = draw(drawn if field.required else st.none() | drawn)
    return Header(**values)


@st.composite
def transactions(draw: st.DrawFn, direction: Direction = Direction.TO_SERVER) -> Transaction:
    """Draw a whole transaction."""
    return Transaction(
        header=draw(headers(direction)),
        case=draw(st.none() | block_of(Case)),
        ncp_identification=draw(st.none() | block_of(NcpIdentification)),
        ncp_locate=draw(st.none() | block_of(NcpLocate)),
        participants=tuple(draw(st.lists(block_of(Participant), max_size=3))),
        orders=tuple(draw(st.lists(block_of(Order), max_size=2))),
        collections=tuple(draw(st.lists(block_of(Collection), max_size=9))),
        information=draw(st.none() | block_of(Information)),
    )


@RELAXED
@given(st.data(), st.sampled_from(list(Direction)))
def test_any_valid_transaction_comes_back_as_it_was(data: st.DataObject, direction: Direction) -> None:
    tx = data.draw(transactions(direction))
    raw = transaction.write(tx, direction)
    reading = transaction.read(raw, direction)
    assert reading.problems == ()
    assert reading.transaction == tx
    assert transaction.write(tx, direction) == raw
    assert len(raw) == transaction.total_length(raw, direction)
    assert transaction.from_json(transaction.to_json(tx)) == tx
    assert transaction.mirror(transaction.mirror(tx)) == tx


@RELAXED
@given(data=st.data())
def test_a_damaged_byte_in_a_line_never_raises_and_never_reaches_a_neighbour(
    data: st.DataObject, golden: dict[str, bytes]
) -> None:
    names = st.sampled_from(sorted(name for name in golden if "from-server" in name))
    raws = [golden[data.draw(names)] for _ in range(4)]
    at = data.draw(st.integers(0, len(raws[1])))
    byte = data.draw(st.integers(0, 255))
    whole = b"\n".join(raws) + b"\n"
    place = len(raws[0]) + 1 + at
    records = list(flatfile.read_all(whole[:place] + bytes([byte]) + whole[place + 1 :]))
    assert records[0].raw == raws[0]
    assert records[-1].raw == raws[3]
    assert records[0].transaction is not None
    assert records[-1].transaction is not None
    if at < len(raws[1]):
        assert records[-2].raw == raws[2]


@RELAXED
@given(data=st.data())
def test_a_damaged_byte_in_a_stream_never_raises_and_never_reaches_a_neighbour(
    data: st.DataObject, golden: dict[str, bytes]
) -> None:
    names = st.sampled_from(sorted(name for name in golden if "to-server" in name))
    raws = [golden[data.draw(names)] for _ in range(4)]
    at = data.draw(st.integers(0, len(raws[1]) - 1))
    byte = data.draw(st.integers(32, 255))
    damaged = raws[1][:at] + bytes([byte]) + raws[1][at + 1 :]
    whole = b"".join((raws[0], damaged, raws[2], raws[3]))
    records = list(flatfile.read_all(whole, Direction.TO_SERVER, flatfile.Framing.STREAM))
    good = [record.raw for record in records if record.transaction is not None]
    assert good[0] == raws[0]
    assert good[-2:] == raws[2:]


@RELAXED
@given(st.binary(max_size=2000), st.sampled_from([None, *flatfile.Framing]))
def test_any_bytes_at_all_are_read_without_raising(data: bytes, framing: flatfile.Framing | None) -> None:
    for record in flatfile.read_all(data, framing=framing):
        assert record.transaction is not None or record.problems


@RELAXED
@given(st.data())
def test_a_reader_of_canonical_records_and_one_of_all_records_agree(data: st.DataObject) -> None:
    tx = data.draw(transactions())
    raw = transaction.write(tx, Direction.TO_SERVER)
    codec = transaction.BLOCKS["participants"]
    for person in tx.participants:
        text = codec.write(person, "", 1, [])
        problems: list[Any] = []
        assert codec._read_slowly(text, 0, 1, problems) == codec.read(text, 0, 1, problems) == person
        assert problems == []
    assert transaction.fingerprint(raw, Direction.TO_SERVER) == transaction.fingerprint(
        raw, Direction.TO_SERVER
    )
