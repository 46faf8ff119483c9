"""Know the 54 jurisdictions of the child support programme: FIPS code, abbreviation, name, time zone."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from csenet.handlers.policy.dated import PARAMETERS, PolicyError, read_table, unique


class Jurisdiction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name a state, district or territory; `time_zone` is the IANA zone its capital keeps."""

    fips: str
    abbreviation: str
    name: str
    time_zone: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jurisdiction: tuple[Jurisdiction, ...]


class UnknownJurisdictionError(LookupError):
    """Report a FIPS code that belongs to none of the 54 jurisdictions."""


def jurisdiction(fips2: str) -> Jurisdiction:
    """Find a jurisdiction by its two-digit FIPS code; raise `UnknownJurisdictionError` if none has it."""
    try:
        return jurisdictions()[fips2]
    except KeyError:
        raise UnknownJurisdictionError(f"no jurisdiction has the FIPS code {fips2!r}") from None


@cache
def jurisdictions() -> Mapping[str, Jurisdiction]:
    """Load the table of jurisdictions once, keyed by FIPS code."""
    return load_jurisdictions(PARAMETERS / "jurisdictions.toml")


def load_jurisdictions(path: Path) -> Mapping[str, Jurisdiction]:
    """Read and check a table of jurisdictions; raise `PolicyError` naming file and key."""
    rows = read_table(path, _Table).jurisdiction
    problems = unique(path.name, "fips", (row.fips for row in rows))
    problems += unique(path.name, "abbreviation", (row.abbreviation for row in rows))
    for row in rows:
        try:
            ZoneInfo(row.time_zone)
        except (LookupError, ValueError):
            problems.append(f"jurisdiction {row.fips!r}.time_zone: {row.time_zone!r} is not a known zone")
    if problems:
        raise PolicyError(path.name, problems)
    return MappingProxyType({row.fips: row for row in rows})
