"""When batches may leave, hour by hour over a whole year with both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from csenet.gateway.delivery.windows import Opening, Windows

EASTERN = ZoneInfo("America/New_York")
ARIZONA = ZoneInfo("America/Phoenix")
MINUTE = timedelta(minutes=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def windows(*spans: str, **more: object) -> Windows:
    read = [tuple(time.fromisoformat(each) for each in span.split("-")) for span in spans]
    return Windows(zone=EASTERN, spans=tuple(read), **more)  # type: ignore[arg-type]


def openings(found: Windows, start: datetime, end: datetime) -> list[Opening]:
    """Walk from window to window as the courier would."""
    walked = []
    at = start
    while (opens := found.next_window(at)) is not None and opens < end:
        opening = found.current(opens)
        assert opening is not None
        walked.append(opening)
        at = opens
    return walked


def test_without_windows_batches_leave_at_any_time() -> None:
    continuous = Windows()
    assert continuous.continuous
    assert continuous.is_open(utc(2026, 7, 4, 3))
    assert continuous.next_window(utc(2026, 7, 4, 3)) is None


def test_by_hand_nothing_leaves_by_itself() -> None:
    by_hand = Windows(by_hand=True)
    assert not by_hand.is_open(utc(2026, 7, 6, 12))
    assert by_hand.next_window(utc(2026, 7, 6, 12)) is None


def test_a_window_opens_with_its_first_minute_and_shuts_with_its_end() -> None:
    evening = windows("18:00-19:30")
    # 18:00 in New York is 23:00 UTC in winter and 22:00 UTC in summer.
    assert evening.next_window(utc(2026, 1, 15, 12)) == utc(2026, 1, 15, 23)
    assert evening.next_window(utc(2026, 7, 15, 12)) == utc(2026, 7, 15, 22)
    assert not evening.is_open(utc(2026, 7, 15, 21, 59))
    assert evening.is_open(utc(2026, 7, 15, 22))
    assert evening.is_open(utc(2026, 7, 15, 23, 29))
    assert not evening.is_open(utc(2026, 7, 15, 23, 30))
    assert evening.next_window(utc(2026, 7, 15, 22)) == utc(2026, 7, 16, 22)


def test_a_whole_year_has_each_days_windows_once_and_at_their_local_hours() -> None:
    found = openings(windows("06:00-07:00", "18:00-19:30"), utc(2026, 1, 1, 5), utc(2027, 1, 1, 5))
    assert len(found) == 2 * 365
    local = [(each.start.astimezone(EASTERN), each.end.astimezone(EASTERN)) for each in found]
    assert [start.date() for start, _ in local[::2]] == [
        date(2026, 1, 1) + timedelta(days=number) for number in range(365)
    ]
    assert {(start.time(), end.time()) for start, end in local} == {
        (time(6), time(7)),
        (time(18), time(19, 30)),
    }
    gaps = {later.start - earlier.start for earlier, later in zip(found[::2], found[2::2], strict=False)}
    assert gaps == {timedelta(hours=23), timedelta(hours=24), timedelta(hours=25)}


def test_every_minute_of_a_year_agrees_with_the_walk_from_window_to_window() -> None:
    both = windows("01:30-02:30", "23:00-00:30")
    found = openings(both, utc(2026, 3, 1), utc(2026, 3, 15)) + openings(
        both, utc(2026, 10, 25), utc(2026, 11, 8)
    )
    for start, end in ((utc(2026, 3, 2), utc(2026, 3, 14)), (utc(2026, 10, 26), utc(2026, 11, 7))):
        at = start
        while at < end:
            assert both.is_open(at) == any(each.start <= at < each.end for each in found), at
            at += MINUTE


def test_an_hour_that_is_skipped_is_taken_an_hour_later() -> None:
    # On 8 March 2026 New York goes from 02:00 EST to 03:00 EDT, at 07:00 UTC.
    day = utc(2026, 3, 8, 5)
    for span in ("02:15-02:45", "02:30-03:00"):
        (opening,) = openings(windows(span), day, utc(2026, 3, 9, 4))
        assert opening.start.astimezone(EASTERN).hour == 3
        assert opening.end - opening.start == timedelta(minutes=30)
    (across,) = openings(windows("01:30-02:30"), day, utc(2026, 3, 9, 4))
    assert across == Opening(utc(2026, 3, 8, 6, 30), utc(2026, 3, 8, 7, 30))


def test_an_hour_that_comes_twice_counts_the_first_time() -> None:
    # On 1 November 2026 New York goes from 02:00 EDT back to 01:00 EST, at 06:00 UTC.
    (opening,) = openings(windows("01:15-01:45"), utc(2026, 11, 1, 4), utc(2026, 11, 2, 5))
    assert opening == Opening(utc(2026, 11, 1, 5, 15), utc(2026, 11, 1, 5, 45))
    (across,) = openings(windows("00:30-02:30"), utc(2026, 11, 1, 4), utc(2026, 11, 2, 5))
    assert across == Opening(utc(2026, 11, 1, 4, 30), utc(2026, 11, 1, 7, 30))


def test_a_zone_that_never_changes_its_clocks_has_windows_a_day_apart() -> None:
    found = openings(
        Windows(zone=ARIZONA, spans=((time(18), time(19)),)), utc(2026, 1, 1, 7), utc(2027, 1, 1, 7)
    )
    assert len(found) == 365
    assert {later.start - earlier.start for earlier, later in pairwise(found)} == {timedelta(days=1)}


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    friday = windows("22:00-02:00", weekdays=frozenset({4}))
    # Friday 20 November 2026, 22:00 EST, until Saturday 02:00.
    assert friday.next_window(utc(2026, 11, 18)) == utc(2026, 11, 21, 3)
    assert friday.is_open(utc(2026, 11, 21, 6, 59))
    assert not friday.is_open(utc(2026, 11, 21, 7))
    assert friday.next_window(utc(2026, 11, 21, 3)) == utc(2026, 11, 28, 3)


def test_the_whole_day_can_be_a_window() -> None:
    monday = windows("00:00-00:00", weekdays=frozenset({0}))
    assert monday.current(utc(2026, 11, 23, 12)) == Opening(utc(2026, 11, 23, 5), utc(2026, 11, 24, 5))


@pytest.mark.parametrize(
    ("holiday", "then"),
    [
        (date(2026, 1, 19), date(2026, 1, 20)),  # Martin Luther King Jr. Day
        (date(2026, 11, 26), date(2026, 11, 27)),  # Thanksgiving
        # On a Saturday, Independence Day 2026 and New Year's Day 2028 are observed on the Friday as well.
        (date(2026, 7, 3), date(2026, 7, 5)),
        (date(2027, 12, 31), date(2028, 1, 2)),
    ],
)
def test_federal_holidays_have_no_window_where_they_are_skipped(holiday: date, then: date) -> None:
    noon = datetime.combine(holiday, time(12), EASTERN).astimezone(UTC)
    assert windows("12:00-13:00").is_open(noon)
    skipping = windows("12:00-13:00", skip_federal_holidays=True)
    assert not skipping.is_open(noon)
    following = skipping.next_window(noon)
    assert following is not None
    assert following.astimezone(EASTERN).date() == then


def test_a_year_of_working_days_has_as_many_windows() -> None:
    weekdays = windows("18:00-19:00", weekdays=frozenset(range(5)), skip_federal_holidays=True)
    # 2026 has 261 weekdays and 11 federal holidays, all of them kept on weekdays.
    assert len(openings(weekdays, utc(2026, 1, 1, 5), utc(2027, 1, 1, 5))) == 261 - 11
