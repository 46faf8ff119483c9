"""The tables of what is known about delivery besides the batches: destinations, holds, receipts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from csenet.gateway.store.columns import ROW_ID, Json, UtcDateTime, one_of
from csenet.gateway.store.tables import metadata

BREAKER_STATES = ("closed", "open", "half-open")
RECEIPT_STATES = ("good", "late", "repeated", "contradicting")
RECEIPT_OUTCOMES = ("accepted", "duplicate", "refused")

# How a destination fares, for all gateways that share the store, and what an operator ordered about it.
destination = Table(
    "destination",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    # Not before then is a try made while the breaker is not closed.
    Column("probe_at", UtcDateTime),
    Column("last_error", Text),
    Column("held_at", UtcDateTime),
    Column("held_reason", Text),
    Column("released_at", UtcDateTime),
    # What is queued up to this serial number leaves without waiting for a window.
    Column("flush_serial", BigInteger),
    one_of("state", BREAKER_STATES, "destination_state"),
)

# What goes to these states waits; all else leaves.
partner_hold = Table(
    "partner_hold",
    metadata,
    Column("partner", String(2), primary_key=True),
    Column("held_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(64), nullable=False),
)

# Each receipt for a batch of ours as it came, and what it means beside what we know.
delivery_receipt = Table(
    "delivery_receipt",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("batch_id", ROW_ID, ForeignKey("delivery_batch.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    # How it came: "answer" to a try, "file", or "message" by itself.
    Column("way", String(16), nullable=False),
    Column("signed", Boolean, nullable=False),
    # What it says; empty where it does not.
    Column("outcome", String(16)),
    Column("sha256", String(64)),
    Column("count", Integer),
    Column("stated_at", UtcDateTime),
    one_of("state", RECEIPT_STATES, "delivery_receipt_state"),
)
Index("delivery_receipt_batch", delivery_receipt.c.batch_id, delivery_receipt.c.id)
Index("delivery_receipt_state", delivery_receipt.c.state, delivery_receipt.c.id)

# The batches for which no receipt has come that proves anything; a row goes when one comes.
receipt_expected = Table(
    "receipt_expected",
    metadata,
    Column("batch_id", ROW_ID, ForeignKey("delivery_batch.id"), primary_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    # When somebody was told that it is missing.
    Column("missed_at", UtcDateTime),
)
Index("receipt_expected_due", receipt_expected.c.due_at)

# Each order to send many dead transactions again, and how far it is.
resend_run = Table(
    "resend_run",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("actor", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("per_minute", Integer),
    # The filter, and the rows that were named one by one: numbers and codes, no content.
    Column("chosen", Json, nullable=False),
    # Serial numbers: what is up to the first was looked at, what is beyond the second is not meant.
    Column("after", BigInteger, nullable=False),
    Column("up_to", BigInteger, nullable=False),
    Column("total", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("ended_at", UtcDateTime),
    one_of("state", ("running", "paused", "done"), "resend_run_state"),
)
