"""Answer the calls of the case system and of operators."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from csenet.gateway.casework import answers, requests
from csenet.gateway.casework.operations import JSON, OUTCOMES, STATUSES
from csenet.gateway.casework.ports import DESK, READER
from csenet.gateway.casework.problems import ApiProblem, Kind, Wrong, about_facts, rejected
from csenet.gateway.casework.requests import LIMITS, Finder
from csenet.gateway.desk.results import Page, Rejected, TransactionFilter, WorkFilter
from csenet.gateway.people.person import PERSON
from csenet.gateway.store.dead import DeadFilter
from csenet.handlers.lines import TEXT_WIDTH

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEY: Final = re.compile(r"[!-~]{1,64}")
_TRANSACTION_ID: Final = re.compile(r"(in|out)-[1-9][0-9]{0,17}")
_CASE_ID: Final = re.compile(r"(?=.*[^ 0])[^ *\\][^*\\]{0,14}")


def reply(body: Any, status: int = 200) -> web.Response:
    """Answer with JSON: amounts are strings, dates ISO, moments RFC 3339."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type=JSON)


def case_in_path(request: web.Request) -> str:
    """Read the case ID of the path; raises the problem of one that no transaction could hold."""
    case_id = request.match_info["case_id"]
    if _CASE_ID.fullmatch(case_id) is None or not (case_id.isascii() and case_id.isprintable()):
        message = "must have 1 to 15 characters, no * or \\, no leading blank, and not only zeros and blanks"
        raise rejected([Wrong(code="case_id.value", message=message, parameter="case_id", field="Case-ID")])
    return case_id


async def put_case(request: web.Request) -> web.Response:
    """Keep the facts of a case."""
    obj = await requests.read_object(request)
    case_id = case_in_path(request)
    case = await request.app[DESK].put_case(case_id, obj, actor=request[PERSON].name)
    return reply(case, 201 if case.created else 200)


async def get_case(request: web.Request) -> web.Response:
    """Show a case."""
    look = requests.looking(request)
    case = await request.app[READER].case(request[PERSON], request.match_info["case_id"], look)
    return reply(_found(case, "case"))


