"""Open a casework API on a store that holds real tokens, with a desk that remembers what it was asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from csenet.gateway.casework import Limits, build_app
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk.results import (
    CaseView,
    LedgerReport,
    Page,
    SubmitResult,
    TransactionDetail,
    TransactionFilter,
    TransactionView,
    WorkFilter,
    WorkItemView,
)
from csenet.gateway.desk.views_today import Today
from csenet.gateway.people import tokens
from csenet.gateway.store.dead import DeadFilter, DeadRow
from csenet.gateway.store.destinations import Destination
from csenet.gateway.store.engine import Store, open_store

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
ROLES = ("casesystem", "operator", "exchange", "administrator")

ITEM = WorkItemView(
    id=12,
    kind="stop_withholding",
    title="Stop income withholding",
    case_id="MN0000123",
    group="GSC17",
    duty="RS11",
    due=date(2026, 12, 7),
    status="open",
    reasons=[],
    details={},
    transaction="in-3",
    outbound=None,
    opened_at=NOW,
    completed_on=None,
    completed_at=None,
)
LINE = {
    "id": "out-7",
    "direction": "outbound",
    "far": "MSC P GSC15",
    "serial": "000000000007",
    "from_fips": "27",
    "to_fips": "20",
    "case_id": "MN0000123",
    "status": "queued",
    "correlation": "0123456789abcdef",
    "received_at": NOW,
}


class FakeDesk:
    """Answer with fixed values, remember each call, and raise `failure` if one is set."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.failure: Exception | None = None
        self.known = {"MN0000123"}
        self.figures = Today(
            since=NOW,
            flows=[],
            waiting={},
            spoilt=0,
            refused=0,
            work=[],
            oldest_waiting=None,
            files_waiting=0,
            last_file=None,
            last_batch=None,
            exchange=Destination(),
        )
        self.ledger = LedgerReport(
            balanced=True,
            files=2,
            files_waiting=0,
            inbound={"decided": 3, "duplicate": 1},
            outbound={"delivered": 2, "queued": 1},
            differences=[],
        )

    def note(self, name: str, **values: Any) -> None:
        self.calls.append((name, values))
        if self.failure is not None:
            raise self.failure

    def view(self, case_id: str, facts: Any, *, created: bool = False) -> CaseView:
        return CaseView(
            case_id=case_id, version=1, updated_at=NOW, facts=facts, state={"status": "open"}, created=created
        )

    async def put_case(self, case_id: str, obj: Any, *, actor: str) -> CaseView:
        self.note("put_case", case_id=case_id, obj=obj, actor=actor)
        created = case_id not in self.known
        self.known.add(case_id)
        return self.view(case_id, obj, created=created)

    async def get_case(self, case_id: str) -> CaseView | None:
        self.note("get_case", case_id=case_id)
        return self.view(case_id, {"role": "initiating"}) if case_id in self.known else None

    async def submit(self, obj: Any, *, idempotency_key: str | None = None, actor: str) -> SubmitResult:
        self.note("submit", obj=obj, key=idempotency_key, actor=actor)
        return SubmitResult(transactions=[TransactionView(**LINE)])

    async def correct(
        self, view_id: str, obj: Any, *, idempotency_key: str | None = None, actor: str
    ) -> SubmitResult:
        self.note("correct", view_id=view_id, obj=obj, key=idempotency_key, actor=actor)
        return SubmitResult(transactions=[TransactionView(**LINE)])

    async def list_transactions(self, filters: TransactionFilter, /) -> Page:
        self.note("list_transactions", filters=filters)
        return Page(items=[TransactionView(**LINE)], next="out-7")

    async def transaction(self, transaction_id: str, /) -> TransactionDetail | None:
        self.note("transaction", transaction_id=transaction_id)
        return TransactionDetail(**LINE, transaction={"header": {}}) if transaction_id == "out-7" else None

    async def list_work_items(self, filters: WorkFilter, /) -> Page:
        self.note("list_work_items", filters=filters)
        return Page(items=[ITEM])

    async def work_item(self, item_id: int) -> WorkItemView | None:
        self.note("work_item", item_id=item_id)
        return ITEM if item_id == ITEM.id else None

    async def complete_work(
        self,
        item_id: int,
        on: date,
        outcome: str | None = None,
        *,
        actor: str,
        case_id: str | None = None,
        text: str | None = None,
    ) -> WorkItemView:
        said = {name: value for name, value in (("case_id", case_id), ("text", text)) if value is not None}
        self.note("complete_work", item_id=item_id, on=on, outcome=outcome, actor=actor, **said)
        return ITEM

    async def today(self, since: datetime) -> Today:
        self.note("today")
        return self.figures

    async def ledger_check(self) -> LedgerReport:
        self.note("ledger_check")
        return self.ledger

    async def ledger_proved(self) -> None:
        self.note("ledger_proved")

    async def dead_list(self, wanted: DeadFilter | None = None) -> Sequence[DeadRow]:
        self.note("dead_list")
        return [
            DeadRow(
                id=9,
                serial=31,
                partner="20",
                case_id="MN0000123",
                far="MSC P GSC18",
                attempts=12,
                reason="no connection",
                batch_id=4,
                created_at=NOW,
            )
        ]

    async def dead_resend(self, ids: Sequence[int] | None = None, *, actor: str) -> int:
        self.note("dead_resend", ids=ids, actor=actor)
        return 2 if ids is None else len(ids)


