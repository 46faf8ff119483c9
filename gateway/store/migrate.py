"""Bring a store's schema up to date; imported only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def configuration() -> Config:
    """Return the settings alembic needs to find our steps."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing steps inside the caller's transaction, so that a half-made schema cannot stay."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
