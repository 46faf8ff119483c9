"""The table of routes: it agrees with the table of duties, and none of its rows is idle."""

from datetime import date

from csenet.codecs.codes import VALID
from csenet.handlers.policy.deadlines import duties, opened_by
from csenet.handlers.policy.working_days import Calendar
from csenet.handlers.routes import OTHERS, ROUTES, TABLE

DAY = date(2026, 11, 4)
OURS = {"LO1 P LUALL": "LO2", "MSC P REJCT": "AN2", "ENF R ERSTA": "CR3", "ENF U ERSTA": "CR3"}
"""Duties that the table of duties does not tie to the code: what it tells or asks starts them."""


def test_a_transaction_starts_the_duty_that_the_law_starts_on_its_receipt():
    calendar = Calendar("27")
    for code in VALID:
        started = {each.duty.id for each in opened_by(str(code), DAY, calendar) if each.due is not None}
        duty = ROUTES.get(code, OTHERS).task.duty
        assert duty == OURS.get(str(code)) if not started else duty in started, code


def test_each_row_of_the_table_handles_a_valid_code():
    used = set(ROUTES.values())
    assert [route.pattern for route in TABLE if route not in used] == []


def test_each_duty_of_the_table_is_known():
    assert {route.task.duty for route in TABLE if route.task.duty} <= duties().keys()
