"""A profile as a readable document: everything in it, blanks as not stated, nothing read as markup."""

from csenet.handlers.policy.jurisdictions import jurisdictions
from csenet.handlers.policy.profile import load_profile
from csenet.handlers.policy.profile_page import page
from csenet.handlers.policy.questionnaire import questionnaires


def test_minnesotas_document_has_every_rule_and_every_question() -> None:
    document = page(load_profile("27"))
    for rule in load_profile("27").answers:
        assert f"`{rule}`<br>" in document
    for place in questionnaires()["lettered"].question:
        assert f"\n**{place.place}** " in document


def test_a_rule_stands_with_its_dates_and_its_authority() -> None:
    lines = page(load_profile("27")).splitlines()
    rate = [line for line in lines if "`interest_rate_annual_percent`" in line]
    assert "**4 %**" in rate[0]
    assert "| 2008-01-01 | 2022-07-31 | IRG Minnesota, question F2.1 |" in rate[0]
    assert "**0 %**" in rate[1]
    assert "| 2022-08-01 |  | Minnesota Department of Human Services" in rate[1]


def test_a_blank_is_not_stated_and_never_a_no() -> None:
    document = page(load_profile("27"))
    assert "| F19 | `sends_grint`<br>" in document
    (line,) = [line for line in document.splitlines() if "`sends_grint`<br>" in line]
    assert "***not stated***" in line
    assert document.count("> *not stated*") == 78 - 4
    assert document.count("> (a heading)") == 4


def test_contradictions_and_the_unconfirmed_have_headings_of_their_own() -> None:
    document = page(load_profile("27"))
    assert "## What contradicts itself" in document
    assert "* `judgment_renewable` against `dormancy_revival`" in document
    unconfirmed = document.split("## What is not confirmed, and never used as a rule")[1]
    assert "$100 passed through for one child" in unconfirmed.split("##")[0]


def test_a_table_keeps_its_columns_whatever_the_state_wrote() -> None:
    for line in page(load_profile("27")).splitlines():
        if line.startswith("| "):
            assert line.replace("\\|", "").count("|") in (5, 7)


def test_every_jurisdiction_has_a_document() -> None:
    for fips, place in jurisdictions().items():
        document = page(load_profile(fips))
        assert document.startswith(f"# State profile: {place.name}\n")
        assert place.time_zone in document
        assert document.endswith("\n")


def test_a_document_is_the_same_every_time() -> None:
    assert page(load_profile("55")) == page(load_profile("55"))
