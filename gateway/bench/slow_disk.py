"""Measure as on a disk whose every synchronisation takes two milliseconds, whatever this machine has.

A library laid over the C library's adds the delay to ``fsync`` and ``fdatasync``; a second process, started
with it, measures its own baselines under the same delay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from csenet.gateway.bench.figures import Figure, Size

PARTS: Final = ("slow_answers", "grouped")
DELAY_VARIABLE: Final = "CSENET_BENCH_SYNC_MICROSECONDS"
_DELAY: Final = "2000"
_SOURCE: Final = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void pause_first(void) {
    const char *text = getenv("CSENET_BENCH_SYNC_MICROSECONDS");
    if (text) usleep((useconds_t)atoi(text));
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    pause_first();
    return real(file);
}

int fdatasync(int file) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    pause_first();
    return real(file);
}
"""


class Skipped(Exception):  # noqa: N818 - an outcome that is told
    """Say why something is not measured here."""


def library(folder: Path) -> Path:
    """Compile the library; raises `Skipped` where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        raise Skipped("needs a C compiler on Linux to slow the disk down")
    source, made = folder / "slow.c", folder / "slow.so"
    source.write_text(_SOURCE, "ascii")
    built = subprocess.run(  # noqa: S603 - our own arguments
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(made), str(source), "-ldl"],
        check=False,
        capture_output=True,
    )
    if built.returncode:
        raise Skipped("the C compiler fails on the library that slows the disk down")
    return made


def slow_disk(folder: Path, size: Size) -> list[Figure]:
    """Let a second process measure with the delay."""
    command = [sys.executable, "-m", "csenet.gateway", "bench", "delivery", "--json"]
    command += [f"--only={part}" for part in PARTS]
    command += [f"--rounds={size.rounds}", f"--transactions={size.transactions}", f"--folder={folder}"]
    environment = {**os.environ, "LD_PRELOAD": str(library(folder)), DELAY_VARIABLE: _DELAY}
    done = subprocess.run(command, check=False, capture_output=True, env=environment)  # noqa: S603
    if done.returncode not in (0, 1) or not done.stdout:
        raise Skipped("the process with the slow disk did not come to an end")
    return msgspec.convert(msgspec.json.decode(done.stdout)["figures"], list[Figure])
