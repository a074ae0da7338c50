"""Changes, publishes, callbacks and workers that die, all at once: in the end Google holds what every card shows."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

from store import cards, google, templates
from store.cards import Change
from store.googlebodies import digest
from tests.store.conftest import SMALL
from tests.store.google import ISSUER, Worker, callback, classes, objects

CARDS = 12
CHANGES = 8
LEASE = timedelta(milliseconds=500)


class Google:
    """What Google holds, and how often it was told the same twice in a row."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.bodies: dict[str, dict] = {}
        self.repeats = 0

    def take(self, work) -> None:
        if work.send_body:
            self.repeats += self.held.get(work.id) == work.digest
            self.held[work.id] = work.digest
            self.bodies[work.id] = dict(work.body)


async def deliver(db, wallet: Google, name: str, dice: random.Random, stop: asyncio.Event) -> int:
    """A worker that is killed now and then, between what it sent and what it wrote; how often."""
    kills, loop = 0, asyncio.get_running_loop()
    while not stop.is_set():
        worker = Worker(db, f"{name}{kills}")
        until = loop.time() + LEASE.total_seconds() * 0.8
        works = await worker.claim(5, lease=LEASE)
        for work in works:
            await asyncio.sleep(0)
            if loop.time() < until:  # whoever is too slow sends nothing over another's head
                wallet.take(work)
        if works and (dice.random() < 0.2 or loop.time() >= until):
            kills += 1
            continue
        await worker.settle(works)
        await asyncio.sleep(0.005)
    return kills


async def test_in_the_end_google_holds_what_every_card_shows(db, published, issue, small, now) -> None:
    dice = random.Random(20261122)
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    held = [await issue(external_id=f"s-{number}", data={"points": 0}) for number in range(CARDS)]
    wallet, stop = Google(), asyncio.Event()
    workers = [asyncio.create_task(deliver(db, wallet, name, dice, stop)) for name in "AB"]

    async def live(card) -> None:
        await google.open_object(db, card.card_id, now)
        for number in range(CHANGES):
            await asyncio.sleep(dice.random() * 0.05)
            patch = Change(data={"points": dice.randrange(1000)}, external_id=f"{card.serial_number}-{number}")
            await cards.change(db, card.brand_id, card.serial_number, patch, now)
            named = (await classes(db))[0]["class_id"]
            event = dice.choice(("save", "del"))
            told = callback(card.serial_number, named, event, f"{card.serial_number}{number}")
            assert await google.apply_callback(db, "shop", told, now) in ("saved", "deleted")

    async def edit() -> None:
        for label in ("Bonus", "Stars"):
            await asyncio.sleep(0.15)
            text = SMALL.replace("label: Points, value", f"label: {label}, value")
            await templates.import_files(db, published.id, small | {"template.yaml": text.encode()}, now)
            await templates.publish(db, published.id, "small", now=now)

    async with asyncio.timeout(60):
        await asyncio.gather(edit(), *(live(card) for card in held))
        while await google.waiting_issuers(db) or any(row["due_at"] for row in await objects(db)):
            await asyncio.sleep(0.05)
        stop.set()
        kills = sum(await asyncio.gather(*workers))
    rows = await objects(db)
    assert len(rows) == CARDS
    assert {row["object_id"]: row["accepted_digest"] for row in rows} == {
        row["object_id"]: wallet.held[row["object_id"]] for row in rows
    }
    for card in held:
        shown = await google.bodies(db, card.card_id, now)
        body = wallet.bodies[f"{ISSUER}.{card.serial_number}"]
        assert digest(body) == digest(shown.object_body)
        assert body["loyaltyPoints"]["label"] == "Stars"
        last = (await cards.view(db, card.brand_id, card.serial_number)).data["points"]
        assert body["loyaltyPoints"]["balance"] == {"int": last}
    assert wallet.repeats <= kills * 5
    assert all(len(row["updates_at"]) <= 3 for row in rows)
