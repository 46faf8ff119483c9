"""Give style sheets, scripts and fonts from our own folder, under addresses that change with their content.

All addresses carry one digest of the whole folder, so that the relative addresses inside a style sheet carry
it as well, and browsers may keep every file for a year.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/console/assets"
ROUTE: Final = PREFIX + "/{digest}/{file:.+}"

_KINDS: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"


@cache
def files() -> dict[str, bytes]:
    """Read every file that may be asked for, by its path; licences and lists are not among them."""
    found = sorted(path for path in FOLDER.rglob("*") if path.suffix in _KINDS)
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in found}


@cache
def digest() -> str:
    """Sum up all files in a few characters."""
    whole = hashlib.sha256()
    for name, content in files().items():
        whole.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return whole.hexdigest()[:16]


def address(file: str) -> str:
    """Give the address of a file; raises KeyError for one that is not there, which no page may name."""
    files()[file]
    return f"{PREFIX}/{digest()}/{file}"


async def get_asset(request: web.Request) -> web.Response:
    """Answer with a file; one of an earlier version is answered with today's, which is not kept."""
    file = request.match_info["file"]
    content = files().get(file)
    if content is None:
        raise web.HTTPNotFound
    current = request.match_info["digest"] == digest()
    headers = {"Cache-Control": _FOR_A_YEAR if current else "no-store"}
    return web.Response(body=content, content_type=_KINDS[Path(file).suffix], headers=headers)
