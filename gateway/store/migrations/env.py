"""Run schema steps on the connection that the caller holds."""

from __future__ import annotations

from alembic import context

from csenet.gateway.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
