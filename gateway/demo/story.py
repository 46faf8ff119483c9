"""The six parts of the story: what each does, and what must be true after it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from csenet.gateway.demo import people
from csenet.gateway.demo.office import Body, Office, StoryError, until


@dataclass
class Stage:
    """The two agencies, the exchange's switch, and the names that this run uses."""

    minnesota: Office
    kansas: Office
    run: int
    day: Callable[[], date]
    exchange_down: Callable[[], Awaitable[None]]
    exchange_up: Callable[[], Awaitable[None]]
    is_exchange_up: Callable[[], bool]

    @property
    def today(self) -> date:
        """Give the day it is now: a story that is played around midnight ends on another than it began."""
        return self.day()

    def case_ids(self, letter: str) -> tuple[str, str]:
        """Name one matter's case in Minnesota and in Kansas."""
        return f"MN{self.run:06d}{letter}", f"KS{self.run:06d}{letter}"

    async def open_case(self, letter: str, initiating: Office, **initiating_facts: Any) -> tuple[str, str]:
        """Push both sides' facts of a new case; return its (Minnesota, Kansas) case IDs."""
        mine, theirs = self.case_ids(letter)
        roles = ("initiating", "responding") if initiating is self.minnesota else ("responding", "initiating")
        for office, case_id, other, other_id, role in (
            (self.minnesota, mine, people.KANSAS, theirs, roles[0]),
            (self.kansas, theirs, people.MINNESOTA, mine, roles[1]),
        ):
            extra = initiating_facts if office is initiating else {"withholding_active": True}
            await office.put_case(case_id, people.facts(office.fips, role, other, other_id, **extra))
        return mine, theirs


@dataclass
class Part:
    """One part of the story and how it went."""

    number: int
    title: str
    play: Callable[[Stage], Awaitable[str]]
    held: bool = False
    told: str = ""
    milliseconds: float = 0.0

    def as_json(self) -> Body:
        """Give the part's outcome for the report."""
        return {
            "part": self.number,
            "title": self.title,
            "held": self.held,
            "detail": self.told,
            "milliseconds": self.milliseconds,
        }


def expect(truth: object, what: str) -> None:
    """Refuse to go on when what should be true is not."""
    if not truth:
        raise StoryError(what)


async def _work(office: Office, case_id: str, kind: str) -> Body:
    async def look() -> Body | None:
        items = await office.work(case_id=case_id, kind=kind)
        return items[-1] if items else None

    return await until(f"{office.name} opens work '{kind}' on {case_id}", look)


async def _received(office: Office, case_id: str, far: str) -> Body:
    async def look() -> Body | None:
        rows = await office.transactions(case_id=case_id, far=far, direction="inbound")
        return rows[-1] if rows and rows[-1]["status"] == "decided" else None

    return await until(f"{office.name} receives {far} on {case_id}", look)


async def _state(office: Office, case_id: str, what: str, key: str) -> Any:
    async def look() -> Any:
        return (await office.case(case_id))["state"].get(key)

    return await until(f"{office.name}: {what}", look)


async def interest(stage: Stage) -> str:
    """Kansas asks what interest is owed; Minnesota answers by itself from the case's ledger."""
    _, theirs = await stage.open_case("A", stage.minnesota, ledger=people.INTEREST_LEDGER)
    await stage.kansas.send(theirs, "MSC R GRINT")
    await _received(stage.kansas, theirs, "MSC P GSTAI")
    told = await _state(stage.kansas, theirs, "the balances arrive", "received_balances")
    wanted = people.INTEREST_EXPECTED | {"as_of": stage.today.isoformat()}
    expect({key: told[key] for key in wanted} == wanted, f"GSTAI said {told}, the ledger says {wanted}")
    return f"arrears {told['arrears']}, of it interest {told['interest']}, as of {told['as_of']}"


async def own_withholding(stage: Stage) -> str:
    """Kansas wants to withhold by itself; Minnesota stops, closes and says so; Kansas may then go on."""
    mine, theirs = await stage.open_case("B", stage.kansas)
    await stage.kansas.send(theirs, "MSC P GSC17")
    stop = await _work(stage.minnesota, mine, "stop_withholding")
    close = await _work(stage.minnesota, mine, "close_case")
    expect(stop["due"] and stop["due"] == close["due"], "both pieces of work are due on the same day")
    today = stage.today.isoformat()
    await stage.minnesota.complete(stop, today)
    await stage.minnesota.complete(close, today)
    await _received(stage.kansas, theirs, "MSC P GSC18")
    await _state(stage.kansas, theirs, "own withholding becomes possible", "may_issue_withholding")
    state = (await stage.kansas.case(theirs))["state"]
    expect(state["other_state_closed_on"] == today, f"GSC18 carries the closure date {today}: {state}")
    expect((await stage.minnesota.case(mine))["state"]["status"] == "closed", "Minnesota's case is closed")
    return f"both due {stop['due']}; closed {today}; Kansas may issue its own withholding order"


async def services_over(stage: Stage) -> str:
    """Minnesota no longer needs Kansas; Kansas closes; Minnesota's own case stays open."""
    mine, theirs = await stage.open_case("C", stage.minnesota)
    await stage.minnesota.send(mine, "MSC P GSC15")
    close = await _work(stage.kansas, theirs, "close_case")
    today = stage.today.isoformat()
    await stage.kansas.complete(close, today)
    await _received(stage.minnesota, mine, "MSC P GSC16")
    state = (await stage.minnesota.case(mine))["state"]
    expect(state["status"] == "open", "Minnesota's own case stays open")
    expect(state["other_state_closed_on"] == today, "Minnesota knows when Kansas closed")
    return "Kansas closed and said so; Minnesota's case is open"


