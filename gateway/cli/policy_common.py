"""What the policy commands share: a state's profile, and how versions are written."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import Decorated, Unusable

if TYPE_CHECKING:
    from csenet.handlers.policy.explain_words import Version
    from csenet.handlers.policy.profile import Profile

NOT_STATED = "not stated"


def state_option(function: Decorated) -> Decorated:
    """Add ``--state``."""
    return click.option("--state", metavar="MN", help="A state by abbreviation or two-digit FIPS code.")(
        function
    )


def profile_of(state: str | None) -> Profile | None:
    """Load the profile of a state named by abbreviation or FIPS code; None where none is named."""
    from csenet.handlers.policy.profile import load_profile

    return None if state is None else load_profile(fips_of(state))


def fips_of(state: str) -> str:
    """Find a state's two-digit FIPS code."""
    from csenet.handlers.policy.jurisdictions import jurisdictions

    wanted = state.strip().upper()
    for place in jurisdictions().values():
        if wanted in (place.fips, place.abbreviation):
            return place.fips
    raise Unusable(f"{state!r} is neither the abbreviation nor the FIPS code of a state or territory")


def stated(version: Version | None) -> str:
    """Write the value of a version; a mere reason has none."""
    return NOT_STATED if version is None else version.value


def period(since: date | None, until: date | None) -> str:
    """Write from when until when something holds."""
    if since is None and until is None:
        return "any day"
    first = f"from {since}" if since is not None else ""
    last = f"through {until}" if until is not None else ""
    return f"{first} {last}".strip()


def authority(citation: str, ours: bool) -> str:
    """Write a citation, marked where the value is the gateway's own choice."""
    return f"{citation} (our default)" if ours else citation


def fields(rows: dict[str, Any]) -> None:
    """Print what is filled of a few named values, one a line."""
    for name, value in rows.items():
        if value:
            click.echo(f"  {name + ':':<14}{value}")
