"""Know the values no layout can list: FIPS codes of states, counties, tribes, countries, and abbreviations.

Sources: FIPS counties of the US Census Bureau; FIPS state codes and the abbreviations of the US Postal
Service (`states.csv`); for orders, the locator codes of the federal office's letter DCL-07-02: `90` and the
Bureau of Indian Affairs' code for a tribe, `80` and the ISO 3166-1 number for a country. Tribal codes and
the forms of Canada's provinces are accepted unchecked: no table of them is published with the charts.
"""

from functools import cache

from csenet.codecs import codes

TRIBES = "90"
COUNTRIES = "80"
WHOLE_STATE = "000"
"""The county part of a state's own, central office."""


@cache
def jurisdictions() -> frozenset[str]:
    """Return the FIPS codes of those who may send transactions."""
    return frozenset(codes.jurisdictions())


@cache
def abbreviations() -> frozenset[str]:
    """Return the two-letter abbreviations of states, territories and the armed forces' addresses."""
    return frozenset(row["abbreviation"] for row in codes.rows("states"))


@cache
def _states() -> frozenset[str]:
    return frozenset(row["fips"] for row in codes.rows("states") if row["fips"])


@cache
def places() -> frozenset[str]:
    """Return what the state part of an order's FIPS code may be."""
    return _states() | {TRIBES, COUNTRIES}


@cache
def counties() -> frozenset[str]:
    """Return the five digits of every county, and of every state's central office."""
    listed = frozenset(row["fips"] for row in codes.rows("fips_counties"))
    return listed | {state + WHOLE_STATE for state in _states()}


@cache
def countries() -> frozenset[str]:
    """Return the three digits of every country."""
    return frozenset(row["code"] for row in codes.rows("fips_countries"))


def unknown_county(state: str, county: str) -> bool:
    """Tell whether a county part is wrong beside a state part that is right; other ones decide nothing.

    A country's part that is not three digits is taken for a form of its own, as Canada's provinces have.
    """
    if state == COUNTRIES:
        return county.isdigit() and county not in countries()
    return state in _states() and state + county not in counties()
