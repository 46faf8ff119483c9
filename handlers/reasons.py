"""Give the reasons of the handlers: `law` asks the policy tables, the rest is what only a handler sees."""

from __future__ import annotations

from csenet.handlers.context import Context
from csenet.handlers.policy.rules import Why, value_on


def law(rule_id: str, context: Context) -> Why:
    """Give the reason a rule of the policy tables states on the day of the decision."""
    return value_on(rule_id, context.today).why


def _why(rule: str, text: str, citation: str) -> Why:
    return Why(rule=rule, text=text, citation=citation)


NOT_ADDRESSED_TO_US = _why(
    "check.addressed_to_us",
    "The exchange names the receiving state as the local one; this transaction names another state.",
    "Chart C-4, Local-FIPS-State",
)
CODE_UNKNOWN = _why(
    "check.code_known",
    "The combination of function, action and reason is not one that states can send.",
    "CSENet valid transaction list",
)
NEVER_REJECTED = _why(
    "check.rejectable",
    "This kind of transaction is not answered with a rejection, or not enough of it is known to write one.",
    "CSENet usage of MSC P REJCT",
)
OTHER_STATE_DIFFERS = _why(
    "check.partner_of_case",
    "The case is with another state than the one that sent this transaction.",
    "45 CFR 303.7(a)",
)
REJECTED = _why(
    "rejection.received",
    "The other state could not find the case ID we gave for it: find the right one and send again.",
    "CSENet usage of MSC P REJCT",
)
REJECTION_UNMATCHED = _why(
    "rejection.unmatched",
    "The rejection does not name a transaction that we sent to that state.",
    "CSENet usage of MSC P REJCT",
)
BALANCES_GIVEN = _why(
    "interest.balances_given",
    "The case system stated total arrears, interest and the day they hold for.",
    "45 CFR 303.7(c)(7)",
)
BALANCES_NOT_STATED = _why(
    "interest.balances_not_stated",
    "The case has neither balances nor a ledger, and amounts are never guessed.",
    "45 CFR 303.7(c)(7)",
)
SEVERAL_ORDERS = _why(
    "interest.one_governing_state",
    "Orders of several states are on the case; which state's interest law governs is for a person to say.",
    "45 CFR 303.7(c)(7)",
)
LINE_UNREADABLE = _why(
    "interest.line_readable",
    "The first information line does not hold total arrears, interest and a date in their places.",
    "CSENet usage of MSC P GSTAI",
)
BALANCES_RECEIVED = _why(
    "interest.balances_received",
    "The other state told what is owed in arrears and interest, and as of which day.",
    "45 CFR 303.7(c)(7)",
)
NO_WITHHOLDING = _why(
    "closure.no_withholding",
    "No withholding of ours is active in this case, so there is none to stop.",
    "45 CFR 303.7(d)(9)",
)
REPEATED = _why(
    "closure.repeated",
    "Work on an earlier transaction of the same kind is still open on the case, so no second set is opened.",
    "45 CFR 303.7(d)(9)",
)
STOPPED_HERE = _why(
    "closure.withholding_stopped",
    "Our income withholding was stopped as instructed.",
    "45 CFR 303.7(d)(9)",
)
OTHER_CLOSED = _why(
    "closure.other_state_closed",
    "The responding agency closed its case and said so; our own case stays as it is.",
    "45 CFR 303.7(d)(10)",
)
NO_REQUEST = _why(
    "closure.no_request_on_record",
    "No request of ours that this would answer is on record in the case.",
    "45 CFR 303.7(d)(9), 303.7(d)(10)",
)
CLOSURE_AHEAD = _why(
    "closure.date_not_ahead",
    "The closure date lies in the future, so the case cannot have been closed on it.",
    "45 CFR 303.7(d)(10)",
)
WORK_DONE = _why(
    "work.completed",
    "The work was done; nothing further follows from it by itself.",
    "45 CFR 303.7(a)(7)",
)
WANTS_TO_WITHHOLD = _why(
    "closure.before_own_withholding",
    "Before it sends its own withholding the initiating agency has the responding one stop and close.",
    "45 CFR 303.7(c)(12)",
)
NOT_COMPOSED = _why(
    "replies.not_composed",
    "The answer lacks something the exchange or the law demands; it must be supplied before it can go.",
    "CSENet required elements of the transaction",
)
CONFIDENTIAL = _why(
    "disclosure.nondisclosure",
    "Family violence is recorded in the case, so the case is marked confidential and places are left out.",
    "45 CFR 303.21, Chart C-5 Nondisclosure-Finding",
)
