"""Hold what stays the same for one jurisdiction's desk: its code, profile, agreements and calendar."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from csenet.handlers.policy.agreements import Agreements, load_agreements
from csenet.handlers.policy.profile import Profile, load_profile
from csenet.handlers.policy.work_rules import WorkRule
from csenet.handlers.policy.working_days import Calendar, received_on


class Agency(msgspec.Struct, frozen=True, kw_only=True):
    """Describe the agency the desk works for.

    ``fips`` has seven characters: state, county, and two more that may be blank.
    ``closes`` is the close of business in local time, if that counts.
    """

    fips: str
    profile: Profile
    agreements: Agreements
    calendar: Calendar
    zone: tzinfo
    closes: time | None = None
    work_rules: tuple[WorkRule, ...] = ()

    @property
    def state(self) -> str:
        """Return the two-digit FIPS code."""
        return self.fips[:2]

    def date_of(self, moment: datetime) -> date:
        """Return the date a moment has where the agency is."""
        return moment.astimezone(self.zone).date()

    def received_on(self, moment: datetime) -> date:
        """Return the date on which what arrived at a moment counts as received."""
        return received_on(moment.astimezone(self.zone), self.calendar, self.closes).date


def agency_of(
    fips2: str,
    *,
    county: str = "000",
    profile: Profile | None = None,
    agreements: Agreements | None = None,
    closes: time | None = None,
    work_rules: tuple[WorkRule, ...] = (),
) -> Agency:
    """Put an agency together from its code, with the published profile and the default agreements.

    Raises what the policy tables raise for an unknown code.
    """
    chosen = profile or load_profile(fips2)
    return Agency(
        fips=f"{fips2}{county}".ljust(7),
        profile=chosen,
        agreements=agreements or load_agreements(None),
        calendar=Calendar(fips2),
        zone=ZoneInfo(chosen.time_zone),
        closes=closes,
        work_rules=work_rules,
    )
