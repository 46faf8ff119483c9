"""Write synthetic traffic: valid transactions about invented people, the same ones for the same seed.

The realistic mix and the share of filled fields are estimates of ours; no counts of real traffic are
published. See `tables/traffic.csv`.
"""

from bisect import bisect
from collections.abc import Iterator, Mapping
from datetime import date, time
from itertools import accumulate, islice
from random import Random
from typing import Any, Final

from csenet.codecs import codes, transaction
from csenet.codecs.codes import FarCode
from csenet.codecs.invented import Inventor, Place, Values
from csenet.codecs.model import BLOCKS, HEADERS, REPEATING, Direction, Transaction
from csenet.codecs.template import EXAMPLE_DAY, information, plan, resolution_date, status, with_fixed

HOME: Final = "27"
"""Whose file it is if nobody says: Minnesota's."""

_RECEIVED: Final = time(3, 15)


def weights(mix: str) -> Mapping[FarCode, float]:
    """Read a mix: `realistic`, `uniform` (each core code alike), or `CODE=weight,CODE=weight`.

    ValueError names the entry that is wrong.
    """
    if mix == "realistic":
        return {FarCode.parse(row["far"]): float(row["weight"]) for row in codes.rows("traffic")}
    if mix == "uniform":
        return {code: 1.0 for code, row in codes.VALID.items() if row.core}
    found: dict[FarCode, float] = {}
    for entry in mix.split(","):
        code, weight = _entry(entry)
        found[code] = weight
    return found


def _entry(entry: str) -> tuple[FarCode, float]:
    name, _, number = entry.partition("=")
    try:
        code, weight = FarCode.parse(name), float(number or "1")
    except ValueError:
        raise ValueError(f"{entry!r}: write a code and its weight, like MSC R GRINT=2") from None
    if code not in codes.VALID:
        raise ValueError(f"{code} is no valid transaction")
    if not 0 < weight < float("inf"):
        raise ValueError(f"{entry!r}: the weight must be greater than zero")
    return code, weight


def generate(
    count: int | None = None,
    *,
    seed: int = 0,
    mix: str = "realistic",
    direction: Direction = Direction.TO_SERVER,
    home: str = HOME,
    day: date = EXAMPLE_DAY,
) -> Iterator[Transaction]:
    """Give `count` transactions one by one, or without end; each passes every edit on `day`.

    They are those of one state's file: to the exchange `home` sends them all, from it `home` receives them.
    """
    chosen = weights(mix)
    random = Random(seed)  # noqa: S311
    maker = _Maker(random, direction, home, day)
    order, sums = tuple(chosen), tuple(accumulate(chosen.values()))
    endless = (maker.make(order[bisect(sums, random.random() * sums[-1])]) for _ in iter(int, 1))
    return islice(endless, count)


class _Maker:
    """Make one transaction after another, with serial numbers that each sender counts for itself."""

    def __init__(self, random: Random, direction: Direction, home: str, day: date) -> None:
        self._inventor = Inventor(random, day)
        self._direction = direction
        self._home = home
        self._partners = [fips for fips in codes.jurisdictions() if fips != home]
        self._serials: dict[str, int] = {}

    def make(self, code: FarCode) -> Transaction:
        """Invent a transaction of this code."""
        inventor = self._inventor
        partner = inventor.one(self._partners)
        outgoing = self._direction is Direction.TO_SERVER
        sender, receiver = (self._home, partner) if outgoing else (partner, self._home)
        here, there = inventor.place(sender), inventor.place(receiver)
        family = inventor.sample("last_name")
        held = {
            block: self._block(code, block, family, here, there) for block in plan(code) if block in BLOCKS
        }
        header = self._header(code, sender, receiver, "information" in held)
        made = Transaction(header=HEADERS[self._direction].struct(**header), **held)
        return made if outgoing else transaction.mirror(made)

    def _block(self, code: FarCode, block: str, family: str, here: Place, there: Place) -> Any:
        wanted = plan(code)[block]
        struct = BLOCKS[block].struct
        records = [
            struct(**with_fixed(wanted, values)) for values in self._records(code, block, family, here, there)
        ]
        return tuple(records) if block in REPEATING else records[0]

    def _records(self, code: FarCode, block: str, family: str, here: Place, there: Place) -> Iterator[Values]:
        inventor, state = self._inventor, status(code)
        if block == "case":
            yield inventor.case(here, state)
        elif block == "ncp_identification":
            yield inventor.parent(family)
        elif block == "ncp_locate":
            insured = "insurance_carrier_name" in plan(code)[block].listed or inventor.chance(0.08)
            yield inventor.locate(there) | (inventor.insurance() if insured else {})
        elif block == "participants":
            yield inventor.custodian(here, state)
            for _ in range(inventor.one((1, 1, 2, 2, 3))):
                yield inventor.child(family, here, state)
        elif block == "orders":
            yield inventor.order(here)
            if inventor.chance(0.15):
                yield inventor.order(here)
        elif block == "collections":
            yield inventor.collection()
        else:
            yield information(code, inventor)

    def _header(self, code: FarCode, sender: str, receiver: str, informed: bool) -> Values:
        inventor = self._inventor
        serial = self._serials[sender] = self._serials.get(sender, 0) + 1
        names = plan(code)["header"].listed
        answers = code.action in "PA" or code.function == "CSI"
        values: Values = {
            "local_fips_state": sender,
            "local_fips_county": "000",
            "other_fips_state": receiver,
            "other_fips_county": "000",
            "csenet_version_number": "003",
            "transaction_serial_number": f"{serial:012}",
            "action_code": code.action,
            "functional_type_code": code.function,
            "transaction_date": inventor.day,
            "case_id": self._case_id(sender),
            "other_case_id": self._case_id(receiver) if answers or inventor.chance(0.5) else None,
            "action_reason": code.reason or None,
            "attachments_ind": "N",
        }
        if "action_resolution_date" in names:
            values["action_resolution_date"] = resolution_date(code, inventor.day)
        if informed and code.reason not in ("REJCT", "GSTAI", "GSCAS") and inventor.chance(0.1):
            values["attachments_ind"] = "Y"
        if self._direction is Direction.TO_SERVER:
            return values | {"overdue_ind": "0"}
        return values | {"date_received": inventor.day, "time_received": _RECEIVED}

    def _case_id(self, fips: str) -> str:
        """Write a case ID as one state would: each has its own form."""
        number = self._inventor.digits(8)
        if int(fips) % 3 == 0:
            return f"{fips}0{number}"
        return f"{codes.jurisdictions()[fips].abbreviation}{number}" if int(fips) % 3 == 1 else number
