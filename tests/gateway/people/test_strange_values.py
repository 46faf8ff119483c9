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


async def test_a_nul_in_an_address_is_refused_before_the_store_is_asked(
    browser: Client, accounts: Accounts
) -> None:
    await enter(browser, accounts, "pat", "viewer")
    for address, status in (
        ("/v1/cases/%00", 404),
        ("/console/cases/MN1%00", 404),
        ("/v1/transactions?case_id=%00", 400),
        ("/console/work?worker=a%00", 400),
        ("/sign-in?%00=1", 400),
    ):
        answer = await browser.get(URL(address, encoded=True))
        assert answer.status == status, address
