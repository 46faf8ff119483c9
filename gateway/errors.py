"""Name the gateway's own failures, so that callers can tell ours from a library's.

A class with ``safe_to_log`` has a text that we write ourselves from settings, identifiers and rule names; it
never holds personal data, therefore the log may print it.  All others are logged by type and place only.
"""

from __future__ import annotations

from collections.abc import Iterable


class GatewayError(Exception):
    """Report a failure whose text may be shown to an operator and written to the log."""

    safe_to_log = True


class SettingsError(GatewayError):
    """Report every mistake of a settings file at once, one line of text for each.

    Each line reads ``file:line: key: what is wrong; hint``; mistakes that come from the environment name the
    variable in place of file and line.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep the lines in the order in which a reader meets them in the file."""
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


class AlreadyRunning(GatewayError):  # noqa: N818 - reads as what it says to the operator
    """Report that another gateway holds the data folder."""


class TaskCrashed(GatewayError):  # noqa: N818 - names what happened
    """Report that a background task of the service ended although nobody asked it to."""


class NotFound(GatewayError):  # noqa: N818 - read by the API as an outcome
    """Report that something asked for by its identifier does not exist."""


class Rejected(GatewayError):  # noqa: N818 - read by the API as an outcome
    """Report a request that was understood and refused, with every reason at once.

    ``problems`` holds pairs of a JSON path (``"case.case_type"``, ``""`` for the whole) and a sentence.  The
    path may repeat what the caller wrote, so the text is for the caller and not for the log.
    """

    safe_to_log = False

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        """Keep the pairs in the order found."""
        self.problems: tuple[tuple[str, str], ...] = tuple(problems)
        super().__init__("; ".join(f"{path}: {text}" if path else text for path, text in self.problems))


class SlowBody(TimeoutError):  # noqa: N818 - an answer, not an accident
    """Report a body that has not come in its time, to whoever reads it."""
