"""Each code has plain words or a reason to be left out, and no sentence tells about another person."""

import re

import pytest

from csenet.codecs import codes
from csenet.gateway.participant import words
from csenet.gateway.store.tables import INBOUND_STATUSES, OUTBOUND_STATUSES

CORE = [str(far) for far, row in codes.VALID.items() if row.core]
TELLING = re.compile(
    r"address|lives|employer|wage|found|not found|dead|died|death|jail|prison|warrant|violence|harm|"
    r"good cause|father|mother|test|tax|offset|refund|SSN|social security|uncollectible|recipient",
    re.IGNORECASE,
)


def test_all_core_codes_are_told_or_hidden_for_a_reason() -> None:
    assert len(CORE) == 104
    table = words.table()
    for far in CORE:
        row = next(each for each in table.transaction if each.fits(far))
        told = [table.sentence(far, way, "Minnesota", "Kansas") for way in ("sent", "received")]
        assert all(told) or row.hidden, far
        for text in filter(None, told):
            assert text[0].isupper()
            assert text.endswith(".")
            assert "{" not in text


def test_no_sentence_tells_about_another_person_or_taxes() -> None:
    table = words.table()
    told = [text for row in table.transaction for text in (row.sent, row.received)]
    told += [text for states in table.state.values() for text in states.values()]
    told += list(table.step.values())
    assert [text for text in told if TELLING.search(text)] == []


@pytest.mark.parametrize("far", ["COL P CITAX", "COL P CISUB", "ENF R ERTXR", "ENF P ESTXR", "ENF P EUTXR"])
def test_what_has_to_do_with_tax_offset_is_hidden(far: str) -> None:
    assert words.table().sentence(far, "sent", "Minnesota", "Kansas") == ""


def test_why_a_case_was_closed_is_not_told() -> None:
    closing = [f"MSC P GSC{reason}" for reason in ("03", "06", "09", "10", "12", "4C", "16", "18")]
    assert len({words.table().sentence(far, "received", "us", "them") for far in closing}) == 1


def test_each_status_has_words_but_those_in_which_nothing_was_exchanged() -> None:
    states = words.table().state
    assert set(INBOUND_STATUSES) - set(states["inbound"]) == {"malformed", "duplicate", "conflict"}
    assert set(OUTBOUND_STATUSES) - set(states["outbound"]) == {"cancelled"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('far = "MSC P *"', 'far = "MSC P GSADD"', "MSC P GSDEL: has no row"),
        ('far = "PAT R *"', 'far = "PAT Q *"', "PAT Q"),
        ("{us} asked {them} how your case", "{us} asked {case} how your case", "knows"),
        ("decided = ", "decidde = ", "decidde"),
        ("general = ", "genral = ", "step.general"),
        ('RV1 = "', 'RV99 = "', "RV99"),
        ('hidden = "Review of a tax offset."', "", "needs either"),
    ],
)
def test_a_table_with_a_gap_is_refused(old: str, new: str, complaint: str) -> None:
    from importlib import resources

    text = resources.files("csenet.gateway.participant").joinpath("words.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(words.WordsError, match=complaint):
        words.read(text.replace(old, new, 1))
