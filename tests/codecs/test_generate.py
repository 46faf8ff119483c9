"""Synthetic traffic: the same for the same seed, valid, and about nobody who exists."""

from collections import Counter
from itertools import islice

import pytest

from csenet.codecs import codes, generate, invented, transaction, validation
from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.template import EXAMPLE_DAY
from csenet.codecs.transaction import Direction


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("mix", ["realistic", "uniform"])
def test_everything_generated_passes_every_edit_and_comes_back_from_bytes(
    direction: Direction, mix: str
) -> None:
    for tx in generate.generate(400, seed=3, mix=mix, direction=direction):
        found = validation.validate(tx, today=EXAMPLE_DAY, direction=direction)
        assert [problem.code for problem in found if problem.stops] == [], str(tx.far)
        raw = transaction.write(tx, direction)
        assert transaction.read(raw, direction).transaction == tx


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    first, again = list(generate.generate(50, seed=5)), list(generate.generate(50, seed=5))
    assert first == again
    assert first != list(generate.generate(50, seed=6))
    assert first[:20] == list(generate.generate(20, seed=5))


def test_traffic_without_end_is_made_one_by_one() -> None:
    assert len(list(islice(generate.generate(seed=1), 3))) == 3


def test_no_social_security_number_is_one_that_could_be_issued() -> None:
    for tx in generate.generate(300, seed=9):
        people = [tx.ncp_identification, *tx.participants]
        for ssn in [person.ssn for person in people if person is not None and person.ssn]:
            assert ssn[:3] in ("000", "666") or ssn[0] == "9"


def test_all_are_of_one_states_file_and_serial_numbers_count_up() -> None:
    sent = list(generate.generate(60, seed=2, home="20"))
    assert {tx.header.local_fips_state for tx in sent} == {"20"}
    assert [int(tx.serial or "") for tx in sent] == list(range(1, 61))
    received = list(generate.generate(60, seed=2, home="20", direction=Direction.FROM_SERVER))
    assert {tx.header.local_fips_state for tx in received} == {"20"}
    assert "20" not in {tx.header.other_fips_state for tx in received}
    keys = [(tx.header.other_fips_state, tx.serial) for tx in received]
    assert len(set(keys)) == len(keys)


def test_a_mix_keeps_its_weights() -> None:
    mix = "MSC R GRINT=3,LO1 R BLANK"
    seen = Counter(str(tx.far) for tx in generate.generate(400, seed=1, mix=mix))
    assert set(seen) == {"MSC R GRINT", "LO1 R BLANK"}
    assert 250 < seen["MSC R GRINT"] < 350


def test_the_uniform_mix_holds_each_core_code_and_the_realistic_one_only_valid_codes() -> None:
    assert set(generate.weights("uniform")) == {code for code, row in VALID.items() if row.core}
    assert set(generate.weights("realistic")) <= set(VALID)


@pytest.mark.parametrize(
    ("mix", "told"),
    [
        ("nonsense", "write a code and its weight"),
        ("MSC R GRINT=much", "write a code and its weight"),
        ("MSC X GRINT=1", "no valid transaction"),
        ("MSC R GRINT=0", "greater than zero"),
    ],
)
def test_a_mix_that_cannot_be_read_says_which_entry(mix: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        generate.generate(1, mix=mix)


def test_a_realistic_transaction_is_about_as_long_as_real_ones() -> None:
    lengths = [len(transaction.write(tx, Direction.TO_SERVER)) for tx in generate.generate(2000, seed=1)]
    assert 1650 < sum(lengths) / len(lengths) < 1900


def test_codes_outside_the_core_set_can_be_generated_too() -> None:
    for code in (FarCode("ENF", "U", "ERALL"), FarCode("EST", "M", "GRPOU")):
        (tx,) = generate.generate(1, mix=str(code))
        assert tx.far == code


def test_places_are_in_jurisdictions_that_exist() -> None:
    for fips, found in invented.places().items():
        for place in found:
            assert place.abbreviation == codes.jurisdictions()[fips].abbreviation
