"""Read a case back from the form in which it was kept.

What `facts_to_json` wrote was checked before, value by value, and is in canonical form; checking all of it
again for each transaction on the case would take longer than deciding on the transaction.
"""

from __future__ import annotations

from typing import Final

import msgspec

from csenet.handlers.context import CaseRecord, CaseState
from csenet.handlers.facts import CaseFacts


class _CaseMarks(msgspec.Struct):
    nondisclosure_finding: str | None = None


class _Marks(msgspec.Struct):
    family_violence: bool = False
    protected: tuple[str, ...] = ()
    case: _CaseMarks | None = None


_MARKS: Final = msgspec.json.Decoder(_Marks)
_FACTS: Final = msgspec.json.Decoder(CaseFacts)
_STATE: Final = msgspec.json.Decoder(CaseState)


def kept_facts(case_id: str, written: bytes) -> CaseFacts:
    """Read the JSON of what `facts_to_json` made, and nothing else: what is not from there is not checked."""
    return _FACTS.decode(b'{"case_id":%b,%b' % (msgspec.json.encode(case_id), written[1:]))


def anybody_at_risk(written: bytes) -> bool:
    """Look for a mark of somebody at risk without reading all of the facts; few cases have one."""
    found = _MARKS.decode(written)
    return bool(
        found.family_violence
        or found.protected
        or (found.case is not None and found.case.nondisclosure_finding)
    )


def kept_state(written: bytes) -> CaseState:
    """Read the JSON of a case's state."""
    return _STATE.decode(written)


def kept_record(case_id: str, facts: bytes, state: bytes) -> CaseRecord:
    """Read a case, of which the facts do not name the ID under which they are kept."""
    return CaseRecord(facts=kept_facts(case_id, facts), state=kept_state(state))
