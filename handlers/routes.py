"""Say for each incoming code who handles it, which work it opens, and which duty it starts: one table.

A pattern is a code, or one with `*` in place of letters; the first that fits counts. What no pattern names
goes to a person for review.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

import msgspec

from csenet.codecs.codes import VALID, FarCode
from csenet.codecs.transaction import Transaction
from csenet.handlers import (
    case_status,
    central_registry,
    closure,
    interest,
    locate,
    managing,
    news,
    progress,
)
from csenet.handlers.checks import (
    Check,
    case_id_given,
    case_known,
    case_open,
    partner_of_case,
    role_fits,
)
from csenet.handlers.context import CLOSE_CASE, PROVIDE_BALANCES, Context
from csenet.handlers.decision import Decision
from csenet.handlers.work import Task

Handler = Callable[[Transaction, Context, Task], Decision]

ANY_STATE = frozenset({case_id_given, case_known, partner_of_case, role_fits, case_open})
"""For what any state may ask, without a part in a case of ours."""
ANY_ANSWERER = frozenset({partner_of_case, role_fits, case_open})
"""For answers to what we may ask of any state."""
NEW_REQUEST = frozenset({case_id_given, case_open})
"""For what may be the beginning of a case."""
AFTER_CLOSING = frozenset({case_open})
"""For what matters on a closed case, too."""
UPDATE = "update_case"
LOCATE = Task("locate", "LO1")
STATUS = Task("answer_status_request", "CR3", "say how the case stands")


class Route(msgspec.Struct, frozen=True):
    """Hold the handler of the codes that a pattern names, its task, and the common checks it does without."""

    pattern: str
    handler: Handler
    task: Task = Task()
    without: frozenset[Check] = frozenset()


def _initiating_closures() -> tuple[Route, ...]:
    codes = sorted(closure.ELECTIVE - {closure.GSC15.reason})
    return tuple(
        Route(f"MSC P {code}", closure.initiating_closed, Task(CLOSE_CASE, "RS10")) for code in codes
    )


def _limited_services() -> tuple[Route, ...]:
    task = Task("limited_service", "AN5", "render the service, or say why not")
    return tuple(Route(f"MSC [RU] {code}", news.asked, task) for code in ("GRAFI", "GRAGT", "GRGAP", "GRTHD"))


TABLE: tuple[Route, ...] = (
    Route("LO1 R *", locate.requested, LOCATE, ANY_STATE),
    Route("LO1 P LUAPD", news.died),
    Route("LO1 P LUALL", news.located, Task("locate_again", "LO2")),
    Route("LO1 P LSALL", news.located, Task(UPDATE, "IW1")),
    Route("LO1 P LSEMP", news.located, Task(UPDATE, "IW1")),
    Route("LO1 P *", news.located, Task(UPDATE)),
    Route("CSI R *", case_status.requested, Task("answer_case_information", "CSI1"), ANY_STATE),
    Route(
        "CSI P FSINF",
        case_status.informed,
        Task("compare_case", title="compare what differs with our case"),
        ANY_ANSWERER,
    ),
    Route(
        "CSI P FUINF",
        case_status.uninformed,
        Task("correct_case_id", title="find out where the case ID came from, and correct it"),
        ANY_ANSWERER,
    ),
    Route(
        "ENF [RU] ERTXR",
        central_registry.review_wanted,
        Task("review_offset", "TX3", "tell both parties, review the offset and decide"),
        NEW_REQUEST,
    ),
    Route(
        "EST [RU] SRADJ",
        central_registry.review_wanted,
        Task("review_order", "RV1", "review the order, and say whether it should change"),
        NEW_REQUEST,
    ),
    Route("ENF [RU] ERSTA", progress.status_asked, STATUS),
    Route("[EP][NSA][FT] R *", central_registry.referred, Task("acknowledge_referral", "CR1"), NEW_REQUEST),
    Route(
        "[EP][NSA][FT] U *",
        central_registry.followed,
        Task("update_request", title="put it to the request it belongs to"),
    ),
    Route(
        "[EP][NSA][FT] C *",
        central_registry.followed,
        Task("cancel_request", title="stop work on the request as far as possible"),
    ),
    Route(
        "[EP][NSA][FT] M *",
        central_registry.followed,
        Task("overdue_reminder", title="answer what is overdue"),
    ),
    Route(
        "* A AADIN",
        central_registry.acknowledged,
        Task("supply_missing", "IN3", "send what is missing, or say when it will come"),
    ),
    Route("* A *", central_registry.acknowledged),
    Route("[EP][NSA][FT] P *", progress.advanced),
    Route("COL P CISUB", news.submitted_for_offset),
    Route("COL P CITAX", news.offset_paid, Task("post_offset", title="correct the payment records")),
    *_initiating_closures(),
    Route("MSC P GSC13", closure.closed_after_notice),
    Route("MSC P GSC14", closure.intends_to_close, Task(closure.ANSWER_INTENT, "RS9")),
    Route("MSC P GSC15", closure.services_ended, Task(CLOSE_CASE, "RS11")),
    # It answers our own closing as well.
    Route("MSC P GSC16", closure.other_closed, without=AFTER_CLOSING),
    Route("MSC P GSC17", closure.stop_and_close, Task(CLOSE_CASE, "RS7")),
    Route("MSC P GSC18", closure.other_stopped),
    Route("MSC R GRINT", interest.requested, Task(PROVIDE_BALANCES, interest.DUTY)),
    Route("MSC P GSTAI", interest.provided, Task(UPDATE, title="bring the account into agreement")),
    # The closure notices we send go out on a closed case, so their rejection must still reach a person.
    Route("MSC P REJCT", managing.rejected, Task("find_case_id", "AN2"), AFTER_CLOSING),
    Route("MSC P GSCAS", news.new_case_id, Task(UPDATE), AFTER_CLOSING),
    Route("MSC P LUAPD", progress.advanced),
    Route("MSC P LSEMP", news.update_case, Task(UPDATE, "IW1")),
    Route("MSC P L*", news.update_case, Task(UPDATE)),
    Route("MSC P GSFIP", news.new_fips, Task(UPDATE)),
    Route("MSC P GSM*", news.update_case, Task(UPDATE)),
    Route("MSC P GSPUD", progress.status_told, Task(UPDATE, title="read what is told, and take it over")),
    *(Route(f"MSC P {code}", progress.advanced) for code in ("BLANK", "GIHER", "GSFWD", "GSSTA", "GSUPD")),
    Route("MSC P GSADD", news.update_case, Task(UPDATE)),
    Route("MSC P GSDEL", news.update_case, Task(UPDATE)),
    Route("MSC P GSPA[DY]", news.update_case, Task("change_payee")),
    Route("MSC P GSTYP", news.update_case, Task(UPDATE)),
    Route("MSC P GSWKR", news.update_case, Task(UPDATE)),
    Route("MSC [RU] GRUPD", progress.status_asked, STATUS),
    Route("MSC [RU] GRPOC", news.asked, Task("send_documents", "AN1", "send the documents, or say when")),
    Route("MSC [RU] GRFIN", news.asked, Task("send_documents", "AN1", "send the records, or say when")),
    *_limited_services(),
    Route("MSC R GRBTR", news.asked, Task("limited_service", title="schedule the test, or say why not")),
    Route("MSC R GRPAY", news.asked, Task("change_payee", title="send the payments to the state that asks")),
)

OTHERS = Route("*", managing.review)


def _route_of(code: FarCode) -> Route:
    return next((route for route in TABLE if fnmatchcase(str(code), route.pattern)), OTHERS)


ROUTES: Mapping[FarCode, Route] = MappingProxyType(
    {code: route for code in VALID if (route := _route_of(code)) is not OTHERS}
)
"""The table worked out: the route of each valid code that has one of its own."""
