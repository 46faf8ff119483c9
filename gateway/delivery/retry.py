"""Say what one try to deliver came to, and how long to wait before the next.

The waits are full jitter: a random time between zero and a window that doubles up to a cap, so that many
senders who lost the same destination do not come back at the same moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from csenet.gateway.delivery import patience
from csenet.gateway.delivery.patience import Patience, class_of
from csenet.gateway.store.receipts import Told

# Client errors that say "later", not "never": time-out, concurrent duplicate, too early, too many.
_CLIENT_ERRORS_THAT_PASS: Final = frozenset({408, 409, 425, 429})
# Our secret, our certificate or the address is wrong, not the batch: a person mends that, and all leave.
_OURS_TO_MEND: Final = frozenset({401, 403, 404})
NO_RECEIPT: Final = frozenset(
    {"receipt_unreadable", "receipt_incomplete", "receipt_unsigned", "receipt_signature"}
)
"""The destination said that it took the batch, and proved nothing."""
# A destination may ask for patience, but not for ever.
LONGEST_RETRY_AFTER: Final = 86_400.0


class Verdict(StrEnum):
    """Sort every end of a try into one of three; what nobody knows is ``transient``, never success."""

    DELIVERED = "delivered"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one try came to.

    ``error`` is a class of failure (``http_503``, ``ClientConnectorError``, ``receipt_digest``), never a text
    from outside, so it may stand in logs.  ``retry_after`` is in seconds, as the destination asked.
    ``mistaken`` says that a setting, a secret or a certificate is wrong: tried again, but told to a person.
    ``receipt`` is what the destination stated about the batch, if it did.  ``by_rule`` says that a setting
    made a failure final which another try might have mended.
    """

    verdict: Verdict
    error: str = ""
    retry_after: float | None = None
    mistaken: bool = False
    receipt: Told | None = None
    by_rule: bool = False


DELIVERED: Final = Outcome(verdict=Verdict.DELIVERED)


def transient(error: str, retry_after: float | None = None) -> Outcome:
    """Name a failure that another try may mend."""
    return Outcome(verdict=Verdict.TRANSIENT, error=error, retry_after=retry_after)


def mistaken(error: str) -> Outcome:
    """Name a failure that passes once a person has put a setting, a secret or a certificate right."""
    return Outcome(verdict=Verdict.TRANSIENT, error=error, mistaken=True)


def permanent(error: str) -> Outcome:
    """Name a failure that no further try can mend, so that a person hears of it at once."""
    return Outcome(verdict=Verdict.PERMANENT, error=error)


def classify_status(status: int, retry_after: float | None = None) -> Outcome | None:
    """Judge an HTTP status; None for 2xx, where the receipt still has to prove the delivery."""
    if 200 <= status < 300:
        return None
    if status in _OURS_TO_MEND:
        return mistaken(f"http_{status}")
    if 400 <= status < 500 and status not in _CLIENT_ERRORS_THAT_PASS:
        return permanent(f"http_{status}")
    return transient(f"http_{status}", retry_after)


class Sleep(Protocol):
    """Wait some seconds, or raise to give the whole retrying up."""

    async def __call__(self, seconds: float) -> None:
        """Wait."""
        ...


_AS_ANY: Final = Patience()


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the settings of the waits in seconds, and when to give up: by age, and by tries if set.

    ``classes`` holds what is otherwise for failures of a class (`class_of`).
    """

    first_delay: float = patience.FIRST_DELAY
    max_delay: float = patience.MAX_DELAY
    give_up_after: float = patience.GIVE_UP_AFTER
    attempt_limit: int | None = None
    classes: Mapping[str, Patience] = {}

    def judge(self, outcome: Outcome) -> Outcome:
        """Make a failure final whose class is set to be."""
        if outcome.verdict is Verdict.TRANSIENT and self._with(outcome.error).permanent:
            return msgspec.structs.replace(outcome, verdict=Verdict.PERMANENT, by_rule=True)
        return outcome

    def _with(self, error: str) -> Patience:
        return self.classes.get(class_of(error), _AS_ANY)

    def wait(self, number: int, retry_after: float | None = None, error: str = "") -> float:
        """Draw the seconds to wait after failed try ``number``, never less than the destination asked for."""
        own = self._with(error)
        first = self.first_delay if own.first_delay is None else own.first_delay
        longest = max(self.max_delay, first) if own.max_delay is None else own.max_delay
        jitter = wait_random_exponential(multiplier=first, max=longest)
        drawn = float(jitter(_state_at(number)))
        return max(drawn, min(retry_after or 0.0, LONGEST_RETRY_AFTER))

    def exhausted(self, number: int, age: float = 0.0, error: str = "") -> bool:
        """Say whether failed try ``number``, ``age`` seconds after the first, was the last one allowed."""
        own = self._with(error).give_up_after
        limit = self.give_up_after if own is None else own
        return age >= limit or (self.attempt_limit is not None and number >= self.attempt_limit)

    def retrying(
        self,
        *,
        done: int,
        sleep: Sleep,
        before_sleep: Callable[[int, Outcome, float], Awaitable[None]],
        age: Callable[[], float] = lambda: 0.0,
    ) -> AsyncRetrying:
        """Build the loop that repeats a try until its `Outcome` is final, counting on from ``done``.

        ``before_sleep`` gets the number of the failed try, its outcome and the wait in seconds, and must have
        made them durable when it returns.  ``age`` tells for how many seconds the batch has been tried.  The
        loop gives back the last outcome and never raises by itself.
        """

        def number(state: RetryCallState) -> int:
            return done + state.attempt_number

        def wait(state: RetryCallState) -> float:
            outcome = _outcome(state)
            return self.wait(number(state), outcome.retry_after, outcome.error)

        async def report(state: RetryCallState) -> None:
            await before_sleep(number(state), _outcome(state), state.upcoming_sleep)

        return AsyncRetrying(
            retry=retry_if_result(_is_transient),
            stop=lambda state: self.exhausted(number(state), age(), _outcome(state).error),
            wait=wait,
            sleep=sleep,
            before_sleep=report,
            retry_error_callback=_outcome,
        )


def _is_transient(outcome: Any) -> bool:
    return isinstance(outcome, Outcome) and outcome.verdict is Verdict.TRANSIENT


def _outcome(state: RetryCallState) -> Outcome:
    """Take the outcome of the last try; what the try raised is raised here again."""
    assert state.outcome is not None  # noqa: S101 - tenacity calls back only after a try
    result = state.outcome.result()
    return result if isinstance(result, Outcome) else transient("unknown")


def _state_at(number: int) -> RetryCallState:
    """Tell tenacity's wait which try this is: the count goes on over a restart, tenacity's own does not."""
    state = RetryCallState(retry_object=AsyncRetrying(), fn=None, args=(), kwargs={})
    state.attempt_number = number
    return state
