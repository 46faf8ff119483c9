"""csenet submit: have a transaction sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Refused,
    config_option,
    example,
    json_option,
    print_json,
    print_table,
    read_json,
    run,
)


@click.command(
    epilog=example(
        """echo '{"case_id": "2701", "far": "MSC P GSC15"}' | csenet submit - --config gateway.toml"""
    )
)
@click.argument("file", metavar="FILE")
@config_option
@click.option("--key", help="Idempotency key: the same key again queues nothing and gives the same answer.")
@json_option
def submit(file: str, config: Path, key: str | None, as_json: bool) -> None:
    """Queue the transaction in FILE to leave.

    FILE holds what POST /v1/transactions takes: the JSON form of a transaction, or just {"case_id": …,
    "far": "MSC P GSC15"}, from which all blocks are built from the case's facts.  "-" is standard input.  A
    running gateway sends it within seconds.  Exit 1 if it is refused, with every reason.
    """
    from csenet.gateway.casework.requests import case_of
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call, reader_at
    from csenet.gateway.errors import Rejected

    body = read_json(file)

    async def order(desk: Any) -> Any:
        told = body if isinstance(body, dict) else {}
        await reader_at(desk).must_see(acting(), case_of(told), "transaction.submit", known="far" in told)
        return await desk.submit(body, idempotency_key=key, actor=acting().name)

    try:
        result: Any = run(call(config, order))
    except Rejected as error:
        lines = [f"{file}: {sentence(problem)}" for problem in error.problems]
        instead = getattr(error, "work_item", None)
        if instead is not None:
            lines.append(f"{file}: work item {instead} has a person do it instead")
        raise Refused("\n".join(lines)) from None
    if as_json:
        print_json(result)
        return
    rows = [(each.id, each.far, each.to_fips, each.serial, each.status) for each in result.transactions]
    print_table("Queued", ["id", "transaction", "to", "serial", "status"], rows)
    for warning in result.warnings:
        click.echo(f"{file}: {sentence(warning)}", err=True)


def sentence(problem: Any) -> str:
    """Write a problem of either kind: path and text, or one of the codecs."""
    if isinstance(problem, tuple):
        path, text = problem
        return f"{path}: {text}" if path else str(text)
    field = f" {problem.field}" if problem.field else ""
    citation = f" [{problem.citation}]" if problem.citation else ""
    return f"{problem.severity.value} {problem.code}{field}: {problem.message}{citation}"
