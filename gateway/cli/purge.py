"""csenet purge: destroy content whose time is over, and prove it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)

if TYPE_CHECKING:
    from csenet.gateway.desk import Desk
    from csenet.gateway.retention.purging import Told
    from csenet.gateway.retention.running import Result


@click.group(
    cls=Listing,
    invoke_without_command=True,
    epilog=example("csenet purge --dry-run --config gateway.toml", "csenet purge --now --yes"),
)
@click.option("--dry-run", is_flag=True, help="Say what would go and what must stay; change nothing.")
@click.option("--now", is_flag=True, help="Destroy it now, also beside the running gateway.")
@click.option("--yes", is_flag=True, help="With --now: do not ask.")
@click.option("--cases", "named", is_flag=True, help="With --dry-run: name the cases too.")
@config_option
@json_option
@click.pass_context
def purge(
    ctx: click.Context, dry_run: bool, now: bool, yes: bool, named: bool, config: Path, as_json: bool
) -> None:
    """Destroy content whose time is over, certify what went, prove that it is gone.

    With retention.purge = true the gateway does so each night. Never destroyed is what is open, held,
    undecided or undelivered. Numbers, codes and moments stay, so that the ledger adds up. Cut off, it goes on
    when it is run again. The store gets smaller only while no gateway runs, or by the gateway itself at
    night. Exit 1 if traces of what went were found.
    """
    if ctx.invoked_subcommand is not None:
        return
    if dry_run == now:
        raise click.UsageError("say --dry-run or --now")
    if dry_run:
        _look(config, named=named, as_json=as_json)
    else:
        _destroy(config, yes=yes, as_json=as_json)


def _look(config: Path, *, named: bool, as_json: bool) -> None:
    from csenet.gateway.cli.store import call
    from csenet.gateway.retention.running import look
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    with _progress("Looking") as told:
        found = run(call(config, lambda desk: look(desk, settings, told)))
    if as_json:
        more = {"cases": found.cases} if named else {}
        print_json({"count": len(found.cases), "records": found.records, "kept": found.kept} | more)
        return
    click.echo(f"{len(found.cases)} cases have had their time")
    for case_id in found.cases if named else ():
        click.echo(f"  {case_id}")
    print_table("Whole files and batches", ["table", "records"], list(found.records.items()))
    print_table("Cases that stay", ["reason", "cases"], list(found.kept.items()))


def _destroy(config: Path, *, yes: bool, as_json: bool) -> None:
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.retention.running import purge as destroy
    from csenet.gateway.settings.loading import load_settings

    settings = load_settings(config)
    if not yes:
        click.confirm(
            "What goes cannot be brought back, and backups are not touched. Destroy it?", abort=True
        )
    with _alone(config) as alone, _progress("Purging") as told:

        async def work(desk: Desk) -> Result:
            return await destroy(desk, settings, actor=actor(), rewrite=alone, told=told)

        done = run(call(config, work))
    if as_json:
        print_json(done)
    else:
        _tell(done)
    if done.space is not None and done.space.found:
        what = (
            "stop the gateway and run it again" if isinstance(settings.store_location, Path) else "see above"
        )
        raise Refused(f"{done.space.found} traces are left: {what}")


def _tell(done: Result) -> None:
    click.echo(f"{done.cases} cases destroyed")
    print_table("Records", ["table", "records"], list(done.records.items()))
    print_table("Cases that stay", ["reason", "cases"], list(done.kept.items()))
    place = done.space
    if place is not None:
        click.echo(f"the store takes {place.bytes_after:,} bytes, before {place.bytes_before:,}")
        if place.why_not:
            click.echo(f"it was not written anew: {place.why_not}")
        for each in place.searched:
            click.echo(f"searched: {each.what}: {each.looked_for:,} looked for, {each.found} found")
        for missing in place.not_searched:
            click.echo(f"not searched: {missing.what}: {missing.why}")
    click.echo(
        f"certificate {done.certificate}" if done.certificate else "nothing went, nothing is certified"
    )


@purge.command(epilog=example("csenet purge verify fixtures/purge/certificate.json --no-store"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--case", "case_id", help="Say whether this case is among what went.")
@click.option("--no-store", is_flag=True, help="Look at the signature alone.")
@config_option
@json_option
def verify(file: Path, case_id: str | None, no_store: bool, config: Path, as_json: bool) -> None:
    """Prove that the certificate FILE is as it was signed, and that the audit knows it.

    Exit 1 if it was changed, or is not one of this gateway's.
    """
    from csenet.gateway.retention.certificate import CertificateError, check, digest_of

    try:
        data = file.read_bytes()
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}") from None
    try:
        document = check(data)
    except CertificateError as error:
        raise Refused(f"{file}: {error}") from None
    known = None if no_store else run(_known(config, digest_of(data), document, case_id))
    if as_json:
        print_json({"certificate": document, **(known or {})})
    else:
        click.echo(
            f"{file}: signed, {document['cases']} cases, made at {document['made_at']}; "
            f"public key {document['public_key']}"
        )
        for line in _lines(known, case_id):
            click.echo(line)
    if known is not None and not known["audited"]:
        raise Refused("the audit of this store does not know it")


def _lines(known: dict[str, Any] | None, case_id: str | None) -> Iterator[str]:
    if known is None:
        return
    if known["audited"]:
        yield "the audit knows it"
    if case_id is not None:
        yield "the case is among what went" if known["case"] else "the case is not among what went"


async def _known(config: Path, digest: str, document: dict[str, Any], case_id: str | None) -> dict[str, Any]:
    """Look into audit and store for a certificate."""
    from csenet.gateway.cli.store import call
    from csenet.gateway.desk.names import case_key
    from csenet.gateway.retention.purging import subject_of
    from csenet.gateway.store import audit

    async def search(desk: Desk) -> dict[str, Any]:
        async with desk.store.read() as conn:
            rows = await audit.found(conn, action="purge.certified", limit=100_000)
            subject = None if case_id is None else subject_of(conn, case_key(case_id))
        audited = any((row["detail"] or {}).get("sha256") == digest for row in rows)
        return {"audited": audited, "case": subject in document["subjects"]}

    return await call(config, search)


@contextmanager
def _alone(config: Path) -> Iterator[bool]:
    """Take the data folder if no gateway works on it; tell whether it is ours."""
    from csenet.gateway.errors import AlreadyRunning
    from csenet.gateway.lock import DataLock
    from csenet.gateway.settings.loading import load_settings

    lock = DataLock(load_settings(config).gateway.data_dir)
    try:
        lock.take()
    except AlreadyRunning:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _progress(title: str) -> Iterator[Told]:
    """Show on a terminal what is being done."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done: None
        return
    with console.status(title) as status:
        yield lambda what, done: status.update(f"{title}: {what} {done:,}")
