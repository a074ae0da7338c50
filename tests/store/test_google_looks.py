"""A card's look on Google, from its publish to the request: kept pictures, and a change of nothing else that makes it due."""

from __future__ import annotations

import hashlib
import io

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import null, select, update

from passkit.images import intake
from store import assets, cards, google, tables, templates
from store.cards import Change
from tests.store.conftest import SMALL
from tests.store.google import ISSUER, Worker

LOOKS = (
    SMALL.replace("images: {icon: icon.png}", "images: {icon: icon.png, strip: silver.png}")
    + """
variants:
  - {when: "{{ memo == 'gold' }}", images: {strip: gold.png}}
"""
)
"""Nobody sees `memo` but by the picture that it chooses."""


def picture(color: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (750, 288), color).save(content, "PNG")
    return intake("strip.png", content.getvalue())


@pytest.fixture(scope="session")
def strips() -> dict[str, bytes]:
    return {"silver.png": picture("#8899aa"), "gold.png": picture("#ccaa33")}


@pytest.fixture
def small(icon, strips) -> dict[str, bytes]:
    return {"template.yaml": LOOKS.encode(), "icon.png": icon, **strips}


@pytest.fixture
def worker(db) -> Worker:
    return Worker(db)


@pytest_asyncio.fixture
async def opened(db, published, card, worker, now):
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    await google.open_object(db, card.card_id, now)
    await worker.run()
    return card


async def become(db, card, memo, now):
    return await cards.change(db, card.brand_id, card.serial_number, Change(data={"memo": memo}), now)


async def kept(db) -> dict[str, str] | None:
    async with db.reading() as conn:
        newest = select(tables.revisions.c.google_pictures).order_by(tables.revisions.c.id.desc()).limit(1)
        return (await conn.execute(newest)).scalar()


async def color(db, body) -> tuple[int, ...]:
    """What the picture at the object's address shows, as ``/images/`` would serve it."""
    address = body["heroImage"]["sourceUri"]["uri"]
    content = await assets.picture(db, address.rpartition("/")[2].removesuffix(".png"))
    return Image.open(io.BytesIO(content)).convert("RGB").getpixel((500, 160))


async def test_a_change_of_the_look_alone_makes_the_object_due_and_back_again_clears_it(db, opened, worker, now):
    changed = await become(db, opened, "gold", now)
    assert changed.is_visible
    work = await worker.only()
    assert (work.kind, work.known) == ("object", True)
    assert await color(db, work.body) == (0xCC, 0xAA, 0x33)
    assert work.patch["heroImage"] == work.body["heroImage"]
    assert not work.notify_update
    assert work.message is None, "no field has changed: nobody is rung"
    await worker.settle([work])
    await become(db, opened, "silver", now)
    work = await worker.only()
    assert "heroImage" not in work.body
    assert work.patch["heroImage"] is None
    await worker.settle([work])
    await become(db, opened, "plain", now)
    assert await worker.claim() == [], "another value of the same look"


async def test_a_publish_keeps_a_picture_for_each_look_by_its_content(db, opened, small, worker, now):
    stamps = "stamps: {count: '{{ points }}', of: 2, icon: icon.png}\n"
    await templates.import_files(db, opened.brand_id, {**small, "template.yaml": (LOOKS + stamps).encode()}, now)
    await templates.publish(db, opened.brand_id, "small", now=now)
    names = await kept(db)
    assert names is not None
    looks = {f"hero{variant}_s{count}" for variant in ("", "_v0") for count in range(3)}
    assert names.keys() == {"logo", "hero", *looks}
    assert len({names[look] for look in looks}) == 6
    for digest in names.values():
        assert hashlib.sha256(await assets.picture(db, digest) or b"").hexdigest() == digest
    works = await worker.run()
    assert [work.kind for work in works] == ["object"], "what all share is as it was; 100 points: two of two stamps"
    assert names["hero_s2"] in works[0].body["heroImage"]["sourceUri"]["uri"]


async def test_another_picture_of_a_variant_concerns_the_cards_that_show_it(db, opened, issue, small, worker, now):
    golden = await issue(external_id="c-2", data={"memo": "gold"})
    await google.open_object(db, golden.card_id, now)
    await worker.run()
    files = {**small, "gold.png": picture("#ffdd00")}
    await templates.import_files(db, opened.brand_id, files, now)
    await templates.publish(db, opened.brand_id, "small", now=now)
    works = [work for work in await worker.run() if work.kind == "object"]
    assert [work.card_id for work in works] == [golden.card_id]
    assert await color(db, works[0].body) == (0xFF, 0xDD, 0)


async def test_a_revision_from_before_gets_its_looks_when_they_are_needed(db, opened, worker, now):
    made = await kept(db)
    async with db.transaction() as conn:
        await conn.execute(update(tables.revisions).values(google_pictures=null()))
    await become(db, opened, "gold", now)
    await cards.change(db, opened.brand_id, opened.serial_number, Change(data={"points": 7}), now)
    work = await worker.only()
    assert await color(db, work.body) == (0xCC, 0xAA, 0x33)
    assert await kept(db) == made
    assert set(made or {}) == {"logo", "hero", "hero_v0"}
