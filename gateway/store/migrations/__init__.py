"""Database schema, step by step (alembic)."""
