"""csenet work: what people and the case system have to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from csenet.gateway.cli.common import (
    Listing,
    Refused,
    Unusable,
    as_json_bytes,
    config_option,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    progress,
    run,
)

_SHOWN = (
    *("kind", "title", "case_id", "status", "outcome", "priority", "due", "duty", "office", "worker"),
    *("messages", "transaction", "outbound", "opened_at", "completed_on"),
)

_LISTED = 50


@click.group(cls=Listing)
def work() -> None:
    """See, assign, complete and follow work items."""


@work.command("list", epilog=example("csenet work list --config gateway.toml"))
@config_option
@click.option("--status", type=click.Choice(["open", "completed", "all"]), default="open", show_default=True)
@click.option("--case", "case_id", help="Only this case.")
@click.option("--kind", help="Only this kind, such as close_case.")
@click.option("--worker", help="Only what this worker has.")
@click.option("--office", help="Only what this office has.")
@day_option("--due-by", help="Only what is due on or before this date.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(
    config: Path,
    status: str,
    case_id: str | None,
    kind: str | None,
    worker: str | None,
    office: str | None,
    due_by: date | None,
    limit: int,
    as_json: bool,
) -> None:
    """List work items, oldest first, with their due dates; priority 1 is at once, 4 when there is time."""
    from csenet.gateway.cli.store import call, own
    from csenet.gateway.desk.results import WorkFilter

    chosen = WorkFilter(
        status=None if status == "all" else status,
        case_id=case_id,
        kind=kind,
        worker=worker,
        office=office,
        due_by=due_by,
        limit=limit,
    )
    page: Any = run(call(config, lambda desk: desk.list_work_items(own(chosen))))
    if as_json:
        print_json(page.items)
        return
    columns = ["id", "kind", "case", "due", "priority", "status", "whose", "messages", "title", "from"]
    rows = [
        (
            each.id,
            each.kind,
            each.case_id,
            each.due,
            each.priority,
            each.status,
            "/".join(filter(None, (each.office, each.worker))) or None,
            each.messages,
            each.title,
            each.transaction,
        )
        for each in page.items
    ]
    print_table("Work items", columns, rows)


@work.command(epilog=example("csenet work show 1 --config gateway.toml"))
@click.argument("item", type=int, metavar="ID")
@config_option
@json_option
def show(item: int, config: Path, as_json: bool) -> None:
    """Show work item ID with all that happened to it: messages, comments, assignments."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import call, reader_at
    from csenet.gateway.people.looks import Look

    async def found(desk: Any) -> Any:
        seen = await reader_at(desk).work_item(acting(), item, Look(channel="cli"))
        return None if seen is None else await desk.work_history(item)

    history: Any = run(call(config, found))
    if history is None:
        raise Unusable(f"there is no work item {item}")
    if as_json:
        print_json(history)
        return
    view = history.item
    facts = [(name.replace("_", " "), getattr(view, name)) for name in _SHOWN]
    facts += [(name.replace("_", " "), value) for name, value in view.details.items()]
    facts += [("because", f"{why['text']} [{why['citation']}]") for why in view.reasons]
    print_table(f"Work item {item}", ["", ""], facts)
    rows = [(each.at, each.change, each.actor, each.transaction, each.text) for each in history.changes]
    print_table("What happened", ["at", "what", "by", "transaction", "text"], rows)


@work.command(epilog=example("csenet work assign 1 --worker W12 --office HENNEPIN --config gateway.toml"))
@click.argument("item", type=int, metavar="ID")
@click.option("--worker", help='Whose it is; "" takes it away.')
@click.option("--office", help='Which office has it; "" takes it away.')
@config_option
def assign(item: int, worker: str | None, office: str | None, config: Path) -> None:
    """Give work item ID to a worker, an office or both."""
    view = _act(
        config, item, lambda desk, actor: desk.assign_work(item, worker=worker, office=office, actor=actor)
    )
    click.echo(f"work item {view.id} ({view.kind}): {_whose(view.office, view.worker)}")


@work.command(epilog=example("csenet work reassign --dry-run --config gateway.toml"))
@click.option("--dry-run", is_flag=True, help="Show what would go elsewhere; change nothing.")
@click.option("--by-hand", is_flag=True, help="Give away also what a person gave to somebody.")
@config_option
@json_option
def reassign(dry_run: bool, by_hand: bool, config: Path, as_json: bool) -> None:
    """Give open work and open duties out anew, by the rules of work that hold today (work.rules).

    Rules count when work opens; after a change of them this takes what is open along.  What a person assigned
    stays, and so does what the rules say nothing of.  Doing it again changes nothing; it may be broken off.
    """
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call

    async def all_of_it(desk: Any) -> Any:
        with progress("Open work") as told:
            return await desk.reassign(dry_run=dry_run, by_hand=by_hand, actor=actor(), told=told)

    found: Any = run(call(config, all_of_it))
    if as_json:
        print_json(found)
        return
    rows = [
        (
            *(each.what, each.id, each.kind, each.case_id),
            *(_whose(each.office_before, each.worker_before), _whose(each.office, each.worker)),
        )
        for each in found.given[:_LISTED]
    ]
    title = "Would go elsewhere" if dry_run else "Went elsewhere"
    print_table(title, ["what", "id", "kind", "case", "from", "to"], rows)
    more = found.work_items + found.duties - len(rows)
    if more:
        click.echo(f"... and {more} more; --json lists up to a thousand")
    click.echo(
        f"{found.looked} open: {found.work_items} work items and {found.duties} duties "
        f"{'would go' if dry_run else 'went'} elsewhere; {found.kept_by_hand} stay where a person put them, "
        f"no rule speaks of {found.without_rule}"
    )


