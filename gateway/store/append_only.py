"""Let nobody change or remove a record of the audit, not even by a mistake of ours.

What a record says can be sealed anew under other keys: the chain shows whether it still says the same.
Whoever owns the database can take these triggers away; the chain shows what they did then.
"""

from __future__ import annotations

from typing import Final

_REFUSAL: Final = "the audit is append-only"

_CHANGE: Final = "UPDATE OF id, at, actor, action, object, hash"

SQLITE: Final = tuple(
    f"CREATE TRIGGER audit_keeps_{word[:6].lower()} BEFORE {word} ON audit "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for word in (_CHANGE, "DELETE")
)

POSTGRESQL: Final = (
    "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    f"CREATE TRIGGER audit_keeps BEFORE {_CHANGE} OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
)
