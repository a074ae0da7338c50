"""The worker of Google's channel: brings due classes and objects to Google, one lane of work per issuer.

Promises: killed anywhere it loses nothing and repeats at most ``window`` rows; a customer's change overtakes a campaign
that is already claimed; a credential or console fault of ours holds the issuer and deletes nothing; ``stop`` finishes
what is half done, gives the rest back, and returns. No request to Google but through the issuer's gate.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from pushes import metrics
from pushes.bucket import RATE
from pushes.gate import Gate, GateShut
from pushes.worker import ChannelClosed
from store import google, leases
from store.dialect import Database
from store.errors import Unavailable
from store.google import Check, Checked, Outcome, Result, Work

log = structlog.get_logger("passbell.google")


class Wallet(Protocol):
    """What the worker needs of ``pushes.google.GoogleWallet``."""

    async def bring(self, work: Work, gate: Gate) -> Result:
        """Bring a class or object to Google; GateShut when nothing was sent."""
        ...

    async def ask(self, check: Check, gate: Gate) -> Checked | None:
        """Whether anybody has the object."""
        ...


WalletFactory = Callable[[str], Awaitable[Wallet]]
"""Issuer id -> its wallet; raises ChannelClosed when there is no key for it."""


@dataclass(frozen=True, slots=True)
class GoogleOptions:
    """The worker's numbers, each with its reason."""

    rate: float = RATE  # requests a second and issuer
    window: int = 40  # rows claimed and not settled: two seconds of work, and what a kill may repeat
    poll: float = 0.2  # seconds between looks at the queue when nobody wakes us
    rung_poll: float = 1.0  # the same while a doorbell works: for what comes due by time, and for a ring that was lost
    gathering: float = 0.1  # seconds between claims, and that an answer waits for others to be written with it
    lease: timedelta = timedelta(seconds=15)  # how long a dead worker's rows wait; renewed while answers are due
    probe_after: timedelta = timedelta(seconds=60)  # a held issuer tries one row so often
    pause: float = 5.0  # seconds that an issuer rests after a mistake of ours, so that it is told but not endlessly
    look_after: float = 60.0  # seconds between questions who still has his card (hasUsers)
    questions: int = 60  # of those at once
    hurry: float = 1.0  # seconds between looks for questions that somebody waits for: the issue desk

    @property
    def renewal(self) -> float:
        """Seconds after which leases are renewed."""
        return self.lease.total_seconds() / 3


Key = tuple[str, int]


@dataclass(slots=True)
class _Issuer:
    """What the worker knows of one issuer."""

    id: str
    gate: Gate
    task: asyncio.Task[None] | None = None
    works: dict[Key, Work] = field(default_factory=dict)  # claimed and not settled
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    results: list[Result] = field(default_factory=list)
    unsent: list[Work] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # something was answered, or is to be claimed
    claimed_at: float = 0.0
    claim_at: float = 0.0
    is_probing: bool = False
    reason: str = ""  # why it is to be held
    lease_until: float = 0.0
    renew_at: float = 0.0
    rest_until: float = 0.0

    @property
    def name(self) -> str:
        """Its name among leases and holds."""
        return google.lease_name(self.id)


