"""Turn what somebody asks for in a list into conditions on its rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Table

from csenet.gateway.store.cases import in_scope


def asked(
    table: Table, offices: Collection[str] | None = None, /, **values: Any
) -> list[ColumnElement[bool]]:
    """Ask for rows with these values, None for nothing; ``offices`` leaves out the cases of all others."""
    found = [table.c[name] == value for name, value in values.items() if value is not None]
    return found if offices is None else [*found, in_scope(table.c.case_id, offices)]
