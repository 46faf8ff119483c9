"""The traffic of the proofs: interest requests from Kansas on cases of Minnesota, and the answers to them."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from csenet.codecs import flatfile
from csenet.codecs.transaction import Direction, from_json

PER_CASE = 4
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def case_ids(case: int) -> tuple[str, str]:
    """Name a case in Minnesota and in Kansas."""
    return f"MNKILL{case:06d}", f"KSKILL{case:06d}"


def facts(case: int) -> dict[str, Any]:
    """Write Minnesota's facts of a case: a balance that differs from case to case."""
    as_of = YESTERDAY - timedelta(days=1)
    return {
        "role": "initiating",
        "other_fips": "2000000",
        "other_case_id": case_ids(case)[1],
        "case": {"case_type": "N", "case_status": "O"},
        "balances": {"as_of": as_of.isoformat(), "arrears": f"{case}.00", "interest": "0.00"},
    }


def cases(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Write the facts of cases 1 to ``count``."""
    return ((case_ids(case)[0], facts(case)) for case in range(1, count + 1))


def interest_request(serial: int, case: int) -> bytes:
    """Write an interest request as it leaves the exchange for Minnesota."""
    mine, theirs = case_ids(case)
    # Made once and filled in: to encode a hundred thousand of them would take longer than to deliver them.
    sample = _samples.get("request") or _samples.setdefault("request", _encoded())
    for hole, value in (
        (b"0" * 11 + b"9", f"{serial:012d}"),
        (b"MN" + b"9" * 10, mine),
        (b"KS" + b"9" * 10, theirs),
    ):
        sample = sample.replace(hole, value.encode(), 1)
    return sample


def requests(count: int, per_case: int = PER_CASE) -> tuple[int, list[bytes]]:
    """Write at least so many requests, as many on each case; tell on how many cases, counted from 1."""
    cases = -(-count // per_case)
    serials = range(1, cases * per_case + 1)
    return cases, [interest_request(serial, (serial - 1) // per_case + 1) for serial in serials]


_samples: dict[str, bytes] = {}


def _encoded() -> bytes:
    header = {
        "local_fips_state": "27",
        "local_fips_county": "000",
        "other_fips_state": "20",
        "other_fips_county": "000",
        "csenet_version_number": "003",
        "transaction_serial_number": "0" * 11 + "9",
        "action_code": "R",
        "functional_type_code": "MSC",
        "action_reason": "GRINT",
        "transaction_date": YESTERDAY.isoformat(),
        "case_id": "MN" + "9" * 10,
        "other_case_id": "KS" + "9" * 10,
        "attachments_ind": "N",
    }
    return flatfile.encode([from_json({"header": header})], direction=Direction.FROM_SERVER)


def packed(requests: list[bytes], size: int) -> list[bytes]:
    """Put requests into files of so many."""
    return [b"".join(requests[at : at + size]) for at in range(0, len(requests), size)]


def repeated(requests: list[bytes], times: int, size: int, chance: random.Random) -> tuple[list[bytes], int]:
    """Put each request 1 to ``times`` times into files in a random order; tell how many that are together.

    A request never comes twice in one file, so that each copy has to be known again on its own.
    """
    copies = [each for each in requests for _ in range(chance.randint(1, times))]
    chance.shuffle(copies)
    files: list[list[bytes]] = [[]]
    for each in copies:
        if len(files[-1]) == size or each in files[-1]:
            files.append([])
        files[-1].append(each)
    # A whole file that came before is known by its digest; its transactions are not looked at again.
    return [b"".join(each) for each in files], sum(len(each) for each in {tuple(each) for each in files})


def in_folder(out: Path) -> Iterator[tuple[int, bytes]]:
    """Give the files that left into a folder, each behind the moment at which it did, oldest first."""
    found = [(path.stat().st_mtime_ns, path) for path in sorted(out.glob("*.txt"))]
    return ((at, path.read_bytes()) for at, path in sorted(found, key=lambda each: each[0]))


class Answers:
    """Count the answers that left, by case and serial number, in the order in which they arrived."""

    def __init__(self, left: Iterable[tuple[int, bytes]]) -> None:
        """Read everything that left, each file behind its moment or place in the order of arrival."""
        self.serials: Counter[int] = Counter()
        self.of_case: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.wrong: list[str] = []
        for at, raw in left:
            for record in flatfile.read_all(raw, direction=Direction.TO_SERVER):
                if record.transaction is None or str(record.transaction.far) != "MSC P GSTAI":
                    self.wrong.append("what left is not an answer")
                    continue
                header = record.transaction.header
                serial = int(header.transaction_serial_number or 0)
                self.serials[serial] += 1
                self.of_case[str(header.case_id)].append((serial, at))

    def differences(self, cases: int, per_case: int = PER_CASE) -> list[str]:
        """Say where there is not one answer to each request, once, in order; cases count from 1."""
        wrong = list(self.wrong)
        for case in range(1, cases + 1):
            name = case_ids(case)[0]
            if (found := len(self.of_case[name])) != per_case:
                wrong.append(f"{name}: {found} answers instead of {per_case}")
        wrong += [
            f"serial {serial} left {times} times" for serial, times in self.serials.items() if times != 1
        ]
        return wrong + [f"{case}: left out of order" for case in self.disorder()]

    def disorder(self) -> list[str]:
        """Name the cases of which a later serial number left before an earlier one."""
        found = []
        for case, each in self.of_case.items():
            moments = [at for _, at in sorted(each)]
            if moments != sorted(moments):
                found.append(case)
        return found
