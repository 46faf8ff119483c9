"""Invent people, addresses, employers and orders for examples and synthetic traffic.

Nobody here exists. Social Security numbers come from ranges that are never issued (000, 666, 9xx), telephone
numbers from the block kept for fiction (555-01xx). Cities and counties are real, so that FIPS codes and ZIP
codes agree; streets and houses are not. Everything follows from the random generator that is handed in.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from csenet.codecs import codes

Values = dict[str, Any]
T = TypeVar("T")

_FREQUENCIES = "MMMMMWWBBS"
_CASE_TYPES = "AASSSTTFMV"
_RACES = "WBIASX"
_ZERO = Decimal("0.00")


class Place(msgspec.Struct, frozen=True):
    """Name a real city with its county's FIPS code, one of its ZIP codes and its telephone area."""

    abbreviation: str
    fips: str
    county: str
    city: str
    zip: str
    area: str


@cache
def places() -> Mapping[str, tuple[Place, ...]]:
    """List the places by the two digits of their state's FIPS code."""
    found: dict[str, list[Place]] = {}
    for row in codes.rows("places"):
        place = Place(**row)
        found.setdefault(place.fips, []).append(place)
    return MappingProxyType({fips: tuple(mine) for fips, mine in found.items()})


@cache
def samples() -> Mapping[str, tuple[str, ...]]:
    """List the invented names and texts by what they are."""
    found: dict[str, list[str]] = {}
    for row in codes.rows("samples"):
        found.setdefault(row["kind"], []).append(row["value"])
    return MappingProxyType({kind: tuple(values) for kind, values in found.items()})


