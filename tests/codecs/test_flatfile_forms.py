"""A file is the same in every physical form, and damage in any of them stays where it is."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csenet.codecs import flatfile
from csenet.codecs.flatfile import NEED_DATA, Decoder, Encoder, Encoding, Framing, Record, encode, read_all
from csenet.codecs.model import HEADERS, LONGEST
from csenet.codecs.transaction import Direction

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FILES = sorted(path.name for path in (FIXTURES / "forms").iterdir())
RELAXED = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
BLOCK_SIZES = {Framing.BDW: (64, 300, 32760)}

Golden = dict[str, bytes]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def by_hand() -> ModuleType:
    return _load("build_forms")


def some(golden: Golden, direction: Direction) -> list[bytes]:
    return [golden[name] for name in sorted(golden) if direction.value in name]


def pieces(data: bytes, size: int, decoder: Decoder) -> Iterator[Record]:
    for start in range(0, len(data), size):
        decoder.feed(memoryview(data)[start : start + size])
        while isinstance(record := decoder.next_record(), Record):
            yield record
    decoder.close()
    while isinstance(record := decoder.next_record(), Record):
        yield record
    assert decoder.next_record() is None


def written(raws: list[bytes], framing: Framing, encoding: Encoding, block_size: int = 32760) -> bytes:
    encoder = Encoder(framing, encoding=encoding, block_size=block_size)
    return b"".join([*map(encoder.add, raws), encoder.close()])


class TestFixtures:
    """Files built by hand, one for each form."""

    def test_the_folder_holds_what_the_builder_writes(self, by_hand: ModuleType) -> None:
        built = {name: data for each in by_hand.HEADERS for name, data in by_hand.forms(each).items()}
        assert {path.name: path.read_bytes() for path in (FIXTURES / "forms").iterdir()} == built

    @pytest.mark.parametrize("name", FILES)
    def test_each_form_is_recognised_and_gives_the_same_transactions(
        self, name: str, by_hand: ModuleType
    ) -> None:
        direction = Direction(name.split(".")[1])
        data = (FIXTURES / "forms" / name).read_bytes()
        records = list(read_all(data))
        assert [record.raw for record in records] == by_hand.raws(direction.value)
        assert {record.direction for record in records} == {direction}
        codes = {problem.code for record in records for problem in record.problems}
        assert codes == ({"transaction.length.padding"} if "padded" in name else set())
        assert all(record.transaction is not None for record in records)

    @pytest.mark.parametrize("size", [1, 5, 64, 999])
    @pytest.mark.parametrize("name", [name for name in FILES if "to-server" in name])
    def test_the_bytes_may_come_in_any_pieces(self, name: str, size: int) -> None:
        data = (FIXTURES / "forms" / name).read_bytes()
        assert list(pieces(data, size, Decoder())) == list(read_all(data))

    @pytest.mark.parametrize("direction", list(Direction))
    def test_offsets_point_at_the_first_byte_or_word_of_each(
        self, direction: Direction, by_hand: ModuleType
    ) -> None:
        folder = FIXTURES / "forms"
        first, second, _ = by_hand.raws(direction.value)
        names = {"lines-crlf": ("txt", 2, 0), "stream-cp037": ("dat", 0, 0), "v-cp037": ("dat", 4, 0)}
        for name, (suffix, between, before) in (names | {"vb-cp037": ("dat", 4, 4)}).items():
            data = (folder / f"{name}.{direction.value}.{suffix}").read_bytes()
            offsets = [record.offset for record in read_all(data)]
            assert offsets[:2] == [before, before + len(first) + between], name
            assert offsets[2] >= offsets[1] + len(second)

    @pytest.mark.parametrize(
        ("name", "framing", "encoding", "end"),
        [
            ("lines-lf.to-server.txt", Framing.LINES, Encoding.ASCII, None),
            ("lines-crlf.to-server.txt", Framing.LINES, Encoding.ASCII, b"\r\n"),
            ("stream.to-server.txt", Framing.STREAM, Encoding.ASCII, None),
            ("blocks.to-server.txt", Framing.BLOCKS, Encoding.ASCII, None),
            ("lines-cp037.to-server.dat", Framing.LINES, Encoding.CP037, None),
            ("lines-cp1047.to-server.dat", Framing.LINES, Encoding.CP1047, None),
            ("stream-cp037.to-server.dat", Framing.STREAM, Encoding.CP037, None),
            ("blocks-cp037.to-server.dat", Framing.BLOCKS, Encoding.CP037, b"\x25"),
            ("v-ascii.to-server.dat", Framing.RDW, Encoding.ASCII, None),
            ("v-cp037.to-server.dat", Framing.RDW, Encoding.CP037, None),
        ],
    )
    def test_the_encoder_writes_the_same_bytes(
        self, name: str, framing: Framing, encoding: Encoding, end: bytes | None, by_hand: ModuleType
    ) -> None:
        encoder = Encoder(framing, Direction.TO_SERVER, encoding, line_end=end)
        parts = [encoder.add(raw) for raw in by_hand.raws("to-server")]
        assert b"".join([*parts, encoder.close()]) == (FIXTURES / "forms" / name).read_bytes()


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("direction", list(Direction))
def test_what_is_written_is_read_whatever_the_form(
    direction: Direction, framing: Framing, encoding: Encoding, golden: Golden
) -> None:
    raws = some(golden, direction)
    for block_size in BLOCK_SIZES.get(framing, (32760,)):
        data = written(raws, framing, encoding, block_size)
        for decoder in (Decoder(), Decoder(direction, framing, encoding)):
            records = list(pieces(data, 4096, decoder))
            assert [record.raw for record in records] == raws
            assert not any(record.problems for record in records)
            assert [record.transaction for record in records] == [
                record.transaction for record in read_all(b"\n".join(raws))
            ]


@settings(RELAXED, max_examples=400)
@given(data=st.data())
def test_one_damaged_byte_harms_no_neighbour_in_any_form(data: st.DataObject, golden: Golden) -> None:
    direction = data.draw(st.sampled_from(list(Direction)))
    raws = data.draw(st.lists(st.sampled_from(some(golden, direction)), min_size=4, max_size=4))
    framing, encoding = data.draw(st.sampled_from(list(Framing))), data.draw(st.sampled_from(list(Encoding)))
    whole = written(raws, framing, encoding, data.draw(st.sampled_from(BLOCK_SIZES.get(framing, (32760,)))))
    offsets = [record.offset for record in read_all(whole, direction, framing, encoding)]
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    hit = max([n for n, offset in enumerate(offsets) if offset <= at], default=0)
    damaged = whole[:at] + bytes([byte]) + whole[at + 1 :]
    told = (direction, framing, encoding) if data.draw(st.booleans()) else ()
    records = list(read_all(damaged, *told))
    good = [record.raw for record in records if record.transaction is not None]
    assert contains(good, [raw for n, raw in enumerate(raws) if n != hit])
    if damaged != whole and not any(record.problems for record in records):
        # Harmless: one character of one field is another one, and all else is as it was.
        assert len(good) == len(raws)
        assert sum(mine != theirs for mine, theirs in zip(good, raws, strict=True)) <= 1


def contains(found: list[bytes], wanted: list[bytes]) -> bool:
    rest = iter(found)
    return all(raw in rest for raw in wanted)


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_file_cut_short_keeps_what_came_before(framing: Framing, cut: int, golden: Golden) -> None:
    raws = some(golden, Direction.TO_SERVER)[:3]
    whole = written(raws, framing, Encoding.ASCII)
    end = len(whole) - (1 if framing in (Framing.LINES, Framing.BLOCKS) else 0)
    records = list(read_all(whole[: end - cut], Direction.TO_SERVER, framing))
    assert [record.raw for record in records if record.transaction] == raws[:2]
    assert any(problem.stops for record in records[2:] for problem in record.problems)


class TestBlocks:
    """The header and each data block on a line of its own."""

    def lines(self, raw: bytes) -> list[bytes]:
        return encode([raw], Framing.BLOCKS).splitlines()

    def test_a_missing_block_is_told_and_the_next_transaction_read(self, golden: Golden) -> None:
        first, second = golden["msc-r-grint.to-server.txt"], golden["enf-r-erall.to-server.txt"]
        for lost in range(1, 5):
            lines = self.lines(second)
            del lines[lost]
            file = b"\n".join([*self.lines(first), *lines, *self.lines(first)])
            records = list(read_all(file, Direction.TO_SERVER, Framing.BLOCKS))
            assert [record.transaction is not None for record in records] == [True, False, True]

    def test_a_block_too_many_spoils_the_transaction_it_follows(self, golden: Golden) -> None:
        raw = golden["enf-r-erall.to-server.txt"]
        lines = self.lines(raw)
        file = b"\n".join([*lines, lines[-1], *lines])
        spoilt, good = read_all(file)
        assert spoilt.transaction is None
        assert next(problem.code for problem in spoilt.problems) == "transaction.blocks.sequence"
        assert good.raw == raw

    def test_padded_blocks_are_read_with_a_warning(self, golden: Golden) -> None:
        raw = golden["enf-r-erall.to-server.txt"]
        file = b"\n".join(line.ljust(1500) for line in self.lines(raw))
        (record,) = read_all(file)
        assert record.raw == raw
        assert record.transaction is not None
        assert [problem.code for problem in record.problems] == ["transaction.length.padding"]

    def test_blocks_are_recognised_behind_headers_without_any(self, golden: Golden) -> None:
        alone, more = golden["csi-r-frinf.from-server.txt"], golden["msc-p-gsc17.from-server.txt"]
        file = encode([alone, alone, more, alone], Framing.BLOCKS)
        assert [record.raw for record in read_all(file)] == [alone, alone, more, alone]

    def test_a_last_transaction_comes_out_at_the_end_of_the_file(self, golden: Golden) -> None:
        raw = golden["csi-r-frinf.from-server.txt"]
        decoder = Decoder(framing=Framing.BLOCKS)
        decoder.feed(raw + b"\n")
        assert decoder.next_record() is NEED_DATA
        decoder.close()
        record = decoder.next_record()
        assert isinstance(record, Record)
        assert record.raw == raw


class TestPadding:
    """Blanks behind a transaction."""

    def test_blanks_behind_a_line_are_told_and_taken_off(self, golden: Golden) -> None:
        raws = some(golden, Direction.FROM_SERVER)[:4]
        records = list(read_all(b"".join(raw + b"   \r\n" for raw in raws)))
        assert [record.raw for record in records] == raws
        assert all(record.transaction for record in records)

    def test_a_transaction_of_the_other_direction_is_not_taken_for_padded(self, golden: Golden) -> None:
        (record,) = read_all(golden["csi-r-frinf.from-server.txt"].ljust(127) + b"\n", Direction.FROM_SERVER)
        assert record.transaction is None

    def test_blanks_in_records_of_a_mainframe(self, golden: Golden) -> None:
        raws = some(golden, Direction.FROM_SERVER)[:4]
        data = b"".join(encode([raw + b" " * 9], Framing.RDW) for raw in raws)
        assert [record.raw for record in read_all(data)] == raws


class TestJoinedLines:
    """A damaged line end between two transactions."""

    @pytest.mark.parametrize("framing", [Framing.LINES, Framing.BLOCKS])
    @pytest.mark.parametrize("direction", list(Direction))
    def test_both_are_read_and_the_damage_is_told(
        self, direction: Direction, framing: Framing, golden: Golden
    ) -> None:
        raws = some(golden, direction)[:3]
        whole = encode(raws, framing)
        end = len(encode(raws[:1], framing))
        records = list(read_all(whole[: end - 1] + b"#" + whole[end:], framing=framing))
        assert [record.raw for record in records] == raws
        assert [problem.code for problem in records[0].problems] == ["transaction.length.separator"]


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("encoding", list(Encoding))
def test_no_more_is_kept_than_a_few_transactions(
    framing: Framing, encoding: Encoding, golden: Golden
) -> None:
    raws = some(golden, Direction.TO_SERVER)
    data = written(raws * 10, framing, encoding)
    decoder = Decoder()
    most = count = 0
    for start in range(0, len(data), 500):
        decoder.feed(data[start : start + 500])
        while isinstance(decoder.next_record(), Record):
            count += 1
        most = max(most, decoder.held)
    assert most <= 2 * LONGEST + 1000
    assert count >= 10 * len(raws) - 4


@pytest.mark.parametrize("filler", [b"\0", b"#", b"\x00\x7d\x00\x00", b"\n", b"27"])
def test_a_file_of_rubbish_costs_no_memory(filler: bytes) -> None:
    for framing in (None, *Framing):
        decoder = Decoder(framing=framing)
        for _ in range(90):
            decoder.feed(filler * (2000 // len(filler)))
            while isinstance(record := decoder.next_record(), Record):
                assert record.transaction is None
            assert decoder.held <= 140_000
        decoder.close()
        while isinstance(record := decoder.next_record(), Record):
            assert len(record.raw) <= LONGEST


def test_a_header_alone_has_the_length_of_its_direction() -> None:
    assert {direction: codec.length for direction, codec in HEADERS.items()} == {
        Direction.TO_SERVER: 127,
        Direction.FROM_SERVER: 121,
    }
    assert flatfile.WINDOW > LONGEST
