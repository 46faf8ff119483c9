"""Hold the kinds of value that settings are made of, each refusing what it cannot be."""

from __future__ import annotations

import ipaddress
import re
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from csenet.codecs import codes


def known_jurisdiction(value: str) -> str:
    """Accept the two digits of a jurisdiction that takes part; name its digits when letters were written."""
    known = codes.jurisdictions()
    if value in known:
        return value
    for fips, jurisdiction in known.items():
        if value.strip().upper() in {jurisdiction.abbreviation.upper(), jurisdiction.name.upper()}:
            raise ValueError(f'must be the two-digit FIPS code; for {jurisdiction.name} write "{fips}"')
    raise ValueError("is not the two-digit FIPS code of a state or territory that takes part in CSENet")


def _address_of_proxy(value: str) -> str:
    """Refuse what is no address of a machine."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be the IP address of a proxy") from None


ProxyAddress = Annotated[str, AfterValidator(_address_of_proxy)]


def plain_url(value: str) -> str:
    """Refuse what is no web address, and one that carries a password where it would be printed."""
    scheme, separator, rest = value.partition("://")
    if scheme not in {"http", "https"} or not separator or not rest.strip("/"):
        raise ValueError("must be an address that starts with http:// or https://")
    if "@" in rest.split("/", 1)[0]:
        raise ValueError("must not carry a user name or password; use token_file")
    return value


def clock_time(value: object) -> time:
    """Read an hour and minute in quotes."""
    if not isinstance(value, str) or re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) is None:
        raise ValueError('must be an hour and minute in quotes, such as "17:00"')
    return time.fromisoformat(value)


def span(value: object) -> tuple[time, time]:
    """Read the start and end of a window; an end of 24:00 is midnight."""
    begin, _, finish = value.partition("-") if isinstance(value, str) else ("", "", "")
    finish = "00:00" if finish == "24:00" else finish
    try:
        return clock_time(begin), clock_time(finish)
    except ValueError:
        raise ValueError('must be two hours and minutes in quotes, such as "18:00-19:30"') from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length_of_time(value: object) -> object:
    """Read a number with its unit."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a whole number with s, m, h or d behind it, such as "36h" or "2d"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def known_time_zone(value: str) -> str:
    """Refuse a time zone that the machine does not know."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError('must be a time zone such as "America/New_York"') from None
    return value


def readable_file(value: Path) -> Path:
    """Refuse a file that is not there or cannot be read; its content is looked at where it is used."""
    try:
        with value.open("rb"):
            return value
    except OSError:
        raise ValueError(f"{value} cannot be read") from None


def is_loopback(host: str) -> bool:
    """Say whether an address never leaves the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


ReadableFile = Annotated[Path, AfterValidator(readable_file)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Text = Annotated[str, StringConstraints(min_length=1)]
LengthOfTime = Annotated[timedelta, BeforeValidator(length_of_time)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Section(BaseModel):
    """Refuse unknown keys and later changes, in every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