def _whose(office: str | None, worker: str | None) -> str:
    return "/".join(filter(None, (office, worker))) or "nobody"


@work.command(epilog=example('csenet work comment 1 "Asked the sender on Friday." --config gateway.toml'))
@click.argument("item", type=int, metavar="ID")
@click.argument("text")
@config_option
def comment(item: int, text: str, config: Path) -> None:
    """Write TEXT about work item ID; it stays with the item and is not delivered."""
    view = _act(config, item, lambda desk, actor: desk.comment_work(item, text, actor=actor))
    click.echo(f"work item {view.id} ({view.kind}): comment kept")


@work.command(epilog=example('csenet work reopen 1 --reason "done by mistake" --config gateway.toml'))
@click.argument("item", type=int, metavar="ID")
@click.option("--reason", required=True, help="Why it is opened again.")
@config_option
def reopen(item: int, reason: str, config: Path) -> None:
    """Open completed work item ID again; a duty closed by it alone is owed again.

    A transaction that left on completion is not called back.
    """
    view = _act(config, item, lambda desk, actor: desk.reopen_work(item, reason, actor=actor))
    click.echo(f"work item {view.id} ({view.kind}): {view.status}")


@work.command(epilog=example("csenet work follow --since 0 --config gateway.toml"))
@click.option("--since", default="0", show_default=True, help="The number of the last change seen before.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@config_option
def follow(since: str, limit: int, config: Path) -> None:
    """Print what changed after a cursor as JSON Lines, each item once.

    The "change" of the last line is the cursor for the next time.  No item is missed and none stands twice,
    however the changes were made meanwhile.
    """
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at

    page: Any = _act(config, None, lambda desk, _: reader_at(desk).work_since(acting(), since, limit))
    for each in page.items:
        click.echo(as_json_bytes(each))


@work.group(cls=Listing)
def rules() -> None:
    """Check the agency's rules of who gets which work."""


@rules.command(epilog=example("csenet work rules check fixtures/work-rules.toml"))
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def check(file: Path) -> None:
    """Check a table of rules, and name the letters for which no rule is there.

    Exit 1 with every mistake: unknown kinds and states, ranges without a name, rules never reached.
    """
    from csenet.handlers.policy.dated import PolicyError
    from csenet.handlers.policy.work_rules import gaps, load_work_rules

    try:
        found = load_work_rules(file)
    except PolicyError as error:
        raise Refused("\n".join(f"{file}: {problem}" for problem in error.problems)) from None
    left = gaps(found)
    click.echo(f"{file}: {len(found)} rules")
    if left:
        click.echo(f"names that begin with {', '.join(left)} may be left without an office")


async def _must_see(desk: Any, item: int, action: str) -> None:
    """Let nobody at an item of another office."""
    from csenet.gateway.cli.acting import acting
    from csenet.gateway.cli.store import reader_at

    await reader_at(desk).must_see_work(acting(), item, action)


def _act(config: Path, item: int | None, what: Callable[[Any, str], Awaitable[Any]]) -> Any:
    """Do something with an item; a refusal is exit code 1 with its reasons."""
    from csenet.gateway.cli.acting import actor
    from csenet.gateway.cli.store import call
    from csenet.gateway.desk.results import Conflict
    from csenet.gateway.errors import Rejected

    async def order(desk: Any) -> Any:
        if item is not None:
            await _must_see(desk, item, "work.change")
        return await what(desk, actor())

    try:
        return run(call(config, order))
    except Rejected as error:
        raise _refused(error) from None
    except Conflict as error:
        raise Refused(str(error)) from None


@work.command(epilog=example("csenet work complete 1 --config gateway.toml"))
@click.argument("item", type=int, metavar="ID")
@day_option("--on", help="The day on which it was done; today if left out.")
@click.option("--declined", is_flag=True, help="It was not done, or done in another way.")
@click.option("--case", "case_id", metavar="ID", help="The case of ours to which a request was put.")
@click.option("--text", metavar="TEXT", help="What the other state is told: five lines of 80 characters.")
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
    from csenet.gateway.cli.acting import actor

    outcome = "declined" if declined else None
    await _must_see(desk, item, "work.complete")
    day = on or desk.clock.today()
    return await desk.complete_work(item, day, outcome, actor=actor(), case_id=case_id, text=text)


def _refused(error: Any) -> Refused:
    """Turn a refusal into exit code 1 with its reasons a line each."""
    from csenet.gateway.cli.submit import sentence

    return Refused(
        "\n".join(sentence(problem) for problem in error.problems),
    )
