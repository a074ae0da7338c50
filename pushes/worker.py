"""The delivery worker: claims intents, sends them, settles them; one lane per route, a pass type's phones of one platform.

Promises: killed anywhere it loses nothing and repeats at most ``window`` pushes of a route; one silent token, one
poisoned brand, one wrong certificate or one broken relay stalls nobody else; nothing is deleted but by ``fates``; SIGTERM
(``stop``) finishes what is under way and gives the leases back. It never renders, signs or reads a card.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from pushes import fates, metrics, payload
from pushes.breaker import Breaker
from pushes.channel import Channel, Outcome, Push, Verdict
from pushes.pace import Pace, Pacer
from store import claims, leases, processes, settling
from store.claims import Claim, Intent, Target
from store.dialect import Database
from store.errors import Unavailable
from store.fates import Fate, Settled
from store.platforms import Route

log = structlog.get_logger("passbell.pushes")


class ChannelClosed(Exception):
    """No channel can be had for this route (no valid certificate or key): its pushes are held, the message says why."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The worker's numbers, each with its reason."""

    window: int = 200  # pushes without a settled answer: what a kill may repeat
    poll: float = 0.2  # seconds between looks at the queue when nobody wakes us
    rung_poll: float = 1.0  # the same while a doorbell works: for what comes due by time, and for a ring that was lost
    patience: float = 0.5  # seconds of silence after which a chunk is settled without its last answers
    lease: timedelta = timedelta(seconds=15)  # how long a dead worker's intents wait; renewed while answers are due
    probe_after: timedelta = timedelta(seconds=60)  # an open breaker lets one push try so often
    silence: float = 60.0  # seconds without any answer after which a channel is believed to have lost the rest
    gathering: float = 0.05  # seconds between claims of a nearly empty queue: a few pushes cost as much as one
    pause: float = 5.0  # seconds that a route rests after a mistake of ours, so that it is told but not endlessly

    @property
    def renewal(self) -> float:
        """Seconds after which a lease is renewed, and that one look at the answers takes at most."""
        return self.lease.total_seconds() / 3


ChannelFactory = Callable[[Route], Awaitable[Channel]]
"""Route -> its channel; raises ChannelClosed."""


@dataclass(slots=True)
class _Lane:
    """What the worker knows of one route."""

    route: Route
    breaker: Breaker = field(default_factory=Breaker)
    budget: fates.PruneBudget = field(default_factory=fates.PruneBudget)
    task: asyncio.Task[None] | None = None
    unanswered: int = 0
    renew_at: float = 0.0
    rest_until: float = 0.0
    room: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> dict[str, str]:
        """Whose log line it is."""
        return {"pass_type": self.route.pass_type_identifier, "channel": self.route.channel}


