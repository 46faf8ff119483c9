"""The table of kept duties says for both roles what opens each and what closes it."""

from datetime import date
from pathlib import Path

import pytest

from csenet.handlers.event_table import kinds
from csenet.handlers.policy import deadlines
from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.kept_duties import kept, kept_duties, load_kept, opens


def test_each_row_has_an_opener_and_a_duty_with_a_clock() -> None:
    rows = kept_duties()
    assert len(rows) > 20
    assert all(bool(row.by) != (row.opens_way == "event") for row in rows)
    assert all(deadlines.duty_of(row.duty).limits for row in rows)


def test_what_opens_on_an_event_is_named_by_a_kind_of_event() -> None:
    named = {kind.duty_of(role) for kind in kinds().values() for role in ("initiating", "responding")}
    named |= {send.duty for kind in kinds().values() for send in kind.sends}
    assert {row.duty for row in kept_duties() if row.opens_way == "event"} <= named


@pytest.mark.parametrize(
    ("way", "far", "expected"),
    [
        ("received", "MSC P GSC17", [("RS7", "we-owe")]),
        ("sent", "MSC P GSC17", [("RS7", "they-owe")]),
        ("received", "MSC P GSC18", []),
        ("sent", "MSC R GRUPD", [("CR3", "they-owe")]),
        ("received", "MSC P GSC14", [("RS9", "we-owe")]),
        ("received", "LO1 R BLANK", [("LO1", "we-owe")]),
        ("received", "ENF R EREXO", [("CR1", "we-owe")]),
        ("sent", "ENF A AADIN", [("RS1", "we-owe"), ("IN3", "they-owe")]),
    ],
)
def test_a_transaction_opens_what_follows_from_its_way(
    way: str, far: str, expected: list[tuple[str, str]]
) -> None:
    found = [(row.duty, row.side) for row in opens(way, far)]  # type: ignore[arg-type]
    assert found == expected


@pytest.mark.parametrize(
    ("duty", "side", "opener", "way", "far", "expected"),
    [
        ("CR1", "we-owe", "ENF R EREXO", "sent", "ENF A ANOAD", "answered"),
        ("CR1", "we-owe", "ENF R EREXO", "sent", "EST A ANOAD", None),
        ("CR1", "we-owe", "ENF R EREXO", "received", "ENF A ANOAD", None),
        ("CR1", "we-owe", "ENF R EREXO", "received", "ENF C ERWAG", "lapsed"),
        ("CR1", "they-owe", "ENF R EREXO", "received", "ENF P EIWAR", "answered"),
        ("CR1", "we-owe", "ENF R EREXO", "sent", "MSC P GSC16", "lapsed"),
        ("RS11", "we-owe", "MSC P GSC15", "sent", "MSC P GSC16", "answered"),
        ("AN1", "we-owe", "MSC R GRPOC", "sent", "MSC P GSC16", "lapsed"),
        ("RS9", "they-owe", "MSC P GSC14", "received", "MSC P GSPUD", "answered"),
    ],
)
def test_what_comes_and_goes_closes_what_it_answers(
    duty: str, side: str, opener: str, way: str, far: str, expected: str | None
) -> None:
    row = kept(duty, side)
    assert row is not None
    assert row.outcome(opener, way, far) == expected  # type: ignore[arg-type]


def test_the_gateway_acts_on_its_own_day_and_never_after_the_federal_one() -> None:
    row = kept("LO1", "we-owe")
    assert row is not None
    start, due = date(2026, 11, 20), date(2027, 2, 3)
    assert row.acts_on(start, due) == date(2026, 12, 20)
    assert row.acts_on(start, date(2026, 12, 1)) == date(2026, 12, 1)
    theirs = kept("LO1", "they-owe")
    assert theirs is not None
    assert theirs.acts_on(start, due) is None


def test_a_table_with_a_duty_that_has_no_clock_or_stands_twice_is_refused(tmp_path: Path) -> None:
    row = '[[row]]\nduty = "{}"\nsides = ["we-owe"]\n'
    rows = "".join(row.format(name) for name in ("RS7", "RS7", "XX9", "IN5"))
    file = tmp_path / "kept.toml"
    file.write_text(f'ends_all = []\nrejection = "MSC P REJCT"\n{rows}', "utf-8")
    with pytest.raises(PolicyError) as refused:
        load_kept(file)
    assert refused.value.problems[:4] == (
        "row 'RS7': stands twice for we-owe",
        "row 'XX9': deadlines.toml has no such duty with a limit",
        "row 'IN5': nothing opens it",
        "duty 'CR1': must stand either among the rows or among those without a clock",
    )
