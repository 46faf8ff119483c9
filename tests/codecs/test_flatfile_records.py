"""Records with descriptor words: whole, blocked, spanned, and damaged."""

import struct

import pytest

from csenet.codecs import ebcdic, errorfile, flatfile
from csenet.codecs.ebcdic import Encoding
from csenet.codecs.flatfile import Decoder, Record, encode, read_all
from csenet.codecs.framing import Blocker, Framing, Segment, block_at, describe, segment_at
from csenet.codecs.transaction import Direction

Golden = dict[str, bytes]


@pytest.fixture
def raws(golden: Golden) -> list[bytes]:
    return [golden[f"{slug}.from-server.txt"] for slug in ("msc-r-grint", "csi-p-fuinf", "msc-p-gsc17")]


def word(length: int, code: int = 0, last: int = 0) -> bytes:
    return struct.pack(">HBB", length, code, last)


def good(data: bytes) -> list[bytes]:
    return [record.raw for record in read_all(data) if record.transaction is not None]


def codes(data: bytes) -> set[str]:
    return {problem.code for record in read_all(data) for problem in record.problems}


class TestWords:
    """What a descriptor word is and what is none."""

    def test_a_word_counts_itself(self) -> None:
        assert describe(b"ABC") == b"\x00\x07\x00\x00ABC"
        assert segment_at(b"\x00\x07\x02\x00ABC", 0) == (7, Segment.LAST)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x00\x07\x00",
            b"\x00\x07\x00\x00",  # nothing follows
            b"\x00\x04\x00\x00A",  # holds nothing
            b"\x00\x07\x04\x00ABC",  # no such segment
            b"\x00\x07\x00\x01ABC",
            b"\x80\x07\x00\x00ABC",  # too long
            b"\x00\x07\x00\x00A\x00C",  # no text
            b"2700000",
        ],
    )
    def test_what_is_no_word(self, data: bytes) -> None:
        assert segment_at(data, 0) is None

    def test_a_block_is_told_by_the_record_in_it(self) -> None:
        assert block_at(b"\x00\x0b\x00\x00" + describe(b"ABC"), 0) == 11
        assert block_at(b"\x80\x00\x00\x0b" + describe(b"ABC"), 0) == 11
        assert block_at(b"\x00\x0a\x00\x00" + describe(b"ABC"), 0) is None
        assert block_at(describe(b"ABCDEFGHI"), 0) is None

    def test_a_record_that_two_bytes_cannot_count_is_refused(self) -> None:
        with pytest.raises(ValueError, match="32760"):
            describe(b" " * 32757)

    def test_a_block_has_room_for_something(self) -> None:
        with pytest.raises(ValueError, match="64"):
            Blocker(63)


class TestBlocks:
    """Records in blocks, and records cut by their ends."""

    def test_records_share_a_block_until_it_is_full(self) -> None:
        blocker = Blocker(64)
        assert blocker.add(b"A" * 20) == b""
        assert blocker.add(b"B" * 20) == b""
        first = blocker.add(b"C" * 20)
        assert first == word(52) + word(24) + b"A" * 20 + word(24) + b"B" * 20
        assert blocker.close() == word(28) + word(24) + b"C" * 20
        assert blocker.close() == b""

    def test_a_record_longer_than_a_block_is_spanned(self) -> None:
        blocker = Blocker(64)
        data = blocker.add(b"A" * 120) + blocker.close()
        parts = (word(60, 1) + b"A" * 56, word(60, 3) + b"A" * 56, word(12, 2) + b"A" * 8)
        assert data == b"".join(word(len(part) + 4) + part for part in parts)

    def test_a_long_block_word_is_read(self, raws: list[bytes]) -> None:
        inner = b"".join(map(describe, raws))
        assert good(struct.pack(">I", 0x8000_0000 | len(inner) + 4) + inner) == raws

    def test_a_wrong_block_length_is_told_and_costs_nothing(self, raws: list[bytes]) -> None:
        blocks = [word(len(raw) + 8) + describe(raw) for raw in raws]
        blocks[0] = word(len(raws[0]) + 9) + describe(raws[0])
        assert good(b"".join(blocks)) == raws
        assert codes(b"".join(blocks)) == {"transaction.descriptor.block"}

    def test_fill_behind_the_last_block_is_passed_over(self, raws: list[bytes]) -> None:
        data = encode(raws, Framing.BDW)
        for fill in (b"\0" * 100, b"\n", b"\x1a"):
            assert good(data + fill) == raws
            assert codes(data + fill) == set()


