"""The worker of mails and short messages: claims what is due, hands it to a sender, writes what became of it.

Promises: a letter is sent at least once and, but for a worker's death between sending and settling, once; a gateway that
is away is tried again ever more rarely until the letter is of no use; what was sent and to whom reaches no log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from pushes import metrics
from store import outgoing
from store.dialect import Database
from store.errors import Unavailable
from store.outgoing import Due, Fate

log = structlog.get_logger("passbell.letters")

FIRST_WAIT, LONGEST_WAIT = 5.0, 1800.0
"""Seconds before a second try, doubled for each further one: a code is still of use after the first three."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A sender's answer: ``reason`` is the vendor's, without addresses; ``is_final``: another try would end the same."""

    is_sent: bool
    reason: str = ""
    is_final: bool = False


class Sender(Protocol):
    """A way out: mail or a message gateway. It never raises for what the other side does."""

    async def send(self, due: Due) -> Sent:
        """Send one letter."""
        ...


class NotConfigured(Exception):
    """There is no way out of this kind; the message says which setting makes one."""


SenderFor = Callable[[Due], Awaitable[Sender]]
"""Letter -> the sender of its brand and channel; raises NotConfigured."""


@dataclass(frozen=True, slots=True)
class LetterOptions:
    """The worker's numbers, each with its reason."""

    room: int = 20  # letters under way, and what a kill may repeat
    poll: float = 1.0  # seconds between looks when nobody wakes us: a person waits for a code
    lease: timedelta = timedelta(seconds=60)  # longer than any sender's deadline


class LetterWorker:
    """Sends what is due, until stopped."""

    def __init__(
        self, db: Database, sender_for: SenderFor, *, owner: str, options: LetterOptions | None = None
    ) -> None:
        self._db = db
        self._sender_for = sender_for
        self._owner = owner
        self._options = options or LetterOptions()
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something was committed in this process: look now."""
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; ``run`` returns when what is under way is settled."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Work until ``stop``; a database that is away is waited for."""
        while not self._stopping:
            self._wake.clear()
            try:
                if await self.send_due():
                    continue
            except Unavailable as error:
                log.warning("database_unavailable", detail=error.detail)
            except Exception:
                log.exception("letters_not_read")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._options.poll)

    async def send_due(self) -> int:
        """Send what is due now; returns how many were tried."""
        options = self._options
        due = await outgoing.claim(self._db, owner=self._owner, room=options.room, lease=options.lease)
        await asyncio.gather(*(self._send(letter) for letter in due))
        return len(due)

    async def _send(self, due: Due) -> None:
        sent = await self._tried(due)
        outcome = "sent" if sent.is_sent else "failed" if sent.is_final else "retry"
        metrics.letters.labels(due.channel.value, due.kind, outcome).inc()
        if not sent.is_sent:
            log.warning("letter_not_sent", channel=due.channel.value, kind=due.kind, reason=sent.reason, id=due.id)
        delay = None if sent.is_sent or sent.is_final else wait(due.attempts, random.random())  # noqa: S311
        await outgoing.settle(self._db, owner=self._owner, due=due, fate=Fate(sent.is_sent, sent.reason, delay))

    async def _tried(self, due: Due) -> Sent:
        if not due.to:
            return Sent(False, "no SECRET opens this message", is_final=True)
        try:
            return await (await self._sender_for(due)).send(due)
        except NotConfigured as error:
            return Sent(False, str(error), is_final=True)
        except Exception as error:
            log.error("letter_failed", id=due.id, error=type(error).__name__)  # its words may hold an address
            return Sent(False, type(error).__name__)


def wait(attempts: int, random: float) -> timedelta:
    """The time before the next try, after this many."""
    widest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts - 1, 20))
    return timedelta(seconds=widest * (1 + random) / 2)
