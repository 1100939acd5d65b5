"""Log lines: one an event that matters, in one form for us and for the libraries."""

import asyncio
import logging
import re
import sys
from contextvars import ContextVar
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["console", "json"]

REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The name of the request, or handshake, that log lines belong to."""

_TALKATIVE = ("app.realtime.socketio", "app.realtime.engineio", "asyncio")
"""They have a word for every packet."""

_INDISCREET = "uvicorn"
"""It repeats what we say; and below INFO its WebSocket library writes all headers, cookies too."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_NOISE = (
    # uvicorn says this of every WebSocket handshake that is answered with an HTTP response.
    "ASGI callable returned without completing handshake.",
)
_BAD_INPUT = ("Invalid UTF-8 sequence received from client.", "Invalid HTTP request received.")
"""A client's fault, which uvicorn reports as if it were ours, with a traceback."""


def configure(level: str, form: Format) -> None:
    """Send all log records to standard error; `level` is a name of the logging module in lower case."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form))
    handler.addFilter(_tidy)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        quiet = logging.NOTSET if level == "debug" else logging.WARNING
        logging.getLogger(name).setLevel(quiet)
    logging.getLogger(_INDISCREET).setLevel(logging.WARNING)


def _formatter(form: Format) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _name_request,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _one_line,
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [_console()]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        sort_keys=False,
        # The default shows every local variable in a traceback: cookies, too.
        exception_formatter=structlog.dev.plain_traceback,
    )


def _name_request(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    name = REQUEST.get()
    return {**event, "request": name} if name else event


def _one_line(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Show control characters as what they are: a header or a path must not forge a line (OWASP)."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event


def _tidy(record: logging.LogRecord) -> bool:
    """Drop what is not true, and tracebacks of what is a client's fault or the shutdown's."""
    if record.name != "uvicorn.error":
        return True
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        record.msg, record.exc_info = "a request was cut short by the shutdown", None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    message = record.getMessage()
    if message in _BAD_INPUT:
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return message not in _NOISE
