"""Log one event name plus keys, and let no personal data through.

Only keys on the list :data:`ALLOWED` carry values; any other key shows ``[redacted]``, and so does what looks
like a Social Security number in a path.  The name of a file is shown where :mod:`file_names` lets it.  Texts
of libraries and of exceptions that are not ours are withheld, because they may quote what they were given.
Everything, the standard library's loggers included, runs through the same processors.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import functools
import json
import logging
import logging.handlers
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from csenet.gateway import file_names
from csenet.gateway.errors import GatewayError
from csenet.gateway.log_lines import Lines

if TYPE_CHECKING:
    from csenet.gateway.settings.loading import LogSection

REDACTED = "[redacted]"

ALLOWED = frozenset(
    {
        # what structlog and this module add
        *("timestamp", "level", "event", "logger", "place", "failure", "correlation_id"),
        # identifiers, given by machines
        *("id", "far", "serial", "file_id", "receipt_id", "inbound_id", "outbound_id", "transaction_id"),
        *("item_id", "work_item_id", "batch", "batch_id", "batch_name", "sha256", "position", "offset"),
        *("occurrence", "request_id", "token_id", "fips", "partner", "jurisdiction", "sender", "from_fips"),
        *("to_fips", "pid", "version", "revision"),
        # what happened, in words of our own tables
        *("status", "state", "outcome", "kind", "duty", "due", "rule", "code", "codes", "severity", "role"),
        *(
            "source",
            "direction",
            "framing",
            "group",
            "task",
            "job",
            "signal",
            "reason",
            "waits_for",
            "step",
            "action",
            "method",
        ),
        *("route", "http_status", "error_type", "duplicate", "balanced", "transport", "setting", "problem"),
        # how much, how long, how often
        *("count", "counts", "bytes", "size", "limit", "attempt", "attempts", "attempt_limit", "seconds"),
        *("delay_seconds", "retry_after", "milliseconds", "duration_ms", "queued", "delivered", "dead"),
        *("refused", "transactions", "files", "problems", "work_items", "replies", "settled", "pending"),
        *("received", "malformed", "conflict", "conflicts", "parked", "decided", "duplicates", "recovered"),
        # where
        *("path", "folder", "file", "url", "host", "port", "data_dir", "store"),
    }
)
# Names that come from elsewhere; all other values are ours.
_GIVEN: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("path", "folder", "url"), lambda told: file_names.SSN.sub(REDACTED, told)),
    "file": file_names.logged,
}
_EVENT = re.compile(r"(?=.{1,60}$)[a-z_]+(\.[a-z_]+)*")
_FIRST = ("timestamp", "level", "event")
_OF_EVENTS = ALLOWED - {"event", "failure"}
_LONGEST_TEXT = 200
_LONGEST_LIST = 50
_FRAMES = 12
_OURS = "csenet_handler"
# Below warnings these quote statements, addresses and values, or tell what nobody asked.
_TALKATIVE = (
    "aiohttp.access",
    "aiosqlite",
    "alembic.runtime.plugins",
    "asyncio",
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "watchfiles",
)


@contextlib.contextmanager
def correlation(identifier: str | None = None) -> Iterator[str]:
    """Put one correlation id on every line logged inside, also by tasks started there; made if not given."""
    chosen = identifier or uuid.uuid4().hex
    with structlog.contextvars.bound_contextvars(correlation_id=chosen):
        yield chosen


def correlation_id() -> str | None:
    """Give the id of the work in hand, to hand it on to a place that context does not reach."""
    found = structlog.contextvars.get_contextvars().get("correlation_id")
    return found if isinstance(found, str) else None


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of each key that is not on the list, and whatever is no plain value.

    Time, level and event come first, for people who read the lines.
    """
    shown: EventDict = {key: event[key] for key in _FIRST if key in event}
    for key, value in event.items():
        if key in _OF_EVENTS:
            # Nearly every value is one of these, and each line has eight.
            kind = type(value)
            short = kind is int or (kind is str and len(value) <= _LONGEST_TEXT)
            shown[key] = value if short else _plain(value)
            if key in _GIVEN and isinstance(shown[key], str):
                shown[key] = _GIVEN[key](shown[key])
        elif key == "event":
            shown[key] = value if isinstance(value, str) and _is_event(value) else REDACTED
        elif key == "failure" or key.startswith("_"):
            shown[key] = value  # structlog's own keys, and what describe_failure wrote
        else:
            shown[key] = REDACTED
    return shown


@functools.lru_cache(maxsize=1024)
def _is_event(name: str) -> bool:
    return _EVENT.fullmatch(name) is not None


def _plain(value: Any) -> Any:
    """Reduce a value to what JSON can hold, without asking unknown objects to describe themselves."""
    if type(value) is str:
        return value[:_LONGEST_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | Path | uuid.UUID | Decimal):
        return str(value)[:_LONGEST_TEXT]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key)[:_LONGEST_TEXT]: _plain(inner) for key, inner in list(value.items())[:_LONGEST_LIST]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in list(value)[:_LONGEST_LIST]]
    if type(value).__module__.startswith("csenet."):
        return str(value)[:_LONGEST_TEXT] if _tells_little(value) else type(value).__name__
    return type(value).__name__


def _tells_little(value: Any) -> bool:
    """Say whether one of our own values is a code that may be shown, such as ``MSC P GSC17``."""
    return type(value).__name__ == "FarCode"


