"""Joining by a link: who gets which card, who learns what, and that a form or a code is good once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from passkit import joinform
from passkit.joinform import Question
from store import brands, cards, consents, joining, joinlinks, outgoing, tables, templates
from store.audit import Actor
from store.brands import BrandRow
from store.cards import NewCard
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.joining import CodeSent, Form, Joined, Over, TooMany, Wrong
from store.joinlinks import NewLink, OpenLink

BY = Actor("Anna")
PHONE = "+79161234567"
YAML = """
key: club
style: storeCard
name: Club
languages: [ru, en]
variables:
  name:   {type: text, label: Name, default: "", personal: true, ask: true}
  phone:  {type: phone, label: Phone, default: "", personal: true, ask: {required: true}}
  points: {type: integer, label: Points, default: 0}
fields:
  header: [{key: points, label: Points, value: "{{ points }}"}]
  secondary: [{key: holder, label: Name, value: "{{ name }}"}]
consents: {processing: I agree., marketing: News.}
images: {icon: icon.png}
"""
OWN = (Question("source", "text", {"en": "From where?"}),)


@pytest_asyncio.fixture
async def club(db: Database, shop: BrandRow, icon: bytes, now: datetime) -> BrandRow:
    await templates.import_files(db, shop.id, {"template.yaml": YAML.encode(), "icon.png": icon}, now)
    await templates.publish(db, shop.id, "club", now=now)
    return shop


async def link(db: Database, brand: BrandRow, now: datetime, **more: Any) -> OpenLink:
    given = NewLink(**{"template": "club", "name": "Poster", "questions": OWN, **more})
    made = await joinlinks.add(db, brand.id, given, BY, now)
    opened = await joinlinks.opened(db, made.slug)
    assert opened is not None
    return opened


@pytest_asyncio.fixture
async def poster(db: Database, club: BrandRow, now: datetime) -> OpenLink:
    return await link(db, club, now, outlet="nevsky", issued_by="employee:7", utm={"source": "poster"})


def form(opened: OpenLink, number: int = 1, phone: str = PHONE, agreed: Sequence[str] = ("processing",)) -> Form:
    given = {"data.name": f"Anna {number}", "data.phone": phone, "own.source": "Friends"}
    given |= {f"consent.{kind}": "yes" for kind in agreed}
    template = opened.revision.template
    answers = joinform.read(template, opened.link.questions, given, opened.region, "Europe/Moscow")
    assert not answers.errors
    return Form(f"form-{number}", answers, tuple(joinform.consents(template, "en")), "en")


async def code_of(db: Database) -> str:
    """What the phone received last."""
    (due,) = await outgoing.claim(db, owner="test", room=10, lease=timedelta(minutes=1))
    assert due.to == PHONE
    await outgoing.settle(db, owner="test", due=due, fate=outgoing.Fate(True))
    found = re.search(r"\d{6}", due.text)
    assert found is not None
    return found[0]


async def member(db: Database, brand: BrandRow, now: datetime, phone: str = PHONE) -> cards.CardView:
    """Somebody who has a card already."""
    data = {"name": "Anna", "phone": phone, "points": 500}
    return (await cards.issue(db, brand.id, NewCard(template="club", data=data), now)).card


async def test_a_new_phone_gets_a_card_at_once_with_outlet_person_and_consents(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    for has_gateway in (False, True):
        phone = PHONE if has_gateway else "+79160000001"
        given = form(poster, has_gateway, phone, ("processing", "marketing"))
        joined = await joining.join(db, poster, given, has_gateway=has_gateway, now=now)
        assert isinstance(joined, Joined)
        assert joined.is_new
        card = await cards.view(db, club.id, joined.card.serial_number)
        assert (card.outlet, card.issued_by, card.channel, card.tags) == ("nevsky", "employee:7", "join", ())
        assert (card.language, card.data["phone"], card.data["points"]) == ("en", phone, 0)
        agreed = await consents.of_card(db, card.card_id)
        assert [(one.kind, one.given, one.version, one.text, one.at) for one in agreed.values()] == [
            ("processing", True, 1, "I agree.", now),
            ("marketing", True, 1, "News.", now),
        ]
        assert await joining.answers_of(db, card.card_id) == {"source": "Friends"}
    (listed,) = await joinlinks.listing(db, club.id)
    assert (listed.joined, listed.known, listed.utm) == (2, 0, {"source": "poster"})


async def test_a_refusal_of_marketing_is_kept_as_one(db: Database, poster: OpenLink, now: datetime):
    joined = await joining.join(db, poster, form(poster), has_gateway=False, now=now)
    assert isinstance(joined, Joined)
    agreed = await consents.of_card(db, joined.card.card_id)
    assert {kind: one.given for kind, one in agreed.items()} == {"processing": True, "marketing": False}


async def test_without_a_gateway_a_known_phone_gets_what_any_phone_gets(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    mine = await member(db, club, now)
    joined = await joining.join(db, poster, form(poster), has_gateway=False, now=now)
    assert isinstance(joined, Joined)
    assert joined.is_new
    assert joined.card.serial_number != mine.serial_number
    assert joined.card.data["points"] == 0
    assert joined.card.tags == ("same-phone",)
    assert {one.card_id for one in await cards.by_phone(db, club.id, PHONE)} == {mine.card_id, joined.card.card_id}


async def test_with_a_gateway_a_known_phone_gets_its_own_card_by_the_code_and_not_without_it(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    mine = await member(db, club, now)
    asked = form(poster, agreed=("processing", "marketing"))
    sent = await joining.join(db, poster, asked, has_gateway=True, now=now)
    assert isinstance(sent, CodeSent)
    assert sent.phone == "+7 ••• •••-••-67"
    code = await code_of(db)
    wrong = await joining.prove(db, poster, sent.token, f"{(int(code) + 1) % 1_000_000:06d}", now)
    assert isinstance(wrong, Wrong)
    assert wrong.sent.left == joining.ATTEMPTS - 1
    joined = await joining.prove(db, poster, sent.token, f" {code} ", now)
    assert isinstance(joined, Joined)
    assert (joined.card.serial_number, joined.is_new) == (mine.serial_number, False)
    card = await cards.view(db, club.id, mine.serial_number)
    assert (card.data["name"], card.data["points"]) == ("Anna", 500)
    agreed = await consents.of_card(db, mine.card_id)
    assert {kind: one.given for kind, one in agreed.items()} == {"processing": True, "marketing": True}
    assert isinstance(await joining.prove(db, poster, sent.token, code, now), Over)
    again = await joining.join(db, poster, asked, has_gateway=True, now=now)
    assert isinstance(again, Joined)
    assert again.card.serial_number == mine.serial_number


async def test_a_link_that_asks_everybody_tells_nobody_who_is_known(db: Database, club: BrandRow, now: datetime):
    careful = await link(db, club, now, verify="always")
    new = await joining.join(db, careful, form(careful), has_gateway=True, now=now)
    assert isinstance(new, CodeSent)
    async with db.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.cards))).scalar() == 0
        row = (await conn.execute(select(tables.join_codes))).one()
    assert b"Anna" not in row.form_encrypted
    joined = await joining.prove(db, careful, new.token, await code_of(db), now)
    assert isinstance(joined, Joined)
    assert (joined.is_new, joined.card.data["name"]) == (True, "Anna 1")


async def test_a_link_may_do_without_codes(db: Database, club: BrandRow, now: datetime):
    await member(db, club, now)
    quick = await link(db, club, now, verify="never")
    assert isinstance(await joining.join(db, quick, form(quick), has_gateway=True, now=now), Joined)


async def test_a_voided_card_is_not_handed_out(db: Database, club: BrandRow, poster: OpenLink, now: datetime):
    mine = await member(db, club, now)
    await cards.void(db, club.id, mine.serial_number, now)
    joined = await joining.join(db, poster, form(poster), has_gateway=True, now=now)
    assert isinstance(joined, Joined)
    assert joined.is_new


async def test_a_form_sent_twice_or_five_times_at_once_gives_one_card(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    given = form(poster)
    made = await asyncio.gather(*(joining.join(db, poster, given, has_gateway=False, now=now) for _ in range(5)))
    assert len({one.card.serial_number for one in made if isinstance(one, Joined)}) == 1
    assert sorted(one.is_new for one in made if isinstance(one, Joined)) == [False] * 4 + [True]
    assert len((await cards.listing(db, club.id)).cards) == 1


async def test_a_code_cannot_be_guessed_waited_for_or_used_elsewhere(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    await member(db, club, now)
    sent = await joining.join(db, poster, form(poster), has_gateway=True, now=now)
    assert isinstance(sent, CodeSent)
    code = await code_of(db)
    other = await link(db, club, now)
    assert isinstance(await joining.prove(db, other, sent.token, code, now), Over)
    assert isinstance(await joining.prove(db, poster, "x" * 43, code, now), Over)
    assert isinstance(await joining.prove(db, poster, "\0", code, now), Over)
    late = now + joining.GOOD_FOR + timedelta(seconds=1)
    assert isinstance(await joining.prove(db, poster, sent.token, code, late), Over)
    wrong = "000000" if code != "000000" else "000001"
    tries = await asyncio.gather(*(joining.prove(db, poster, sent.token, wrong, now) for _ in range(12)))
    assert sum(isinstance(one, Wrong) for one in tries) == joining.ATTEMPTS - 1
    assert isinstance(await joining.prove(db, poster, sent.token, code, now), Over)


async def test_another_code_comes_after_a_minute_and_the_first_is_good_no_more(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    await member(db, club, now)
    sent = await joining.join(db, poster, form(poster), has_gateway=True, now=now)
    assert isinstance(sent, CodeSent)
    first = await code_of(db)
    soon = await joining.send_again(db, poster, sent.token, now + timedelta(seconds=20))
    assert soon == TooMany(40)
    again = await joining.send_again(db, poster, sent.token, now + timedelta(seconds=61))
    assert isinstance(again, CodeSent)
    assert again.wait == 60
    second = await code_of(db)
    if second != first:
        assert isinstance(await joining.prove(db, poster, sent.token, first, now), Wrong)
    assert isinstance(await joining.prove(db, poster, sent.token, second, now), Joined)


async def test_a_phone_does_not_ring_all_day(db: Database, club: BrandRow, poster: OpenLink, now: datetime):
    await member(db, club, now)
    for number in range(joining.A_PHONE_AN_HOUR):
        sent = await joining.join(db, poster, form(poster, number), has_gateway=True, now=now)
        assert isinstance(sent, CodeSent)
    too_many = await joining.join(db, poster, form(poster, 99), has_gateway=True, now=now + timedelta(minutes=20))
    assert too_many == TooMany(40 * 60)
    later = await joining.join(db, poster, form(poster, 99), has_gateway=True, now=now + timedelta(minutes=61))
    assert isinstance(later, CodeSent)


async def test_a_link_is_made_with_an_address_that_is_nobody_else_s_and_never_used_again(
    db: Database, club: BrandRow, now: datetime
):
    made = await link(db, club, now, slug="nevsky-12")
    assert made.link.slug == "nevsky-12"
    await joinlinks.archive(db, club.id, made.link.id, BY, now)
    assert await joinlinks.opened(db, "nevsky-12") is None
    with pytest.raises(Conflict):
        await link(db, club, now, slug="nevsky-12")
    assert re.fullmatch(r"[2-9a-z]{8}", (await link(db, club, now)).link.slug)
    assert [one.slug for one in await joinlinks.listing(db, club.id, archived=True)][-1] == "nevsky-12"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": "  "}, "/name"),
        ({"slug": "Невский"}, "/slug"),
        ({"slug": "-a"}, "/slug"),
        ({"verify": "maybe"}, "/verify"),
        ({"utm": {"color": "red"}}, "/utm"),
        ({"template": "none"}, "/template"),
        ({"questions": (Question("Bad", "text", {"en": "?"}),)}, "/questions"),
        ({"questions": (Question("a", "choice", {"en": "?"}, ({"en": "one"},)),)}, "/questions"),
        ({"questions": (Question("a", "text", {"en": "?"}), Question("a", "text", {"en": "!"}))}, "/questions"),
    ],
)
async def test_what_makes_no_link_is_refused_with_its_place(
    db: Database, club: BrandRow, now: datetime, given: dict[str, Any], pointer: str
):
    with pytest.raises(Invalid) as refused:
        await link(db, club, now, **given)
    assert [one.pointer for one in refused.value.problems] == [pointer]


async def test_another_brand_s_link_is_nobody_s_and_a_revoked_brand_s_is_closed(
    db: Database, club: BrandRow, poster: OpenLink, now: datetime
):
    with pytest.raises(NotFound):
        await joinlinks.get(db, club.id + 1, poster.link.id)
    with pytest.raises(NotFound):
        await joinlinks.archive(db, club.id + 1, poster.link.id, BY, now)
    renamed = NewLink(template="club", name="Window", verify="always")
    changed = await joinlinks.change(db, club.id, poster.link.id, renamed, BY, now)
    assert (changed.name, changed.verify, changed.slug) == ("Window", "always", poster.link.slug)
    await brands.revoke(db, club.key, now)
    assert await joinlinks.opened(db, poster.link.slug) is None
    assert await joinlinks.opened(db, "../etc") is None


async def test_a_reworded_consent_is_a_new_version_and_the_old_words_stay(
    db: Database, club: BrandRow, poster: OpenLink, icon: bytes, now: datetime
):
    first = await joining.join(db, poster, form(poster), has_gateway=False, now=now)
    text = YAML.replace("I agree.", "I agree to more.")
    await templates.import_files(db, club.id, {"template.yaml": text.encode(), "icon.png": icon}, now)
    await templates.publish(db, club.id, "club", now=now)
    opened = await joinlinks.opened(db, poster.link.slug)
    assert opened is not None
    second = await joining.join(db, opened, form(opened, 2, "+79160000002"), has_gateway=False, now=now)
    assert isinstance(first, Joined)
    assert isinstance(second, Joined)
    versions = [(await consents.of_card(db, one.card.card_id))["processing"] for one in (first, second)]
    assert [(one.version, one.text) for one in versions] == [(1, "I agree."), (2, "I agree to more.")]
    await consents.answer(db, club.id, first.card.card_id, form(poster).asked, (), "desk", now + timedelta(days=1))
    taken_back = await consents.of_card(db, first.card.card_id)
    assert [(one.kind, one.given, one.place) for one in taken_back.values()] == [
        ("processing", False, "desk"),
        ("marketing", False, "join"),
    ]
