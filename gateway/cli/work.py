"""csenet work: what people and the case system have to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    config_option,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    run,
)


@click.group(cls=Listing)
def work() -> None:
    """See and complete work items."""


@work.command("list", epilog=example("csenet work list --config gateway.toml"))
@config_option
@click.option("--status", type=click.Choice(["open", "completed", "all"]), default="open", show_default=True)
@click.option("--case", "case_id", help="Only this case.")
@click.option("--kind", help="Only this kind, such as close_case.")
@day_option("--due-by", help="Only what is due on or before this date.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(
    config: Path,
    status: str,
    case_id: str | None,
    kind: str | None,
    due_by: date | None,
    limit: int,
    as_json: bool,
) -> None:
    """List work items, oldest first, with their due dates."""
    from csenet.gateway.cli.store import call
    from csenet.gateway.desk.results import WorkFilter

    chosen = WorkFilter(
        status=None if status == "all" else status, case_id=case_id, kind=kind, due_by=due_by, limit=limit
    )
    page: Any = run(call(config, lambda desk: desk.list_work_items(chosen)))
    if as_json:
        print_json(page.items)
        return
    rows = [
        (each.id, each.kind, each.case_id, each.due, each.status, each.title, each.transaction)
        for each in page.items
    ]
    print_table("Work items", ["id", "kind", "case", "due", "status", "title", "transaction"], rows)


@work.command(epilog=example("csenet work complete 1 --config gateway.toml"))
@click.argument("item", type=int, metavar="ID")
@day_option("--on", help="The day on which it was done; today if left out.")
@click.option("--declined", is_flag=True, help="It was not done, or done in another way.")
@click.option("--case", "case_id", metavar="ID", help="The case of ours to which a request was put.")
@click.option("--text", metavar="LINE", help="What the other state is told: one line, 80 characters.")
@config_option
@json_option
@click.pass_context
def complete(
    ctx: click.Context,
    item: int,
    on: date | None,
    declined: bool,
    case_id: str | None,
    text: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Say that work item ID was done, and let the answer to the other state leave if it waits for that.

    With --declined it was not done, where that is a choice, or done without the gateway: a request was
    acknowledged by letter, a search found nothing.

    Saying it twice is harmless.  Exit 1 if it is refused, with every reason.
    """
    from csenet.gateway.cli.store import call
    from csenet.gateway.errors import Rejected

    try:
        view: Any = run(call(config, lambda desk: _complete(desk, item, on, declined, case_id, text)))
    except Rejected as error:
        raise _refused(error) from None
    if as_json:
        print_json(view)
    else:
        click.echo(f"work item {view.id} ({view.kind}): {view.status} on {view.completed_on}")


async def _complete(
    desk: Any, item: int, on: date | None, declined: bool, case_id: str | None, text: str | None
) -> Any:
    """Complete an item on a day, or today where the agency is."""
    from csenet.gateway.cli.store import ACTOR

    outcome = "declined" if declined else None
    day = on or desk.clock.today()
    return await desk.complete_work(item, day, outcome, actor=ACTOR, case_id=case_id, text=text)


def _refused(error: Any) -> Refused:
    """Turn a refusal into exit code 1 with its reasons a line each."""
    from csenet.gateway.cli.submit import sentence

    return Refused(
        "\n".join(sentence(problem) for problem in error.problems),
    )
