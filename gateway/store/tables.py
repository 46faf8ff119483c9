"""The tables of one jurisdiction's store: what came in, what goes out, the cases, and who did what.

Keys are integers given in order, because random keys halve the insert rate of a large table.  Moments are
UTC.  The status words are the same that people see.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from csenet.gateway.store.columns import ROW_ID, Sealed, UtcDateTime, content, one_of

INBOUND_STATUSES = ("received", "malformed", "duplicate", "conflict", "parked", "decided")
OUTBOUND_STATUSES = ("held", "queued", "sending", "delivered", "refused", "dead", "cancelled")
BATCH_STATES = ("composed", "spooled", "delivered", "dead")
FILE_STATES = ("received", "settled")
FILE_KINDS = ("transactions", "errors")
WORK_STATUSES = ("open", "completed")

metadata = MetaData()

inbound_file = Table(
    "inbound_file",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("raw", Sealed("bytes"), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    # Number of records; known once the whole file is settled.
    Column("count", Integer),
    Column("settled_at", UtcDateTime),
    # Since when its content is gone: the record alone is left, so that the sums hold.
    Column("purged_at", UtcDateTime),
    one_of("kind", FILE_KINDS, "inbound_file_kind"),
    one_of("state", FILE_STATES, "inbound_file_state"),
    info=content("inbound", "sha256"),
)

# Word for word the condition of the query, or SQLite would not use it.
_file_waits = text("state = 'received'")
Index(
    "inbound_file_waiting",
    inbound_file.c.id,
    sqlite_where=_file_waits,
    postgresql_where=_file_waits,
)

inbound = Table(
    "inbound",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("file_id", ROW_ID, ForeignKey("inbound_file.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("raw", Sealed("bytes"), nullable=False),
    Column("fingerprint", String(64)),
    Column("sender", String(2)),
    Column("serial", String(12)),
    Column("far", String(16)),
    Column("case_id", String(15)),
    Column("status", String(16), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("problems", Sealed("json")),
    Column("decision", Sealed("json")),
    # How many replies were queued for it; the ledger counts them again.
    Column("replies", Integer, nullable=False, default=0),
    Column("correlation", String(64), nullable=False),
    Column("purged_at", UtcDateTime),
    UniqueConstraint("file_id", "position", name="inbound_place"),
    one_of("status", INBOUND_STATUSES, "inbound_status"),
    info=content("inbound", "correlation"),
)
Index("inbound_case", inbound.c.case_id, inbound.c.id)
Index("inbound_key", inbound.c.sender, inbound.c.serial)
Index("inbound_received", inbound.c.received_at)
# Searches walk one direction by number; what nearly every row has (decided, delivered) needs no index.
# Partner and code stand in each other's index, so that both together are compared without reading the row.
Index("inbound_sender", inbound.c.sender, inbound.c.id, inbound.c.far)
Index("inbound_far", inbound.c.far, inbound.c.id, inbound.c.sender)
_is_unusual = text("status <> 'decided'")
Index(
    "inbound_unusual",
    *(inbound.c[name] for name in ("status", "id", "sender", "far")),
    sqlite_where=_is_unusual,
    postgresql_where=_is_unusual,
)

PARKED = text("inbound.status <> 'decided' AND inbound.status = 'parked'")
"""Choose what is parked, by the index of unusual rows: without its own condition SQLite reads them all."""

# The codes of the problems found in a transaction, to search by: what the problems say is content.
inbound_problem = Table(
    "inbound_problem",
    metadata,
    Column("code", String(128), primary_key=True),
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id"), primary_key=True),
    sqlite_with_rowid=False,
)
_is_parked = text("status = 'parked'")
Index(
    "inbound_parked",
    inbound.c.case_id,
    inbound.c.id,
    sqlite_where=_is_parked,
    postgresql_where=_is_parked,
)

transaction_key = Table(
    "transaction_key",
    metadata,
    Column("sender", String(2), primary_key=True),
    Column("serial", String(12), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id"), nullable=False),
    # Of a request: what stays the same when it is sent again under another serial number.
    Column("content", String(64)),
    sqlite_with_rowid=False,
)
Index("transaction_key_content", transaction_key.c.sender, transaction_key.c.content)

case_file = Table(
    "case_file",
    metadata,
    Column("case_id", String(15), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("other_fips", String(7), nullable=False),
    Column("other_case_id", String(15)),
    Column("facts", Sealed("written"), nullable=False),
    Column("state", Sealed("written"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Whose case it is, out of the facts; none: the agency's as a whole.
    Column("office", String(32)),
    one_of("role", ("initiating", "responding"), "case_file_role"),
    info=content("case", "case_id"),
)
# Whether a case is another office's is asked of each row of a list: without reading its facts.
CASE_OFFICE: Final = "case_file_office"
_of_an_office = text("office IS NOT NULL")
Index(
    CASE_OFFICE,
    case_file.c.case_id,
    case_file.c.office,
    sqlite_where=_of_an_office,
    postgresql_where=_of_an_office,
)

delivery_batch = Table(
    "delivery_batch",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("framing", String(16), nullable=False),
    Column("payload", Sealed("bytes"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcDateTime),
    Column("last_error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("purged_at", UtcDateTime),
    one_of("state", BATCH_STATES, "delivery_batch_state"),
    info=content("outbound", "name"),
)
_is_open = text("state <> 'delivered'")
Index(
    "delivery_batch_open",
    delivery_batch.c.state,
    delivery_batch.c.id,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)

outbound = Table(
    "outbound",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("serial", BigInteger, nullable=False, unique=True),
    Column("partner", String(2), nullable=False),
    Column("case_id", String(15)),
    Column("far", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    # The transaction as it goes to the exchange, serial number included; never changed afterwards.
    Column("raw", Sealed("bytes"), nullable=False),
    Column("transaction_date", Date),
    Column("in_reply_to", ROW_ID, ForeignKey("inbound.id")),
    Column("correlation", String(64), nullable=False),
    Column("intake_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("delivered_at", UtcDateTime),
    Column("refused_at", UtcDateTime),
    Column("batch_id", ROW_ID, ForeignKey("delivery_batch.id")),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", Text),
    Column("purged_at", UtcDateTime),
    one_of("status", OUTBOUND_STATUSES, "outbound_status"),
    info=content("outbound", "serial"),
)
Index("outbound_case", outbound.c.case_id, outbound.c.id)
Index("outbound_batch", outbound.c.batch_id)
Index("outbound_reply", outbound.c.in_reply_to)
Index("outbound_delivered", outbound.c.delivered_at)
Index("outbound_created", outbound.c.created_at)
Index("outbound_partner", outbound.c.partner, outbound.c.id, outbound.c.far)
Index("outbound_far", outbound.c.far, outbound.c.id, outbound.c.partner)
_is_unlike_most = text("status <> 'delivered'")
Index(
    "outbound_unusual",
    outbound.c.status,
    outbound.c.id,
    sqlite_where=_is_unlike_most,
    postgresql_where=_is_unlike_most,
)
_is_refused = text("refused_at IS NOT NULL")
Index("outbound_refused", outbound.c.refused_at, sqlite_where=_is_refused, postgresql_where=_is_refused)
# Settled rows pile up for ever; claiming must not walk past them.  What is counted by stands in the index,
# or counting what waits would read each row with its content.
_is_waiting = text("status IN ('held', 'queued', 'sending', 'dead')")
Index(
    "outbound_waiting",
    *(outbound.c[name] for name in ("status", "serial", "partner", "far", "created_at")),
    sqlite_where=_is_waiting,
    postgresql_where=_is_waiting,
)

# An open question about a row keeps later rows of its case waiting: asked of each row that might leave, so a
# case with a long past must not be walked through.
_blocks = text("status IN ('held', 'sending', 'dead')")
Index(
    "outbound_blocking",
    outbound.c.case_id,
    outbound.c.serial,
    sqlite_where=_blocks,
    postgresql_where=_blocks,
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("batch_id", ROW_ID, ForeignKey("delivery_batch.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", Text),
)
Index("attempt_batch", attempt.c.batch_id, attempt.c.id)

timeline = Table(
    "timeline",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("case_id", String(15), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(64), nullable=False),
    Column("detail", Sealed("json"), nullable=False),
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id")),
    Column("outbound_id", ROW_ID, ForeignKey("outbound.id")),
    info=content("case", "case_id", "event", "inbound_id", "outbound_id", "at"),
)
Index("timeline_case", timeline.c.case_id, timeline.c.id)

work_item = Table(
    "work_item",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("case_id", String(15)),
    Column("group", String(64), nullable=False),
    Column("duty", String(32)),
    Column("due", Date),
    Column("status", String(16), nullable=False),
    Column("reasons", Sealed("json"), nullable=False),
    Column("details", Sealed("json"), nullable=False),
    Column("inbound_id", ROW_ID, ForeignKey("inbound.id")),
    Column("outbound_id", ROW_ID, ForeignKey("outbound.id")),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("completed_on", Date),
    Column("completed_at", UtcDateTime),
    one_of("status", WORK_STATUSES, "work_item_status"),
    Column("priority", Integer, nullable=False, server_default="3"),
    Column("worker", String(64)),
    Column("office", String(64)),
    # How many messages made it: ten about one thing are one item.
    Column("messages", Integer, nullable=False, server_default="1"),
    Column("outcome", String(16)),
    # The other state, and the functional type of the transaction that it is about.
    Column("partner", String(2)),
    Column("function", String(3)),
    info=content("work", "kind", "case_id", "inbound_id", "outbound_id", "opened_at"),
)
Index("work_item_case", work_item.c.case_id, work_item.c.status, work_item.c.id)
Index("work_item_inbound", work_item.c.inbound_id)
# Everything that counts and lists choose by, so that neither open work nor what was done is read for it.
_chosen_by = [work_item.c[name] for name in ("id", "kind", "partner", "function", "case_id")]
Index("work_item_due", work_item.c.status, work_item.c.due, *_chosen_by)
WORK_IS_DONE: Final = text("work_item.status = 'completed'")
_is_done = text("status = 'completed'")
Index(
    "work_item_done",
    work_item.c.status,
    work_item.c.completed_on,
    *_chosen_by,
    sqlite_where=_is_done,
    postgresql_where=_is_done,
)

serial_counter = Table(
    "serial_counter",
    metadata,
    Column("jurisdiction", String(2), primary_key=True),
    Column("next", BigInteger, nullable=False),
)

# Who of several gateways does what; a row stays, so that its fencing token only ever grows.
lease = Table(
    "lease",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", UtcDateTime),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("result", Sealed("json"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    info=content("request", "key", "request_sha256"),
)
