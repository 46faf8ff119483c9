"""Files are cut into transactions whatever the framing, and damage stays where it is."""

import itertools

import pytest

from csenet.codecs import flatfile
from csenet.codecs.flatfile import NEED_DATA, Decoder, Framing, Record, encode, read_all
from csenet.codecs.model import LONGEST
from csenet.codecs.transaction import Direction

Golden = dict[str, bytes]


def some(golden: Golden, direction: str = "from-server", count: int = 5) -> list[bytes]:
    return [golden[name] for name in sorted(golden) if direction in name][:count]


def drain(decoder: Decoder) -> list[Record]:
    return list(itertools.takewhile(lambda item: isinstance(item, Record), iter(decoder.next_record, None)))  # type: ignore[arg-type]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_framing_and_direction_are_recognised(direction: Direction, end: bytes, golden: Golden) -> None:
    raws = some(golden, direction)
    records = list(read_all(b"".join(raw + end for raw in raws)))
    assert [record.raw for record in records] == raws
    assert [record.position for record in records] == [1, 2, 3, 4, 5]
    assert {record.direction for record in records} == {direction}
    assert all(record.transaction is not None and not record.problems for record in records)
    steps = itertools.accumulate((len(raw) + len(end) for raw in raws), initial=0)
    assert [record.offset for record in records] == list(steps)[:-1]


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_bytes_may_come_in_any_pieces(end: bytes, size: int, golden: Golden) -> None:
    raws = some(golden) + some(golden)
    data = b"".join(raw + end for raw in raws)
    decoder = Decoder()
    found: list[bytes] = []
    for start in range(0, len(data), size):
        decoder.feed(memoryview(data)[start : start + size])
        found += [record.raw for record in drain(decoder)]
    decoder.close()
    found += [record.raw for record in drain(decoder)]
    assert found == raws
    assert decoder.next_record() is None


def test_a_line_comes_out_as_soon_as_it_is_all_there(golden: Golden) -> None:
    raw = some(golden)[0]
    decoder = Decoder()
    assert decoder.next_record() is NEED_DATA
    decoder.feed(raw)
    assert decoder.next_record() is NEED_DATA
    decoder.feed(b"\n" + raw[:50])
    record = decoder.next_record()
    assert isinstance(record, Record)
    assert record.raw == raw
    assert decoder.next_record() is NEED_DATA


def test_an_empty_file_and_blank_lines_hold_nothing() -> None:
    assert list(read_all(b"")) == []
    assert list(read_all(b"\n\r\n   \n")) == []


def test_a_last_line_without_its_end_is_read(golden: Golden) -> None:
    first, second = some(golden)[:2]
    assert [record.raw for record in read_all(first + b"\n\n" + second)] == [first, second]


def test_a_stream_may_close_with_a_line_end(golden: Golden) -> None:
    raws = some(golden)[:3]
    assert [record.raw for record in read_all(b"".join(raws) + b"\r\n")] == raws


def test_a_single_transaction_needs_no_framing(golden: Golden) -> None:
    raw = some(golden)[0]
    assert [record.raw for record in read_all(raw)] == [raw]


def test_given_direction_and_framing_are_not_guessed(golden: Golden) -> None:
    raw = some(golden, "to-server")[0]
    (record,) = read_all(raw + b"\n", Direction.FROM_SERVER, Framing.LINES)
    assert record.direction is Direction.FROM_SERVER
    assert [problem.code for problem in record.problems] == ["transaction.length.total"]


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x00\xff" * 30, b"2" * 300])
def test_a_damaged_line_leaves_its_neighbours_alone(damage: bytes, golden: Golden) -> None:
    first, second, third = some(golden)[:3]
    records = list(read_all(b"\n".join((first, damage + second[40:], third))))
    assert [record.raw for record in records] == [first, damage + second[40:], third]
    assert [record.transaction is None for record in records] == [False, True, False]


def test_a_damaged_first_line_does_not_hide_framing_or_direction(golden: Golden) -> None:
    first, second, third = some(golden, "to-server")[:3]
    records = list(read_all(b"\n".join((first[50:], second, third))))
    assert [record.transaction is None for record in records] == [True, False, False]
    assert records[2].direction is Direction.TO_SERVER