class Inventor:
    """Invent values, always the same ones for the same random generator; `day` is the transaction's date."""

    def __init__(self, random: Random, day: date) -> None:
        """Draw from `random`; no date lies after `day` but those of events to come."""
        self.random = random
        self.day = day
        self._random = random.random
        self._samples = samples()

    def chance(self, share: float) -> bool:
        """Say yes to a share of all calls."""
        return self._random() < share

    def below(self, limit: int) -> int:
        """Draw a whole number from zero up to, not including, a limit."""
        return int(self._random() * limit)

    def one(self, choices: Sequence[T]) -> T:
        """Draw one of several."""
        return choices[int(self._random() * len(choices))]

    def sample(self, kind: str) -> str:
        """Draw one of the listed names or texts."""
        values = self._samples[kind]
        return values[int(self._random() * len(values))]

    def ago(self, least: int, most: int) -> date:
        """Draw a day between so many days before the transaction."""
        return self.day - timedelta(days=least + self.below(most - least))

    def digits(self, number: int) -> str:
        """Draw digits, not all zero."""
        return f"{1 + self.below(10**number - 1):0{number}}"

    def ssn(self) -> str:
        """Draw a Social Security number that is never issued."""
        return self.one(("900", "912", "987", "666", "000")) + self.digits(6)

    def phone(self, place: Place) -> str:
        """Draw a telephone number of the block kept for fiction."""
        return f"{place.area}55501{self.below(100):02}"

    def amount(self, most: int) -> Decimal:
        """Draw an amount of dollars and cents."""
        return Decimal(self.below(most * 100)) / 100 + _ZERO

    def place(self, fips: str) -> Place:
        """Draw a place in a state, or anywhere if none of the state is listed."""
        known = places()
        return self.one(known[fips] if fips in known else known[self.one(tuple(known))])

    def street(self) -> str:
        """Invent a street address."""
        return f"{101 + self.below(9000)} {self.sample('street')}"

    def address(self, prefix: str, place: Place, first: str = "address_line_1") -> Values:
        """Invent an address with the field names that begin with `prefix`."""
        values = {
            prefix + first: self.street(),
            prefix + "city": place.city,
            prefix + "state": place.abbreviation,
            prefix + "zip_1": place.zip,
        }
        if self.chance(0.12):
            values[prefix + first.replace("line_1", "line_2")] = f"APT {1 + self.below(240)}"
        if self.chance(0.3):
            values[prefix + "zip_2"] = self.digits(4)
        return values

    def name(self, prefix: str = "name_") -> Values:
        """Invent a person's name with the field names that begin with `prefix`."""
        values = {prefix + "last": self.sample("last_name"), prefix + "first": self.sample("first_name")}
        if self.chance(0.35):
            values[prefix + "middle"] = self.one("ABCDEFGHJKLMNPRSTW")
        if self.chance(0.05):
            values[prefix + "suffix"] = self.one(("JR", "SR", "II", "III"))
        return values

    def case(self, place: Place, status: str) -> Values:
        """Invent the case data: the sender's worker, and where payments go."""
        values = {"case_type": self.one(_CASE_TYPES), "case_status": status}
        values |= self.address("payment_", place, "mail_address_line_1")
        values["payment_mail_address_line_1"] = f"PO BOX {10000 + self.below(89999)}"
        values |= self.address("contact_", place)
        values |= {
            "contact_name_last": self.sample("worker_last"),
            "contact_name_first": self.sample("first_name"),
            "contact_phone_num": self.phone(place),
        }
        if self.chance(0.4):
            values["phone_extension"] = self.digits(4)
        if self.chance(0.35):
            values["fax"] = self.phone(place)
        if self.chance(0.3):
            values["internet_address"] = f"UNIT{self.digits(2)}@CHILDSUPPORT.EXAMPLE"
        if self.chance(0.3):
            values["initiating_docket_num"] = f"FA-{self.digits(2)}-{self.digits(5)}"
        if self.chance(0.4):
            values |= {"payment_fips_state": place.fips, "payment_fips_county": place.county}
        return values

    def parent(self, family: str) -> Values:
        """Invent the noncustodial parent."""
        values = self.name()
        values |= {
            "name_last": family,
            "ssn": self.ssn(),
            "date_of_birth": self.ago(365 * 20, 365 * 58),
            "gender": self.one("MMMMF"),
        }
        if self.chance(0.6):
            values["race"] = self.one(_RACES)
        if self.chance(0.45):
            values |= {
                "height_ft": self.one("55566"),
                "height_in": f"{self.below(12):02}",
                "weight": f"{110 + self.below(160):03}",
                "hair_color": self.one(("BD", "BL", "BK", "BN", "RD", "GY")),
                "eye_color": self.one(("BU", "BN", "GN", "HZ")),
            }
        if self.chance(0.4):
            values["place_of_birth"] = self.place("").city[:15].rstrip()
        if self.chance(0.06):
            values["distinguishing_marks"] = self.sample("mark")
        if self.chance(0.05):
            values["alias_ssn_1"] = self.ssn()
        return values

    def locate(self, place: Place) -> Values:
        """Invent where the parent lives and works; most of this long block stays blank, as in life."""
        values = self.address("residential_", place)
        values |= {
            "residential_address_effective_date": self.ago(5, 1500),
            "residential_address_confirmed_ind": self.one("YYYN"),
        }
        values |= self.employer("employer_", place)
        if self.chance(0.25):
            values |= self.address("mailing_", place)
            values |= {
                "mailing_address_effective_date": self.ago(5, 900),
                "mailing_address_confirmed_ind": self.one("YN"),
            }
        if self.chance(0.3):
            values |= {"wage_qtr": self.one("1234"), "wage_year": str(self.day.year - 1)}
            values["wage_amount"] = self.amount(16_000)
        if self.chance(0.3):
            values |= {"drivers_license_state": place.abbreviation, "drivers_license_num": self.digits(9)}
        if self.chance(0.35):
            values["home_phone_num"] = self.phone(place)
        if self.chance(0.2):
            values["occupation"] = self.sample("occupation")
        values |= self._known_before(place)
        return values

    def _known_before(self, place: Place) -> Values:
        values: Values = {}
        if self.chance(0.15):
            values |= self.name("alias_1_")
        if self.chance(0.2):
            values |= self.address("last_res_", place) | {"last_res_address_date": self.ago(5, 900)}
        if self.chance(0.15):
            values |= self.address("last_employer_", place) | {"last_employer": self.sample("employer")}
            values["last_employer_date"] = self.ago(30, 900)
        if self.chance(0.05):
            values |= self.employer("employer2_", place)
        if self.chance(0.04):
            values["professional_licenses"] = self.sample("license")
        return values

    def employer(self, prefix: str, place: Place) -> Values:
        """Invent an employer."""
        return self.address(prefix, place) | {
            prefix + "name": self.sample("employer"),
            prefix + "ein": "99" + self.digits(7),
            prefix + "phone_num": self.phone(place),
            prefix + "effective_date": self.ago(5, 1200),
            prefix + "confirmed_ind": self.one("YYN"),
        }

    def insurance(self) -> Values:
        """Invent medical insurance."""
        return {
            "insurance_carrier_name": self.sample("insurer"),
            "insurance_policy_num": f"P{self.digits(9)}",
        }

    def custodian(self, place: Place, status: str) -> Values:
        """Invent the custodial party."""
        values = self.name()
        values |= {
            "date_of_birth": self.ago(365 * 20, 365 * 55),
            "ssn": self.ssn(),
            "gender": self.one("FFFFM"),
            "relationship": "C",
            "participant_status": status,
        }
        if self.chance(0.4):
            values |= {
                "participant_address_line_1": self.street(),
                "participant_city": place.city,
                "participant_state": place.abbreviation,
                "participant_zip_1": place.zip,
            }
        if self.chance(0.3):
            values["race"] = self.one(_RACES)
        return values

    def child(self, family: str, place: Place, status: str) -> Values:
        """Invent a dependent."""
        values = self.name()
        values |= {
            "name_last": family,
            "date_of_birth": self.ago(200, 365 * 17),
            "ssn": self.ssn(),
            "gender": self.one("MF"),
            "relationship": "D",
            "participant_status": status,
            "dependent_relation_cp": self.one("CCCCCG"),
        }
        if self.chance(0.5):
            values["dependent_child_state_of_residence"] = place.abbreviation
        if self.chance(0.5):
            values["dependent_paternity_status"] = self.one("Y1245")
        return values

    def order(self, place: Place) -> Values:
        """Invent a support order and its balances."""
        filed = self.ago(200, 5000)
        number = f"{filed:%y}-{self.digits(5)}"
        values: Values = {
            "order_fips_state": place.fips,
            "order_fips_county": place.county,
            "order_id": f"{place.abbreviation}-FA-{number}",
            "order_filing_date": filed,
            "order_type": self.one("JJJA"),
            "debt_type": self.one(("CS", "CS", "CS", "MS")),
            "order_freq": self.one(_FREQUENCIES),
            "order_freq_amount": self.amount(900) + 25,
            "order_effective_date": filed + timedelta(days=20),
            "medical_ordered": self.one("YYN"),
        }
        if self.chance(0.6):
            values |= {
                "order_arrears_freq": values["order_freq"],
                "order_arrears_freq_amount": self.amount(120) + 5,
                "order_arrears_total_amount": self.amount(24_000) + 100,
            }
        if self.chance(0.2):
            values |= {
                "arrears_non_tanf_from_date": filed + timedelta(days=20),
                "arrears_non_tanf_thru_date": self.day,
                "arrears_non_tanf_amount": self.amount(9_000) + 100,
            }
        if self.chance(0.5):
            values["date_of_last_payment"] = self.ago(1, 150)
        if self.chance(0.4):
            values["docket_num"] = f"FA-{number}"
        return values

    def collection(self) -> Values:
        """Invent a tax offset that has been paid out, now and then a negative adjustment of one."""
        collected = self.ago(20, 200)
        amount = self.amount(2_400) + 20
        return {
            "date_of_collection": collected,
            "date_of_posting": collected + timedelta(days=self.below(15)),
            "payment_amount": -amount if self.chance(0.1) else amount,
            "payment_source": self.one("IIIS"),
            "interstate_payment_method": "O",
        }
