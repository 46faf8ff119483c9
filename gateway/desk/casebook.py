"""Hold the cases of one commit: under which ID, with which facts and state, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from csenet.gateway.desk.indexing import record_of, words_as_told, words_of_case
from csenet.gateway.desk.names import Move, Names
from csenet.gateway.desk.plan import Cause
from csenet.gateway.store import cases, search
from csenet.handlers.context import CaseRecord
from csenet.handlers.facts import CaseFacts, facts_to_json
from csenet.handlers.joining import joined, known_as, renamed


@dataclass(slots=True)
class CaseBook:
    """Hold cases by the ID in use; any ID that one had finds it."""

    now: datetime
    names: Names = field(default_factory=Names)
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _records: dict[str, CaseRecord] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _created: set[str] = field(default_factory=set)
    _found_anew: set[str] = field(default_factory=set)
    _words: dict[str, Set[search.Word]] = field(default_factory=dict)

    async def load(self, conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
        """Read cases by IDs that they have or had, and return their IDs in use."""
        rows = await cases.load(conn, case_ids)
        meant = await self.names.load(conn, [each for each in case_ids if each not in rows])
        self._rows |= rows
        self._rows |= await cases.load(conn, meant)
        return {*rows, *meant}

    async def load_more(self, conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
        """Read further cases by the IDs that they have, and return those that there are."""
        more = await cases.load(conn, [each for each in case_ids if each not in self._rows])
        self._rows |= more
        return set(more)

    def case_of(self, case_id: str | None) -> str | None:
        """Give the ID in use of the case that an ID names."""
        return None if case_id is None else self.names.of(case_id)

    def knows(self, case_id: str | None) -> bool:
        """Tell whether the case is one of ours, by the ID in use or one that it had."""
        return self.case_of(case_id) in self._rows

    def record(self, case_id: str | None) -> CaseRecord | None:
        """Return the case as it is by now; read from its row only when first asked for."""
        case_id = self.case_of(case_id)
        if case_id is None or case_id not in self._rows:
            return None
        if case_id not in self._records:
            self._records[case_id] = record_of(case_id, self._rows[case_id])
        return self._records[case_id]

    def tell(self, record: CaseRecord) -> None:
        """Take new facts of a case in, with the state that follows from them."""
        self._records[record.case_id] = record
        self._changed.add(record.case_id)
        self._told.add(record.case_id)

    def put(self, record: CaseRecord) -> None:
        """Take in the facts of a case that may not have been known."""
        if record.case_id not in self._rows:
            self._rows[record.case_id] = {"case_id": record.case_id, "version": 0}
            self._created.add(record.case_id)
        self.tell(record)

    def version(self, case_id: str) -> int:
        """Say which version of a case this commit writes."""
        return int(self._rows[case_id]["version"]) + 1

    def rename(self, former: str, case_id: str, cause: Cause) -> None:
        """Give a case another ID, or join it to the one that has that ID."""
        old = self.record(former)
        # An ID that the case had already is no other record.
        new = None if self.case_of(case_id) == former else self.record(case_id)
        row = self._rows.pop(former, None)
        self._records.pop(former, None)
        self._changed -= {former}
        self.names.add(Move(former, case_id, cause.actor, row, joins=old is not None and new is not None))
        if row is not None:
            self._rows.setdefault(case_id, row)
        if old is not None:
            self.tell(renamed(old, case_id) if new is None else joined(old, new))
        elif new is not None:
            self.tell(known_as(new, former))

    def adopt(self, records: Mapping[str, CaseRecord]) -> None:
        """Take in cases as a decision leaves them."""
        self._records.update(records)
        self._changed.update(records)

    def find_anew(self, case_id: str) -> None:
        """Have a case found by what it is named by now."""
        self._found_anew.add(case_id)

    def own_words(self, case_id: str | None, words: Set[search.Word]) -> Set[search.Word]:
        """Leave out of the words of a transaction by which its case is found already."""
        record = self.record(case_id)
        if record is None or not words:
            return words
        if record.case_id not in self._words:
            self._words[record.case_id] = words_as_told(record)
        return words - self._words[record.case_id]

    async def flush(self, conn: AsyncConnection) -> None:
        """Write the cases that changed."""
        rows = {case_id: self._row(case_id) for case_id in sorted(self._changed)}
        await cases.save(conn, [row for case_id, row in rows.items() if case_id not in self._told])
        told = [
            row | _facts_row(self._records[case_id].facts)
            for case_id, row in rows.items()
            if case_id in self._told
        ]
        await cases.save(conn, [row for row in told if row["case_id"] not in self._created])
        for row in told:
            if row["case_id"] in self._created:
                await cases.add(conn, row)
        for case_id in sorted((self._told | self._found_anew) & self._changed):
            await search.put_case(conn, case_id, words_of_case(self._records[case_id]))

    def _row(self, case_id: str) -> dict[str, Any]:
        return {
            "case_id": case_id,
            "state": self._records[case_id].state,
            "version": self.version(case_id),
            "updated_at": self.now,
        }


def _facts_row(facts: CaseFacts) -> dict[str, Any]:
    """Write what a case's row holds of its facts."""
    return {
        "role": facts.role.value,
        "other_fips": facts.other_fips,
        "other_case_id": facts.other_case_id,
        "facts": facts_to_json(facts),
    }
