"""What may leave when family violence is recorded in a case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csenet.handlers.policy.dated import PolicyError
from csenet.handlers.policy.disclosure import UnknownBlockError, load_withheld, permits, withheld_fields

Cases = Callable[[str], dict[str, Any]]


def test_with_family_violence_whole_blocks_stay(cases: Cases) -> None:
    file = cases("disclosure.toml")
    assert all(permits(block, True).allowed for block in file["may_leave"])
    assert not any(permits(block, True).allowed for block in file["may_not_leave"])


def test_with_family_violence_fields_stay(cases: Cases) -> None:
    file = cases("disclosure.toml")
    for block, fields in file["fields_that_may_not"].items():
        assert not [field for field in fields if permits(block, True, field).allowed]
    for block, fields in file["fields_that_may"].items():
        assert not [field for field in fields if not permits(block, True, field).allowed]


def test_without_family_violence_everything_may_leave(cases: Cases) -> None:
    file = cases("disclosure.toml")
    assert all(permits(block, False).allowed for block in file["may_leave"] + file["may_not_leave"])
    assert permits("participants", False, "participant_city").allowed
    assert withheld_fields("participants", False) == frozenset()


def test_the_fields_of_a_block_that_are_left_blank_can_be_listed(cases: Cases) -> None:
    listed = withheld_fields("participants", True)
    assert listed >= set(cases("disclosure.toml")["fields_that_may_not"]["participants"])
    assert withheld_fields("orders", True) == frozenset()


def test_a_refusal_names_the_paragraph() -> None:
    assert permits("ncp_locate", True).why.citation == "45 CFR 303.21(e)"


def test_a_block_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownBlockError, match="'gossip'"):
        permits("gossip", True)


def test_a_wrong_table_is_refused_by_file_and_key(table: Callable[..., Path]) -> None:
    text = 'blocks = ["case"]\n[[withhold]]\nblock = "gossip"\ncitation = ""\ntext = "t"\n'
    with pytest.raises(PolicyError) as caught:
        load_withheld(table(text))
    assert caught.value.problems == (
        "withhold[1].citation: is missing",
        "withhold[1].block: 'gossip' is not in blocks",
    )
