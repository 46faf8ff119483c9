"""Invalid files of every chart yield exactly the problems listed beside them.

Run as a program, this writes the files anew: positions are those of the printed charts, counted from the
beginning of a block, and were typed off them, not taken from the layouts.
"""

import importlib.util
import json
from collections import Counter
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from csenet.codecs import errorfile, flatfile
from csenet.codecs.validation import placed_error, validate_error
from csenet.codecs.validation_whole import examine

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "malformed" / "charts"
TODAY = date(2026, 11, 21)


class Fault(NamedTuple):
    """Say which golden transaction is spoilt, in which block, from which position, with what."""

    name: str
    slug: str
    block: str
    position: int
    text: str


FAULTS = (
    Fault("c-3-unknown-county", "msc-p-gsc17", "header", 10, "998"),
    Fault("c-3-date-of-tomorrow", "msc-p-gsc17", "header", 38, "20261122"),
    Fault("c-3-no-case-id", "msc-r-grint", "header", 46, " " * 15),
    Fault("c-3-overdue", "msc-r-grint", "header", 127, "1"),
    Fault("c-3-no-such-transaction", "msc-p-gsc15", "header", 76, "GSC99"),
    Fault("c-4-unknown-state", "msc-p-gsc17", "header", 8, "03"),
    Fault("c-4-serial-of-zeros", "msc-p-gsc17", "header", 18, "0" * 12),
    Fault("c-4-attachments-unlisted", "msc-r-grint", "header", 89, "Y"),
    Fault("c-4-time-of-25-hours", "msc-p-gsc17", "header", 105, "250000"),
    Fault("c-5-no-payment-address", "enf-r-erall", "case", 3, " " * 25),
    Fault("c-5-unknown-abbreviation", "msc-r-grint", "case", 71, "XX"),
    Fault("c-5-short-zip", "msc-r-grint", "case", 208, "666  "),
    Fault("c-5-wrong-status", "msc-p-gsc17", "case", 2, "O"),
    Fault("c-6-born-tomorrow", "msc-p-gsc17", "ncp_identification", 66, "20261122"),
    Fault("c-6-inches-without-feet", "msc-p-gsc17", "ncp_identification", 91, " "),
    Fault("c-6-twelve-inches", "msc-p-gsc17", "ncp_identification", 92, "12"),
    Fault("c-6-no-ssn-and-no-address", "col-p-citax", "ncp_identification", 57, " " * 9),
    Fault("c-7-address-unconfirmed", "est-r-srord", "ncp_locate", 175, " "),
    Fault("c-7-end-before-beginning", "enf-r-erall", "ncp_locate", 167, "20260309"),
    Fault("c-7-wage-without-year", "enf-r-erall", "ncp_locate", 647, " " * 4),
    Fault("c-7-employer-unconfirmed", "lo1-p-lsadr", "ncp_locate", 645, " "),
    Fault("c-7-wage-of-1899", "lo1-p-lsadr", "ncp_locate", 647, "1899"),
    Fault("c-8-no-status", "msc-p-gsc17", "participants", 77, " "),
    Fault("c-8-no-relationship", "est-r-srord", "participants", 76, " "),
    Fault("c-8-born-nowhen", "pat-r-blank", "participants", 57, " " * 8),
    Fault("c-8-unknown-gender", "msc-p-gsc17", "participants", 74, "Q"),
    Fault("c-9-no-frequency", "msc-p-gstai", "orders", 36, " "),
    Fault("c-9-ends-as-it-begins", "msc-p-gstai", "orders", 57, "20160501"),
    Fault("c-9-unknown-county", "enf-r-erall", "orders", 3, "002"),
    Fault("c-9-no-arrears-amount", "enf-r-erall", "orders", 74, " " * 12),
    Fault("c-9-tanf-without-period", "enf-r-erall", "orders", 114, "000000001000"),
    Fault("c-10-no-method", "col-p-citax", "collections", 30, " "),
    Fault("c-10-posted-before", "col-p-citax", "collections", 9, "20261101"),
    Fault("c-10-no-amount", "col-p-citax", "collections", 17, " " * 12),
    Fault("c-11-no-status", "enf-r-erall", "information", 1, " "),
    Fault("c-11-case-id-of-zeros", "msc-p-gscas", "information", 2, "0" * 15),
    Fault("c-11-balance-of-tomorrow", "msc-p-gstai", "information", 41, "20261122"),
    Fault("c-11-rejects-nothing", "msc-p-rejct", "information", 17, " " * 29),
    Fault("c-12-unknown-function", "", "error", 58, "XYZ"),
    Fault("c-12-unknown-action", "", "error", 56, "X"),
    Fault("c-12-no-serial", "", "error", 91, " " * 12),
    Fault("c-12-unknown-state", "", "error", 8, "03"),
)