def describe_failure(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by the exception's type and places in the code."""
    given = event.pop("exc_info", None)
    event.pop("exception", None)
    event.pop("stack_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["failure"] = failure(error)
    return event


def failure(error: BaseException) -> dict[str, Any]:
    """Describe an exception without its text, unless the class is ours and marked safe to log."""
    told: dict[str, Any] = {"type": _type_name(error)}
    if isinstance(error, GatewayError) and error.safe_to_log:
        told["text"] = str(error)[: _LONGEST_TEXT * 5]
    if isinstance(error, OSError) and error.errno is not None:
        told["errno"] = errno.errorcode.get(error.errno, str(error.errno))
    sqlite = getattr(getattr(error, "orig", error), "sqlite_errorname", None)
    if isinstance(sqlite, str):
        told["sqlite"] = sqlite
    told["at"] = _places(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        told["group"] = [failure(inner) for inner in error.exceptions[:_FRAMES]]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = {"type": _type_name(cause), "at": _places(cause.__traceback__)}
    return told


def _type_name(error: BaseException) -> str:
    """Name an exception's class with its module."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _places(trace: TracebackType | None) -> list[str]:
    """List the innermost places of a traceback, outermost first, as ``file.py:line function``."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        file = Path(code.co_filename)
        places.append(f"{file.parent.name}/{file.name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-_FRAMES:]


def withhold_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace a library's sentence by the fact that it spoke, and where.

    A template without its arguments is a constant of the library's code, except that some put their text
    together first; therefore only templates that still have arguments are shown.
    """
    record: logging.LogRecord = event["_record"]
    given = event.pop("positional_args", ())
    template = record.msg if given and isinstance(record.msg, str) else "[text withheld]"
    event["event"] = "library.message"
    event["kind"] = template.splitlines()[0][:_LONGEST_TEXT] if template else ""
    event["logger"] = record.name
    event["place"] = f"{record.module}:{record.lineno} {record.funcName}"
    return event


class _Ours:
    """Hold where lines go, once that is set up."""

    lines: Lines | None = None


def gathered() -> contextlib.AbstractContextManager[None]:
    """Write the lines of a block, which must not wait for anything, in one go at its end."""
    return contextlib.nullcontext() if _Ours.lines is None else _Ours.lines.gathered()


def configure(settings: LogSection | None = None, *, stream: IO[str] | None = None) -> None:
    """Set up logging for the process; may be called again.

    Without settings: level info, to standard error, colours if that is a terminal.  ``stream`` replaces
    standard error where no file is set.
    """
    level = logging.getLevelNamesMapping()[(settings.level if settings else "info").upper()]
    handler = _handler(settings, stream)
    renderer = _renderer(_coloured(settings, handler))
    handler.setFormatter(_formatter(renderer))
    root = logging.getLogger()
    _remove_ours(root)
    setattr(handler, _OURS, True)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("aiohttp", "sqlalchemy", "alembic"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(capture=True)
    lines = _Ours.lines = Lines(handler)
    structlog.configure(
        processors=[*_shared(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )


def reset() -> None:
    """Undo :func:`configure`, for programs that only embed the gateway for a while, such as tests."""
    _remove_ours(logging.getLogger())
    _Ours.lines = None
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def _remove_ours(root: logging.Logger) -> None:
    """Take away the handler that an earlier call put in place, and no other."""
    for handler in [each for each in root.handlers if getattr(each, _OURS, False)]:
        root.removeHandler(handler)
        if isinstance(handler, logging.FileHandler):
            handler.close()


def _shared() -> list[Processor]:
    """List the processors that every line passes, ours or a library's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_failure,
        redact,
    ]


def _renderer(coloured: bool) -> Processor:
    """Choose the last step: coloured text, or one JSON object a line."""
    return structlog.dev.ConsoleRenderer(colors=True) if coloured else _json


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Write an event as JSON; a file's name may hold bytes that are no text, and a number be too long."""
    try:
        return msgspec.json.encode(event).decode()
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(event)


def _formatter(renderer: Processor) -> logging.Formatter:
    """Build what brings the lines of libraries into the same form."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[withhold_text, *_shared()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        keep_exc_info=False,
        keep_stack_info=False,
        pass_foreign_args=True,
    )


def _handler(settings: LogSection | None, stream: IO[str] | None) -> logging.StreamHandler[Any]:
    """Open the log file, readable for owner and group, movable by logrotate; or take a stream."""
    if settings is None or settings.file is None:
        return logging.StreamHandler(stream) if stream else _StandardError()
    settings.file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(settings.file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o640))
    return logging.handlers.WatchedFileHandler(settings.file, encoding="utf-8")


class _StandardError(logging.StreamHandler[IO[str]]):
    """Write to what standard error is at the moment of writing, also after it was replaced."""

    @property
    def stream(self) -> IO[str]:
        """Give the stream of the moment."""
        return sys.stderr

    @stream.setter
    def stream(self, _value: IO[str]) -> None:
        """Ignore what the base class remembers at its making."""


def _coloured(settings: LogSection | None, handler: logging.Handler) -> bool:
    """Decide the form: as set, else colours exactly for a terminal."""
    form = settings.format if settings else "auto"
    if form != "auto":
        return form == "console"
    stream = getattr(handler, "stream", None)
    return bool(stream is not None and stream.isatty())