class GoogleWorker:
    """Brings to Google what is due, until stopped."""

    def __init__(
        self,
        db: Database,
        wallets: WalletFactory,
        *,
        owner: str,
        options: GoogleOptions | None = None,
        is_rung: Callable[[], bool] = lambda: False,
    ) -> None:
        """``is_rung``: whether other processes' work is told of (``pushes.doorbell``), so that looks may be rarer."""
        self._db = db
        self._wallets = wallets
        self._owner = owner
        self._is_rung = is_rung
        self._options = options or GoogleOptions()
        self._issuers: dict[str, _Issuer] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something was committed in this process: look at the queue now."""
        self._wake.set()
        for issuer in self._issuers.values():
            issuer.claim_at = issuer.claimed_at + self._options.gathering
            issuer.moved.set()

    def stop(self) -> None:
        """Begin nothing more; ``run`` returns when what is half done is settled."""
        self._stopping = True
        for issuer in self._issuers.values():
            issuer.gate.shut()
        self.wake()

    async def run(self) -> None:
        """Work until ``stop``; a database that is away is waited for."""
        asking = asyncio.create_task(self._look_after())
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    await self._start()
                except Unavailable as error:
                    log.warning("database_unavailable", detail=error.detail)
                except Exception:
                    log.exception("queue_not_read")
                    await asyncio.sleep(self._options.poll)
                await asyncio.sleep(
                    min(self._options.gathering, self._options.poll)
                )  # a busy till wakes us all the time
                await _event_or(self._wake, self._options.rung_poll if self._is_rung() else self._options.poll)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await self._drain()

    async def _start(self) -> None:
        for issuer_id in await google.waiting_issuers(self._db):
            issuer = self._issuer(issuer_id)
            is_free = issuer.task is None or issuer.task.done()
            if is_free and _clock() >= issuer.rest_until:
                issuer.task = asyncio.create_task(self._serve(issuer))

    def _issuer(self, issuer_id: str) -> _Issuer:
        if issuer_id not in self._issuers:
            self._issuers[issuer_id] = _Issuer(issuer_id, Gate(self._options.rate))
        return self._issuers[issuer_id]

    async def _drain(self) -> None:
        await asyncio.gather(*(issuer.task for issuer in self._issuers.values() if issuer.task is not None))
        try:
            await leases.release(self._db, owner=self._owner)
        except Unavailable as error:
            log.warning("leases_not_released", detail=error.detail)

    async def _serve(self, issuer: _Issuer) -> None:
        """Work off one issuer until nothing is due, it is held, or another worker has it."""
        try:
            if await self._ours(issuer):
                await self._begin(issuer)
        except ChannelClosed as error:
            await self._hold(issuer, str(error))
        except Unavailable as error:
            log.warning("database_unavailable", issuer=issuer.id, detail=error.detail)
        except Exception:
            log.exception("issuer_failed", issuer=issuer.id)
            issuer.rest_until = _clock() + self._options.pause

    async def _begin(self, issuer: _Issuer) -> None:
        issuer.is_probing = await self._is_held(issuer)
        issuer.reason = ""
        issuer.claim_at = 0.0
        issuer.gate.open()
        try:
            await self._work_off(issuer)
        finally:
            await self._finish(issuer)

    async def _work_off(self, issuer: _Issuer) -> None:
        while not self._stopping and not issuer.reason and await self._ours(issuer):
            issuer.moved.clear()
            if self._wants_more(issuer):
                await self._claim(issuer, await self._wallets(issuer.id))
            if not issuer.works:
                return
            await _event_or(issuer.moved, self._until_next(issuer))
            if issuer.results and len(issuer.results) < len(issuer.works):
                await asyncio.sleep(self._options.gathering)
            await self._settle(issuer)
            await self._renew(issuer)

    def _wants_more(self, issuer: _Issuer) -> bool:
        """A claim costs a transaction: when somebody woke us, when much is answered, and now and then."""
        room = self._options.window - len(issuer.works)
        if issuer.is_probing:
            return not issuer.works
        return room > 0 and (2 * room >= self._options.window or _clock() >= issuer.claim_at)

    def _until_next(self, issuer: _Issuer) -> float:
        """Seconds to wait for an answer: until the next claim where there is room for one."""
        if issuer.is_probing or len(issuer.works) >= self._options.window:
            return self._options.poll
        return min(self._options.poll, max(0.0, issuer.claim_at - _clock()))

    async def _claim(self, issuer: _Issuer, wallet: Wallet) -> None:
        """Claim what there is room for and set it going."""
        room = 1 if issuer.is_probing else self._options.window - len(issuer.works)
        lease = self._options.lease
        works = await google.claim(self._db, owner=self._owner, issuer_id=issuer.id, room=room, lease=lease)
        issuer.claimed_at = _clock()
        issuer.claim_at = issuer.claimed_at + self._options.poll
        for work in works:
            if _key(work) in issuer.works:
                continue  # its lease ended while the database was away, and its answer is still to be written
            issuer.works[_key(work)] = work
            task = asyncio.create_task(self._bring(issuer, wallet, work))
            issuer.tasks.add(task)
            task.add_done_callback(issuer.tasks.discard)
        metrics.google_claimed.labels(issuer.id).set(len(issuer.works))

    async def _bring(self, issuer: _Issuer, wallet: Wallet, work: Work) -> None:
        try:
            result = await wallet.bring(work, issuer.gate)
        except GateShut:
            issuer.unsent.append(work)
        except Exception:  # one poisoned row must not stall the others
            log.exception("row_failed", issuer=issuer.id, kind=work.kind, row=work.row_id)
            issuer.results.append(Result(work, Outcome.RETRY, "Failed", delay=60.0))
        else:
            issuer.results.append(result)
            self._note(issuer, result)
        issuer.moved.set()

    def _note(self, issuer: _Issuer, result: Result) -> None:
        metrics.attempts.labels("google", str(result.outcome), result.reason).inc()
        if result.outcome == Outcome.ACCEPTED:
            age = (datetime.now(UTC) - result.work.wanted_at).total_seconds()
            metrics.google_age.labels(str(result.work.lane)).observe(max(0.0, age))
        if result.outcome == Outcome.OURS and not issuer.reason:
            issuer.reason = f"{result.reason}: {result.detail}" if result.detail else result.reason
            issuer.gate.shut()
        if result.outcome == Outcome.DEAD:
            log.error("google_refused", id=result.work.id, reason=result.reason, detail=result.detail)

    async def _settle(self, issuer: _Issuer) -> None:
        """Write the answers; they stay ours until that has succeeded."""
        results = list(issuer.results)
        if not results:
            return
        try:
            await google.settle(self._db, owner=self._owner, results=results)
        except Unavailable:
            raise
        except Exception:
            log.exception("answers_not_written", issuer=issuer.id)
            await self._settle_each(results)
        self._forget(issuer, [result.work for result in results])
        del issuer.results[: len(results)]
        if issuer.is_probing and not issuer.reason and any(result.outcome != Outcome.RETRY for result in results):
            await self._unhold(issuer)

    async def _settle_each(self, results: Sequence[Result]) -> None:
        """One that cannot be written must not keep the others from it; its lease ends, and it is sent again."""
        for result in results:
            try:
                await google.settle(self._db, owner=self._owner, results=[result])
            except Unavailable:
                raise
            except Exception:
                log.exception("answer_not_written", kind=result.work.kind, row=result.work.row_id)

    def _forget(self, issuer: _Issuer, works: Sequence[Work]) -> None:
        for work in works:
            issuer.works.pop(_key(work), None)
        metrics.google_claimed.labels(issuer.id).set(len(issuer.works))

    async def _ours(self, issuer: _Issuer) -> bool:
        """Whether this worker has the issuer; the lease is renewed when a third of it has passed."""
        now = _clock()
        if now < issuer.lease_until:
            return True
        duration = self._options.lease
        taken = await leases.take(self._db, name=issuer.name, owner=self._owner, duration=duration)
        issuer.lease_until = now + self._options.renewal if taken else 0.0
        return taken

    async def _renew(self, issuer: _Issuer) -> None:
        """Rows whose answers are still due stay ours."""
        now = _clock()
        if now < issuer.renew_at:
            return
        issuer.renew_at = now + self._options.renewal
        if issuer.works:
            works = list(issuer.works.values())
            await google.renew(self._db, owner=self._owner, works=works, lease=self._options.lease)

    async def _finish(self, issuer: _Issuer) -> None:
        """Let end what is half done, write it, and give back what was never begun."""
        issuer.gate.shut()
        while issuer.works and (issuer.tasks or issuer.results or issuer.unsent):
            if not (issuer.results or issuer.unsent):
                await _event_or(issuer.moved, self._options.poll)
            issuer.moved.clear()
            try:
                await self._give_back(issuer)
                await self._settle(issuer)
                await self._renew(issuer)
            except Unavailable as error:
                log.warning("answers_wait", issuer=issuer.id, count=len(issuer.results), detail=error.detail)
                await asyncio.sleep(self._options.poll)
        self._forget(issuer, list(issuer.works.values()))
        if issuer.reason:
            await self._hold(issuer, issuer.reason)
        elif not self._stopping:
            issuer.gate.open()  # for questions who has his card

    async def _give_back(self, issuer: _Issuer) -> None:
        works = list(issuer.unsent)
        if works:
            await google.give_back(self._db, owner=self._owner, works=works)
            self._forget(issuer, works)
            del issuer.unsent[: len(works)]

    async def _is_held(self, issuer: _Issuer) -> bool:
        return any(hold.pass_type_identifier == issuer.name for hold in await leases.held(self._db))

    async def _hold(self, issuer: _Issuer, reason: str) -> None:
        log.error("issuer_held", issuer=issuer.id, reason=reason)
        with contextlib.suppress(Unavailable):  # the next row that fails holds it
            await leases.hold(
                self._db, pass_type_identifier=issuer.name, reason=reason, probe_after=self._options.probe_after
            )

    async def _unhold(self, issuer: _Issuer) -> None:
        await leases.unhold(self._db, pass_type_identifier=issuer.name)
        issuer.is_probing = False
        log.info("issuer_released", issuer=issuer.id)

    async def _look_after(self) -> None:
        """Ask Google now and then who still has his card: its callbacks are hints that may fail to come."""
        next_round = _clock() + self._options.look_after
        while True:
            await asyncio.sleep(min(self._options.hurry, self._options.look_after))
            try:
                if _clock() >= next_round:
                    next_round = _clock() + self._options.look_after
                    for issuer_id in await google.credentials(self._db):
                        await self._reconcile(self._issuer(issuer_id))
                for issuer in tuple(self._issuers.values()):
                    if await google.is_hurried(self._db, issuer.id):
                        await self._reconcile(issuer, hurried=True)
            except Unavailable as error:
                log.warning("reconcile_put_off", detail=error.detail)
            except Exception:
                log.exception("reconcile_failed")

    async def _reconcile(self, issuer: _Issuer, *, hurried: bool = False) -> None:
        """A few questions in the lowest lane, if the issuer is ours and not held."""
        name = google.lease_name(issuer.id)
        if not await self._ours(issuer) or any(
            hold.pass_type_identifier == name for hold in await leases.held(self._db)
        ):
            return
        try:
            wallet = await self._wallets(issuer.id)
        except ChannelClosed:
            return  # said when there is something to send
        room, lease = self._options.questions, timedelta(seconds=self._options.look_after)
        checks = await google.reconcile_claim(self._db, issuer_id=issuer.id, room=room, lease=lease, hurried=hurried)
        found = await asyncio.gather(*(_asked(wallet, check, issuer.gate) for check in checks))
        answers = [one for one in found if one is not None]
        if answers:
            await google.reconcile_settle(self._db, answers)


async def _asked(wallet: Wallet, check: Check, gate: Gate) -> Checked | None:
    try:
        return await wallet.ask(check, gate)
    except GateShut:
        return None


async def _event_or(event: asyncio.Event, seconds: float) -> None:
    """Wait until it is set, for so long at most."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def _key(work: Work) -> Key:
    return work.kind, work.row_id


def _clock() -> float:
    return asyncio.get_running_loop().time()
