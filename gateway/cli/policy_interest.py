"""csenet policy interest: what is owed on a day, line by line, as one state tells another."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from csenet.gateway.cli.common import (
    Unusable,
    day_option,
    example,
    json_option,
    print_json,
    print_table,
    read_json,
)
from csenet.gateway.cli.policy_common import authority, fips_of, state_option

if TYPE_CHECKING:
    from csenet.handlers.policy.arrears import Account
    from csenet.handlers.policy.interest import Ledger
    from csenet.handlers.policy.interest_statement import AccountLine, AccountStatement
    from csenet.handlers.policy.interest_terms import Terms
    from csenet.handlers.policy.rules import NotStated

SETTINGS: Final = Path("gateway.toml")
LAST_RESORT: Final = "MN"
"""The state whose whole profile comes with the program; used where nothing names a state, and said aloud."""


@click.command(
    epilog=example(
        "csenet policy interest --facts fixtures/policy/facts/ledger.json --as-of 2022-07-31 --state MN",
        "csenet policy interest --facts fixtures/policy/facts/account.json --as-of 2022-07-31 --explain",
        "csenet policy interest --facts fixtures/facts/minnesota.json --as-of 2026-11-21 --state MN",
    )
)
@click.option(
    "--facts", metavar="FILE", required=True, help='Facts of a case as JSON; "-" is standard input.'
)
@click.option("--case", metavar="ID", help="Whose facts of FILE; not needed where it holds one case.")
@day_option("--as-of", required=True, help="The day for which it is stated, that day included.")
@state_option
@click.option("--explain", is_flag=True, help="Show every line, payment and reason.")
@click.option(
    "--all-terms", is_flag=True, help="Apply the state's grace and order of payment to a plain ledger."
)
@json_option
@click.pass_context
def interest(
    ctx: click.Context,
    facts: str,
    case: str | None,
    as_of: date,
    state: str | None,
    explain: bool,
    all_terms: bool,
    as_json: bool,
) -> None:
    """State what is owed, under a state's dated terms.

    FILE holds facts as in PUT /v1/cases, with a ledger of obligations and payments, which is computed as the
    gateway's own balances are; or an "account" with orders, debts, judgments, adjustments and children, which
    is computed under all of the state's terms; or cases by their IDs, as csenet replay takes them.  The state
    is that of the facts' order, or --state, or that of the settings in $CSENET_CONFIG or ./gateway.toml.

    Exit 0 with a statement, 1 with a question that a person must answer first, 2 if FILE cannot be used.
    """
    from csenet.handlers.policy.rules import NotStated

    said = _statement(_of_case(read_json(facts), facts, case), facts, as_of, state, all_terms)
    if isinstance(said, NotStated):
        if as_json:
            print_json({"not_stated": said.why})
        click.echo(f"not stated: {said.why.text}", err=True)
        ctx.exit(1)
    if as_json:
        print_json(said)
    else:
        _print(said, explain)


def _statement(
    obj: Any, name: str, as_of: date, state: str | None, all_terms: bool
) -> AccountStatement | NotStated:
    """Read the facts, find whose terms they are under, and work them out."""
    from csenet.handlers.facts import FactsError
    from csenet.handlers.policy.arrears import account_of
    from csenet.handlers.policy.interest import LedgerError
    from csenet.handlers.policy.interest_engine import statement

    try:
        if isinstance(obj, dict) and "account" in obj:
            account = _account(obj, name)
            return statement(account, _terms(_states(account), state), as_of)
        ledger, states = _ledger(obj, name)
        return statement(account_of(ledger), _terms(states, state, plain=not all_terms), as_of)
    except (FactsError, LedgerError) as error:
        raise Unusable("\n".join(f"{name}: {path}: {what}" for path, what in error.problems)) from None


def _of_case(obj: Any, name: str, case: str | None) -> Any:
    """Give the facts of one case of a file that has cases by their IDs; any other file as it is."""
    if not _has_cases(obj):
        if case is not None:
            raise Unusable(f"{name}: holds no cases by their IDs, so --case names nothing")
        return obj
    if case is None and len(obj) > 1:
        raise Unusable(f"{name}: holds {len(obj)} cases: name one with --case")
    if case is not None and case not in obj:
        raise Unusable(f"{name}: has no case of that ID")
    return obj[case] if case is not None else next(iter(obj.values()))


def _has_cases(obj: Any) -> bool:
    """Tell cases by their IDs, as csenet replay takes them, from the facts of one."""
    from csenet.handlers.facts import KEYS

    if not isinstance(obj, dict) or not obj or {"account", *KEYS} & obj.keys():
        return False
    return all(isinstance(each, dict) for each in obj.values())


def _account(obj: dict[str, Any], name: str) -> Account:
    from csenet.handlers.policy.arrears_form import account_from_json

    if obj.get("ledger") is not None:
        raise Unusable(f"{name}: holds a ledger and an account: one of them is enough")
    return account_from_json(obj["account"])


def _ledger(obj: Any, name: str) -> tuple[Ledger, set[str]]:
    """Read facts as the casework API takes them; a ledger alone will do."""
    from csenet.handlers.facts import facts_from_json

    if isinstance(obj, dict) and set(obj) == {"ledger"}:
        obj = {"role": "initiating", "other_fips": "0000000", **obj}
    found = facts_from_json("", obj)
    if found.ledger is None:
        raise Unusable(f"{name}: holds neither a ledger nor an account: there is nothing to compute")
    return found.ledger, {order.order_fips_state for order in found.orders if order.order_fips_state}


def _states(account: Account) -> set[str]:
    named = {account.state, *(order.state for order in account.orders)}
    return {fips for fips in named if fips is not None}


def _terms(named: set[str], state: str | None, *, plain: bool = False) -> Terms:
    """Load the terms of the one state that is named; facts of several states need one statement each."""
    from csenet.handlers.policy.interest_terms import ledger_terms, load_terms

    chosen = {fips_of(each) for each in (*named, state) if each is not None} or {_own_state()}
    if len(chosen) > 1:
        raise Unusable(f"the facts and --state name the states {', '.join(sorted(chosen))}: name one")
    return (ledger_terms if plain else load_terms)(chosen.pop())


def _own_state() -> str:
    """Give the state of the gateway's own settings; without settings, say whose law is taken."""
    import os

    from csenet.gateway.settings.loading import load_settings

    file = Path(os.environ.get("CSENET_CONFIG", SETTINGS))
    if file.exists():
        return fips_of(load_settings(file).gateway.jurisdiction[:2])
    click.echo(
        f"no order, --state or settings name a state: computed under the law of {LAST_RESORT}", err=True
    )
    return fips_of(LAST_RESORT)


