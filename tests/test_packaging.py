"""What is installed is what lies in the folders."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS = ("codecs", "gateway", "handlers")


def folders() -> set[Path]:
    """Find the folders of the three rooms that hold modules."""
    return {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}


def dotted(folder: Path) -> str:
    """Give a folder's name as a package."""
    return ".".join(("csenet", *folder.relative_to(ROOT).parts))


def test_every_folder_with_modules_is_a_listed_package() -> None:
    assert {dotted(folder) for folder in folders()} == set(SETUPTOOLS["packages"])
    assert all((folder / "__init__.py").exists() for folder in folders())


def is_shipped(path: Path) -> bool:
    """Say whether a data file is covered by the package data of a package above it."""
    for name, patterns in SETUPTOOLS["package-data"].items():
        home = path.parent if name == "*" else ROOT.joinpath(*name.split(".")[1:])
        if path.is_relative_to(home):
            inside = path.relative_to(home).as_posix()
            if any(fnmatch(inside, pattern.replace("**/", "")) for pattern in patterns):
                return True
    return False


def test_every_data_file_is_installed() -> None:
    data = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    needed = [path for path in data if path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts]
    assert [str(path.relative_to(ROOT)) for path in needed if not is_shipped(path)] == []
