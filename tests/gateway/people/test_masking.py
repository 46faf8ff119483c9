"""Masking shows what is known to tell nothing about a person, and hides everything else."""

from typing import Any

from csenet.codecs.model import BLOCKS
from csenet.gateway.people import masking
from csenet.handlers.context import CaseState
from csenet.handlers.facts import KEYS


def test_masking_hides_who_somebody_is_and_keeps_what_it_is_about() -> None:
    blocks: dict[str, Any] = {
        "header": {"case_id": "2701", "transaction_date": "2026-11-20"},
        "ncp_identification": {"ssn": "900123456", "date_of_birth": "1980-01-01", "gender": "M"},
        "participants": [{"name_last": "Z", "participant_zip_1": "55101", "relationship": "C"}],
        "orders": [{"order_freq_amount": "100.00", "order_filing_date": "2020-01-01", "order_id": "Z1"}],
    }
    assert masking.transaction(blocks) == {
        "header": {"case_id": "2701", "transaction_date": "2026-11-20"},
        "ncp_identification": {"ssn": "***", "date_of_birth": "***", "gender": "M"},
        "participants": [{"name_last": "***", "participant_zip_1": "***", "relationship": "C"}],
        "orders": [{"order_freq_amount": "100.00", "order_filing_date": "2020-01-01", "order_id": "***"}],
    }


def test_what_nobody_has_thought_of_is_hidden() -> None:
    assert masking.transaction({"novelty": {"a": "b"}}) == {"novelty": "***"}
    assert masking.facts({"novelty": "b", "case": {"novelty": "c"}}) == {
        "novelty": "***",
        "case": {"novelty": "***"},
    }
    assert masking.state({"novelty": 1}) == {"novelty": "***"}
    assert masking.decision({"novelty": 1}) == {"novelty": "***"}


def test_replies_and_changes_of_a_decision_are_masked_too() -> None:
    reply = {"case_id": "1", "in_reply_to": True, "transaction": {"participants": [{"name_last": "Z"}]}}
    masked = masking.decision(
        {"replies": [reply], "case_changes": [{"case_id": "1", "set": {"address": "Z"}}]}
    )
    assert masked["replies"][0]["transaction"] == {"participants": [{"name_last": "***"}]}
    assert masked["case_changes"] == [{"case_id": "1", "set": {"address": "***"}}]


def test_the_lists_name_only_what_exists() -> None:
    assert masking.shown("state") <= set(CaseState.__struct_fields__)
    assert masking.shown("facts") - {"office"} <= set(KEYS) - set(BLOCKS)


def test_personal_fields_are_named_once_and_without_their_values() -> None:
    blocks = {
        "header": {"case_id": "1"},
        "participants": [{"name_last": "A"}, {"name_last": "B", "sex": "F"}],
    }
    assert masking.personal_fields(blocks)[0] == "participants.name_last"
    assert not {"A", "B"} & set(masking.personal_fields(blocks))
