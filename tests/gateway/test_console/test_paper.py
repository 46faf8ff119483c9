"""A transaction on paper hides what the page hides, tells who took it out, and is on record."""

from __future__ import annotations

import importlib.util
import re
import zlib
from base64 import a85decode
from typing import Any

import pytest

pytest.importorskip("reportlab")

from .test_pages import client, keys, world  # noqa: F401 - fixtures


def words_of(pdf: bytes) -> str:
    """Take the texts out of a PDF as reportlab writes it: streams in ASCII-85, deflated."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        content = zlib.decompress(a85decode(stream.strip().removesuffix(b"~>")))
        found += re.findall(rb"\((.*?)(?<!\\)\) Tj", content)
    return b" ".join(found).decode("latin-1").replace("\\(", "(").replace("\\)", ")")


async def test_a_pdf_is_masked_marked_and_on_record(client: Any, keys: Any) -> None:  # noqa: F811
    answer = await client.get("/console/transactions/out-1/pdf", headers=keys["caseworker"])
    assert (answer.status, answer.content_type) == (200, "application/pdf")
    text = words_of(await answer.read())
    assert "NORDQUIST" not in text
    for part in ("GSTAI", "hidden", "45 CFR", "Exported by", "out-1, page 1"):
        assert part in text, part
    record = await client.get("/console/audit?action=transaction.export", headers=keys["auditor"])
    assert "transaction out-1" in await record.text()


async def test_a_pdf_in_clear_needs_a_reason_and_the_right(client: Any, keys: Any) -> None:  # noqa: F811
    path = "/console/transactions/out-1/pdf"
    refused = await client.post(path, headers=keys["caseworker"], data={"purpose": ""})
    assert (refused.status, "Say why" in await refused.text()) == (200, True)
    given = await client.post(path, headers=keys["caseworker"], data={"purpose": "hearing on Monday"})
    assert "NORDQUIST" in words_of(await given.read())
    assert (await client.get(path, headers=keys["viewer"])).status == 403


async def test_without_the_extra_the_page_says_what_to_install(
    client: Any,  # noqa: F811
    keys: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    answer = await client.get("/console/transactions/out-1/pdf", headers=keys["caseworker"])
    assert (answer.status, "csenet-gateway[pdf]" in await answer.text()) == (200, True)
