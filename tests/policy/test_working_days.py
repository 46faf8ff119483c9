"""Counting days, checked against the calendar."""

from datetime import date
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.jurisdictions import (
    UnknownJurisdictionError,
    jurisdiction,
    jurisdictions,
    load_jurisdictions,
)
from csenet.handlers.policy.working_days import Calendar, holidays_of, received_on


def test_days_are_counted_as_on_the_calendar(counting_case: dict[str, Any]) -> None:
    number, unit = counting_case["add"]
    assert (
        Calendar(counting_case["state"]).add(counting_case["start"], number, unit) == counting_case["gives"]
    )


def test_a_day_is_a_working_day_or_not(day_case: dict[str, Any]) -> None:
    assert Calendar(day_case["state"]).is_working_day(day_case["date"]) is day_case["working"]


def test_a_negative_number_of_working_days_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Calendar("27").add_working_days(date(2026, 11, 21), -1)


def test_a_holiday_has_a_name() -> None:
    assert Calendar("27").holiday(date(2026, 12, 25)) == "Christmas Day"
    assert Calendar("27").holiday(date(2026, 12, 24)) is None


FEDERAL_2026 = [
    (1, 1),
    (1, 19),
    (2, 16),
    (5, 25),
    (6, 19),
    (7, 3),
    (9, 7),
    (10, 12),
    (11, 11),
    (11, 26),
    (12, 25),
]


@pytest.mark.parametrize("fips", sorted(jurisdictions()))
def test_every_jurisdiction_keeps_the_federal_holidays(fips: str) -> None:
    calendar = Calendar(fips)
    assert not [day for day in FEDERAL_2026 if calendar.is_working_day(date(2026, *day))]


def test_a_jurisdiction_the_library_does_not_know_keeps_the_federal_holidays_alone() -> None:
    weekdays = [(day.month, day.day) for day in sorted(holidays_of("nowhere", 2026)) if day.weekday() < 5]
    assert weekdays == FEDERAL_2026


def test_there_are_fifty_four_jurisdictions() -> None:
    assert len(jurisdictions()) == 54
    assert (jurisdiction("11").abbreviation, jurisdiction("78").name) == ("DC", "Virgin Islands")
    assert repr(Calendar("27")) == "Calendar('27')"


def test_an_unknown_jurisdiction_is_refused() -> None:
    with pytest.raises(UnknownJurisdictionError, match="'88'"):
        Calendar("88")


def test_a_wrong_table_of_jurisdictions_is_refused_by_file_and_key(table: Any) -> None:
    row = '[[jurisdiction]]\nfips = "27"\nabbreviation = "MN"\nname = "Minnesota"\ntime_zone = "{}"\n'
    path = table(row.format("America/Chicago") + row.format("America/Nowhere"))
    with pytest.raises(PolicyError) as caught:
        load_jurisdictions(path)
    assert str(caught.value).splitlines() == [
        "table.toml: fips '27': stands twice in table.toml",
        "table.toml: abbreviation 'MN': stands twice in table.toml",
        "table.toml: jurisdiction '27'.time_zone: 'America/Nowhere' is not a known zone",
    ]


def test_the_day_of_receipt_is_a_setting_of_the_hour(receipt_case: dict[str, Any]) -> None:
    calendar = Calendar(receipt_case["state"])
    said = received_on(receipt_case["arrived"], calendar, receipt_case.get("closes"))
    assert said.date == receipt_case["received"]
    assert said.why.rule == "receipt_after_hours_counts_next_working_day"
    assert said.why.ours
    assert calendar.add_working_days(said.date, 10) == receipt_case["due"]
