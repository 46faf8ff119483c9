"""List all tables of the store, whichever module describes them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from sqlalchemy import Table

from csenet.gateway.store.tables import metadata

_MODULES = "tables_"


@cache
def every_table() -> tuple[Table, ...]:
    """Return all tables, each behind those that its rows refer to."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith(_MODULES):
            importlib.import_module(f"{__package__}.{module.name}")
    return tuple(metadata.sorted_tables)
