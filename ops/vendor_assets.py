"""Fetch what the console takes from elsewhere, as `gateway/console/vendor.toml` lists it.

`python ops/vendor_assets.py` asks npm for the packages, compares each with the integrity that the list names
(and prints the one to write there when it names none), puts the files into `gateway/console/static/vendor/`
and writes their digests to `gateway/console/vendor.sha256`. Needed only when a version changes.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

CONSOLE = Path(__file__).resolve().parent.parent / "gateway" / "console"
VENDOR = CONSOLE / "static" / "vendor"


def main() -> int:
    """Fetch everything; 1 when a package is not what the list says."""
    listed = tomllib.loads((CONSOLE / "vendor.toml").read_text("utf-8"))["package"]
    shutil.rmtree(VENDOR, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        if not all(fetch(package, Path(folder)) for package in listed):
            return 1
    files = sorted(path for path in VENDOR.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(VENDOR)}" for path in files]
    (CONSOLE / "vendor.sha256").write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes")
    return 0


def fetch(package: dict[str, Any], folder: Path) -> bool:
    """Fetch one package and copy its listed files, without the leading dist/."""
    wanted = f"{package['name']}@{package['version']}"
    npm = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted]
    name = subprocess.run(npm, check=True, capture_output=True, text=True).stdout.split()[-1]
    tarball = folder / name
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if integrity != package["integrity"]:
        print(f"{wanted}: integrity is {integrity}", file=sys.stderr)
        if package["integrity"]:
            return False
    with tarfile.open(tarball) as archive:
        for file in package["files"]:
            place = VENDOR / package["folder"] / file.removeprefix("dist/")
            place.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(f"package/{file}")
            if source is None:
                print(f"{wanted}: {file} is no file", file=sys.stderr)
                return False
            place.write_bytes(source.read())
    return True


if __name__ == "__main__":
    raise SystemExit(main())