Open = Callable[..., Awaitable[TestClient[Any, Any]]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW, "America/Chicago")


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "gateway.db")
    yield opened
    await opened.close()


@pytest.fixture
async def secrets(store: Store) -> dict[str, str]:
    """Make a token for each role of programs, and `admin`, who may do all that programs can."""
    async with store.begin() as conn:
        made = {role: await tokens.create(conn, f"the-{role}", role, NOW) for role in ROLES}
        return made | {"admin": await tokens.create(conn, "the-admin", ROLES, NOW)}


@pytest.fixture
async def open_api(
    aiohttp_client: Any, desk: FakeDesk, store: Store, clock: ManualClock, secrets: dict[str, str]
) -> Open:
    async def opened(role: str | None = "admin", *, limits: Limits | None = None) -> TestClient[Any, Any]:
        app = build_app(desk, store, clock=clock, jurisdiction_name="Minnesota", limits=limits)
        headers = {"Authorization": f"Bearer {secrets[role]}"} if role else {}
        client: TestClient[Any, Any] = await aiohttp_client(app, headers=headers)
        return client

    return opened


@pytest.fixture
async def api(open_api: Open) -> TestClient[Any, Any]:
    return await open_api("admin")


KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
    "any": object,
}


@pytest.fixture
def conforms() -> Callable[[Any, Any, Any], None]:
    """Check a value against a JSON schema of an OpenAPI document, as far as ours go."""
    return lambda described, schema, value: _conform(described, schema, value, "$")


def _conform(described: Any, schema: Any, value: Any, place: str) -> None:
    for problem in _faults(described, schema, value, place):
        raise AssertionError(problem)


def _faults(described: Any, schema: Any, value: Any, place: str) -> Any:
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            fits = sum(not list(_faults(described, each, value, place)) for each in schema[word])
            yield from [] if fits == 1 else [f"{place}: fits {fits} of {word}"]
            return
    if not isinstance(value, KINDS[schema.get("type", "any")]):
        yield f"{place}: {value!r} is no {schema['type']}"
    elif value not in schema.get("enum", [schema.get("const", value)]):
        yield f"{place}: {value!r} is not listed"
    elif isinstance(value, str):
        yield from _text_faults(schema, value, place)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _faults(described, schema.get("items") or {}, each, f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from _member_faults(described, schema, value, place)


def _text_faults(schema: Any, value: str, place: str) -> Any:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} does not match"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{place}: {value!r} has a wrong length"
    if schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        yield f"{place}: {value!r} has no zone"
    if schema.get("format") == "date":
        date.fromisoformat(value)


def _member_faults(described: Any, schema: Any, value: dict[str, Any], place: str) -> Any:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}: {name} is missing"
    for name, inner in value.items():
        if name in known:
            yield from _faults(described, known[name], inner, f"{place}.{name}")
        elif known or schema.get("additionalProperties") is False:
            yield f"{place}: {name} is not described"
