"""A participant's own pages in a real browser: on a phone, without scripts, by keyboard, seen by axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from csenet.gateway.participant.enrolling import Enrolled, Enrolling
from csenet.gateway.participant.listening import ParticipantListener
from csenet.gateway.settings.participant import ParticipantSection

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

pytestmark = pytest.mark.slow

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Open:
    """Hold where participants are let in, and what one was given."""

    url: str
    given: Enrolled


@pytest.fixture(scope="module")
def participants(running: Any) -> Iterator[Open]:
    """Let participants in on a listener of their own, and one of them see two cases."""
    app = running.world.minnesota.app
    listener = ParticipantListener(ParticipantSection(enabled=True, port=0), app.desk.log)

    async def begin() -> Enrolled:
        await listener.open(app, app.desk, app.store, app.clock)
        enrolling = Enrolling(app.store, app.clock)
        given = await enrolling.enrol("MN000001A", "ncp", actor="test")
        await enrolling.enrol("MN000001B", "cp", number=given.number, actor="test")
        return given

    given = running.do(begin())
    yield Open(f"http://127.0.0.1:{listener.port}", given)
    running.do(listener.close())


def look(page: Any, pictures: Path, name: str) -> None:
    """Have axe look, keep pictures on a desk and on a phone, and see that the phone has room."""
    page.wait_for_load_state()
    found = axe_playwright.Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
    page.screenshot(path=pictures / f"participant-{name}.png", full_page=True)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.screenshot(path=pictures / f"participant-{name}-phone.png", full_page=True)
    page.set_viewport_size(DESK)


def test_every_page_fits_a_phone_and_axe_finds_nothing(
    visitor: Any, participants: Open, pictures: Path
) -> None:
    context = visitor(viewport=DESK)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda told: wrong.append(told.text) if "Content Security" in told.text else None)
    page.goto(participants.url + "/participant")
    look(page, pictures, "sign-in")
    page.get_by_label("Participant number").fill(participants.given.number)
    page.get_by_label("PIN", exact=True).fill("00000000")
    page.get_by_role("button", name="I agree, sign in").click()
    assert "is not right" in page.get_by_role("alert").inner_text()
    look(page, pictures, "refused")
    page.get_by_label("Participant number").fill(participants.given.number)
    page.get_by_label("PIN", exact=True).fill(str(participants.given.pin))
    page.get_by_role("button", name="I agree, sign in").click()
    page.wait_for_url(re.compile("/participant/cases$"))
    assert page.get_by_role("heading", name="Case MN000001A").is_visible()
    assert page.get_by_text("asked Minnesota how much support and interest is owed").is_visible()
    assert "EXAMPLESON" not in page.content()
    look(page, pictures, "cases")
    for name in ("privacy", "disclaimers", "links"):
        page.goto(f"{participants.url}/participant/about/{name}")
        look(page, pictures, name)
    page.goto(participants.url + "/participant/about/nothing")
    look(page, pictures, "nothing")
    assert wrong == []


def test_without_scripts_and_by_keyboard_alone_a_case_is_seen_on_a_phone(
    visitor: Any, participants: Open
) -> None:
    context = visitor(java_script_enabled=False, viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(participants.url + "/participant")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to main content"
    page.get_by_label("Participant number").focus()
    page.keyboard.type(participants.given.number)
    page.keyboard.press("Tab")
    page.keyboard.type(str(participants.given.pin))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/participant/cases$"))
    assert "Case MN000001B" in page.content()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/participant$"))
    page.goto(participants.url + "/participant/cases")
    assert "Participant number" in page.content()


def test_the_agency_s_own_pages_are_not_offered_there(visitor: Any, participants: Open) -> None:
    context = visitor()
    page = context.new_page()
    for path in ("/", "/sign-in", "/console/cases", "/v1/openapi.json", "/metrics"):
        assert page.goto(participants.url + path).status == 404
