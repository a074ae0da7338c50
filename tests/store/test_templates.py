"""Importing, publishing and exporting templates."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import null, select, update

from passkit.model import Look
from store import cards, compiled, dialect, tables, templates
from store.cards import Change, NewCard
from store.errors import Conflict, Invalid, NotFound
from tests.store.conftest import SMALL

MEMO = "memo:    {type: text, label: Memo, optional: true, sample: unseen}"


def edited(small, old: str, new: str) -> dict[str, bytes]:
    assert old in SMALL
    return {**small, "template.yaml": SMALL.replace(old, new).encode()}


async def publish(db, brand, files, now, **how) -> templates.RevisionRow:
    await templates.import_files(db, brand.id, files, now)
    return await templates.publish(db, brand.id, "small", now=now, **how)


async def test_an_export_is_what_was_imported_byte_for_byte(db, shop, small, now) -> None:
    strange = SMALL.replace("name: Small card", "name: 'Small card'   # as the author wrote it\r\n").encode()
    translated = {"template.yaml": strange.replace(b"[en]", b"[en, ru]"), "icon.png": small["icon.png"]}
    translated["strings/ru.yaml"] = "# перевод\nPoints: Баллы\n".encode()
    await templates.import_files(db, shop.id, translated, now)
    assert await templates.export_files(db, shop.id, "small") == translated
    again = await templates.export_files(db, shop.id, "small")
    await templates.import_files(db, shop.id, again, now)
    assert await templates.export_files(db, shop.id, "small") == translated


async def test_the_starter_template_survives_the_round_trip(db, shop, coffee, now) -> None:
    row = await templates.import_files(db, shop.id, coffee, now)
    assert row.key == "coffee"
    first = await templates.export_files(db, shop.id, "coffee")
    assert {name: first[name] for name in first if name.endswith(".yaml")} == {
        name: content for name, content in coffee.items() if name.endswith(".yaml")
    }
    await templates.import_files(db, shop.id, first, now)
    assert await templates.export_files(db, shop.id, "coffee") == first
    assert (await templates.publish(db, shop.id, "coffee", now=now)).number == 1


@pytest.mark.parametrize(
    ("name", "content", "pointer"),
    [
        ("icon.png", b"<svg onload=alert(1)>", "/files/icon.png"),
        ("notes.txt", b"hello", "/files/notes.txt"),
        ("../../etc/passwd.png", b"x", "/files/..~1..~1etc~1passwd.png"),
        (".hidden.png", b"x", "/files/.hidden.png"),
        ("template.yaml", b"key: [", ""),
        ("template.yaml", b"key: small\nstyle: nope\nname: x\n", "/style"),
    ],
)
async def test_files_that_cannot_be_kept_are_refused_with_their_place(
    db, shop, small, now, name, content, pointer
) -> None:
    with pytest.raises(Invalid) as refused:
        await templates.import_files(db, shop.id, {**small, name: content}, now)
    assert any(problem.pointer.startswith(pointer) for problem in refused.value.problems)
    assert await templates.listing(db, shop.id) == []


async def test_publishing_counts_revisions_and_cards_follow(db, shop, small, now) -> None:
    first = await publish(db, shop, small, now, author="Anna", note="first")
    assert (first.number, first.author, first.note, first.is_new) == (1, "Anna", "first", True)
    issued = await cards.issue(db, shop.id, NewCard(template="small"), now)
    second = await publish(db, shop, edited(small, "label: Memo", "label: Note"), now)
    assert second.number == 2
    assert (await cards.view(db, shop.id, issued.card.serial_number)).revision == 2
    assert [row.number for row in await templates.revisions(db, shop.id, "small")] == [2, 1]
    assert b"label: Memo" in (await templates.export_files(db, shop.id, "small", 1))["template.yaml"]


async def test_publishing_the_same_files_again_does_nothing(db, shop, small, now) -> None:
    first = await publish(db, shop, small, now)
    again = await publish(db, shop, small, now)
    assert (again.number, again.stamp, again.is_new) == (1, first.stamp, False)


async def test_a_roll_back_is_a_new_revision(db, shop, small, now) -> None:
    first = await publish(db, shop, small, now)
    await publish(db, shop, edited(small, "label: Memo", "label: Note"), now)
    third = await publish(db, shop, small, now)
    assert (third.number, third.is_new) == (3, True)
    assert third.stamp != first.stamp


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("style: storeCard", "style: coupon", "/style"),
        ("points:  {type: integer", "points:  {type: decimal", "/variables/points/type"),
        ("currency: RUB", "currency: EUR", "/variables/balance/type"),
        ("memo:    {type: text, label: Memo, optional: true", "memo: {type: text, label: Memo", "/variables/memo"),
        ("  memo:", "  extra: {type: text, sample: x}\n  memo:", "/variables/extra"),
    ],
)  # fmt: skip
async def test_what_the_first_publish_fixed_cannot_change(db, shop, small, now, old, new, pointer: str) -> None:
    await publish(db, shop, small, now)
    with pytest.raises(Invalid) as refused:
        await publish(db, shop, edited(small, old, new), now)
    assert pointer in [problem.pointer for problem in refused.value.problems]
    assert (await templates.by_key(db, shop.id, "small")).published_revision == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name:    {type: text", "name:    {type: email"),
        ("  memo:", "  extra: {type: text, default: x}\n  memo:"),
        ("  memo:", "  extra: {type: text, optional: true}\n  memo:"),
    ],
)
async def test_what_every_card_survives_may_change(db, shop, small, now, old, new) -> None:
    small = edited(small, "sample: Anna", 'sample: "a@example.com"')
    await publish(db, shop, small, now)
    await cards.issue(db, shop.id, NewCard(template="small", data={"points": 7}), now)
    text = small["template.yaml"].decode()
    assert (await publish(db, shop, {**small, "template.yaml": text.replace(old, new).encode()}, now)).number == 2
    assert (await cards.listing(db, shop.id)).cards[0].data["points"] == 7


async def test_a_variable_that_was_taken_out_keeps_its_data_and_its_type(db, shop, small, now) -> None:
    await publish(db, shop, small, now)
    issued = await cards.issue(db, shop.id, NewCard(template="small", data={"memo": "kept"}), now)
    serial = issued.card.serial_number
    without = edited(small, f"  {MEMO}\n", "")
    await publish(db, shop, without, now)
    assert "memo" not in (await cards.view(db, shop.id, serial)).data
    await cards.change(db, shop.id, serial, Change(data={"points": 3}), now)
    other = edited(small, MEMO, "memo: {type: integer, optional: true}")
    with pytest.raises(Invalid, match="cannot become integer"):
        await publish(db, shop, other, now)
    await publish(db, shop, small, now)
    assert (await cards.view(db, shop.id, serial)).data["memo"] == "kept"


async def test_a_renamed_variable_keeps_its_data_under_an_alias(db, shop, small, now) -> None:
    await publish(db, shop, small, now)
    issued = await cards.issue(db, shop.id, NewCard(template="small", data={"memo": "kept"}), now)
    serial = issued.card.serial_number
    await publish(db, shop, edited(small, "  memo: ", "  note: "), now)
    assert (await cards.view(db, shop.id, serial)).data["note"] is None
    await publish(db, shop, edited(small, MEMO, MEMO.replace("memo:", "note:")[:-1] + ", alias: memo}"), now)
    assert (await cards.view(db, shop.id, serial)).data["note"] == "kept"
    await cards.change(db, shop.id, serial, Change(data={"memo": "new"}), now)
    assert (await cards.view(db, shop.id, serial)).data["note"] == "new"
    await cards.change(db, shop.id, serial, Change(data={"note": None}), now)
    assert (await cards.view(db, shop.id, serial)).data["note"] is None


async def test_an_alias_cannot_give_data_another_type(db, shop, small, now) -> None:
    await publish(db, shop, small, now)
    with pytest.raises(Invalid, match="`note` holds text"):
        await publish(db, shop, edited(small, MEMO, "note: {type: integer, optional: true, alias: memo}"), now)


async def test_a_template_with_an_error_is_not_published(db, shop, small, now) -> None:
    broken = edited(small, '"{{ points }}", change', '"{{ nope }}", change')
    with pytest.raises(Invalid) as refused:
        await publish(db, shop, broken, now)
    assert any("/fields/header/0" in problem.pointer for problem in refused.value.problems)
    assert (await templates.by_key(db, shop.id, "small")).published_revision is None


async def test_two_who_publish_at_once_make_one_revision(db, shop, small, now) -> None:
    await templates.import_files(db, shop.id, small, now)
    rows = await asyncio.gather(*(templates.publish(db, shop.id, "small", now=now) for _ in range(3)))
    assert {row.number for row in rows} == {1}
    assert sum(row.is_new for row in rows) == 1


async def test_an_unknown_template_is_not_found(db, shop, now) -> None:
    for call in (templates.publish(db, shop.id, "nope", now=now), templates.export_files(db, shop.id, "nope")):
        with pytest.raises(NotFound) as refused:
            await call
        assert refused.value.code == "template_not_found"


async def test_the_same_picture_is_kept_once(db, shop, small, now) -> None:
    await templates.import_files(db, shop.id, small, now)
    other = {
        **small,
        "template.yaml": SMALL.replace("key: small", "key: other").encode(),
        "copy.png": small["icon.png"],
    }
    await templates.import_files(db, shop.id, other, now)
    assert (await db.fetch("SELECT count(*) FROM assets"))[0][0] == 3


async def test_a_revision_is_compiled_once_for_all_who_wait_for_it(db, published, now, keyring) -> None:
    row = await templates.by_key(db, published.id, "small")
    db.kept(compiled.Cache).forget()
    found = await asyncio.gather(*(templates.revision(db, None, row.published_revision_id) for _ in range(5)))
    assert len({id(one) for one in found}) == 1


async def test_a_draft_that_changes_while_it_is_published_is_published_another_time(db, shop, small, now) -> None:
    await publish(db, shop, small, now)
    publishing = asyncio.create_task(publish(db, shop, edited(small, "label: Memo", "label: Note"), now))
    later = asyncio.create_task(templates.import_files(db, shop.id, edited(small, "label: Memo", "label: Mark"), now))
    results = await asyncio.gather(publishing, later, return_exceptions=True)
    if isinstance(results[0], Exception):
        assert isinstance(results[0], Conflict)
    revision = await templates.publish(db, shop.id, "small", now=now)
    files = await templates.export_files(db, shop.id, "small", revision.number)
    assert files == await templates.export_files(db, shop.id, "small")


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_restart_takes_the_pictures_that_the_publish_made_and_makes_them_where_there_are_none(
    db, shop, small, now, database_url, keyring, is_kept
) -> None:
    row = await publish(db, shop, small, now)
    made = (await templates.revision(db, None, row.id)).images.files
    async with db.transaction() as conn:
        kept = (await conn.execute(select(tables.revisions.c.pictures))).scalar_one()
        assert set(kept) == set(made)
        mark = update(tables.assets).where(tables.assets.c.hash == kept["icon.png"]).values(content=b"as it was made")
        forget = update(tables.revisions).values(pictures=null())
        await conn.execute(mark if is_kept else forget)
    restarted = await dialect.open(database_url, keyring)
    found = (await templates.revision(restarted, None, row.id)).images.files
    await restarted.close()
    assert found == (made | {"icon.png": b"as it was made"} if is_kept else made)


async def test_a_publish_draws_every_look_and_a_restart_draws_none(db, shop, small, now, database_url, keyring) -> None:
    text = SMALL + "stamps: {count: '{{ points }}', of: 3, icon: icon.png}\n"
    row = await publish(db, shop, {**small, "template.yaml": text.encode()}, now)
    made = (await templates.revision(db, None, row.id)).images
    async with db.transaction() as conn:
        kept = (await conn.execute(select(tables.revisions.c.pictures))).scalar_one()
        assert {f"stamps/{count}/strip@{scale}x.png" for count in range(4) for scale in (2, 3)} <= set(kept)
        mark = update(tables.assets).where(tables.assets.c.hash == kept["stamps/2/strip.png"]).values(content=b"drawn")
        await conn.execute(mark)
    restarted = await dialect.open(database_url, keyring)
    found = (await templates.revision(restarted, None, row.id)).images
    await restarted.close()
    assert found.of(Look(None, 2)).files["strip.png"] == b"drawn"
    assert found.of(Look(None, 3)) == made.of(Look(None, 3))
    assert found.of(Look(None, 3)) != made.of(Look(None, 1))
