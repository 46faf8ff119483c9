"""Bind each record of the audit to all before it, and find the first one that was tampered with.

A record's digest is SHA-256 over the digest of the record before it and the record itself, written one way
only.  Whoever changes, removes, adds or moves one must compute all later digests anew, and those fit neither
the head that the store keeps nor the anchors that are kept outside of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

START: Final = "0" * 64
"""Stands for the digest of what is before the first record."""

_MOMENTS: Final = 128


class Mark(msgspec.Struct, frozen=True):
    """Hold up to which record the chain went at some moment, and that record's digest."""

    id: int
    hash: str


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Name the first record that is wrong, and say what is wrong about it."""

    record: int
    what: str


def digest(previous: str, row: Mapping[str, Any]) -> str:
    """Work out a record's digest."""
    written = msgspec.json.encode(
        [
            row["id"],
            _moment(row["at"]),
            row["actor"],
            row["action"],
            row["object"],
            row["detail"],
        ],
        order="sorted",
    )
    return hashlib.sha256(previous.encode("ascii") + b"\n" + written).hexdigest()


@lru_cache(maxsize=_MOMENTS)
def _moment(at: datetime) -> str:
    """Write a moment once: records that are written together were made at the same one."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def chained(head: Mark, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Number rows on from the head and give each its digest."""
    number, previous = head.id, head.hash
    for row in rows:
        number += 1
        numbered = {**row, "id": number}
        numbered["hash"] = previous = digest(previous, numbered)
        yield numbered


class Checker:
    """Walk along the records in order and remember the first fault."""

    def __init__(self, anchors: Iterable[Mark] = (), start: Mark | None = None) -> None:
        """Take what was anchored outside; ``start`` is where the kept records begin."""
        self._anchors = sorted(set(anchors), key=lambda mark: mark.id)
        self._last = start or Mark(0, START)
        self._first = self._last.id
        self._proved = self._first
        self.fault: Fault | None = None
        self.count = 0

    def take(self, row: Mapping[str, Any]) -> bool:
        """Look at the next record; false once something is wrong."""
        if self.fault is None:
            self.fault = self._fault(row)
            self._last = Mark(row["id"], row["hash"])
            self.count += 1
        return self.fault is None

    def _fault(self, row: Mapping[str, Any]) -> Fault | None:
        expected = self._last.id + 1
        if row["id"] != expected:
            what = "is missing" if row["id"] > expected else "is out of its place"
            return Fault(record=min(expected, row["id"]), what=what)
        if digest(self._last.hash, row) != row["hash"]:
            return Fault(record=expected, what="does not fit its digest and the record before it")
        while self._anchors and self._anchors[0].id <= expected:
            anchor = self._anchors.pop(0)
            if anchor.id == expected and anchor.hash != row["hash"]:
                return Fault(
                    record=self._proved + 1, what=f"or one after it, up to {expected}, was rewritten"
                )
            self._proved = max(self._proved, anchor.id)
        return None

    def finish(self, head: Mark) -> Fault | None:
        """Compare the end with the head that the store keeps and with anchors that lie beyond it."""
        beyond = max((mark.id for mark in self._anchors), default=0)
        if self.fault is None and max(beyond, head.id) > self._last.id:
            self.fault = Fault(record=self._last.id + 1, what="and all after it are missing")
        if self.fault is None and head != self._last:
            self.fault = Fault(record=self._last.id, what="is not the one that the head of the chain names")
        return self.fault


def check(
    rows: Iterable[Mapping[str, Any]], head: Mark, anchors: Iterable[Mark] = (), start: Mark | None = None
) -> Fault | None:
    """Check a whole chain at once."""
    checker = Checker(anchors, start)
    for row in rows:
        if not checker.take(row):
            break
    return checker.fault or checker.finish(head)
