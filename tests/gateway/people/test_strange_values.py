"""What nobody types but somebody may send is refused or not found, and breaks nothing."""

from __future__ import annotations

import pytest
from yarl import URL

from csenet.gateway.people.accounts import Accounts

from .conftest import Client, enter
from .test_offices import token

RAISED_TWO = "%C2%B2"
PAGES = (
    *("/console/audit?before={}", "/console/duties?after={}", "/console/participants?after={}"),
    *("/console/transactions?before={}", "/console/transactions/export?serial={}", "/console/work?after={}"),
    *("/console/transactions/in-{}/diff", "/console/transactions/out-{}", "/console/dead/result?ids={}-{}"),
    *("/console/audit?since={}", "/console/audit?until={}", "/console/transactions/export?until={}"),
)


@pytest.mark.parametrize("value", [RAISED_TWO, "9" * 20, "9999-12-31", "0001-01-01", "1-2", "%00", "%FF"])
async def test_a_value_that_is_none_is_no_failure_of_ours(
    browser: Client, accounts: Accounts, value: str
) -> None:
    await enter(browser, accounts, "pat", "caseworker", "viewer", "operator", "auditor")
    csrf = await token(browser)
    for page in PAGES:
        answer = await browser.get(URL(page.replace("{}", value), encoded=True), headers=csrf)
        assert answer.status < 500, page
    for path in ("/console/work/assign", "/console/work/complete"):
        form = {"csrf": csrf["X-CSRF-Token"], "item": str(URL(f"/{value}", encoded=True).path)[1:]}
        assert (await browser.post(path, data=form)).status < 500, path
    path = URL(f"/v1/transactions/out-{value}/correct", encoded=True)
    assert (await browser.post(path, json={}, headers=csrf)).status < 500
