"""Whatever happens in whatever order, when all is quiet every phone shows what the server would serve it.

A model of phones against the store: changes, publishes, registrations, removals, lists and downloads, which may break, lose
their order or happen at once. "Quiet" is what the protocol gives: each phone with a push outstanding, or whose download broke
(Wallet tries again), asks once more.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passkit.apple import passjson
from store import brands, cards, templates
from store.cards import Change, NewCard
from store.errors import Conflict
from tests.store.conftest import NOW, PASS_TYPE, SMALL
from tests.store.phones import Phone

PHONES, CARDS = 3, 2
_phone, _card = st.integers(0, PHONES - 1), st.integers(0, CARDS - 1)
STEP = st.one_of(
    st.tuples(st.just("change"), _card, st.integers(0, 9)),
    st.tuples(st.just("unseen"), _card, st.integers(0, 9)),
    st.tuples(st.just("publish"), st.integers(0, 9)),
    st.tuples(st.just("brand"), st.integers(0, 9)),
    st.tuples(st.just("download"), _phone, _card),
    st.tuples(st.just("register"), _phone, _card),
    st.tuples(st.just("add"), _phone, _card),
    st.tuples(st.just("remove"), _phone, _card),
    st.tuples(st.just("update"), _phone),
    st.tuples(st.just("update and break"), _phone),
    st.tuples(st.just("flush")),
)
STEPS = st.lists(st.one_of(STEP, st.lists(STEP, min_size=2, max_size=4)), min_size=4, max_size=16)
"""A list inside is what happens at once."""


@dataclass
class World:
    """The store, its phones, and which of them have a reason to ask again."""

    db: object
    brand: object
    files: dict[str, bytes]
    name: str
    serials: list[str] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    called: set[int] = field(default_factory=set)
    holders: dict[int, set[str]] = field(default_factory=dict)
    listed: int = 0

    async def step(self, kind: str, *what: int) -> None:
        await getattr(self, kind.replace(" ", "_"))(*what)

    def call(self, serial: str | None = None) -> None:
        """A push goes to every phone that holds the card (or any card)."""
        self.called |= {n for n, held in self.holders.items() if held and (serial is None or serial in held)}

    async def change(self, card: int, value: int) -> None:
        serial = self.serials[card]
        patch = Change(data={"points": value, "balance": value // 3})
        done = await cards.change(self.db, self.brand.id, serial, patch, NOW)
        if done.is_visible:
            self.call(serial)

    async def unseen(self, card: int, value: int) -> None:
        await cards.change(self.db, self.brand.id, self.serials[card], Change(data={"memo": f"{value}"}), NOW)

    async def publish(self, value: int) -> None:
        text = SMALL.replace("key: small", f"key: {self.name}").replace("label: Memo", f"label: Memo {value}")
        text = text.replace("{key: points, label: Points", f"{{key: points, label: Points {value}")
        await templates.import_files(self.db, self.brand.id, {**self.files, "template.yaml": text.encode()}, NOW)
        with contextlib.suppress(Conflict):  # another publish came in between: that one calls
            if (await templates.publish(self.db, self.brand.id, self.name, now=NOW)).is_new:
                self.call()

    async def brand_(self, value: int) -> None:
        await brands.change(self.db, self.brand.key, name=f"Shop {value}")
        self.call()

    async def download(self, phone: int, card: int) -> None:
        await self.phones[phone].download(self.serials[card])

    async def register(self, phone: int, card: int) -> None:
        if self.serials[card] in self.phones[phone].held:  # only what is on the phone is registered
            await self.phones[phone].register(self.serials[card])
            self.holders.setdefault(phone, set()).add(self.serials[card])
            self.called.add(phone)  # a new registration is always pushed

    async def add(self, phone: int, card: int) -> None:
        await self.download(phone, card)
        await self.register(phone, card)

    async def remove(self, phone: int, card: int) -> None:
        if self.serials[card] in self.holders.get(phone, set()):
            self.holders[phone].discard(self.serials[card])
            await self.phones[phone].unregister(self.serials[card])

    async def update(self, phone: int) -> None:
        self.called.discard(phone)
        self.listed += len(await self.phones[phone].update())

    async def update_and_break(self, phone: int) -> None:
        """The download broke: Wallet tries again, with what its list says then."""
        await self.phones[phone].update(cut=True)
        self.called.add(phone)

    async def flush(self) -> None:
        await self.db.served.flush()

    async def settle(self) -> None:
        for number in sorted(self.called):
            await self.update(number)

    async def stale(self) -> list[tuple[int, int]]:
        """(phone, card) where the phone shows something else than the server has."""
        found = []
        for number, phone in enumerate(self.phones):
            for card, serial in enumerate(self.serials):
                if serial in self.holders.get(number, set()):
                    serving = await cards.serve(self.db, PASS_TYPE, serial, 0, NOW)
                    if phone.held[serial].content != dict(passjson.files(serving.fill(NOW))):
                        found.append((number, card))
        return found


async def _world(db, brand, small: dict[str, bytes]) -> World:
    name = f"t{(await db.fetch('SELECT count(*) FROM templates'))[0][0]}"
    world = World(db, brand, small, name)
    await world.publish(0)
    for _ in range(CARDS):
        issued = await cards.issue(db, brand.id, NewCard(template=name), NOW)
        world.serials.append(issued.card.serial_number)
    world.phones = [Phone(db, PASS_TYPE, f"{name} {number}") for number in range(PHONES)]
    return world


@pytest.mark.timeout(300)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_when_all_is_quiet_no_phone_is_stale(db, shop, small, steps) -> None:
    world = await _world(db, shop, small)
    for step in steps:
        if isinstance(step, list):
            apart = [one for place, one in enumerate(step) if one[1:2] not in [other[1:2] for other in step[:place]]]
            await asyncio.gather(*(world.step(*_named(one)) for one in apart))
        else:
            await world.step(*_named(step))
    await world.settle()
    assert await world.stale() == []


def _named(step: tuple) -> tuple:
    return ("brand_", *step[1:]) if step[0] == "brand" else step


async def test_phones_that_fetch_while_cards_change_are_never_left_behind(db, shop, small) -> None:
    """Writers and phones at full speed; then each phone does what its last push asks of it."""
    world = await _world(db, shop, small)
    for phone in range(PHONES):
        for card in range(CARDS):
            await world.add(phone, card)

    async def write(card: int) -> None:
        for value in range(15):
            await world.change(card, value + 1)

    async def follow(phone: int) -> None:
        for turn in range(15):
            await (world.update_and_break(phone) if turn % 4 == 3 else world.update(phone))

    await asyncio.gather(*(write(card) for card in range(CARDS)), *(follow(phone) for phone in range(PHONES)))
    world.call()
    await world.settle()
    assert await world.stale() == []


async def test_what_a_phone_has_it_does_not_fetch_again(db, shop, small) -> None:
    """Redundant fetches at most 5 %: here none at all, and no list once every phone has come."""
    world = await _world(db, shop, small)
    for phone in range(PHONES):
        for card in range(CARDS):
            await world.add(phone, card)
    for value in range(10):
        for card in range(CARDS):
            await world.change(card, 100 + value)
        for phone in range(PHONES):
            await world.update(phone)
        assert [await phone.list() for phone in world.phones] == [()] * PHONES
    assert sum(phone.fetched for phone in world.phones) == PHONES * CARDS * (1 + 10)
    assert sum(phone.not_modified for phone in world.phones) == 0
