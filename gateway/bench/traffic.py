"""Make the traffic: requests for balances from other states, on cases whose balances are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec

from csenet.codecs import transaction
from csenet.codecs.generate import HOME, generate
from csenet.codecs.transaction import Direction, Transaction

REQUEST = "MSC R GRINT"
_FACTS = ("ncp_identification", "participants", "orders")


def requests(count: int, day: date, seed: int = 1) -> list[Transaction]:
    """Make as many requests, each on a case of its own; all of them leave an answer."""
    made = generate(count, seed=seed, mix=REQUEST, direction=Direction.FROM_SERVER, day=day)
    return [_header(each, case_id=f"BENCH{number:09d}") for number, each in enumerate(made)]


def numbered(templates: Sequence[Transaction], first: int) -> list[bytes]:
    """Write the requests in flat form under serial numbers from ``first`` on, so that each is a new one."""
    return [
        transaction.write(
            _header(each, transaction_serial_number=f"{first + place:012d}"), Direction.FROM_SERVER
        )
        for place, each in enumerate(templates)
    ]


def lines(raws: Sequence[bytes]) -> bytes:
    """Put transactions into a file."""
    return b"".join(raw + b"\n" for raw in raws)


def facts(templates: Sequence[Transaction], day: date) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell of each request's case what the case system would: people, orders, and balances as of ``day``."""
    for each in templates:
        content = transaction.to_json(each)
        header = each.header
        yield (
            header.case_id or "",
            {
                "role": "initiating",
                "other_fips": f"{header.other_fips_state}{header.other_fips_county}00",
                "other_case_id": header.other_case_id,
                "case": {**content.get("case", {}), "case_status": "O"},
                "balances": {"as_of": day.isoformat(), "arrears": "310.00", "interest": "12.50"},
                **{name: content[name] for name in _FACTS if name in content},
            },
        )


def _header(tx: Transaction, **values: Any) -> Transaction:
    header = msgspec.structs.replace(tx.header, **values)
    return msgspec.structs.replace(tx, header=header)


__all__ = ["HOME", "REQUEST", "facts", "lines", "numbered", "requests"]
