"""The review before a publish: who has the card, what they would see, and a plan that is published or nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from passkit import preview
from passkit.apple import passjson
from passkit.edit import Insert, Remove, Set
from passkit.model import Pass
from store import cards, drafts, randomness, reviews, sources, templates
from store.audit import Actor
from store.brands import BrandRow
from store.cardrows import seal
from store.cards import CardView, NewCard
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.reviews import Review
from store.sources import HookEvent, Source
from store.tables import audit as audit_table
from store.tables import cards as cards_table
from store.tables import google_classes, google_objects
from store.tables import templates as templates_table
from tests.store.phones import Phone

ANNA = Actor("Anna", user_id=1)
Issue = Callable[..., Awaitable[CardView]]


async def change(db: Database, brand: BrandRow, *edits: Any, now: datetime) -> None:
    base = (await drafts.get(db, brand.id, "small")).number
    saved = await drafts.save_edits(db, brand.id, "small", base=base, edits=edits, by=ANNA, now=now)
    assert isinstance(saved, drafts.Draft)


async def look(db: Database, brand: BrandRow, now: datetime, number: int | None = None) -> Review:
    return await reviews.review(db, brand.id, "small", number=number, by=ANNA, now=now)


def said(shown: Pass | None) -> dict[str, str]:
    """Field -> what a person reads on it."""
    assert shown is not None
    faces = preview.faces_of({**passjson.files(shown), **shown.images.files}, shown.language)
    return {key: face.text for key, face in faces.by_key().items()}


async def test_the_audience_is_counted_by_wallet(
    db: Database, published: BrandRow, issue: Issue, phone: Callable[..., Phone], now: datetime
) -> None:
    views = [await issue(external_id=f"c-{number}", data={"points": number}) for number in range(5)]
    await phone("A").register(views[0].serial_number)
    await phone("B").register(views[0].serial_number)
    await phone("A").register(views[1].serial_number)
    await phone("C").register(views[4].serial_number)
    await cards.void(db, published.id, views[4].serial_number, now)
    async with db.transaction() as conn:
        await _on_google(conn, published, views[2].card_id, 0, now)
        await _on_google(conn, published, views[0].card_id, 3, now)
    await change(db, published, Set("/fields/header/0/label", "Bonuses"), now=now)
    audience = (await look(db, published, now)).audience
    assert (audience.cards, audience.active) == (5, 4)
    assert (audience.iphones, audience.other_phones) == (4, 0)
    assert (audience.google, audience.google_used_up) == (2, 1)
    assert audience.on_no_phone == 1


async def _on_google(conn: Any, brand: BrandRow, card_id: int, notified: int, now: datetime) -> None:
    micros = [int(now.timestamp() * 1_000_000) - number for number in range(notified)]
    klass = (await conn.execute(select(google_classes.c.id))).scalar()
    template_id = (await conn.execute(select(templates_table.c.id))).scalar_one()
    common = {"brand_id": brand.id, "issuer_id": "3388", "wanted_at": now}
    if klass is None:
        values = {"template_id": template_id, "type": "loyalty", "class_id": "3388.small", **common}
        klass = (
            await conn.execute(insert(google_classes).values(**values).returning(google_classes.c.id))
        ).scalar_one()
    values = {"card_id": card_id, "class_row_id": klass, "object_id": f"3388.{card_id}", "present": True, **common}
    await conn.execute(insert(google_objects).values(**values, updates_at=micros))


async def test_what_leaves_the_card_is_counted_and_the_data_stays(
    db: Database, published: BrandRow, issue: Issue, now: datetime
) -> None:
    for number in range(4):
        await issue(external_id=f"c-{number}", data={"name": "Anna"} if number else {})
    await change(db, published, Remove("/fields/auxiliary/0"), now=now)
    review = await look(db, published, now)
    assert [(gone.key, gone.cards) for gone in review.effect.gone] == [("holder", 3)]
    assert review.effect.changed == 4
    assert not review.nothing_to_see
    revision = await reviews.publish(db, published.id, "small", plan_id=review.plan_id, by=ANNA, now=now)
    assert revision.number == 2
    found = [row async for row in _all(db, published)]
    assert sorted(row.data["name"] for row in found) == ["", "Anna", "Anna", "Anna"]


async def _all(db: Database, brand: BrandRow) -> Any:
    async with db.reading() as conn:
        serials = (await conn.execute(select(cards_table.c.serial_number))).scalars().all()
    for serial in serials:
        yield await cards.view(db, brand.id, serial)


async def test_it_is_silent_and_says_what_would_ring_if_asked(
    db: Database, published: BrandRow, issue: Issue, now: datetime
) -> None:
    for points in (0, 0, 7):
        await issue(external_id=f"c-{points}-{randomness.stamp()}", data={"points": points})
    await change(db, published, Set("/fields/header/0/value", "{{ points + 1 }}"), now=now)
    effect = (await look(db, published, now)).effect
    assert (effect.would_ring, [(told.field, told.text, told.cards) for told in effect.texts]) == (
        3,
        [("points", "You have … points", 3)],
    )
    await change(db, published, Set("/fields/header/0/value", "no"), now=now)
    assert [told.text for told in (await look(db, published, now)).effect.texts] == ["You have no points"]


async def test_nobody_sees_a_change_of_what_no_card_shows(
    db: Database, published: BrandRow, card: CardView, now: datetime
) -> None:
    await change(db, published, Set("/variables/memo/sample", "other"), now=now)
    review = await look(db, published, now)
    assert review.nothing_to_see
    assert [one.kind for one in review.differences] == ["variables"]


async def test_samples_are_five_kinds_of_people_and_nobody_is_named(
    db: Database, published: BrandRow, issue: Issue, now: datetime
) -> None:
    names = ["Anna Petrova", "Bella Ivanova", "Maximiliana Preobrazhenskaya", "", "Daria Sidorova", "Elena Orlova"]
    for place, name in enumerate(names):
        await issue(external_id=f"client-{place}", data={"name": name, "points": place})
    await change(db, published, Insert("/fields/secondary", 0, {"key": "more", "label": "More", "value": "M"}), now=now)
    samples = {sample.kind: sample for sample in (await look(db, published, now)).samples}
    assert set(samples) == {"typical", "long_name", "empty", "newest"}  # the template has one language
    assert said(samples["long_name"].after)["holder"] == "M" + "•" * 10 + " P" + "•" * 15
    assert said(samples["empty"].after)["holder"] == ""
    assert "more" not in said(samples["newest"].before)
    assert said(samples["newest"].after)["more"] == "M"
    for sample in samples.values():
        shown = repr(sample.after.document) + repr(sample.after.strings)
        assert not [name for name in names if name and name in shown]
        assert "client-" not in shown


async def test_another_language_is_shown_too(db: Database, published: BrandRow, issue: Issue, now: datetime) -> None:
    await change(db, published, Set("/languages", ["en", "ru"]), now=now)
    await templates.publish(db, published.id, "small", now=now)
    for language in (None, "ru", "en"):
        await issue(external_id=f"c-{language}", language=language)
    await change(db, published, Set("/fields/header/0/label", "Bonuses"), now=now)
    samples = (await look(db, published, now)).samples
    assert [sample.language for sample in samples if sample.kind == "other_language"] == ["ru"]


async def test_a_card_that_the_revision_could_not_show_is_counted(
    db: Database, published: BrandRow, issue: Issue, now: datetime
) -> None:
    for points in (3, 5):
        await issue(external_id=f"c-{points}", data={"points": points})
    await change(db, published, Set("/fields/header/0/value", "{{ 100 // (5 - points) }}"), now=now)
    assert (await look(db, published, now)).effect.broken == 1


async def test_what_stops_a_publish_is_said_and_nothing_is_published(
    db: Database, published: BrandRow, till: Source, card: CardView, now: datetime
) -> None:
    event = HookEvent("e1", "card.changed", now, {"card": card.serial_number, "set": {"balance": 5}})
    await sources.deliver(db, till, event, now)
    await change(db, published, Remove("/fields/secondary/0"), Remove("/variables/balance"), now=now)
    review = await look(db, published, now)
    (used,) = review.in_use
    assert (used.name, used.how, used.days[0][0], used.days[0][1][-1]) == ("balance", "removed", "till", 1)
    assert len(used.days[0][1]) == 30
    assert [problem.pointer for problem in review.blocking] == ["/variables/balance"]
    plain = [
        Set("/variables/points/type", "text"),
        Set("/variables/points/default", ""),
        Remove("/variables/points/sample"),
    ]
    await change(db, published, *plain, now=now)
    broken = await look(db, published, now)
    assert "/variables/points/type" in [problem.pointer for problem in broken.blocking]
    assert broken.effect.looked_at == 0


async def test_a_plan_is_published_once_and_recorded(
    db: Database, published: BrandRow, card: CardView, now: datetime
) -> None:
    await change(db, published, Set("/name", "New"), now=now)
    review = await look(db, published, now)
    ids = {"plan_id": review.plan_id, "by": ANNA, "now": now}
    revision = await reviews.publish(db, published.id, "small", note="A new name", **ids)  # type: ignore[arg-type]
    assert (revision.number, revision.author, revision.note) == (2, "Anna", "A new name")
    with pytest.raises(Conflict) as again:
        await reviews.publish(db, published.id, "small", **ids)  # type: ignore[arg-type]
    assert again.value.code == "plan_changed"
    async with db.reading() as conn:
        rows = (await conn.execute(select(audit_table.c.action, audit_table.c.subject, audit_table.c.detail))).all()
    detail = {"revision": 2, "plan": review.plan_id, "rings": False, "cards": 1}
    assert [tuple(row) for row in rows] == [("template.published", "small", detail)]


async def _another_draft(db: Database, brand: BrandRow, issue: Issue, now: datetime) -> None:
    await change(db, brand, Set("/name", "Other"), now=now)


async def _another_revision(db: Database, brand: BrandRow, issue: Issue, now: datetime) -> None:
    await templates.publish(db, brand.id, "small", now=now)


async def _more_people(db: Database, brand: BrandRow, issue: Issue, now: datetime) -> None:
    await issue(external_id="one more")


@pytest.mark.parametrize("happens", [_another_draft, _another_revision, _more_people])
async def test_what_was_seen_is_published_or_nothing(
    db: Database, published: BrandRow, issue: Issue, card: CardView, now: datetime, happens: Any
) -> None:
    await change(db, published, Set("/name", "New"), now=now)
    review = await look(db, published, now)
    await happens(db, published, issue, now)
    with pytest.raises(Conflict) as refused:
        await reviews.publish(db, published.id, "small", plan_id=review.plan_id, by=ANNA, now=now)
    assert refused.value.code == "plan_changed"


async def test_a_plan_of_another_brand_or_template_is_none(
    db: Database, published: BrandRow, small: dict[str, bytes], now: datetime
) -> None:
    review = await look(db, published, now)
    other = {**small, "template.yaml": small["template.yaml"].replace(b"key: small", b"key: large")}
    await templates.import_files(db, published.id, other, now)
    with pytest.raises(Conflict):
        await reviews.publish(db, published.id, "large", plan_id=review.plan_id, by=ANNA, now=now)
    with pytest.raises(Conflict):
        await reviews.publish(db, published.id + 1, "small", plan_id=review.plan_id, by=ANNA, now=now)
    with pytest.raises(NotFound):
        await reviews.review(db, published.id + 1, "small", by=ANNA, now=now)


async def test_a_roll_back_is_reviewed_published_and_can_be_undone(
    db: Database, published: BrandRow, card: CardView, small: dict[str, bytes], now: datetime
) -> None:
    await change(db, published, Set("/fields/header/0/label", "Bonuses"), now=now)
    await templates.publish(db, published.id, "small", now=now)
    await change(db, published, Set("/fields/header/0/label", "Half-way"), now=now)
    review = await look(db, published, now, number=1)
    assert (review.number, review.follows, review.effect.changed) == (1, 2, 1)
    revision = await reviews.publish(db, published.id, "small", plan_id=review.plan_id, by=ANNA, now=now)
    assert revision.number == 3
    assert await templates.export_files(db, published.id, "small", 3) == small
    draft = await drafts.get(db, published.id, "small")
    assert (draft.files, draft.is_published) == (small, True)
    back = await drafts.undo(db, published.id, "small", base=draft.number, by=ANNA, now=now)
    assert isinstance(back, drafts.Draft)
    assert b"Half-way" in back.files["template.yaml"]


async def test_two_revisions_are_compared(db: Database, published: BrandRow, icon: bytes, now: datetime) -> None:
    await change(db, published, Set("/name", "New"), Set("/colors/background", "#101010"), now=now)
    await templates.publish(db, published.id, "small", now=now)
    await change(db, published, Set("/name", "Newer"), now=now)
    first = await reviews.compare(db, published.id, "small", 1, 2)
    assert [(one.pointer, one.before, one.after) for one in first.differences] == [
        ("/name", "Small card", "New"),
        ("/colors/background", None, "#101010"),
    ]
    second = await reviews.compare(db, published.id, "small", 2, None)
    assert (second.before, second.after, len(second.differences)) == ("2", "draft", 1)
    assert first.pictures == {}
    with pytest.raises(NotFound):
        await reviews.compare(db, published.id, "small", 1, 9)


async def test_the_first_publish_has_nobody_and_nothing_to_compare(
    db: Database, shop: BrandRow, small: dict[str, bytes], now: datetime
) -> None:
    await templates.import_files(db, shop.id, small, now)
    review = await look(db, shop, now)
    assert (review.follows, review.audience.cards, review.samples, review.differences) == (None, 0, (), ())
    assert (await reviews.publish(db, shop.id, "small", plan_id=review.plan_id, by=ANNA, now=now)).number == 1


async def test_ten_thousand_cards_are_reviewed_in_about_a_second(
    db: Database, published: BrandRow, card: CardView, now: datetime
) -> None:
    await _many(db, card, 10_000)
    await change(db, published, Remove("/fields/auxiliary/0"), now=now)
    started = time.process_time()
    review = await look(db, published, now)
    took = time.process_time() - started
    assert (review.audience.cards, review.effect.is_estimate) == (10_001, True)
    assert 0 < review.effect.looked_at <= 2_100
    assert review.effect.changed == 10_001
    (gone,) = review.effect.gone
    assert abs(gone.cards - 5_000) < 1_000  # every other one has a name
    print(f"reviewed in {took:.2f} s of processor time")
    assert took < 2


async def _many(db: Database, card: CardView, number: int) -> None:
    async with db.transaction() as conn:
        row = dict((await conn.execute(select(cards_table).where(cards_table.c.id == card.card_id))).mappings().one())
        del row["id"]
        rows = []
        for place in range(number):
            serial = randomness.serial_number()
            data = {"points": place, "name": "Anna" if place % 2 else ""}
            own = {"serial_number": serial, "number": f"n{place}", "external_id": f"e{place}", "install_hash": serial}
            rows.append({**row, **own, "data_encrypted": seal(db, data, serial)})
        await conn.execute(insert(cards_table), rows)


async def test_a_new_card_may_come_during_the_review_of_many(
    db: Database, published: BrandRow, card: CardView, now: datetime
) -> None:
    await _many(db, card, 150)
    await change(db, published, Set("/name", "New"), now=now)
    review = await look(db, published, now)
    await cards.issue(db, published.id, NewCard(template="small", external_id="late"), now)
    assert (await reviews.publish(db, published.id, "small", plan_id=review.plan_id, by=ANNA, now=now)).number == 2
