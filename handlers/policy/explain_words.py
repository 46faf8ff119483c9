"""Hold what can be looked up in the policy tables: an entry, and its dated versions."""

from datetime import date

import msgspec

from csenet.handlers.policy.dated import Dated, in_force


class Version(Dated, frozen=True, kw_only=True):
    """Hold what an entry states in one period; `value` is as a person reads it, "" for a mere reason."""

    value: str = ""

    @classmethod
    def of(cls, row: Dated, value: str) -> "Version":
        """Take a row of a table as a version that states `value`."""
        return cls(
            citation=row.citation,
            text=row.text,
            since=row.since,
            until=row.until,
            ours=row.ours,
            note=row.note,
            value=value,
        )

    def says_the_same(self, other: "Version") -> bool:
        """Tell whether two versions have the same value on the same authority."""
        return (self.value, self.citation) == (other.value, other.citation)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one thing that can be looked up.

    `id` is the name that reasons use, `about` our words for it. `codes` are the transactions and `places` the
    places in questionnaires under which it is found; `details` what else a reader wants to know. `state` is
    the abbreviation of the state that answers so for itself, "" for what holds everywhere.
    """

    id: str
    kind: str
    about: str
    versions: tuple[Version, ...]
    cited_in_spec: str = ""
    codes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    state: str = ""
    details: dict[str, str] = msgspec.field(default_factory=dict)

    def on(self, day: date) -> Version | None:
        """Give the version in force on a day; None where nothing is stated."""
        return in_force(self.versions, day)
