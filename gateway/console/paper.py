"""Put one transaction on paper: a PDF like a transmittal, with who took it out on each page.

Needs the extra ``pdf``; whoever asks without it is told so.  What is printed is what reading handed out,
masked or in clear: nothing is looked up here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Final
from xml.sax.saxutils import escape

from csenet.codecs import describe
from csenet.codecs.codes import FarCode
from csenet.codecs.model import Direction
from csenet.gateway.console import content
from csenet.gateway.console.words import partner
from csenet.gateway.desk.results import TransactionDetail
from csenet.gateway.desk.views_story import Moment
from csenet.gateway.errors import GatewayError

NOTICE: Final = "Confidential: 45 CFR 303.21 limits to whom this may be shown. The export is on record."
_MARGIN: Final = 54
_COLUMNS: Final = (150, 300, 54)


class NoPaper(GatewayError):  # noqa: N818 - names what is missing
    """Report that the library that makes PDF files is not installed."""


def need() -> None:
    """Raise ``NoPaper`` where PDF files cannot be made; asked before anything is read or recorded."""
    from importlib.util import find_spec

    if find_spec("reportlab") is None:
        raise NoPaper("PDF files need the extra: pip install 'csenet-gateway[pdf]'")


def transmittal(
    detail: TransactionDetail,
    way: Direction,
    *,
    sentence: str,
    moments: Sequence[Moment],
    by: str,
    at: datetime,
    zone: tzinfo,
) -> bytes:
    """Write the PDF; ``by`` and ``at`` stand on every page."""
    need()
    from reportlab.lib.pagesizes import letter
    from reportlab.platypus import SimpleDocTemplate

    marking = f"Exported by {by} at {at.astimezone(zone):%Y-%m-%d %H:%M %Z}. {NOTICE}"

    def on_page(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 7)
        canvas.drawString(_MARGIN, 30, marking)
        canvas.drawRightString(letter[0] - _MARGIN, 30, f"{detail.id}, page {document.page}")

    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=letter,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=48,
        bottomMargin=54,
        title=f"{detail.id} {detail.far or ''}".strip(),
        author=by,
        creator="CSENet gateway",
    )
    parts = [*_head(detail, sentence, zone), *_blocks(detail, way), *_moments(moments, zone)]
    document.build(parts, onFirstPage=on_page, onLaterPages=on_page)
    return file.getvalue()


def _head(detail: TransactionDetail, sentence: str, zone: tzinfo) -> list[Any]:
    inbound = detail.direction == "inbound"
    other = detail.from_fips if inbound else detail.to_fips
    title = describe.title(FarCode.parse(detail.far)) if detail.far else "A transaction that cannot be read"
    facts = {
        "Received from" if inbound else "To": partner(other),
        "Status": detail.status,
        "Case": detail.case_id,
        "Serial number": detail.serial,
        "Received" if inbound else "Caused": _moment(detail.received_at, zone),
        "Decided" if inbound else "Settled": _moment(detail.settled_at, zone),
        "Answers": detail.in_reply_to,
        "Reason": detail.reason,
    }
    rows = [(name, str(value), "") for name, value in facts.items() if value]
    return [_text(title, "Title"), _text(sentence), _gap(), _table(rows)]


def _blocks(detail: TransactionDetail, way: Direction) -> list[Any]:
    if not detail.transaction:
        return []
    parts: list[Any] = []
    for block in content.blocks(detail.transaction, way):
        rows = [
            (
                row.federal,
                "hidden" if row.hidden else f"{row.value}  {row.meaning}".rstrip(),
                row.columns,
            )
            for row in block.rows
        ]
        parts += [_gap(), _text(f"{block.title} (chart {block.chart})", "Heading3"), _table(rows)]
    return parts


def _moments(moments: Sequence[Moment], zone: tzinfo) -> list[Any]:
    if not moments:
        return []
    # A row of its own for each reason: a row that is too tall for the page leaves it empty.
    rows = [
        row
        for each in moments
        for row in ((_moment(each.at, zone), each.what, ""), *(("", why, "") for why in each.why))
    ]
    return [_gap(), _text("What happened, and why", "Heading3"), _table(rows)]


def _table(rows: Sequence[tuple[str, str, str]]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Table, TableStyle

    cells = [[_text(name), _text(value), _text(columns)] for name, value, columns in rows]
    line = HexColor("#a9aeb1")
    style = TableStyle(
        [
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, line),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ]
    )
    return Table(cells or [["", "", ""]], colWidths=_COLUMNS, style=style, hAlign="LEFT")


def _text(words: str, style: str = "BodyText") -> Any:
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph

    chosen = getSampleStyleSheet()[style]
    chosen.alignment = 0
    if style == "BodyText":
        chosen.fontSize, chosen.leading, chosen.spaceBefore = 9, 11, 0
    elif style == "Title":
        chosen.fontSize, chosen.leading = 16, 20
    return Paragraph(escape(words).replace("\n", "<br/>"), chosen)


def _gap() -> Any:
    from reportlab.platypus import Spacer

    return Spacer(1, 8)


def _moment(value: datetime | None, zone: tzinfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}" if value else ""
