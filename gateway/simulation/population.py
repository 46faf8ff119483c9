"""An invented population: people, the cases that two states share about them, and a year of what happens.

Nobody here exists, and no number here was ever issued. What happens is drawn from a seed and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from csenet.codecs.codes import jurisdictions

_FIRST: Final = (
    "ROWAN",
    "WREN",
    "LARK",
    "FINN",
    "ASPEN",
    "SAGE",
    "REED",
    "BRIAR",
    "CLOVER",
    "ELLIS",
    "JUNIPER",
    "SORREL",
)
_LAST: Final = (
    "EXAMPLESON",
    "SAMPLEDOTTIR",
    "INVENTED",
    "FICTION",
    "MOCKWELL",
    "TESTERMAN",
    "NOBODY",
    "PLACEHOLDER",
)
_STREETS: Final = ("INVENTED STREET", "NOWHERE LANE", "SAMPLE ROAD", "EXAMPLE AVENUE", "FICTION WAY")
_EMPLOYERS: Final = ("PRAIRIE GRAIN", "NOWHERE FREIGHT", "SAMPLE FOUNDRY", "EXAMPLE DAIRY")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold something that is to happen on a day: an event as a case system reports it."""

    day: date
    fips: str
    event: Body


@dataclass(slots=True)
class Matter:
    """Hold one family's case as two states have it."""

    number: int
    initiating: str
    responding: str
    rng: Random
    is_new: bool
    facts: dict[str, Body] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)

    def case_id(self, fips: str) -> str:
        """Give a state's own ID of the case."""
        return f"{'I' if fips == self.initiating else 'R'}{fips}{self.number:08d}"

    def other(self, fips: str) -> str:
        """Give the other state."""
        return self.responding if fips == self.initiating else self.initiating


