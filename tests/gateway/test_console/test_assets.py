"""What the console takes from elsewhere is what was published, listed, small, and kept by browsers."""

from __future__ import annotations

import hashlib
import tomllib
from typing import Any

import pytest

from csenet.gateway.console import assets

CONSOLE = assets.FOLDER.parent
VENDOR = assets.FOLDER / "vendor"


def test_every_file_from_elsewhere_has_the_digest_of_the_manifest() -> None:
    lines = (CONSOLE / "vendor.sha256").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file()
    }
    assert found == listed


def test_every_package_is_listed_with_version_licence_and_integrity() -> None:
    packages = tomllib.loads((CONSOLE / "vendor.toml").read_text())["package"]
    wanted = {
        f"{package['folder']}/{name.removeprefix('dist/')}"
        for package in packages
        for name in package["files"]
    }
    assert wanted == {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert all(package["version"] and package["licence"] for package in packages)
    assert sum(len(content) for content in assets.files().values()) < 2_000_000


async def test_a_file_is_kept_for_a_year_under_an_address_that_changes_with_it(browser: Any) -> None:
    answer = await browser.get(assets.address("own/console.css"))
    assert (answer.status, answer.content_type) == (200, "text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    older = await browser.get("/console/assets/0123456789abcdef/own/console.css")
    assert older.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["own/none.css", "..%2Fvendor.toml", "vendor/htmx/LICENSE"])
async def test_nothing_else_is_given_out(browser: Any, path: str) -> None:
    assert (await browser.get(f"/console/assets/{assets.digest()}/{path}")).status == 404


def test_a_page_cannot_name_a_file_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        assets.address("own/none.css")
