"""How the server logs: one line for each event on standard error, as JSON or as text.

Our own events are rendered and written at once; a request has a line, so this is part of what it costs. What libraries log
through the standard library comes out in the same form. Tracebacks carry no local variables: they could hold a token or a
person's name.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

QUIET = ("aiosqlite", "alembic", "asyncio", "h2", "hpack", "httpcore", "httpx", "PIL", "aiohttp.access")
"""Libraries whose debug lines may repeat headers or addresses; ours name route templates alone."""


def silence() -> None:
    """For a command that tells all it finds by itself: no log lines between its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def configure(log_format: str, *, quiet: bool = False) -> None:
    """Send every log line to standard error in this format, ``quiet`` only warnings; may be called again."""
    level = logging.WARNING if quiet else logging.INFO
    renderers = _renderers(log_format)
    structlog.configure(
        processors=[_complete, *renderers],
        logger_factory=lambda name="passbell": _Lines(name, sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    foreign: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp]
    unwrap = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=[unwrap, *renderers])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Lines:
    """Writes finished lines, each in one piece."""

    __slots__ = ("_stream", "name")

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """One line, whatever its level."""
        self._stream.write(line + "\n")
        self._stream.flush()

    debug = info = warning = error = critical = exception = msg


def _complete(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Level, logger and time, in one step."""
    event["level"] = "error" if method == "exception" else method
    event["logger"] = logger.name
    event["at"] = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
    return event


def _renderers(log_format: str) -> list[Any]:
    if log_format == "text":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain, pad_event_to=0)]
    return [_json]


def _json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Compact JSON; what JSON has no word for as its ``repr``."""
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    try:
        return orjson.dumps(event, default=repr).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, or an integer past 64 bits
        return json.dumps(event, default=repr)
