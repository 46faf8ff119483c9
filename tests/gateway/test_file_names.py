"""The name of a file from elsewhere is shown if it can be nobody's, else as a digest that names nobody."""

from __future__ import annotations

import pytest

from csenet.gateway import file_names

KEY = b"k" * 32
EXPECTED = (
    "CSENET-27-000000000001.txt",
    "CSENET-27-000000000001.20261122.txt",
    "csenet.mn.d20261122.t120000.dat",
    "GU-to-vi.7.txt",
    "batch_7.2.xml.p7m",
    "7f4c1a52-93de-4d36-a7c1-52e0a7b0c9d1",
)
OTHER = (
    "smith.txt",
    "batch-SMITH-JOHN.txt",
    "912-34-5678.txt",
    "912345678.txt",
    "csenet-912_34_5678.txt",
    "MN0000123.txt",
    "6512345678.txt",
    "from.Li.txt",
    "from.UK.txt",
    "CSENET-27-000000000001.txt\n",
    "x" * 300,
    "1.1." * 50 + "txt",
    "caf\udce9.txt",
    "",
    "#0123456789ab.smith",
    "../smith.txt",
)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_exchange_calls_its_files_is_shown(name: str) -> None:
    assert file_names.shown(name, KEY) == file_names.logged(name) == name


@pytest.mark.parametrize("name", OTHER)
def test_any_other_name_is_a_digest_that_the_log_lets_through(name: str) -> None:
    shown = file_names.shown(name, KEY)
    digest, _, ending = shown.partition(".")
    assert len(digest) == 13
    assert digest[0] == "#"
    assert ending in ("", "txt")
    assert file_names.logged(shown) == shown
    assert file_names.logged(name) in ("[withheld]", "[withheld].txt")
    assert file_names.shown(name, b"another") != shown, "nobody tries names out without the key"


def test_the_same_name_is_the_same_digest_and_another_is_not() -> None:
    assert len({file_names.shown(f"smith{each}", KEY) for each in "abcab"}) == 3
