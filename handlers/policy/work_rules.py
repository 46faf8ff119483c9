"""Choose the office and worker for work by the agency's own rules: name range, county, partner, kind.

The first rule that fits counts. A rule without conditions fits everything and stands last.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from csenet.handlers.policy.dated import PolicyError, read_table
from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.work_kinds import work_kinds

_NAME_LENGTH = 64
_SECOND = 2

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=_NAME_LENGTH)]
_Letters = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{1,8}$")]
_County = Annotated[str, msgspec.Meta(pattern=r"^\d{3}$")]


class WorkRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold one rule: its conditions, all of which must hold, and who gets the work.

    `ncp_from` and `ncp_to` bound the noncustodial parent's last name, both ends included, as far as they are
    written: `ncp_to = "F"` takes FULLER. `county` is ours, `partner` the other state's FIPS code or letters.
    """

    office: _Name
    worker: _Name | None = None
    kind: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    county: tuple[_County, ...] = ()
    ncp_from: _Letters | None = None
    ncp_to: _Letters | None = None

    def fits(self, matter: Matter) -> bool:
        """Tell whether all conditions hold."""
        return (
            (not self.kind or matter.kind in self.kind)
            and (not self.partner or matter.partner in self.states())
            and (not self.county or matter.county in self.county)
            and self._name_fits(matter.name)
        )

    def _name_fits(self, name: str | None) -> bool:
        if self.ncp_from is None and self.ncp_to is None:
            return True
        if name is None:
            return False
        letters = "".join(each for each in name.upper() if each.isalpha())
        above = self.ncp_from is None or letters >= self.ncp_from
        return above and (self.ncp_to is None or letters[: len(self.ncp_to)] <= self.ncp_to)

    def states(self) -> frozenset[str]:
        """Give the FIPS codes of the partners named."""
        return frozenset(fips for each in self.partner if (fips := _fips(each)) is not None)

    @property
    def always(self) -> bool:
        """Tell whether it has no condition."""
        return not (self.kind or self.partner or self.county or self.ncp_from or self.ncp_to)


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what rules ask about; `partner` is a two-digit FIPS code."""

    kind: str = ""
    partner: str | None = None
    county: str | None = None
    name: str | None = None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[WorkRule, ...] = ()


def assigned(rules: tuple[WorkRule, ...], matter: Matter) -> WorkRule | None:
    """Find the first rule that fits."""
    return next((rule for rule in rules if rule.fits(matter)), None)


def load_work_rules(path: Path) -> tuple[WorkRule, ...]:
    """Read and check the agency's rules; raises `PolicyError` with everything that is wrong."""
    rules = read_table(path, _Table).rule
    problems = [text for number, rule in enumerate(rules, 1) for text in _wrong(number, rule)]
    problems += [
        f"rule[{number}]: is never reached, rule[{number - 1}] fits everything"
        for number, (before, _) in enumerate(pairwise(rules), _SECOND)
        if before.always
    ]
    if problems:
        raise PolicyError(path.name, problems)
    return rules


def _fips(state: str) -> str | None:
    found = (row.fips for row in jurisdictions().values() if state in (row.fips, row.abbreviation))
    return next(found, None)


def _wrong(number: int, rule: WorkRule) -> list[str]:
    found = [
        f"rule[{number}].kind: there is no kind of work {kind!r}"
        for kind in rule.kind
        if kind not in work_kinds()
    ]
    found += [
        f"rule[{number}].partner: {state!r} is no state that takes part"
        for state in rule.partner
        if _fips(state) is None
    ]
    if rule.ncp_from and rule.ncp_to and rule.ncp_to < rule.ncp_from[: len(rule.ncp_to)]:
        found.append(f"rule[{number}]: ncp_to lies before ncp_from, so no name fits")
    return found


def gaps(rules: tuple[WorkRule, ...]) -> tuple[str, ...]:
    """List the first letters of names for which no rule without other conditions is there."""
    open_ones = [rule for rule in rules if not (rule.kind or rule.partner or rule.county)]
    return tuple(
        letter
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        if assigned(tuple(open_ones), Matter(name=letter)) is None
    )
