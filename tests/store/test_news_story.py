"""News, pauses, kills, corrections and everything else that happens to cards meanwhile, against a simple model.

The model knows what each card must show and who must have been rung: everyone who held a card of the audience when a news
went live and was not over before its pushes were sent is pushed at least once for it, and shows its words without them too.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from passkit.model import Notify
from store import cards, claims, consents, news, newscorrections, newstimer, settling, tables, templates
from store.cards import Change, NewCard
from store.consents import MARKETING, Asked
from store.dialect import Database
from store.errors import Conflict
from store.fates import Fate, Settled
from store.newscorrections import NewsCorrection
from store.newsrequests import NewsRequest
from store.platforms import Route
from tests.store.conftest import NOW, PASS_TYPE, SMALL
from tests.store.news import with_news
from tests.store.phones import Phone

CARDS, PHONES, MOST = 3, 3, 12
ROUTE, LEASE = Route(PASS_TYPE), timedelta(minutes=10)
AGREED = Asked(MARKETING, "May we write to you?", None, "en")
_card, _phone, _which = st.integers(0, CARDS - 1), st.integers(0, PHONES - 1), st.integers(0, 3)
STEP = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(["service", "marketing"])),
    *(st.tuples(st.just(name), _which) for name in ("pause", "resume", "correct", "cancel", "withdraw")),
    st.tuples(st.just("change"), _card),
    st.tuples(st.just("add"), _phone, _card),
    st.tuples(st.just("remove"), _phone, _card),
    st.tuples(st.just("refuse"), _card),
    st.tuples(st.just("look"), _phone),
    st.just(("push",)),
    st.just(("kill",)),
)
STEPS = st.lists(STEP, min_size=5, max_size=18)


@dataclass
class Told:
    """A news as the model has it: its words, whom it is for, and who has to be rung for it."""

    id: str
    words: str
    audience: set[int]
    is_live: bool = True
    is_paused: bool = False
    owed: set[int] = field(default_factory=set)  # phones


@dataclass
class World:
    """The store beside the model."""

    db: Database
    brand_id: int
    template: str
    serials: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=lambda: [0] * CARDS)
    agreed: set[int] = field(default_factory=lambda: set(range(CARDS)))
    phones: list[Phone] = field(default_factory=list)
    holders: dict[int, set[int]] = field(default_factory=lambda: {n: set() for n in range(PHONES)})
    told: list[Told] = field(default_factory=list)
    rung: dict[str, int] = field(default_factory=dict)
    said: int = 0

    async def step(self, kind: str, *what: Any) -> None:
        await getattr(self, kind)(*what)

    async def start(self, kind: str) -> None:
        if len(self.told) < MOST:
            self.said += 1
            request = NewsRequest.model_validate({"template": self.template, "text": f"News {self.said}", "kind": kind})
            draft = await news.create(self.db, self.brand_id, request, by="", now=NOW)
            await news.start(self.db, self.brand_id, draft.id, now=NOW)
            await self.timer()
            audience = set(range(CARDS)) if kind == "service" else set(self.agreed)
            owed = {n for n, held in self.holders.items() if held & audience}
            self.told.append(Told(draft.id, f"News {self.said}", audience, owed=owed))

    async def timer(self) -> None:
        while await newstimer.turn(self.db):
            pass

    async def _operate(self, which: int, operation: Any) -> Told | None:
        """The news that is meant, if the operation fits it."""
        if which >= len(self.told):
            return None
        one = self.told[-1 - which]
        with contextlib.suppress(Conflict):
            await operation(self.db, self.brand_id, one.id)
            return one
        return None

    async def pause(self, which: int) -> None:
        if one := await self._operate(which, news.pause):
            one.is_paused = True

    async def resume(self, which: int) -> None:
        if one := await self._operate(which, news.resume):
            one.is_paused = False

    async def cancel(self, which: int) -> None:
        if one := await self._operate(which, news.cancel):
            one.is_live, one.is_paused, one.owed = False, False, set()

    async def withdraw(self, which: int) -> None:
        if one := await self._operate(which, newscorrections.withdraw):
            one.is_live, one.is_paused, one.owed = False, False, set()

    async def correct(self, which: int) -> None:
        self.said += 1
        words = NewsCorrection.model_validate({"text": f"Right {self.said}"})

        async def corrected(db: Database, brand_id: int, key: str) -> None:
            await newscorrections.correct(db, brand_id, key, words, NOW)

        if one := await self._operate(which, corrected):
            one.words = f"Right {self.said}"

    async def change(self, card: int) -> None:
        self.points[card] += 1
        patch = Change(data={"points": self.points[card]}, notify=Notify.RING)
        await cards.change(self.db, self.brand_id, self.serials[card], patch, NOW)

    async def add(self, phone: int, card: int) -> None:
        await self.phones[phone].add(self.serials[card])
        self.holders[phone].add(card)

    async def remove(self, phone: int, card: int) -> None:
        if card in self.holders[phone]:
            self.holders[phone].discard(card)
            await self.phones[phone].unregister(self.serials[card])
            for one in self.told:
                if not self.holders[phone] & one.audience:
                    one.owed.discard(phone)

    async def refuse(self, card: int) -> None:
        if card in self.agreed:
            await consents.answer(self.db, self.brand_id, self.ids[card], [AGREED], (), "here", NOW)
            self.agreed.discard(card)
            marketing = [one for one in self.told if await self._is_marketing(one)]
            for one in marketing:
                one.audience.discard(card)
                one.owed = {n for n in one.owed if self.holders[n] & one.audience}

    async def _is_marketing(self, one: Told) -> bool:
        return (await news.view(self.db, self.brand_id, one.id)).kind == "marketing"

    async def look(self, phone: int) -> None:
        await self.phones[phone].update()

    async def kill(self) -> None:
        """A worker claims, dies, and its lease runs out."""
        if await self._claim():
            await self._free()

    async def push(self) -> None:
        """Everything that is due, and the second tries; who is pushed comes."""
        while await self._rest() or True:
            claim = await self._claim()
            if claim is None:
                return
            for target in claim.targets:
                await self._rung(target.push_token)
            done = [Settled(target, Fate.ACCEPTED, "", None, 0.0) for target in claim.targets]
            if done:
                await settling.settle(self.db, owner="w", route=ROUTE, intents=claim.intents, settled=done)

    async def _rung(self, token: str) -> None:
        phone = next(n for n, one in enumerate(self.phones) if one.push_token == token)
        for one in self.told:
            if not one.is_paused:
                one.owed.discard(phone)
        await self.phones[phone].update()

    async def _claim(self) -> claims.Claim | None:
        return await claims.claim(self.db, owner="w", route=ROUTE, room=2, lease=LEASE, probe_after=LEASE)

    async def _free(self) -> None:
        async with self.db.transaction() as conn:
            await conn.execute(update(tables.jobs).values(lease_owner="gone", lease_until=NOW - timedelta(days=900)))

    async def _rest(self) -> None:
        """The five seconds after a push pass, and so does every back-off."""
        async with self.db.transaction() as conn:
            await conn.execute(update(tables.devices).values(pushed_at=None))
            soon = tables.jobs.c.due_at < NOW + timedelta(days=900)
            await conn.execute(update(tables.jobs).where(soon).values(due_at=NOW - timedelta(days=900)))

    def shows(self, card: int) -> str:
        """The newest live news whose audience the card is in."""
        return next((one.words for one in reversed(self.told) if one.is_live and card in one.audience), "")

    async def check(self) -> None:
        """Every phone shows it, who had to be rung was, and every news that was let run is done."""
        for number, held in self.holders.items():
            for card in held:
                says = _fields(self.phones[number].held[self.serials[card]].content)
                assert (says["news"], says["points"]) == (self.shows(card), self.points[card]), (number, card)
        assert [(one.words, one.owed) for one in self.told if one.owed] == []
        async with self.db.reading() as conn:
            rows = await conn.execute(select(tables.news.c.key, tables.news.c.state))
            states = {row.key: row.state for row in rows}
        for one in self.told:
            assert states[one.id] == ("done" if one.is_live else states[one.id]), one


def _fields(content: dict[str, bytes]) -> dict[str, Any]:
    zones = json.loads(content["pass.json"])["storeCard"].values()
    return {one["key"]: one["value"] for zone in zones if isinstance(zone, list) for one in zone}


async def _world(db: Database, brand_id: int, icon: bytes) -> World:
    name = f"t{(await db.fetch('SELECT count(*) FROM templates'))[0][0]}"
    files = with_news(icon, SMALL.replace("key: small", f"key: {name}"))
    await templates.import_files(db, brand_id, files, NOW)
    await templates.publish(db, brand_id, name, now=NOW)
    world = World(db, brand_id, name)
    for _ in range(CARDS):
        card = (await cards.issue(db, brand_id, NewCard(template=name), NOW)).card
        await consents.answer(db, brand_id, card.card_id, [AGREED], {MARKETING}, "here", NOW)
        world.serials.append(card.serial_number)
        world.ids.append(card.card_id)
    world.phones = [Phone(db, PASS_TYPE, f"{name} {number}") for number in range(PHONES)]
    for number in range(PHONES - 1):
        await world.add(number, number)
    return world


async def tell(db: Database, brand_id: int, icon: bytes, steps: list[tuple[Any, ...]]) -> None:
    """The story, and then quiet: everything resumed and pushed."""
    world = await _world(db, brand_id, icon)
    for step in steps:
        await world.step(*step)
    for which in range(len(world.told)):
        await world.resume(which)
    await world.timer()
    await world.push()
    await world.timer()
    await world.check()
    for phone in world.phones:  # one that left may have taken another's download along: listed again, with nothing new
        has = {serial: held.content for serial, held in phone.held.items()}
        await phone.update()
        assert {serial: held.content for serial, held in phone.held.items()} == has


async def test_a_pause_before_the_first_push_a_kill_and_a_correction_leave_nobody_out(db, shop, icon) -> None:
    begun = [
        ("add", 2, 0),
        ("push",),
        ("start", "service"),
        ("kill",),
        ("pause", 0),
        ("push",),
        ("correct", 0),
        ("kill",),
    ]
    await tell(db, shop.id, icon, [*begun, ("start", "marketing"), ("refuse", 1), ("pause", 0), ("change", 0)])


QUICK = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.timeout(300)
@QUICK
@given(steps=STEPS)
async def test_every_card_shows_its_news_and_everyone_is_rung(db, shop, icon, steps) -> None:
    await tell(db, shop.id, icon, steps)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(QUICK, max_examples=400)
@given(steps=STEPS)
async def test_no_long_story_of_news_leaves_anyone_out(db, shop, icon, steps) -> None:
    await tell(db, shop.id, icon, steps)
