"""The table of timed jobs: when each ran last, and what came of it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from csenet.gateway.store.columns import Json, UtcDateTime, one_of
from csenet.gateway.store.tables import metadata

RUN_OUTCOMES = ("done", "failed")

timed_job = Table(
    "timed_job",
    metadata,
    Column("name", String(28), primary_key=True),
    # The newest try; without an end of its own it is under way, or was cut off.
    Column("begun_at", UtcDateTime, nullable=False),
    Column("holder", String(64), nullable=False),
    # The start of the newest try that came to an end, from which the next one is counted.
    Column("ran_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(16)),
    Column("duration_ms", Integer),
    Column("error", Text),
    Column("result", Json),
    Column("result_at", UtcDateTime),
    one_of("outcome", RUN_OUTCOMES, "timed_job_outcome"),
)