def test_an_endless_line_is_given_up_once_and_the_next_is_read(golden: Golden) -> None:
    raw = some(golden)[0]
    decoder = Decoder(framing=Framing.LINES)
    found: list[Record] = []
    for _ in range(50):
        decoder.feed(b"x" * 1000)
        found += drain(decoder)
        assert decoder.held <= LONGEST + 2 + 1000
    decoder.feed(b"\n" + raw + b"\n")
    found += drain(decoder)
    assert [record.transaction is None for record in found] == [True, False]
    assert [problem.code for problem in found[0].problems] == ["transaction.length.line"]
    assert found[1].offset == 50 * 1000 + 1


def test_an_endless_last_line_is_told_once() -> None:
    decoder = Decoder(framing=Framing.LINES)
    decoder.feed(b"x" * 10_000)
    assert len(drain(decoder)) == 1
    decoder.feed(b"y" * 20)
    decoder.close()
    assert drain(decoder) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (0, b"?"),  # Local-FIPS-State
        (14, b"9"),  # CSENet-Version-Number
        (33, b"?"),  # Action-Code
        (40, b"?"),  # Transaction-Date
        (88, b"?"),  # Attachments-Ind.
        (92, b"9"),  # Participant-Data-Ind. too high
        (92, b"0"),  # Participant-Data-Ind. too low
        (92, b"?"),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_stream_goes_on_behind_a_damaged_header(place: int, text: bytes, at: int, golden: Golden) -> None:
    raws = [golden[f"{slug}.from-server.txt"] for slug in ("msc-p-gsc17", "msc-r-grint", "msc-p-gsc15")]
    damaged = raws[at][:place] + text + raws[at][place + 1 :]
    assert damaged != raws[at]
    data = b"".join((*raws[:at], damaged, *raws[at + 1 :]))
    records = list(read_all(data, Direction.FROM_SERVER, Framing.STREAM))
    good = [record.raw for record in records if record.transaction is not None]
    assert good == [raw for number, raw in enumerate(raws) if number != at]
    assert b"".join(record.raw for record in records) == data


def test_a_stream_cut_short_keeps_what_came_before(golden: Golden) -> None:
    first, second = some(golden)[:2]
    for cut in (10, 80, 110, len(second) - 1):
        records = list(read_all(first + second[:cut], framing=Framing.STREAM))
        assert [record.raw for record in records] == [first, second[:cut]]
        assert [record.transaction is None for record in records] == [False, True]


def test_rubbish_in_a_stream_is_passed_over_in_bounded_pieces(golden: Golden) -> None:
    raw = some(golden)[0]
    records = list(read_all(raw + b"#" * 30_000 + raw, framing=Framing.STREAM))
    assert [record.raw for record in records if record.transaction] == [raw, raw]
    assert max(len(record.raw) for record in records) <= LONGEST + len(raw)


@pytest.mark.parametrize("rubbish", [b"#" * 200, b"#" * 30_000])
def test_a_file_of_rubbish_is_problems_and_no_more(rubbish: bytes) -> None:
    records = list(read_all(rubbish))
    assert b"".join(record.raw for record in records) == rubbish
    assert all(record.transaction is None and record.problems for record in records)


def test_a_damaged_first_header_does_not_hide_a_stream(golden: Golden) -> None:
    first, second, third = some(golden)[:3]
    records = list(read_all(b"??" + first[2:] + second + third))
    assert [record.transaction is None for record in records] == [True, False, False]


@pytest.mark.parametrize("framing", [Framing.LINES, Framing.STREAM])
def test_encoding_is_the_inverse_of_decoding(framing: Framing, golden: Golden) -> None:
    raws = some(golden, "to-server")
    held = [record.transaction for record in read_all(b"\n".join(raws))]
    transactions = [tx for tx in held if tx is not None]
    data = encode([raws[0], *transactions[1:]], framing)
    assert data == b"".join(raw + (b"\n" if framing is Framing.LINES else b"") for raw in raws)


def test_time_grows_with_the_file_and_not_faster(golden: Golden) -> None:
    # Bytes copied by the decoder's buffer stay proportional: what is left over never exceeds one transaction.
    raw = some(golden)[0]
    decoder = Decoder()
    for _ in range(200):
        decoder.feed(raw + b"\n")
        drain(decoder)
        assert decoder.held <= flatfile.WINDOW