class Worker:
    """Delivers push intents until stopped."""

    def __init__(
        self,
        db: Database,
        channels: ChannelFactory,
        *,
        owner: str,
        options: WorkerOptions | None = None,
        is_rung: Callable[[], bool] = lambda: False,
    ) -> None:
        """``is_rung``: whether other processes' work is told of (``pushes.doorbell``), so that looks may be rarer."""
        self._db = db
        self._channels = channels
        self._owner = owner
        self._is_rung = is_rung
        self._options = options or WorkerOptions()
        self._lanes: dict[Route, _Lane] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._pacer = Pacer(time.monotonic)

    @property
    def pace(self) -> Pace:
        """How fast a fan-out goes now."""
        return self._pacer.pace

    def wake(self) -> None:
        """An intent was committed in this process: look at the queue now."""
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing more; ``run`` returns when what is under way is settled."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until ``stop``; a database that is away is waited for, and so is one that answers what nobody expects."""
        while not self._stopping:
            self._wake.clear()
            try:
                await self._start_lanes()
            except Unavailable as error:
                log.warning("database_unavailable", detail=error.detail)
            except Exception:
                log.exception("queue_not_read")
                await asyncio.sleep(self._options.poll)
            await self._rest(self._options.rung_poll if self._is_rung() else self._options.poll)
        await self._drain()

    async def _start_lanes(self) -> None:
        for route in await claims.waiting_routes(self._db):
            lane = self._lanes.setdefault(route, _Lane(route))
            is_free = lane.task is None or lane.task.done()
            if is_free and asyncio.get_running_loop().time() >= lane.rest_until:
                lane.task = asyncio.create_task(self._run_lane(lane))

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _drain(self) -> None:
        running = [lane.task for lane in self._lanes.values() if lane.task is not None]
        await asyncio.gather(*running, *self._late)  # neither lets an exception out
        try:
            await leases.release(self._db, owner=self._owner)
        except Unavailable as error:
            log.warning("leases_not_released", detail=error.detail)

    async def _run_lane(self, lane: _Lane) -> None:
        """Work off one route until nothing is due, it is held, or another worker has it."""
        try:
            while not self._stopping and await self._ours(lane):
                room = self._options.window - lane.unanswered
                if room <= 0:
                    lane.room.clear()
                    await lane.room.wait()
                    continue
                claim = await self._claim(lane, room)
                if claim is None:
                    return
                await self._deliver(lane, claim)
                if _is_small(claim, room):
                    await asyncio.sleep(self._options.gathering)
                    self._wake.set()  # a look at the queue is cheaper than a claim of nothing
                    return
        except Unavailable as error:
            log.warning("database_unavailable", **lane.names, detail=error.detail)
        except Exception:
            log.exception("lane_failed", **lane.names)
            lane.rest_until = asyncio.get_running_loop().time() + self._options.pause

    async def _ours(self, lane: _Lane) -> bool:
        """Whether this worker has the route; the lease is renewed when a third of it has passed."""
        now = asyncio.get_running_loop().time()
        if now < lane.renew_at:
            return True
        name = lane.route.lease
        taken = await leases.take(self._db, name=name, owner=self._owner, duration=self._options.lease)
        lane.renew_at = now + self._options.renewal if taken else 0.0
        return taken

    async def _claim(self, lane: _Lane, room: int) -> Claim | None:
        options, pacer = self._options, self._pacer
        if pacer.is_due:
            pacer.hear(*await processes.load(self._db))
        claim = await claims.claim(
            self._db,
            owner=self._owner,
            route=lane.route,
            room=room,
            lease=options.lease,
            probe_after=options.probe_after,
            pages=pacer.room(),
        )
        if claim is not None and any(intent.kind in claims.PAGED for intent in claim.intents):
            pacer.spend(len(claim.targets))
            metrics.pace.set(pacer.pace.rate)
        return claim

    async def _deliver(self, lane: _Lane, claim: Claim) -> None:
        if not claim.targets:
            return
        try:
            channel = await self._channels(lane.route)
        except ChannelClosed as error:
            await self._hold(lane, str(error))
            await claims.give_back(self._db, owner=self._owner, route=lane.route, intents=claim.intents)
            return
        chunk = _Chunk(channel, claim, self._pushes(claim))
        answered = await chunk.gather(self._options.patience, within=self._options.renewal)
        settled = await self._decide(lane, claim, answered)
        unanswered = chunk.unanswered()
        waiting = await self._settle(lane.route, claim.intents, settled, unanswered)
        if unanswered:
            self._follow(lane, claim, chunk, waiting, len(unanswered))

    def _pushes(self, claim: Claim) -> list[Push]:
        expiration = payload.apns_expiration(datetime.now(UTC))
        topic = claim.route.pass_type_identifier
        return [Push(target.device_id, topic, target.push_token, expiration, target.card) for target in claim.targets]

    async def _settle(
        self, route: Route, intents: Sequence[Intent], settled: Sequence[Settled], unanswered: Sequence[Target] = ()
    ) -> tuple[Intent, ...]:
        return await settling.settle(
            self._db,
            owner=self._owner,
            route=route,
            intents=intents,
            settled=settled,
            unanswered=unanswered,
            lease=self._options.lease,
        )

    def _follow(self, lane: _Lane, claim: Claim, chunk: _Chunk, intents: Sequence[Intent], count: int) -> None:
        """Settle the late answers as they come, beside the lane; their intents stay ours until then."""
        lane.unanswered += count
        metrics.unanswered.inc(count)
        task = asyncio.create_task(self._settle_late(lane, claim, chunk, intents))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _settle_late(self, lane: _Lane, claim: Claim, chunk: _Chunk, intents: Sequence[Intent]) -> None:
        waiting = {intent.device_id: intent for intent in intents}
        left, renewal = len(chunk.unanswered()), self._options.renewal
        clock = asyncio.get_running_loop().time
        heard = clock()
        try:
            while left:
                answered = await chunk.gather(self._options.patience, first=renewal, within=renewal)
                if answered:
                    heard = clock()
                elif clock() - heard >= self._options.silence:
                    answered = chunk.give_up()
                settled = await self._decide(lane, claim, answered)
                mine = [waiting.pop(row.target.device_id) for row in settled if row.target.device_id in waiting]
                if settled:
                    await self._settle(lane.route, mine, settled)
                left -= len(answered)
                self._answered(lane, len(answered))
                await settling.renew(
                    self._db,
                    owner=self._owner,
                    route=lane.route,
                    intents=tuple(waiting.values()),
                    lease=self._options.lease,
                )
        except Unavailable as error:  # their leases end, and they are sent again
            log.warning("late_answers_lost", **lane.names, count=left, detail=error.detail)
        except Exception:
            log.exception("late_answers_lost", **lane.names, count=left)
        finally:
            self._answered(lane, left)
            self._wake.set()

    def _answered(self, lane: _Lane, count: int) -> None:
        lane.unanswered -= count
        metrics.unanswered.dec(count)
        lane.room.set()

    async def _decide(self, lane: _Lane, claim: Claim, answered: Sequence[tuple[Target, Verdict]]) -> list[Settled]:
        fleet = None
        if any(fates.needs_fleet(verdict) for _, verdict in answered):
            fleet = await settling.fleet(self._db, route=lane.route)
        settled: list[Settled] = []
        reason: str | None = None
        for target, verdict in answered:
            fate = fates.decide(verdict, target, fleet=fleet, budget=lane.budget, random=random.random)
            reason = lane.breaker.note(verdict, suspect=fates.is_suspect(verdict, fate)) or reason
            settled.append(fate)
            self._count(lane, fate, verdict)
        if reason is not None:
            await self._hold(lane, reason)
        elif claim.probe and settled and not any(_blames_us(verdict) for _, verdict in answered):
            await leases.unhold(self._db, pass_type_identifier=lane.route.hold)
            log.info("breaker_closed", **lane.names)
        return settled

    async def _hold(self, lane: _Lane, reason: str) -> None:
        probe_after = self._options.probe_after
        await leases.hold(self._db, pass_type_identifier=lane.route.hold, reason=reason, probe_after=probe_after)
        log.error("pushes_held", **lane.names, reason=reason)

    def _count(self, lane: _Lane, settled: Settled, verdict: Verdict) -> None:
        metrics.attempts.labels(lane.route.channel, str(verdict.outcome), verdict.reason).inc()
        if settled.fate is Fate.ACCEPTED:
            metrics.age.observe(max(0.0, (datetime.now(UTC) - settled.target.wanted_at).total_seconds()))


