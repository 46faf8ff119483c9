"""Flat or XML is told by how a file begins."""

from __future__ import annotations

import pytest

from csenet.codecs import anyform


@pytest.mark.parametrize(
    "head",
    [
        b"<transactions/>",
        b"\xef\xbb\xbf<?xml version='1.0'?>",
        b"\r\n  <!-- sent by night -->",
        "<transactions/>".encode("utf-16"),
    ],
)
def test_xml_is_known_by_its_first_sign(head: bytes) -> None:
    assert anyform.is_xml(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"MSC R GRINT",
        b"   ",
        # A block of 15,425 bytes, and one of 8,252: their descriptor words, then a record's.
        b"\x3c\x41\x00\x00\x01\x00\x00\x00" + b"\xf0" * 40,
        b"\x20\x3c\x00\x00\x01\x00\x00\x00" + b"\xf0" * 40,
    ],
)
def test_lengths_of_a_mainframe_are_not_taken_for_xml(head: bytes) -> None:
    assert not anyform.is_xml(head)


def test_a_document_in_another_character_set_says_so() -> None:
    (record,) = anyform.read_all("<transactions/>".encode("utf-16"))
    assert record.transaction is None
    assert [problem.code for problem in record.problems] == ["xml.prolog.encoding"]