async def unknown_case(stage: Stage) -> str:
    """Kansas asks about a case that Minnesota does not have; the answer says exactly what was rejected."""
    mine, theirs = stage.case_ids("D")
    await stage.kansas.put_case(theirs, people.facts(people.KANSAS, "responding", people.MINNESOTA, mine))
    sent, day = await stage.kansas.send(theirs, "MSC R GRINT"), f"{stage.today:%Y%m%d}"
    reject = await _received(stage.kansas, theirs, "MSC P REJCT")
    full = await stage.kansas.call("GET", f"/v1/transactions/{reject['id']}")
    line = full["transaction"]["information"]["information_text_line_1"]
    expect(line == f"{sent['serial']}RMSC{day}GRINT", f"the line names the rejected transaction: {line!r}")
    await _work(stage.kansas, theirs, "find_case_id")
    return f"rejected: {line}"


async def bad_header(stage: Stage) -> str:
    """Minnesota writes to an office that the exchange does not know; it comes back and is not called sent."""
    mine, theirs = stage.case_ids("E")
    other = people.KANSAS_OFFICE_UNKNOWN_TO_EXCHANGE
    facts = people.facts(people.MINNESOTA, "initiating", other, theirs)
    await stage.minnesota.put_case(mine, facts)
    sent = await stage.minnesota.send(mine, "MSC P GSC15")

    async def refused() -> Body | None:
        rows = await stage.minnesota.transactions(case_id=mine, direction="outbound")
        return rows[-1] if rows[-1]["status"] == "refused" else None

    await until("the exchange's error record comes back", refused)
    await _work(stage.minnesota, mine, "refused_by_exchange")
    return f"serial {sent['serial']} came back in the error file, with work for a person"


async def outage(stage: Stage) -> str:
    """The exchange goes away in the middle; what was asked for meanwhile arrives later, in order, once."""
    cases = [await stage.open_case(letter, stage.minnesota) for letter in "FGH"]
    await stage.exchange_down()
    sent: dict[str, list[str]] = {}
    try:
        for _ in range(2):
            for mine, theirs in cases:
                row = await stage.minnesota.send(mine, "MSC P GSWKR")
                sent.setdefault(theirs, []).append(row["serial"])
        await until("delivery is tried and fails", lambda: _tried(stage.minnesota, cases[0][0]))
    finally:
        await stage.exchange_up()
    for theirs, serials in sent.items():
        await _in_order_once(stage.kansas, theirs, serials)
    return f"{2 * len(cases)} transactions waited, then arrived in order, once"


async def _tried(office: Office, case_id: str) -> bool:
    rows = await office.transactions(case_id=case_id, direction="outbound")
    early = [row["serial"] for row in rows if row["status"] == "delivered"]
    expect(not early, f"counted as delivered while the exchange is down: {early}")
    return any(row["attempts"] for row in rows)


async def _in_order_once(office: Office, case_id: str, serials: list[str]) -> None:
    async def look() -> list[str] | None:
        rows = await office.transactions(case_id=case_id, direction="inbound")
        arrived = [row["serial"] for row in rows]
        return arrived if len(arrived) >= len(serials) else None

    arrived = await until(f"{office.name} receives everything on {case_id}", look)
    expect(arrived == serials, f"{case_id}: sent {serials}, arrived {arrived}")


async def everyday(stage: Stage) -> str:
    """Let Kansas ask once more what interest is owed; return a line that says how long the answer took.

    While the exchange is away Minnesota has something to tell as well, so that both sides have what waits.
    """
    mine, theirs = stage.case_ids("A")
    if not stage.is_exchange_up():
        told = await stage.minnesota.send(mine, "MSC P GSWKR")
        asked = await stage.kansas.send(theirs, "MSC R GRINT")
        return (
            f"The exchange is away: Minnesota's {told['far']} {told['serial']} "
            f"and Kansas's {asked['far']} {asked['serial']} wait for it"
        )
    asked = await stage.kansas.send(theirs, "MSC R GRINT")
    serial = asked["serial"]

    async def look() -> Body | None:
        if not stage.is_exchange_up():
            return {}
        for came in await stage.minnesota.transactions(direction="inbound", case_id=mine, serial=serial):
            rows = await stage.minnesota.transactions(direction="outbound", case_id=mine, far="MSC P GSTAI")
            gone = [each for each in rows if each["in_reply_to"] == came["id"]]
            if gone and gone[-1]["status"] == "delivered":
                return gone[-1]
        return None

    try:
        answer = await until("Minnesota answers", look)
    except StoryError:
        return (
            f"Kansas asked {asked['far']} {serial}; no answer yet: Dead and parked, of both states, say why"
        )
    if not answer:
        return f"Kansas asked {asked['far']} {serial}; the exchange went away before the answer came"
    return (
        f"{answer['settled_at'][11:19]} UTC  Kansas asked {asked['far']} {serial}, "
        f"Minnesota answered {answer['far']} {answer['serial']} in {answer['milliseconds']:.0f} ms"
    )


def parts() -> list[Part]:
    """Give the six parts, not yet played."""
    return [
        Part(1, "Interest asked for, answered by itself", interest),
        Part(2, "Own withholding wanted: stop, close, confirm", own_withholding),
        Part(3, "Services no longer needed", services_over),
        Part(4, "A case that Minnesota does not know", unknown_case),
        Part(5, "A header that the exchange refuses", bad_header),
        Part(6, "The exchange is down for a while", outage),
    ]