def _print(said: AccountStatement, explain: bool) -> None:
    """Print the statement; with `explain`, everything it follows from."""
    title = f"Support owed under the law of {said.state}, through {said.as_of}"
    columns = ["order", "debt", "support", "assistance", "principal", "interest", "fees"]
    rows = [
        (each.order, each.debt, each.support, each.assistance, each.principal, each.interest, each.fees)
        for each in said.debts
    ]
    print_table(title, columns, rows)
    for name in ("principal", "interest", "total", "fees", "credit", "balance"):
        click.echo(f"  {name:<10}{getattr(said, name):>14}")
    for note in said.notes:
        click.echo(f"  note: {note}")
    if explain:
        _explain(said)


def _explain(said: AccountStatement) -> None:
    columns = ["order", "debt", "kind", "due", "from", "through", "arithmetic", "exact", "interest"]
    rows: list[tuple[Any, ...]] = [
        (x.order, x.debt, x.kind, x.due, x.start, x.end, _arithmetic(x), x.exact, x.interest)
        for x in said.lines
    ]
    for each in said.rounding:
        how = f"sum {each.exact}, rounded half up once"
        rows.append((each.order, each.debt, "sum", None, None, None, how, each.difference, each.rounded))
        rows += [
            (each.order, each.debt, what, None, None, None, None, None, amount)
            for what, amount in (("adjusted", each.adjusted), ("paid", -each.paid))
            if amount
        ]
    print_table("Interest", columns, rows)
    _amounts(said)
    for why in said.reasons:
        click.echo(f"- {why.text} [{authority(why.citation, why.ours)}]")


def _arithmetic(line: AccountLine) -> str:
    """Write the sum a pocket calculator repeats, or why there is none."""
    from csenet.handlers.policy.interest_terms import YEAR_DAYS
    from csenet.handlers.policy.rules import Stated, value_on

    if line.note:
        return line.note
    if line.per == "months":
        return f"{line.principal} x {line.annual_percent} % x {line.periods} months / 12"
    year = value_on(YEAR_DAYS, line.start)
    days = year.value if isinstance(year, Stated) else Decimal("NaN")
    return f"{line.principal} x {line.annual_percent} % x {line.periods} days / {days}"


def _amounts(said: AccountStatement) -> None:
    """Print what was owed, where payments went, until when judgments last, and when children grow up."""
    charges = [(x.order, x.debt, x.kind, x.owed, x.due, x.amount, x.paid, x.unpaid) for x in said.charges]
    columns = ["order", "debt", "kind", "owed from", "due", "amount", "paid", "unpaid"]
    print_table("Amounts", columns, charges)
    rows: list[tuple[Any, ...]] = []
    for paid in said.payments:
        what = paid.reason or paid.source
        rows += [
            (paid.date, paid.amount, what, p.day, p.category, p.order, p.debt, p.amount) for p in paid.parts
        ]
        if paid.credit:
            rows.append((paid.date, paid.amount, what, None, "credit", None, None, paid.credit))
    columns = ["date", "amount", "source", "applied", "to", "order", "debt", "part"]
    print_table("Payments", columns, rows)
    for limit in said.limits:
        click.echo(f"  judgment of {limit.entered} for {limit.amount}: {limit.expires or 'no limit stated'}")
    for order in said.ages:
        click.echo(f"  current support under order {order.order} ends: {order.on or 'no day known'}")