def _is_small(claim: Claim, room: int) -> bool:
    """Whether the queue seems worked off: far fewer targets than there was room for, and no further page to come."""
    return 2 * len(claim.targets) < room and all(intent.page_end is None for intent in claim.intents)


def _blames_us(verdict: Verdict) -> bool:
    return verdict.outcome in (Outcome.OURS, Outcome.RETRY)


class _Chunk:
    """One send and its answers, of which the last may come late."""

    def __init__(self, channel: Channel, claim: Claim, pushes: Sequence[Push]) -> None:
        self._targets = {target.device_id: target for target in claim.targets}
        self._queue: asyncio.Queue[tuple[Push, Verdict] | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._pump(channel, pushes))

    async def _pump(self, channel: Channel, pushes: Sequence[Push]) -> None:
        try:
            async for answer in channel.send_many(pushes):
                self._queue.put_nowait(answer)
        except Exception:
            log.exception("channel_failed")
        finally:
            self._queue.put_nowait(None)

    def unanswered(self) -> list[Target]:
        """Targets whose answer has not been gathered."""
        return list(self._targets.values())

    async def gather(
        self, patience: float, *, within: float, first: float | None = None
    ) -> list[tuple[Target, Verdict]]:
        """Answers until all are there, until ``patience`` seconds have brought none, or for ``within`` seconds.

        For the first of them it waits ``first`` seconds, if given.
        """
        found: list[tuple[Target, Verdict]] = []
        clock = asyncio.get_running_loop().time
        ends = clock() + within
        while self._targets:
            wait = patience if found or first is None else first
            try:
                answer = await self._next(min(wait, ends - clock()))
            except TimeoutError:
                break
            if answer is None:
                return found + self.give_up()
            push, verdict = answer
            found.append((self._targets.pop(push.device_id), verdict))
        return found

    async def _next(self, seconds: float) -> tuple[Push, Verdict] | None:
        """The next answer; one that is there already needs no time."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        return await asyncio.wait_for(self._queue.get(), seconds)

    def give_up(self) -> list[tuple[Target, Verdict]]:
        """The channel has ended without these answers, or will not give them."""
        left, self._targets = list(self._targets.values()), {}
        return [(target, Verdict(Outcome.RETRY, "NoAnswer")) for target in left]
