"""Every page in a real browser: axe finds nothing, it fits a phone, and it is worked with by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

pytestmark = pytest.mark.slow

PAGES = {
    "today": "/",
    "transactions": "/console/transactions",
    "transaction": "/console/transactions/in-1",
    "comparison": "/console/transactions/in-1/diff?with=out-1",
    "wrong-filter": "/console/transactions?partner=Atlantis",
    "nothing-found": "/console/transactions?serial=987654",
    "cases": "/console/cases",
    "case": "/console/cases/MN000001A",
    "work": "/console/work",
    "duties": "/console/duties",
    "dead": "/console/dead",
    "result": "/console/dead/result?ids=1-3&action=resend",
    "partners": "/console/partners",
    "partner": "/console/partners/20",
    "law": "/console/law?part=duties-rs",
    "rule": "/console/law/RS7",
    "questions": "/console/law/questions?q=interest",
    "changes": "/console/law/changes?since=2010-01-01",
    "audit": "/console/audit",
    "settings": "/console/settings",
    "no-such-page": "/console/transactions/in-99999",
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_a_phone_has_room(tab: Any, pictures: Path, name: str) -> None:
    page = tab.open(PAGES[name])
    page.screenshot(path=pictures / f"{name}.png", full_page=True)
    found = axe_playwright.Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Lists are laid out anew there.
    if name in ("transactions", "work", "dead", "audit"):
        assert axe_playwright.Axe().run(page, options=RULES).response["violations"] == []
    page.screenshot(path=pictures / f"{name}-phone.png", full_page=True)


def test_a_transaction_is_found_and_read_by_keyboard_alone(tab: Any) -> None:
    page = tab.open("/console/transactions")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("#"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "case_id"
    page.keyboard.type("MN000001A")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("case_id=MN000001A"))
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "in-1":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/transactions/in-1$"))
    assert "GRINT" in page.inner_text("h1")


def test_somebody_signs_in_reads_and_signs_out(visitor: Any, running: Any) -> None:
    context = visitor()
    page = context.new_page()
    page.goto(running.url + "/console/cases")
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill(running.world.minnesota.password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"^[^?]*/console/cases$"))
    assert page.locator("nav[aria-label=Pages] a").count() == 10
    page.goto(running.url + "/no/such/page")
    assert page.locator("nav[aria-label=Pages] a").count() == 10
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/sign-in"))
    page.goto(running.url + "/console/cases")
    assert "/sign-in" in page.url


def test_a_role_sees_only_its_pages(visitor: Any, running: Any) -> None:
    for role, pages in (("auditor", ["Today", "Law", "Audit"]), ("viewer", 7), ("administrator", 4)):
        context = visitor(
            extra_http_headers={"Authorization": f"Bearer {running.keys[role]}", "Accept": "text/html"}
        )
        page = context.new_page()
        page.goto(running.url + "/console/law")
        found = page.locator("nav[aria-label=Pages] a").all_inner_texts()
        assert found == pages if isinstance(pages, list) else len(found) == pages
        assert page.goto(running.url + "/console/transactions/in-1/clear").status in (403, 405)


def test_today_renews_itself_without_a_reload(tab: Any) -> None:
    page = tab.open("/")
    page.evaluate("window.stayed = true")
    page.evaluate("htmx.ajax('GET', '/', {target: '#today', swap: 'innerMorph'})")
    page.wait_for_selector("text=Counted")
    assert page.evaluate("window.stayed")
    assert page.locator("h1").count() == 1


def test_pages_can_be_read_without_javascript(visitor: Any, running: Any) -> None:
    key = {"Authorization": f"Bearer {running.keys['all']}"}
    context = visitor(java_script_enabled=False, extra_http_headers=key)
    page = context.new_page()
    for path, words in (
        ("/", "Way out"),
        ("/console/work", "Within seven days"),
        ("/console/law", "entries"),
    ):
        page.goto(running.url + path)
        assert words in page.content()


def test_the_interest_answer_says_why_and_personal_fields_open_for_a_reason(tab: Any) -> None:
    page = tab.open("/console/transactions/in-1")
    assert "45 CFR 303.7" in page.inner_text("#timeline + div")
    assert "EXAMPLESON" not in page.content()
    page.get_by_label("Why do you need").fill("call from the other state")
    page.get_by_role("button", name="Show in clear").click()
    page.get_by_text("This look is on record").wait_for()
    page.wait_for_load_state()  # the rest of the page comes after these words
    assert "EXAMPLESON" in page.content()


def test_delivery_is_paused_and_released_where_everybody_sees_it(tab: Any) -> None:
    page = tab.open("/console/partners")
    page.get_by_label("Why delivery is paused").fill("line test of the exchange")
    page.get_by_role("button", name="Pause delivery").click()
    page.get_by_text("line test of the exchange").wait_for()
    page.get_by_role("button", name="Release").click()
    page.get_by_text("The exchange takes what we send.").wait_for()
    assert page.get_by_text("line test of the exchange").count() == 0


def test_a_transaction_is_printed_without_menus(tab: Any) -> None:
    page = tab.open("/console/transactions/in-1")
    page.emulate_media(media="print")
    assert not page.locator("header.console-header").is_visible()
    assert page.locator("h1").is_visible()
