"""EBCDIC in both code pages becomes ASCII and back, byte for byte."""

import pytest

from csenet.codecs import ebcdic
from csenet.codecs.ebcdic import Encoding

PAGES = [Encoding.CP037, Encoding.CP1047]

# The code points 0x40-0xFE in rows of sixteen as IBM prints code page 1047 (CCSID 1047).
PRINTED_1047 = (
    " \xa0âäàáãåçñ¢.<(+|",
    "&éêëèíîïìß!$*);^",
    "-/ÂÄÀÁÃÅÇÑ¦,%_>?",
    "øÉÊËÈÍÎÏÌ`:#@'=\"",
    "Øabcdefghi«»ðýþ±",
    "°jklmnopqrªºæ¸Æ¤",
    "µ~stuvwxyz¡¿Ð[Þ®",
    "¬£¥·©§¶¼½¾Ý¨¯]´×",
    "{ABCDEFGHI\xadôöòóõ",
    "}JKLMNOPQR¹ûüùúÿ",
    "\\÷STUVWXYZ²ÔÖÒÓÕ",
    "0123456789³ÛÜÙÚ\x9f",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_byte_comes_back_both_ways(page: Encoding) -> None:
    everything = bytes(range(256))
    assert ebcdic.encode(ebcdic.decode(everything, page), page) == everything
    assert ebcdic.decode(ebcdic.encode(everything, page), page) == everything
    assert set(ebcdic.decode(everything, page)) == set(range(256))


def test_code_page_037_is_that_of_python() -> None:
    everything = bytes(range(256))
    assert ebcdic.decode(everything, Encoding.CP037).decode("latin-1") == everything.decode("cp037")


def test_code_page_1047_is_the_printed_one() -> None:
    printed = "".join(PRINTED_1047)
    read = ebcdic.decode(bytes(range(0x40, 0x100)), Encoding.CP1047).decode("latin-1")
    assert read[: len(printed)] == printed


def test_the_pages_differ_in_six_places_only() -> None:
    everything = bytes(range(256))
    first, second = (ebcdic.decode(everything, page) for page in PAGES)
    assert [n for n in everything if first[n] != second[n]] == [0x5F, 0xAD, 0xB0, 0xBA, 0xBB, 0xBD]


def test_ascii_is_left_alone() -> None:
    everything = bytes(range(256))
    assert ebcdic.decode(everything, Encoding.ASCII) == everything
    assert ebcdic.encode(everything, Encoding.ASCII) == everything


@pytest.mark.parametrize("page", PAGES)
def test_without_being_told_the_page_brackets_and_circumflex_are_read_from_either(page: Encoding) -> None:
    text = bytes(range(32, 127))
    table = ebcdic.reading_table(None, lines=False)
    assert ebcdic.encode(text, page).translate(table) == text


def test_a_line_of_ebcdic_ends_in_nel_or_lf() -> None:
    assert ebcdic.NEL.translate(ebcdic.reading_table(Encoding.CP037, lines=True)) == b"\n"
    assert ebcdic.NEL.translate(ebcdic.reading_table(Encoding.CP037, lines=False)) == b"\x85"
    assert ebcdic.encode(b"\r\n", Encoding.CP1047) == b"\x0d\x25"


@pytest.mark.parametrize("page", PAGES)
def test_the_character_set_is_told_by_digits_and_blanks(page: Encoding) -> None:
    text = b"27000  20000  003000000000041    RMSC20261120"
    assert not ebcdic.looks_ebcdic(text)
    assert ebcdic.looks_ebcdic(ebcdic.encode(text, page))