def key_of(request: web.Request, actor: str) -> str | None:
    """Read the key by which a request counts once, for its own caller only: two may choose the same."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and _KEY.fullmatch(key) is None:
        wrong = Wrong(
            code="request.value", message="must be 1 to 64 printable characters", parameter="Idempotency-Key"
        )
        raise ApiProblem(Kind.PARAMETERS, "Nothing was sent.", [wrong])
    return f"{actor}:{key}" if key is not None else None


async def submit(request: web.Request) -> web.Response:
    """Queue a transaction, given whole or by its code."""
    actor = request[PERSON].name
    key = key_of(request, actor)
    obj = await requests.read_object(request)
    case_id, known = requests.case_of(obj), "far" in obj
    await request.app[READER].must_see(request[PERSON], case_id, "transaction.submit", known=known)
    try:
        result = await request.app[DESK].submit(obj, idempotency_key=key, actor=actor)
    except Rejected as refusal:
        if "far" not in obj:
            raise
        raise about_facts(refusal, obj) from None
    return reply(result, 202)


async def list_transactions(request: web.Request) -> web.Response:
    """List transactions without their content."""
    asked = requests.query(request)
    filters = TransactionFilter(
        direction=asked.take("direction", requests.one_of(("inbound", "outbound")), "inbound or outbound"),
        status=asked.take("status", requests.one_of(STATUSES), f"one of {', '.join(STATUSES)}"),
        case_id=asked.take("case_id", requests.short_text, "a case ID"),
        far=asked.take("far", requests.short_text, "a code such as MSC P GSC17"),
        partner=asked.take("partner", requests.digits(2, 2), "two digits"),
        serial=asked.take("serial", requests.digits(1, 12), "up to twelve digits"),
        after=asked.take("after", requests.short_text, "the `next` of an earlier page"),
        limit=_limit(request, asked),
    )
    asked.finish()
    page = await request.app[READER].transactions(request[PERSON], filters)
    return reply(answers.TransactionPage(transactions=page.items, next=page.next))


async def get_transaction(request: web.Request) -> web.Response:
    """Show a transaction with its content."""
    transaction_id = request.match_info["transaction_id"]
    if _TRANSACTION_ID.fullmatch(transaction_id) is None:
        raise ApiProblem(Kind.NOT_FOUND, "Identifiers of transactions read in-12 or out-7.")
    look = requests.looking(request)
    detail = await request.app[READER].transaction(request[PERSON], transaction_id, look)
    return reply(_found(detail, "transaction"))


async def _changed_since(request: web.Request, since: str, limit: int) -> Page:
    try:
        return await request.app[READER].work_since(request[PERSON], since, limit)
    except Rejected as refusal:
        wrong = [Wrong(code="request.value", message=text, parameter=name) for name, text in refusal.problems]
        raise ApiProblem(Kind.PARAMETERS, "Nothing was looked up.", wrong) from None


async def list_work_items(request: web.Request) -> web.Response:
    """List work items."""
    asked = requests.query(request)
    filters = WorkFilter(
        status=asked.take("status", requests.one_of(("open", "completed")), "open or completed"),
        case_id=asked.take("case_id", requests.short_text, "a case ID"),
        kind=asked.take("kind", requests.short_text, "a kind of work item"),
        group=asked.take("group", requests.short_text, "a group such as GSC17"),
        due_before=asked.take("due_before", requests.iso_date, "a date such as 2026-11-20"),
        worker=asked.take("worker", requests.short_text, "a worker"),
        office=asked.take("office", requests.short_text, "an office"),
        after=asked.take("after", requests.short_text, "the `next` of an earlier page"),
        limit=_limit(request, asked),
    )
    since = asked.take("since", requests.whole_number(0), "0, or the `next` of an earlier answer")
    if since is not None and filters != WorkFilter(limit=filters.limit):
        asked.wrong("since", "request.alone", "What changed is told whole: only limit may stand beside it.")
    asked.finish()
    if since is not None:
        page = await _changed_since(request, str(since), filters.limit)
        return reply(answers.WorkItemPage(work_items=page.items, next=page.next))
    page = await request.app[READER].work_items(request[PERSON], filters)
    return reply(answers.WorkItemPage(work_items=page.items, next=page.next))


async def get_work_item(request: web.Request) -> web.Response:
    """Show a work item."""
    item_id = requests.identifier(request, "item_id")
    return reply(_found(await request.app[READER].work_item(request[PERSON], item_id), "work item"))


async def complete_work_item(request: web.Request) -> web.Response:
    """Complete a work item."""
    item_id = requests.identifier(request, "item_id")
    body = Finder(await requests.read_object(request), in_body=True)
    on = body.take("on", requests.iso_date, "a date such as 2026-11-24", required=True)
    outcome = body.take("outcome", requests.one_of(OUTCOMES), f"one of {', '.join(OUTCOMES)}")
    case_id = body.take("case_id", requests.short_text, "a case ID of ours")
    text = body.take("text", requests.line_text, f"1 to {TEXT_WIDTH} printable characters")
    body.finish()
    if on is None:
        raise AssertionError("finish lets no missing date pass")
    await request.app[READER].must_see_work(request[PERSON], item_id, "work.complete")
    item = await request.app[DESK].complete_work(
        item_id, on, outcome, actor=request[PERSON].name, case_id=case_id, text=text
    )
    return reply(item)


async def check_ledger(request: web.Request) -> web.Response:
    """Add everything up."""
    return reply(await request.app[DESK].ledger_check())


async def list_dead(request: web.Request) -> web.Response:
    """List what was given up."""
    requests.query(request).finish()
    rows = await request.app[DESK].dead_list(DeadFilter(offices=request[PERSON].scope))
    return reply(answers.DeadList(dead=[answers.dead_transaction(row) for row in rows]))


async def resend_dead(request: web.Request) -> web.Response:
    """Queue again what was given up."""
    body = Finder(await requests.read_object(request), in_body=True)
    ids = body.take("ids", requests.outbound_ids, "a list of 1 to 1000 identifiers such as out-9")
    everything = body.take("all", requests.true, "true")
    if not body.errors and (ids is None) == (everything is None):
        body.wrong("ids", "request.required", "give either ids or all")
    body.finish()
    return reply(answers.Resent(resent=await request.app[DESK].dead_resend(ids, actor=request[PERSON].name)))


def _limit(request: web.Request, asked: Finder) -> int:
    """Read how long a page may be."""
    limits = request.app[LIMITS]
    hint = f"a number from 1 to {limits.page_max}"
    return asked.take("limit", requests.whole_number(1, limits.page_max), hint) or limits.page


def _found(view: Any, noun: str) -> Any:
    """Let a view pass, or answer that there is none."""
    if view is None:
        raise ApiProblem(Kind.NOT_FOUND, f"There is no such {noun}.")
    return view


VIEWS: Final[Mapping[str, View]] = {
    "putCase": put_case,
    "getCase": get_case,
    "submitTransaction": submit,
    "listTransactions": list_transactions,
    "getTransaction": get_transaction,
    "listWorkItems": list_work_items,
    "getWorkItem": get_work_item,
    "completeWorkItem": complete_work_item,
    "checkLedger": check_ledger,
    "listDead": list_dead,
    "resendDead": resend_dead,
}
"""The views by the operation they answer."""
