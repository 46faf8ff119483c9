"""A participant sees their own cases in plain words, nobody else's data, and never without a record."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from csenet.gateway.app import GatewayApp
from csenet.gateway.casework.problems import MEDIA_TYPE
from csenet.gateway.clock import ManualClock
from csenet.gateway.desk import Desk
from csenet.gateway.participant.enrolling import Enrolled, Enrolling
from csenet.gateway.settings.loading import load_settings
from csenet.gateway.store import audit
from csenet.gateway.store.engine import Store
from csenet.gateway.store.tables import outbound

from ..conftest import LEDGER, arriving, case_block, facts, information_block, lines
from ..conftest import NOON as NOW
from .conftest import Client, page, sign_in, text_of

HIDDEN = "There is nothing to show here at the moment."
PERSONAL = {
    "ncp_identification": {"name_last": "EXAMPLESON", "name_first": "ROWAN", "ssn": "900112233"},
    "ncp_locate": {"residential_address_line_1": "7 INVENTED LANE", "residential_city": "DULUTH"},
    "participants": [
        {"name_last": "SAMPLEDOTTIR", "name_first": "WREN", "relationship": "C", "ssn": "900445566"},
    ],
}


async def arrive(desk: Desk, *transactions: bytes) -> None:
    """Take transactions of Kansas in and decide them."""
    receipt = await desk.accept(lines(*transactions), source="test", name="today.dat")
    await desk.settle(receipt.file_id)


async def test_requests_answers_and_the_next_step_are_told_in_plain_words(
    browser: Client, desk: Desk, store: Store, enrolled: Enrolled, clock: ManualClock
) -> None:
    await desk.put_case("MN1", facts("initiating", ledger=LEDGER, **PERSONAL))
    await arrive(desk, arriving("MSC R GRINT", 1), arriving("MSC R GRPOC", 2))
    await sign_in(browser, enrolled.number, enrolled.pin)
    shown = re.sub(r"<[^>]+>|\s+", " ", await page(browser))
    shown = re.sub(r"\s+", " ", shown)
    assert "Kansas asked Minnesota how much support and interest is owed." in shown
    assert "We have read it and put it to your case." in shown
    assert "Minnesota told Kansas how much support and interest is owed." in shown
    assert "It is ready to go out." in shown
    assert "November 20, 2026 Received" in shown
    assert "Other state Kansas" in shown
    assert "Your part the noncustodial parent" in shown
    assert "Our side of the case is open" in shown
    assert re.search(r"We have to send the other state what it asked for\. Due [A-Z][a-z]+ \d", shown)
    async with store.begin() as conn:
        await conn.execute(update(outbound).values(status="delivered", delivered_at=clock.now()))
    assert "It has been sent." in await page(browser)


async def test_nothing_about_a_person_is_shown(browser: Client, desk: Desk, enrolled: Enrolled) -> None:
    await desk.put_case("MN1", facts("initiating", ledger=LEDGER, **PERSONAL))
    line = "ROWAN EXAMPLESON NOW LIVES AT 7 INVENTED LANE"
    told = arriving("MSC P GSPUD", 3, blocks="1000001", body=case_block() + information_block(line))
    await arrive(desk, arriving("MSC R GRINT", 1), told)
    token = await enter(browser, enrolled)
    answer = await browser.get("/participant/api/cases", headers=token)
    await sign_in(browser, enrolled.number, enrolled.pin)
    shown = (await page(browser)) + await answer.text()
    assert "gave us news" not in shown
    assert "Kansas gave Minnesota news about your case." in shown
    for word in (
        "EXAMPLESON",
        "ROWAN",
        "WREN",
        "900112233",
        "445566",
        "INVENTED",
        "DULUTH",
        "NORDQUIST",
        "KS1",
    ):
        assert word not in shown.upper()
    assert "40.00" not in shown


async def test_somebody_else_s_case_is_neither_shown_nor_reachable(
    browser: Client, desk: Desk, enrolled: Enrolled, enrolling: Enrolling
) -> None:
    await desk.put_case("MN2", facts("initiating", ledger=LEDGER))
    await arrive(desk, arriving("MSC R GRINT", 1, "MN2"))
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert "MN2" not in await page(browser)
    for path in (
        "/participant/cases/MN2",
        "/participant/cases?case_id=MN2",
        "/v1/cases/MN2",
        "/",
        "/console/cases",
    ):
        answer = await browser.get(path)
        assert "MN2" not in await text_of(answer)
        assert answer.status == (200 if "?" in path else 404)
    await enrolling.enrol("MN2", "ncp", number=enrolled.number, actor="test")
    shown = await page(browser)
    assert "Case MN1" in shown
    assert "Case MN2" in shown


@pytest.mark.parametrize(
    "more",
    [
        {"family_violence": True},
        {"protected": ["ncp"]},
        {"protected": ["participants[0]"], "participants": PERSONAL["participants"]},
        {"case": {"case_type": "N", "case_status": "O", "nondisclosure_finding": "Y"}},
    ],
    ids=["family violence", "parent", "participant", "finding"],
)
async def test_a_case_in_which_somebody_is_at_risk_is_not_shown(
    browser: Client, desk: Desk, enrolled: Enrolled, store: Store, more: dict[str, Any]
) -> None:
    await desk.put_case("MN1", facts("initiating", ledger=LEDGER))
    await arrive(desk, arriving("MSC R GRINT", 1))
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert "Kansas" in await page(browser)
    await desk.put_case("MN1", facts("initiating", ledger=LEDGER) | more)
    shown = await page(browser)
    assert HIDDEN in shown
    assert "Kansas" not in shown
    assert "violence" not in shown
    assert "MN1" not in shown
    async with store.read() as conn:
        (last,) = await audit.newest(conn, 1)
    assert (last["object"], last["detail"]["outcome"]) == ("case MN1", "refused")


async def test_who_is_at_risk_in_one_case_is_so_in_all_of_theirs(
    browser: Client, desk: Desk, enrolled: Enrolled, enrolling: Enrolling, store: Store
) -> None:
    for case_id, more in (("MN1", PERSONAL), ("MN2", {})):
        await desk.put_case(case_id, facts("initiating", ledger=LEDGER) | more)
    await enrolling.enrol("MN2", "ncp", number=enrolled.number, actor="test")
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert {each for each in ("Case MN1", "Case MN2") if each in await page(browser)} == {
        "Case MN1",
        "Case MN2",
    }
    # The same custodial party, in a case in which the one who looks has no part.
    told = {"participants": PERSONAL["participants"], "protected": ["participants[0]"]}
    await desk.put_case("MN7", facts() | told)
    shown = await page(browser)
    assert "Case MN1" not in shown
    assert "Case MN2" in shown
    async with store.read() as conn:
        rows = await audit.newest(conn, 2)
    assert {(row["object"], row["detail"]["outcome"]) for row in rows} == {
        ("case MN1", "refused"),
        ("case MN2", "shown"),
    }


@pytest.mark.parametrize("finding", [True, False], ids=["finding", "line"])
async def test_what_the_other_state_says_about_risk_counts_as_well(
    browser: Client, desk: Desk, enrolled: Enrolled, finding: bool
) -> None:
    await desk.put_case("MN1", facts("responding"))
    block = case_block()
    if finding:
        block = block[:350] + "Y"  # position 351 of chart C-5
    line = "GREETINGS" if finding else "FAMILY VIOLENCE RECORDED: LOCATION DATA WITHHELD."
    told = arriving("MSC P GSPUD", 3, blocks="1000001", body=block + information_block(line))
    await arrive(desk, told)
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert HIDDEN in await page(browser)


async def test_federal_tax_information_is_not_shown(browser: Client, desk: Desk, enrolled: Enrolled) -> None:
    await desk.put_case("MN1", facts("responding"))
    collected = f"{'20261101' + '20261105':16}{'000000012345':12}IO{'':40}"
    await arrive(
        desk,
        arriving("COL P CITAX", 4, blocks="1000010", body=case_block() + collected[:70].ljust(70)),
        arriving("COL P CISUB", 5),
        arriving("ENF R ERTXR", 6),
        arriving("MSC R GRUPD", 7),
    )
    await sign_in(browser, enrolled.number, enrolled.pin)
    shown = await page(browser)
    assert shown.count('class="received"') == 1
    assert "tax" not in shown.lower()
    assert "offset" not in shown


async def test_each_look_is_on_record_and_without_a_record_nothing_is_shown(
    browser: Client, store: Store, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(browser, enrolled.number, enrolled.pin)
    await page(browser)
    async with store.read() as conn:
        seen = [row for row in await audit.found(conn, cases=["MN1"]) if row["action"] == "participant.read"]
    assert [(row["actor"], row["object"]) for row in seen] == [("participant:1", "case MN1")]
    assert seen[0]["detail"]["source"] == "127.0.0.1"
    assert seen[0]["detail"]["channel"] == "participant page"

    async def broken(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store, "together", broken)
    answer = await browser.get("/participant/cases")
    assert answer.status == 503
    text = await text_of(answer)
    assert "MN1" not in text
    assert "disk full" not in text


async def enter(client: Client, enrolled: Enrolled) -> dict[str, str]:
    """Sign a program in and give the header that it shows."""
    given = {"number": enrolled.number, "pin": enrolled.pin}
    answer = await client.post("/participant/api/sessions", json=given)
    assert answer.status == 201
    return {"Authorization": f"Bearer {(await answer.json())['token']}"}


async def test_a_program_sees_the_same_by_a_token_and_never_by_a_cookie(
    browser: Client, enrolled: Enrolled
) -> None:
    token = await enter(browser, enrolled)
    answer = await browser.get("/participant/api/cases", headers=token)
    told = await answer.json()
    assert (answer.status, told["cases"][0]["case_id"]) == (200, "MN1")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await browser.get("/participant/cases", headers=token)).status == 401
    await sign_in(browser, enrolled.number, enrolled.pin)
    assert (await browser.get("/participant/api/cases")).status == 401
    assert (await browser.delete("/participant/api/session", headers=token)).status == 204
    assert (await browser.get("/participant/api/cases", headers=token)).status == 401
    wrong = await browser.post("/participant/api/sessions", json={"number": enrolled.number, "pin": "1"})
    nobody = await browser.post("/participant/api/sessions", json={"number": "1" * 10, "pin": "1"})
    assert (wrong.status, wrong.content_type) == (401, MEDIA_TYPE)
    assert (await wrong.json())["detail"] == (await nobody.json())["detail"]
    bad = await browser.post("/participant/api/sessions", json={"number": 5, "pins": enrolled.pin})
    assert bad.status == 422
    assert str(enrolled.pin) not in await bad.text()
    notice = await (await browser.get("/participant/api/notices/privacy")).json()
    assert "participant number" in notice["text"]


async def test_the_description_names_what_is_offered_and_no_more(browser: Client) -> None:
    told = await (await browser.get("/participant/api/openapi.json")).json()
    described = {(method.upper(), path) for path, each in told["paths"].items() for method in each}
    offered = {
        (route.method, route.resource.canonical)
        for route in browser.server.app.router.routes()  # type: ignore[union-attr]
        if "/api/" in route.resource.canonical and route.method != "HEAD"
    }
    assert described == offered - {("GET", "/participant/api/openapi.json")}
    assert told["components"]["schemas"].keys() >= {"Seen", "CaseSeen", "Message", "Step"}


SETTINGS = """
[gateway]
jurisdiction = "27"
data_dir = "{folder}"
[delivery.folder]
path = "{folder}/out"
[http]
port = 0
[people]
codes_for = []
"""


@pytest.mark.parametrize("participant", ["", "enabled = true", "enabled = true\nport = 0"])
async def test_participants_are_let_in_nowhere_beside_the_console_or_apart(
    tmp_path: Any, participant: str
) -> None:
    import aiohttp

    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.format(folder=tmp_path) + f"[participant]\n{participant}\n")
    app = GatewayApp(load_settings(file, {}), ManualClock(NOW, "America/Chicago"))
    await app.start()
    try:
        async with aiohttp.ClientSession() as session:

            async def status(port: int | None, path: str) -> int:
                async with session.get(f"http://127.0.0.1:{port}{path}", allow_redirects=False) as answer:
                    return answer.status

            found = {path: await status(app.port, path) for path in ("/participant", "/v1/openapi.json")}
            beside = participant == "enabled = true"
            assert found == {"/participant": 200 if beside else 404, "/v1/openapi.json": 200}
            assert (app.participant_port is None) is ("port" not in participant)
            if app.participant_port is not None:
                assert await status(app.participant_port, "/participant") == 200
                for path in ("/", "/sign-in", "/v1/openapi.json", "/readyz", "/metrics", "/console/cases"):
                    assert await status(app.participant_port, path) == 404
    finally:
        await app.stop()


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ('host = "0.0.0.0"\nport = 9', "plaintext"),
        ('host = "0.0.0.0"', "set port"),
        ('idle = "2h"', "idle"),
        ('proxies = ["proxy.example"]', "IP address"),
    ],
)
def test_settings_that_would_not_hold_refuse_the_start(tmp_path: Any, told: str, problem: str) -> None:
    from csenet.gateway.errors import SettingsError

    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.format(folder=tmp_path) + f"[participant]\n{told}\n")
    with pytest.raises(SettingsError, match=problem):
        load_settings(file, {})
