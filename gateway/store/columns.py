"""Column types that keep what SQLite and PostgreSQL would each store in their own way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import BigInteger, CheckConstraint, DateTime, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

# SQLite numbers rows by itself only for a column declared plain INTEGER.
ROW_ID = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """Store aware moments and give them back in UTC.

    SQLite gives naive values back whatever was put in; a naive value on the way in is a mistake and raises
    ``ValueError`` rather than being taken for one zone or another.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without time zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Store a value as compact JSON text; dates and amounts become strings and come back as strings."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:
        """Write the value down."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any | None:
        """Read the value back."""
        return None if value is None else msgspec.json.decode(value)


class Content(msgspec.Struct, frozen=True):
    """Say which data keys seal a table's content, and which columns name a record for good."""

    kind: str
    name: tuple[str, ...]


def content(kind: str, *name: str) -> dict[str, Content]:
    """Mark a table as one with sealed columns; the columns of ``name`` are known before an insert."""
    return {"content": Content(kind, name)}


class Closed:
    """Hold content as it is stored, so that nobody takes it for what it was before it was sealed."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        """Take the stored bytes."""
        self.data = data


class _Loose(UserDefinedType[Any]):
    """Let SQLite keep bytes in a column that was declared as text before its content was sealed."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the declared type."""
        return "TEXT"


class Sealed(TypeDecorator[Any]):
    """Keep content that ``sealing`` closes and opens; it comes and goes as ``Closed``, else ``TypeError``."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, form: Literal["bytes", "json", "written"]) -> None:
        """Say what the content is once it is opened; ``written`` is JSON that its reader makes values of."""
        super().__init__()
        self.form = form

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose bytes, but on SQLite, which does not mind, the type that the column always had."""
        if dialect.name == "sqlite" and self.form != "bytes":
            return _Loose()
        return dialect.type_descriptor(LargeBinary())

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Take what went through ``sealing`` only."""
        if value is None:
            return None
        if not isinstance(value, Closed):
            raise TypeError("content is written only after it was sealed")
        return value.data

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Give it back closed; text is what a store held before it was sealed."""
        if value is None:
            return None
        return Closed(value.encode() if isinstance(value, str) else bytes(value))


def one_of(column: str, words: Iterable[str], name: str) -> CheckConstraint:
    """Allow only ``words`` in ``column``, so that a misspelt status cannot be stored at all."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