ERROR_RECORD = (
    f"000001 2700000 2000000 {'001234567801':15} {'KS00447712':15} R MSC GRINT"
    f" {'':8} 20261120 {'':4} 000000002003 {'INVALID OTHER FIPS COUNTY':42}"
)


def neighbour(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


by_hand = neighbour("by_hand")
build = neighbour("build_fixtures")


def spoilt(fault: Fault) -> bytes:
    """Build a golden file by hand and write over it; error records have no other block."""
    if fault.block == "error":
        start, raw = 0, ERROR_RECORD.encode()
    else:
        start, raw = place_of(fault)
    at = start + fault.position - 1
    return raw[:at] + fault.text.encode() + raw[at + len(fault.text) :] + b"\n"


def place_of(fault: Fault) -> tuple[int, bytes]:
    """Tell where the first record of a fault's block begins in its golden file."""
    obj: Any = build.load(fault.slug)
    to_server = fault.name.startswith("c-3-")
    raw = by_hand.to_server(obj) if to_server else by_hand.from_server(obj, build.RECEIVED)
    if fault.block == "header":
        return 0, raw
    at = by_hand.HEADER_FROM
    for name, width in by_hand.LENGTHS.items():
        if name == fault.block:
            break
        held = obj.get(name, [])
        at += width * (len(held) if isinstance(held, list) else 1)
    return at, raw


def problems(data: bytes) -> list[str]:
    """Judge a file as `csenet validate` does."""
    found = []
    if errorfile.is_error_file(data):
        for reading in errorfile.read_all(data):
            more = validate_error(reading.record) if reading.record else ()
            found += placed_error(reading, 0, (*reading.problems, *more))
    else:
        for record in flatfile.read_all(data):
            found += examine(record, today=TODAY)
    return [f"{problem.severity} {problem.code}" for problem in found]


EXPECTED: dict[str, list[str]] = json.loads((FOLDER / "problems.json").read_text("utf-8"))


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_spoilt_file_yields_what_is_listed(fault: Fault) -> None:
    data = (FOLDER / f"{fault.name}.txt").read_bytes()
    assert data == spoilt(fault)
    assert problems(data) == EXPECTED[fault.name]
    assert EXPECTED[fault.name]


def test_every_chart_has_three_invalid_files_or_more_and_none_is_left_over() -> None:
    names = {path.stem for path in FOLDER.glob("*.txt")}
    assert names == {fault.name for fault in FAULTS} == set(EXPECTED)
    charts = Counter("-".join(name.split("-")[:2]) for name in names)
    assert set(charts) == {f"c-{number}" for number in range(3, 13)}
    assert min(charts.values()) >= 3


def main() -> None:
    """Write the files and what they yield; read the list before believing it."""
    for fault in FAULTS:
        (FOLDER / f"{fault.name}.txt").write_bytes(spoilt(fault))
    listed = {fault.name: problems(spoilt(fault)) for fault in FAULTS}
    (FOLDER / "problems.json").write_text(json.dumps(listed, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
