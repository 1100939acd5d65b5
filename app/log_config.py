"""Logging: one line for each event that matters, in one form for Mooring and the libraries."""

import asyncio
import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .asgi.refusals import Refusal, refused
from .http.request_id import REQUEST
from .log_limit import LineLimit

Format = Literal["console", "json"]

_PACKAGE = __name__.rpartition(".")[0]
_VERBOSE_LOGGERS = (f"{_PACKAGE}.realtime.socketio", f"{_PACKAGE}.realtime.engineio", "asyncio")
"""They log every packet."""

_SERVER_LOGGER = "uvicorn"
"""Below warnings it repeats us, and below INFO its WebSocket library logs all headers, cookies too."""

_WATCHER_LOGGER = "watchfiles"
"""Below warnings it counts changes of any file, this log or a database say, for which nothing is reloaded."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_NOISE = (
    # uvicorn logs this for every WebSocket handshake that is answered with an HTTP response.
    "ASGI callable returned without completing handshake.",
)
_INVALID_HTTP = "Invalid HTTP request received."
_BAD_INPUT = ("Invalid UTF-8 sequence received from client.", _INVALID_HTTP)
"""Faults of clients that uvicorn logs each time, as errors of the server, with a traceback."""


def configure(level: str, form: Format) -> None:
    """Send all log records to standard error; `level` is a name of the logging module in lower case."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form))
    handler.addFilter(_tidy)
    handler.addFilter(LineLimit())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _VERBOSE_LOGGERS:
        quiet = logging.NOTSET if level == "debug" else logging.WARNING
        logging.getLogger(name).setLevel(quiet)
    for name in (_SERVER_LOGGER, _WATCHER_LOGGER):
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(form: Format) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _add_request,
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


def _add_request(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    name = REQUEST.get()
    return {**event, "request": name} if name else event


def _one_line(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Escape control characters, so that no header or path forges a line (OWASP)."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event


def _tidy(record: logging.LogRecord) -> bool:
    """Drop what is not true, tracebacks of the shutdown's, and what is a client's fault.

    That is a refusal, which has a line of its own: that of frames by their protocol, and that of HTTP
    by this filter, since uvicorn has several parsers, and all of them log it so.
    """
    if record.name != "uvicorn.error":
        return True
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        record.msg, record.exc_info = "request cancelled by the shutdown", None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    message = record.getMessage()
    if message == _INVALID_HTTP:
        refused(Refusal.INVALID_HTTP)
    return message not in _NOISE and message not in _BAD_INPUT
