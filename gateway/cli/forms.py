"""The options that say in which form transactions stand in a file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

FRAMINGS: Final = ("lines", "stream", "blocks", "rdw", "bdw")
ENCODINGS: Final = ("ascii", "cp037", "cp1047")
LINE_ENDS: Final = {"lf": b"\n", "crlf": b"\r\n", "nel": b"\x15"}


def framing_option(**more: Any) -> Callable[[Decorated], Decorated]:
    """Add ``--framing``."""
    return click.option("--framing", type=click.Choice(FRAMINGS), **more)


def encoding_option(**more: Any) -> Callable[[Decorated], Decorated]:
    """Add ``--encoding``."""
    return click.option("--encoding", type=click.Choice(ENCODINGS), **more)


def form_option(*forms: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """Add ``--form``; the form for people is offered where its module is installed."""
    offered = [form for form in forms if form != "text" or has_description()]
    return click.option("--form", type=click.Choice(offered), default="json", show_default=True, **more)


def has_description() -> bool:
    """Say whether transactions can be described in words."""
    return importlib.util.find_spec("csenet.codecs.describe") is not None


def line_end(name: str | None, encoding: str) -> bytes | None:
    """Give the bytes of a line end in a character set; None leaves the choice to the encoder."""
    if name is None:
        return None
    if encoding == "ascii":
        if name == "nel":
            raise click.UsageError("--line-end nel is a line end of EBCDIC: give --encoding cp037 or cp1047")
        return LINE_ENDS[name]
    from csenet.codecs import ebcdic

    return LINE_ENDS[name] if name == "nel" else ebcdic.encode(LINE_ENDS[name], ebcdic.Encoding(encoding))