def population(year: int, seed: int, states: Sequence[str], cases: int) -> list[Matter]:
    """Draw the matters of a year, so that each state has ``cases`` case files, as far as pairs allow.

    Half of the files of a state are those of an initiating state, and every pair of states is as likely.
    """
    matters: list[Matter] = []
    for turn in range(-(-cases // 2)):
        rng = Random(f"{seed}:{turn}")  # noqa: S311 - a draw that can be repeated, no secret
        ring = list(states)
        rng.shuffle(ring)
        # Around a ring each state is once the initiating and once the responding one.
        for place, initiating in enumerate(ring):
            responding = ring[(place + 1) % len(ring)]
            matters.append(_matter(year, seed, len(matters) + 1, initiating, responding))
    return matters


def _matter(year: int, seed: int, number: int, initiating: str, responding: str) -> Matter:
    rng = Random(f"{seed}:matter:{number}")  # noqa: S311
    matter = Matter(number, initiating, responding, rng, is_new=rng.random() < 0.5)
    for fips in (initiating, responding):
        matter.facts[fips] = _facts(matter, fips, year)
    matter.plans = sorted(_life(matter, year), key=lambda plan: plan.day)
    for place, plan in enumerate(matter.plans):
        plan.event["id"] = f"{number}-{place}"
    return matter


def _facts(matter: Matter, fips: str, year: int) -> Body:
    """Write one state's side of the case, whole enough for everything that a state may have to tell."""
    rng, other = Random(f"{matter.number}"), matter.other(fips)  # noqa: S311 - both sides know the same people
    last = rng.choice(_LAST)
    parent = {
        "name_last": last,
        "name_first": rng.choice(_FIRST),
        "ssn": f"9{rng.randrange(10**8):08d}",
        "date_of_birth": f"{rng.randint(year - 50, year - 25)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
    }
    people = [
        _person(rng, year - rng.randint(25, 50), rng.choice(_LAST), "C"),
        _person(rng, year - rng.randint(1, 16), last, "D"),
    ]
    initiating = fips == matter.initiating
    facts: Body = {
        "role": "initiating" if initiating else "responding",
        "other_fips": f"{other}00000",
        "other_case_id": matter.case_id(other),
        "case": {"case_type": "N", "case_status": "O", **_office(rng, fips)},
        "ncp_identification": parent,
        "ncp_locate": {
            **_address(rng, matter.responding, "residential"),
            "residential_address_effective_date": f"{year - 1}-03-01",
            "residential_address_confirmed_ind": "Y",
        },
        "participants": people,
        "orders": [_order(matter.initiating, f"O{matter.number:08d}", date(year - 2, 5, 1), rng)],
    }
    if initiating:
        balance = rng.randrange(100, 900_000)
        facts["balances"] = {
            "as_of": f"{year - 1}-12-31",
            "arrears": f"{balance}.00",
            "interest": f"{balance // 50}.00",
        }
        if matter.is_new:
            del facts["other_case_id"]
    else:
        facts["withholding_active"] = True
    if not matter.is_new and rng.random() < 0.06:
        # A request that may not tell where somebody lives goes on paper.
        facts["family_violence"] = True
    return facts


def _person(rng: Random, born: int, last: str, relationship: str) -> Body:
    person = {
        "name_last": last,
        "name_first": rng.choice(_FIRST),
        "relationship": relationship,
        "participant_status": "O",
        "date_of_birth": f"{born}-0{rng.randint(1, 9)}-0{rng.randint(1, 9)}",
        "participant_address_line_1": f"{rng.randint(1, 999)} {rng.choice(_STREETS)}",
    }
    return person | ({"dependent_relation_cp": "C"} if relationship == "D" else {})


def _address(rng: Random, fips: str, kind: str) -> Body:
    return {
        f"{kind}_address_line_1": f"{rng.randint(1, 999)} {rng.choice(_STREETS)}",
        f"{kind}_city": "NOWHERE",
        f"{kind}_state": jurisdictions()[fips].abbreviation,
        f"{kind}_zip_1": f"{rng.randint(10000, 99999)}",
    }


def _office(rng: Random, fips: str) -> Body:
    place = jurisdictions()[fips]
    return {
        "contact_name_last": rng.choice(_LAST),
        "contact_name_first": rng.choice(_FIRST),
        "contact_address_line_1": "1 INVENTED PLAZA",
        "contact_city": "NOWHERE",
        "contact_state": place.abbreviation,
        "contact_zip_1": "55101",
        "contact_phone_num": "6515550100",
        "payment_mail_address_line_1": "PO BOX 1",
        "payment_city": "NOWHERE",
        "payment_state": place.abbreviation,
        "payment_zip_1": "55101",
    }


def _order(fips: str, order_id: str, filed: date, rng: Random) -> Body:
    return {
        "order_fips_state": fips,
        "order_fips_county": "000",
        "order_id": order_id,
        "order_filing_date": filed.isoformat(),
        "order_type": "J",
        "debt_type": "CS",
        "order_freq": "M",
        "order_freq_amount": f"{rng.randint(100, 900)}.00",
        "order_effective_date": filed.isoformat(),
        "medical_ordered": "N",
    }


# -- what happens

_REQUESTS: Final = ("all_remedies", "support_order", "paternity")


def _life(matter: Matter, year: int) -> Iterator[Plan]:
    """Draw what happens on a case in a year."""
    rng = matter.rng
    first, last = date(year, 1, 2), date(year, 12, 31)
    start = first
    if matter.is_new:
        start = first + timedelta(days=rng.randint(0, 240))
        sort = rng.choice(_REQUESTS)
        yield Plan(start, matter.initiating, {"kind": "referral_wanted", "of": sort})
        # A later event finds the request acknowledged, and the other state's case ID known.
        start += timedelta(days=30)
        yield Plan(
            start + timedelta(days=rng.randint(0, 20)), matter.responding, _outcome(matter, sort, start)
        )
    for day, fips in _days(matter, start, last):
        kinds = _INITIATING if fips == matter.initiating else _RESPONDING
        kind = rng.choice(kinds)
        yield Plan(day, fips, {"kind": kind, **_content(matter, fips, kind, day)})
    yield from _end(matter, start, last)


def _days(matter: Matter, start: date, last: date) -> Iterator[tuple[date, str]]:
    """Draw days and who reports: some four to nine times a year, fewer in what is left of it."""
    rng, room = matter.rng, (last - start).days
    for _ in range(round(rng.randint(4, 9) * room / 365)):
        fips = matter.initiating if rng.random() < 0.5 else matter.responding
        yield start + timedelta(days=rng.randrange(max(room - 40, 1))), fips


_INITIATING: Final = (
    *("worker_changed", "address_verified", "employer_confirmed", "participant_added", "case_type_changed"),
    *("payment_address_changed", "tax_offset_submitted", "tax_offset_received", "documents_wanted"),
    *("status_wanted", "news_for_other_state", "medical_insurance_added", "case_information_wanted"),
    "case_id_changed",
)
_RESPONDING: Final = (
    *("worker_changed", "address_verified", "address_found", "employer_confirmed", "hearing_scheduled"),
    *("order_modified", "order_registered", "lien_established", "warrant_issued", "contempt_started"),
    *("documents_wanted", "status_wanted", "interest_wanted", "interest_wanted", "news_for_other_state"),
    "case_id_changed",
)


def _outcome(matter: Matter, sort: str, start: date) -> Body:
    """Say what the responding state first has to tell after a request."""
    order = _order(matter.responding, f"N{matter.number:08d}", start, matter.rng)
    if sort == "support_order":
        return {"kind": "order_established", "orders": [order]}
    if sort == "paternity":
        return {"kind": "paternity_established", "of": "with_support", "orders": [order]}
    return {"kind": "order_registered"}


def _content(matter: Matter, fips: str, kind: str, day: date) -> Body:
    """Say what an event of a kind tells."""
    rng = matter.rng
    if kind in ("address_verified", "address_found"):
        where = matter.responding if rng.random() < 0.7 else rng.choice(sorted(jurisdictions()))
        return {"ncp_locate": _address(rng, where, "residential")}
    if kind == "employer_confirmed":
        at = {"employer_name": rng.choice(_EMPLOYERS), "employer_address_line_1": "5 SAMPLE ROAD"}
        return {
            "ncp_locate": at | {"employer_city": "NOWHERE", "employer_state": "KS", "employer_zip_1": "66603"}
        }
    if kind == "participant_added":
        child = _person(rng, day.year - rng.randint(0, 12), rng.choice(_LAST), "D")
        return {"participants": [child | {"name_middle": f"N{rng.randrange(10**6)}"}]}
    if kind == "medical_insurance_added":
        child = matter.facts[fips]["participants"][1]
        named = {name: child[name] for name in ("name_last", "name_first", "date_of_birth")}
        return {"participants": [named], "ncp_locate": {"insurance_carrier_name": "PRAIRIE HEALTH"}}
    if kind == "order_modified":
        order = matter.facts[fips]["orders"][0]["order_id"]
        return {"orders": [{"order_id": order, "order_freq_amount": f"{rng.randint(100, 900)}.00"}]}
    return dict(_PLAIN[kind](rng, day))


_PLAIN: Final[Mapping[str, Any]] = {
    # Whoever reports goes on naming the first ID: it has to lead to the case.
    "case_id_changed": lambda rng, day: {"new_case_id": f"R{rng.randrange(10**12):012d}"},
    "worker_changed": lambda rng, day: {"case": {"contact_name_last": rng.choice(_LAST)}},
    "case_type_changed": lambda rng, day: {"case": {"case_type": rng.choice("ANF")}},
    "payment_address_changed": lambda rng, day: {
        "case": {"payment_mail_address_line_1": f"PO BOX {rng.randint(2, 999)}", "payment_city": "NOWHERE"}
    },
    "tax_offset_submitted": lambda rng, day: {},
    "tax_offset_received": lambda rng, day: {
        "collections": [
            {
                "date_of_collection": (day - timedelta(days=9)).isoformat(),
                "date_of_posting": (day - timedelta(days=2)).isoformat(),
                "payment_amount": f"{rng.randint(10, 2000)}.00",
                "payment_source": "S",
                "interstate_payment_method": "E",
            }
        ]
    },
    "documents_wanted": lambda rng, day: {"text": "certified copy of the order"},
    "status_wanted": lambda rng, day: {},
    "interest_wanted": lambda rng, day: {},
    "news_for_other_state": lambda rng, day: {"text": "the parties agreed on a payment plan"},
    "case_information_wanted": lambda rng, day: {"of": "iv_d"},
    "hearing_scheduled": lambda rng, day: {
        "of": rng.choice(("contempt", "enforcement", "modification")),
        "date": (day + timedelta(days=rng.randint(15, 60))).isoformat(),
    },
    "order_registered": lambda rng, day: {},
    "lien_established": lambda rng, day: {"of": rng.choice(("real_estate", "motor_vehicle"))},
    "warrant_issued": lambda rng, day: {},
    "contempt_started": lambda rng, day: {},
}


def _end(matter: Matter, start: date, last: date) -> Iterator[Plan]:
    """Draw whether and how the case comes to its end in this year."""
    rng = matter.rng
    if (last - start).days < 120 or rng.random() > 0.35:
        return
    day = start + timedelta(days=rng.randrange(60, (last - start).days - 50))
    how = rng.choice(("services", "withholding", "closed", "died", "silence"))
    if how == "services":
        yield Plan(day, matter.initiating, {"kind": "services_no_longer_needed"})
    elif how == "withholding":
        yield Plan(day, matter.initiating, {"kind": "own_withholding_wanted"})
    elif how == "closed":
        ground = rng.choice(("303.11(b)(1)", "303.11(b)(12)", "303.11(b)(15)"))
        yield Plan(day, matter.initiating, {"kind": "case_closed", "criterion": ground})
    elif how == "died":
        died = (day - timedelta(days=20)).isoformat()
        yield Plan(day, matter.responding, {"kind": "parent_died", "date": died, "text": "certificate seen"})
        later = day + timedelta(days=25)
        yield Plan(later, matter.initiating, {"kind": "case_closed", "criterion": "303.11(b)(4)"})
    else:
        closes = day + timedelta(days=61)
        yield Plan(day, matter.responding, {"kind": "intent_to_close", "date": closes.isoformat()})
        if closes < last:
            yield Plan(closes, matter.responding, {"kind": "case_closed", "criterion": "303.11(b)(17)"})
