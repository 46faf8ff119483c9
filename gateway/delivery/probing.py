"""Ask a way out, without sending anything, whether a batch would get through: a test message.

Over HTTPS that is a GET on the address that batches are posted to, so that an exchange which knows nothing of
it can do nothing wrong either.  Into a folder and over SFTP it is a hidden file, written, compared, removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

State = Literal["well", "look", "failed"]


class ProbeStep(msgspec.Struct, frozen=True, kw_only=True):
    """Say how one part of the way fared, in a sentence for a person and without anything of a case."""

    step: str
    state: State
    text: str


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how a test message fared: to whom, by which way, what worked, and how long it took."""

    partner: str
    way: str
    at: datetime
    milliseconds: int
    well: bool
    steps: Sequence[ProbeStep]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what is asked: a word that has to come back, when, and about which partner (two digits)."""

    word: str
    at: datetime
    partner: str | None = None


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a test message over HTTPS: its word, our time, and whom we take the caller for.

    ``known`` says whether there is a way to the ``partner`` asked about; None where nobody can tell.
    """

    probe: str
    at: datetime
    caller: str | None = None
    partner: str | None = None
    known: bool | None = None


class Probed(Protocol):
    """Be a way out that can be asked."""

    @property
    def way(self) -> str:
        """Name the kind of way: ``http``, ``folder`` or ``sftp``."""
        ...

    async def probe(self, question: Question) -> list[ProbeStep]:
        """Go the way once and tell each step, the last one that fails included; raises nothing of its own."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def well(step: str, text: str) -> ProbeStep:
    """Tell of a step that worked."""
    return ProbeStep(step=step, state="well", text=text)


def look(step: str, text: str) -> ProbeStep:
    """Tell of a step that somebody should look at, although it keeps nothing back by itself."""
    return ProbeStep(step=step, state="look", text=text)


def failed(step: str, text: str) -> ProbeStep:
    """Tell of a step beyond which nothing would get."""
    return ProbeStep(step=step, state="failed", text=text)
