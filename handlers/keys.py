"""What the application is given, under typed keys; nothing in this room is global."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import jinja2
import structlog
from aiohttp import web

from handlers.guard import GUARD as GUARD
from handlers.limits import Limiter
from passkit.apple.signing import Signers
from store.dialect import Database

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock; every domain function gets the time as an argument."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWays:
    """What the settings say of mails and short messages, for pages to show: hosts and addresses, no secret."""

    mail_server: str = ""
    mail_from: str = ""
    gateway: str = ""
    """The gateway's host; empty where the settings name none."""
    mails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """What an operator may change.

    ``public_url`` is where phones reach us; ``trusted_proxies`` are those whose X-Forwarded-For and X-Request-Id count;
    ``docs_url`` is where ``errors.md`` is read.
    """

    public_url: str
    trusted_proxies: tuple[Network, ...] = ()
    docs_url: str = "https://github.com/passbell/passbell/blob/main/docs"
    body_seconds: float = 30.0
    """How long a request body may take to arrive: 1 MiB over a slow phone line."""
    messages: MessageWays = field(default_factory=MessageWays)
    """By which ways messages go; a brand may have a gateway of its own."""
    clock: Clock = utc_now
    metrics_folder: Path | None = None
    """Where the processes of this host count together; None: this one counts alone."""


@dataclass(slots=True)
class Readiness:
    """The last answer of ``/readyz``: ``at`` by the monotonic clock, and the checks by name."""

    at: float = -inf
    checks: dict[str, str] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class StandingRead:
    """When ``/metrics`` last read how the queues stand, by the monotonic clock."""

    at: float = -inf
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Lifecycle:
    """Whether the server is going away: ``/readyz`` says so before connections are refused.

    ``leaving``: it takes no more of them, and each answer ends its own.
    """

    draining: bool = field(default=False)
    leaving: bool = field(default=False)


DATABASE = web.AppKey("database", Database)
SIGNERS = web.AppKey("signers", Signers)
OPTIONS = web.AppKey("options", HandlerOptions)
READINESS = web.AppKey("readiness", Readiness)
STANDING = web.AppKey("standing", StandingRead)
LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
LIMITER = web.AppKey("limiter", Limiter)
PAGES = web.AppKey("pages", jinja2.Environment)
LOG = web.AppKey("log", structlog.typing.FilteringBoundLogger)
"""Where a request's line goes: bound once, because every request has one."""
STATIC = web.AppKey("static", dict[str, tuple[bytes, str]])


def root(request: web.Request) -> web.Application:
    """The outermost application of a request, which holds the keys, also for what is mounted inside it."""
    return request.match_info.apps[0]


REQUEST_ID = web.RequestKey("request_id", str)
