"""Say on whose behalf a command acts: the user of the machine, or whoever signed in with ``csenet sign-in``.

The second holds where ``people.command_line`` is ``accounts``, for all commands but those that keep the
machine, accounts and tokens in order: somebody has to make the first account.
"""

from __future__ import annotations

import os
import stat
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from csenet.gateway.cli.common import Refused, Unusable
from csenet.gateway.people.rights import OPEN, Right, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csenet.gateway.clock import Clock
    from csenet.gateway.people.person import Person
    from csenet.gateway.people.signing import Caller
    from csenet.gateway.settings.loading import Settings
    from csenet.gateway.store.engine import Store

ACCOUNTS: Final = "accounts"
FILE_VARIABLE: Final = "CSENET_SIGNED_IN"
_FILE: Final = "signed-in"
_OF_THE_MACHINE: Final = frozenset(
    (OPEN, Right.FIGURES_READ, Right.SYSTEM_MANAGE, Right.PEOPLE_MANAGE, Right.TOKENS_MANAGE)
)
_SIGN_IN: Final = "sign in first: csenet sign-in NAME"

_acting: Final[ContextVar[Person | None]] = ContextVar("acting", default=None)


def acting() -> Person:
    """Give who acts; before anybody was asked it is the user of the machine."""
    from csenet.gateway.people.person import system_person

    return _acting.get() or system_person()


def actor() -> str:
    """Give the name under which the audit has who acts."""
    return acting().name


def words_of(context: click.Context | None) -> list[str]:
    """Give the words of the command that runs, without the program's own name."""
    return [] if context is None else context.command_path.split()[1:]


async def find_out(settings: Settings, store: Store, clock: Clock) -> None:
    """Find out who acts, once the store is open; raises Unusable for nobody, Refused for the wrong role."""
    words = words_of(click.get_current_context(silent=True))
    needed = table().of_command(words)
    if settings.people.command_line != ACCOUNTS or needed in _OF_THE_MACHINE:
        return
    person = await _signed_in(settings, store, clock)
    if person is None:
        raise Unusable(_SIGN_IN)
    if not person.may_run(words):
        await _refusal(store, clock, person, words)
        raise Refused(f"csenet {' '.join(words)} is not for your role")
    _acting.set(person)


async def _signed_in(settings: Settings, store: Store, clock: Clock) -> Person | None:
    from csenet.gateway.people.signing import FULL, Signing

    secret = kept_secret()
    entry = await Signing(store, clock, settings.people).find(secret) if secret else None
    return None if entry is None or entry.stage != FULL else entry.person(caller())


async def _refusal(store: Store, clock: Clock, person: Person, words: list[str]) -> None:
    """Write down that somebody tried what is not for them."""
    from csenet.gateway.people.looks import REFUSED, Look, row_of
    from csenet.gateway.store import audit

    row = row_of(
        person, "command.refused", [f"csenet {' '.join(words)}"], Look(channel="cli"), outcome=REFUSED
    )
    async with store.begin() as conn:
        await audit.add(conn, [{"at": clock.now(), **row}])


async def note_out_of_scope(store: Store, clock: Clock, objects: Sequence[str]) -> None:
    """Write down that somebody tried what is another office's."""
    from csenet.gateway.people.looks import OUT_OF_SCOPE

    await _note(store, clock, objects, OUT_OF_SCOPE)


async def note_shown(store: Store, clock: Clock, objects: Sequence[str]) -> None:
    """Write down what the command that runs is about to show."""
    from csenet.gateway.people.looks import SHOWN

    await _note(store, clock, objects, SHOWN)


async def _note(store: Store, clock: Clock, objects: Sequence[str], outcome: str) -> None:
    from csenet.gateway.people.looks import Look, row_of
    from csenet.gateway.store import audit

    words = words_of(click.get_current_context(silent=True))
    row = row_of(acting(), ".".join(words), objects, Look(channel="cli"), outcome=outcome)
    async with store.begin() as conn:
        await audit.add(conn, [{"at": clock.now(), **row}])


def caller() -> Caller:
    """Say from where somebody signs in here: this machine, as its user."""
    from csenet.gateway.people.signing import Caller
    from csenet.gateway.people.system import system_user

    return Caller(system_user(), "csenet command line")


def secret_file() -> Path:
    """Give the file that keeps a sign-in of the command line, readable by its owner only."""
    told = os.environ.get(FILE_VARIABLE)
    return Path(told) if told else Path(click.get_app_dir("csenet")) / _FILE


def kept_secret() -> str:
    """Read what ``csenet sign-in`` kept, empty if nothing; raises Unusable if others may read it too."""
    file = secret_file()
    try:
        with file.open("r", encoding="utf-8") as stream:
            if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
                raise Unusable(f"{file}: may be read by others; delete it and sign in again")
            return stream.read(128).strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"{file}: cannot be read") from None


def keep_secret(secret: str) -> None:
    """Keep a sign-in for the commands that follow, in place of an earlier one."""
    file = secret_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(file, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(secret + "\n")
