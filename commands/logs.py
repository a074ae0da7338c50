"""How the server logs: one line for each event on standard error, as JSON or as text.

Everything goes through one formatter, our own events and those of libraries. Tracebacks carry no local variables: they
could hold a token or a person's name.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

QUIET = ("aiosqlite", "alembic", "asyncio", "h2", "hpack", "httpcore", "httpx", "PIL", "aiohttp.access")
"""Libraries whose debug lines may repeat headers or addresses; ours name route templates alone."""


def configure(log_format: str, *, quiet: bool = False) -> None:
    """Send every log line to standard error in this format, ``quiet`` only warnings; may be called again."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers(log_format: str) -> list[Any]:
    if log_format == "text":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain, pad_event_to=0)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
