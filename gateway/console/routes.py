"""List every page that needs a name once: its place, what answers it, and what stands in the menu.

Which right each needs is in `gateway/people/rights.toml`; a page without a row there is nobody's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from csenet.gateway.console import (
    cases,
    dead,
    detail,
    duties,
    finding,
    law,
    participants,
    partners,
    record,
    settings_page,
    transactions,
    work,
)
from csenet.gateway.console.errors import as_page

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROUTES: Final[tuple[tuple[str, str, View], ...]] = (
    ("GET", "/console/transactions", transactions.get_list),
    ("GET", "/console/transactions/export", transactions.get_export),
    ("GET", "/console/transactions/{transaction_id}", detail.get_transaction),
    ("POST", "/console/transactions/{transaction_id}/clear", detail.post_clear),
    ("GET", "/console/transactions/{transaction_id}/diff", transactions.get_diff),
    ("GET", "/console/transactions/{transaction_id}/pdf", detail.get_pdf),
    ("POST", "/console/transactions/{transaction_id}/pdf", detail.post_pdf),
    ("POST", "/console/transactions/{transaction_id}/recall", detail.post_recall),
    ("POST", "/console/find", finding.post_find),
    ("GET", "/console/cases", cases.get_list),
    ("GET", "/console/cases/{case_id}", cases.get_case),
    ("GET", "/console/work", work.get_work),
    ("POST", "/console/work/assign", work.post_assign),
    ("POST", "/console/work/complete", work.post_complete),
    ("GET", "/console/duties", duties.get_duties),
    ("GET", "/console/dead", dead.get_dead),
    ("POST", "/console/dead/act", dead.post_act),
    ("GET", "/console/dead/result", dead.get_result),
    ("POST", "/console/delivery", dead.post_delivery),
    ("GET", "/console/partners", partners.get_list),
    ("GET", "/console/partners/{fips}", partners.get_partner),
    ("POST", "/console/partners/{fips}/test", partners.post_test),
    ("GET", "/console/participants", participants.get_list),
    ("POST", "/console/participants/enrol", participants.post_enrol),
    ("POST", "/console/participants/{participant_id}/act", participants.post_act),
    ("GET", "/console/law", law.get_list),
    ("GET", "/console/law/changes", law.get_changes),
    ("GET", "/console/law/questions", law.get_questions),
    ("GET", "/console/law/{rule}", law.get_entry),
    ("GET", "/console/audit", record.get_audit),
    ("GET", "/console/settings", settings_page.get_settings),
)


def add_routes(app: web.Application) -> None:
    """Add all pages; what goes wrong on one is told as a page."""
    for method, path, view in ROUTES:
        app.router.add_route(method, path, as_page(view))
