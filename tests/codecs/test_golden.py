"""The golden files are what the charts say, and the codec agrees with them byte for byte."""

import json
from datetime import date, time
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from csenet.codecs import codes, flatfile, transaction, validation
from csenet.codecs.transaction import Direction

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SLUGS = sorted(path.stem for path in (FIXTURES / "transactions").glob("*.json"))
EXPECTED = json.loads((FIXTURES / "malformed" / "problems.json").read_text("utf-8"))


def test_the_files_on_disk_are_those_built_by_hand(builder: ModuleType) -> None:
    for name, content in (builder.golden() | builder.malformed()).items():
        assert (FIXTURES / name).read_bytes() == content, name


def test_every_core_transaction_has_a_golden_one() -> None:
    core = {str(code).lower().replace(" ", "-") for code, row in codes.VALID.items() if row.core}
    assert len(core) == 104
    assert core <= set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_flat_and_json_forms_are_one_transaction(slug: str, golden: dict[str, bytes]) -> None:
    obj = json.loads((FIXTURES / "transactions" / f"{slug}.json").read_text("utf-8"))
    raw = golden[f"{slug}.to-server.txt"]
    reading = transaction.read(raw, Direction.TO_SERVER)
    assert reading.problems == ()
    assert reading.transaction is not None
    assert transaction.to_json(reading.transaction) == obj
    assert transaction.from_json(obj) == reading.transaction
    assert transaction.write(reading.transaction, Direction.TO_SERVER) == raw
    assert str(reading.transaction.far).lower().replace(" ", "-") == slug


@pytest.mark.parametrize("slug", SLUGS)
def test_the_receiver_sees_the_mirrored_transaction_with_the_stamps(
    slug: str, golden: dict[str, bytes]
) -> None:
    sent = transaction.read(golden[f"{slug}.to-server.txt"], Direction.TO_SERVER).transaction
    assert sent is not None
    seen = transaction.mirror(sent)
    header = msgspec.structs.replace(
        seen.header, date_received=date(2026, 11, 21), time_received=time(3, 15), overdue_ind=None
    )
    seen = msgspec.structs.replace(seen, header=header)
    raw = golden[f"{slug}.from-server.txt"]
    assert transaction.write(seen, Direction.FROM_SERVER) == raw
    assert transaction.read(raw, Direction.FROM_SERVER).transaction == seen


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("direction", list(Direction))
def test_golden_transactions_pass_every_edit(
    slug: str, direction: Direction, golden: dict[str, bytes]
) -> None:
    tx = transaction.read(golden[f"{slug}.{direction}.txt"], direction).transaction
    assert tx is not None
    assert validation.validate(tx, today=date(2026, 11, 21), direction=direction) == ()


def test_the_closure_request_stands_where_charts_c3_to_c8_print_it(golden: dict[str, bytes]) -> None:
    raw = golden["msc-p-gsc17.to-server.txt"]
    assert raw[:17] == b"20000  27000  003"
    assert raw[17:29] == b"000000002002"
    assert raw[33:45] == b"PMSC20261120"
    assert raw[45:60] == b"KS00558823     "
    assert raw[60:75] == b"001234567902   "
    assert raw[75:96] == b"GSC17        N1102000"
    assert raw[126:129] == b"0SC"
    tx = transaction.read(raw, Direction.TO_SERVER).transaction
    assert tx is not None
    assert tx.ncp_identification is not None
    assert tx.ncp_identification.name_last == "FERNWOOD"
    assert [person.relationship for person in tx.participants] == ["C", "D"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_damaged_file_yields_all_its_problems(name: str) -> None:
    data = (FIXTURES / "malformed" / f"{name}.txt").read_bytes()
    found = []
    for record in flatfile.read_all(data):
        problems = record.problems
        if record.transaction is not None:
            edits = validation.validate(
                record.transaction, today=date(2026, 11, 21), direction=record.direction
            )
            problems += tuple(edit for edit in edits if edit.stops)
        found.append([f"{problem.severity} {problem.code}" for problem in problems])
    assert found == EXPECTED[name]


def test_every_damaged_file_says_what_to_expect() -> None:
    assert {path.stem for path in (FIXTURES / "malformed").glob("*.txt")} == set(EXPECTED)
