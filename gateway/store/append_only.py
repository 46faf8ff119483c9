"""Let nobody change or remove a record of the audit, not even by a mistake of ours.

Whoever owns the database can take these triggers away; the chain shows what they did then.
"""

from __future__ import annotations

from typing import Final

_REFUSAL: Final = "the audit is append-only"

SQLITE: Final = tuple(
    f"CREATE TRIGGER audit_keeps_{word.lower()} BEFORE {word} ON audit "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for word in ("UPDATE", "DELETE")
)

POSTGRESQL: Final = (
    "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    "CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
)
