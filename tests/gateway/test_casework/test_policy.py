"""Questions to the policy tables over HTTP: the same answers as on the command line."""

from __future__ import annotations

from typing import Any

import pytest


async def told(api: Any, path: str, **query: str) -> Any:
    answer = await api.get(path, params=query)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_a_rule_is_read_with_all_its_dated_versions(api: Any) -> None:
    found = await told(api, "/v1/policy/rules/CL3", on="2026-11-20")
    (entry,) = found["entries"]
    assert [version["value"] for version in entry["versions"]] == ["3 years", "2 years"]
    assert found["state"] == "MN"


async def test_a_paragraph_and_a_place_in_the_questionnaire_are_found(api: Any) -> None:
    found = await told(api, "/v1/policy/rules/303.7(d)(9)", on="2026-11-20")
    assert "RS7" in {entry["id"] for entry in found["entries"]}
    (answer,) = (await told(api, "/v1/policy/rules/N1", on="2026-11-20"))["entries"]
    assert answer["versions"][0]["citation"] == "IRG Minnesota, question N1"


async def test_the_list_says_what_holds_and_what_is_not_stated(api: Any) -> None:
    rules = {rule["id"]: rule for rule in (await told(api, "/v1/policy/rules", on="2026-11-20"))["rules"]}
    assert rules["RS7"]["in_force"]["value"] == "10 working days"
    assert rules["tax_information_agreement"]["in_force"] is None
    other = {
        rule["id"]: rule
        for rule in (await told(api, "/v1/policy/rules", on="2026-11-20", state="KS"))["rules"]
    }
    assert other["sends_gsc15"]["in_force"] is None


async def test_a_transaction_opens_its_duties(api: Any) -> None:
    asked = {"for": "MSC P GSC17", "received": "2026-12-23"}
    found = await told(api, "/v1/policy/deadlines", **asked)
    assert [(each["duty"], each["due"]) for each in found["opens"]] == [("RS7", "2027-01-08")]
    found = await told(api, "/v1/policy/deadlines", **asked, state="ks")
    assert found["opens"][0]["due"] == "2027-01-11"


async def test_what_changed_between_two_days_is_listed(api: Any) -> None:
    found = await told(api, "/v1/policy/diff", **{"from": "2017-01-18", "to": "2017-01-19"})
    changed = {change["id"]: change for change in found["changes"]}
    assert (changed["CL4"]["before"]["value"], changed["CL4"]["after"]["value"]) == ("1 year", "6 months")
    assert found["from"] == "2017-01-18"


@pytest.mark.parametrize(
    ("path", "query", "wrong"),
    [
        ("/v1/policy/rules", {}, {"on"}),
        ("/v1/policy/rules/RS7", {"on": "today"}, {"on"}),
        ("/v1/policy/deadlines", {}, {"for", "received"}),
        (
            "/v1/policy/deadlines",
            {"for": "MSC P NOPE", "received": "x", "state": "XX"},
            {"for", "received", "state"},
        ),
        ("/v1/policy/diff", {"from": "2017-01-18"}, {"to"}),
        ("/v1/policy/diff", {"from": "2017-01-18", "to": "2017-01-19", "colour": "red"}, {"colour"}),
    ],
)
async def test_wrong_parameters_are_named_all_at_once(
    api: Any, path: str, query: dict[str, str], wrong: set[str]
) -> None:
    answer = await api.get(path, params=query)
    assert answer.status == 400
    assert {each["parameter"] for each in (await answer.json())["errors"]} == wrong


async def test_a_name_that_nothing_bears_is_not_found(api: Any) -> None:
    answer = await api.get("/v1/policy/rules/NOPE", params={"on": "2026-11-20"})
    assert answer.status == 404


@pytest.mark.parametrize(
    ("path", "query", "schema"),
    [
        ("/v1/policy/rules", {"on": "2026-11-20"}, "RuleList"),
        ("/v1/policy/rules/RS7", {"on": "2026-11-20"}, "RuleHistory"),
        ("/v1/policy/deadlines", {"for": "ENF R ERALL", "received": "2026-12-23"}, "OpenedDuties"),
        ("/v1/policy/diff", {"from": "2017-01-18", "to": "2017-01-19"}, "PolicyChanges"),
    ],
)
async def test_answers_have_the_form_that_is_described(
    api: Any, conforms: Any, path: str, query: dict[str, str], schema: str
) -> None:
    described = await told(api, "/v1/openapi.json")
    conforms(described, described["components"]["schemas"][schema], await told(api, path, **query))


async def test_questions_cost_the_desk_nothing(api: Any, desk: Any) -> None:
    await told(api, "/v1/policy/rules", on="2026-11-20")
    assert desk.calls == []