class TestDamage:
    """Words that do not fit, and what is read around them."""

    @pytest.mark.parametrize("at", range(4))
    @pytest.mark.parametrize("which", range(3))
    def test_a_damaged_word_costs_its_record_only(self, which: int, at: int, raws: list[bytes]) -> None:
        for byte in (0x01, 0x05, 0x40, 0xFF):
            records = [describe(raw) for raw in raws]
            old = records[which]
            if old[at] == byte:
                continue
            records[which] = old[:at] + bytes([byte]) + old[at + 1 :]
            data = b"".join(records)
            assert good(data) == [raw for n, raw in enumerate(raws) if n != which]
            assert codes(data)

    def test_segments_out_of_order_are_told(self, raws: list[bytes]) -> None:
        half = len(raws[0]) // 2
        first, last = describe(raws[0][:half], Segment.FIRST), describe(raws[0][half:], Segment.LAST)
        other = describe(raws[1])
        assert good(first + last + other) == raws[:2]
        for data in (first + other, last + other, first + first + last + other, other + first):
            assert raws[1] in good(data)
            assert "transaction.descriptor.segment" in codes(data)

    def test_a_record_without_end_is_given_up(self, raws: list[bytes]) -> None:
        first = describe(raws[0][:50], Segment.FIRST)
        middle = describe(b"X" * 1000, Segment.MIDDLE)
        decoder = Decoder(framing=Framing.RDW)
        found: list[Record] = []
        for piece in (first, *[middle] * 100, describe(raws[1])):
            decoder.feed(piece)
            while isinstance(record := decoder.next_record(), Record):
                found.append(record)
            assert decoder.held < 140_000
        decoder.close()
        while isinstance(record := decoder.next_record(), Record):
            found.append(record)
        assert [record.raw for record in found if record.transaction] == [raws[1]]

    def test_a_file_that_ends_in_a_record_is_told(self, raws: list[bytes]) -> None:
        data = b"".join(map(describe, raws))
        assert good(data[:-20]) == raws[:2]
        assert "transaction.descriptor.end" in codes(data[:-20])

    def test_rubbish_between_records_is_passed_over(self, raws: list[bytes]) -> None:
        data = describe(raws[0]) + b"\xee" * 30_000 + describe(raws[1])
        assert good(data) == [raws[1]]
        assert "transaction.descriptor.value" in codes(data)


class TestErrorFiles:
    """The exchange's error file out of a mainframe."""

    @pytest.mark.parametrize("framing", [Framing.LINES, Framing.RDW, Framing.BDW])
    @pytest.mark.parametrize("encoding", list(Encoding))
    def test_its_records_come_out_in_ascii(self, framing: Framing, encoding: Encoding) -> None:
        raw = errorfile.write(
            errorfile.ErrorRecord(txn_counter="1", serial="000000000041", description="WHY")
        )
        data = encode([raw, raw], framing, Direction.TO_SERVER, encoding)
        lines = list(flatfile.ascii_lines(data))
        assert [line for _, line in lines] == [raw, raw]
        assert lines[1][0] - lines[0][0] >= len(raw)
        assert list(flatfile.ascii_lines(data, framing, encoding)) == lines

    def test_spanned_records_are_put_together(self) -> None:
        raw = errorfile.write(errorfile.ErrorRecord(txn_counter="1", serial="000000000041"))
        blocker = Blocker(64)
        data = blocker.add(raw) + blocker.close()
        assert list(flatfile.ascii_lines(data)) == [(4, raw)]

    def test_what_stands_behind_damaged_words_comes_as_one_record(self) -> None:
        data = describe(b"A" * 9) + b"\xff\xff" + describe(b"B" * 9)
        assert list(flatfile.ascii_lines(data)) == [(0, b"A" * 9), (13, data[13:])]

    def test_a_record_whose_last_segment_is_missing_is_not_lost(self) -> None:
        first = describe(b"A" * 9, Segment.FIRST)
        assert list(flatfile.ascii_lines(first)) == [(0, b"A" * 9)]
        assert list(flatfile.ascii_lines(first + b"\xff\xff")) == [(0, b"A" * 9 + b"\xff\xff")]

    def test_other_code_pages_are_translated(self) -> None:
        text = ebcdic.encode(b"000001 27[0]000 99", Encoding.CP1047)
        assert list(flatfile.ascii_lines(text)) == [(0, b"000001 27[0]000 99")]
