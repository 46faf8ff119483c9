"""Say until when a judgment can be enforced: years from its entry, and from each renewal made in time."""

from datetime import date
from decimal import Decimal

import msgspec

from csenet.handlers.policy.arrears import Judgment, month_after
from csenet.handlers.policy.interest_terms import Terms
from csenet.handlers.policy.rules import NotStated, Why

_MONTHS_A_YEAR = 12


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the last day on which a judgment can be enforced; `expires` is None where no limit is stated.

    `too_late` are renewals after the judgment had expired: they renew nothing.
    """

    entered: date
    amount: Decimal
    expires: date | None
    renewed: tuple[date, ...] = ()
    too_late: tuple[date, ...] = ()
    reasons: tuple[Why, ...] = ()


def limit(judgment: Judgment, terms: Terms, as_of: date) -> Limit | NotStated:
    """Work out the last day of a judgment, with the renewals known on `as_of`.

    A period of years ends on the day of the month on which it began, that day included. `NotStated` when a
    renewal matters and the jurisdiction does not say whether judgments can be renewed.
    """
    years = terms.ask("judgment_years", judgment.entered)
    if isinstance(years, NotStated):
        return Limit(entered=judgment.entered, amount=judgment.amount, expires=None, reasons=(years.why,))
    months = int(str(years.value)) * _MONTHS_A_YEAR
    expires = month_after(judgment.entered, months)
    renewed, late = [], []
    reasons = {years.why: None}
    for day in sorted(day for day in judgment.renewed if day <= as_of):
        may = terms.ask("judgment_renewable", day)
        if isinstance(may, NotStated):
            return may
        reasons[may.why] = None
        if may.value and day <= expires:
            expires = month_after(day, months)
            renewed.append(day)
        else:
            late.append(day)
    return Limit(
        entered=judgment.entered,
        amount=judgment.amount,
        expires=expires,
        renewed=tuple(renewed),
        too_late=tuple(late),
        reasons=tuple(reasons),
    )
