"""Fuzz one decoder with atheris: `python tests/fuzz/run.py flat --seconds 600`.

It starts from `corpus/TARGET` and the fixtures. What it finds on the way stays in `build/fuzz/TARGET`; an
input that breaks something is written into the corpus, where the tests replay it from then on.
"""

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["csenet.codecs"]):
    from csenet.codecs import errorfile, flatfile, transaction, xmlform  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
import targets

ROOT = Path(__file__).resolve().parents[2]
LONGEST_INPUT = 20_000


def main() -> None:
    """Run the fuzzer on the target named first."""
    parser = argparse.ArgumentParser(description="Fuzz one decoder.")
    parser.add_argument("target", choices=sorted(targets.TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    told = parser.parse_args()
    kept = ROOT / "tests" / "fuzz" / "corpus" / told.target
    grown = ROOT / "build" / "fuzz" / told.target
    for folder in (kept, grown):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = [
        str(folder) for folder in (grown, kept, ROOT / "fixtures" / "forms", ROOT / "fixtures" / "malformed")
    ]
    limits = [
        f"-max_total_time={told.seconds}",
        f"-max_len={LONGEST_INPUT}",
        "-timeout=10",
        "-rss_limit_mb=1024",
    ]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={kept}/", "-print_final_stats=1", *seeds],
        targets.TARGETS[told.target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
