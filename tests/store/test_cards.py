"""Issuing, changing, finding and listing cards."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest

from passkit.model import Notify
from store import brands, cards, templates
from store.cards import CardFilter, CardRef, Change, Issued, NewCard, Patch
from store.errors import Conflict, Invalid, NotFound, StoreError, VersionMismatch


def luhn_holds(number: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, digits added, a multiple of ten."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


async def test_a_card_has_all_that_answers_show(card) -> None:
    assert (card.template, card.revision, card.version, card.state) == ("small", 1, 1, "active")
    assert card.data == {"name": "Анна", "points": 100, "balance": 0, "memo": None}
    assert card.formatted["points"] == "100"
    assert "RUB" in card.formatted["balance"] or "₽" in card.formatted["balance"]
    assert re.fullmatch(r"[A-Za-z0-9]{22}", card.serial_number)


async def test_numbers_have_luhns_digit_and_no_order(issue) -> None:
    numbers = [(await issue()).number for _ in range(20)]
    assert all(13 <= len(number) <= 16 and number.isdigit() and luhn_holds(number) for number in numbers)
    assert numbers != sorted(numbers)
    assert len(set(numbers)) == 20


async def test_a_known_external_id_gives_the_same_card_untouched(db, published, card, now) -> None:
    again = await cards.issue(
        db, published.id, NewCard(template="small", external_id="c-1", data={"points": 7, "name": "B"}), now
    )
    assert not again.created
    assert again.card == card


async def test_ten_requests_for_one_external_id_at_once_issue_one_card(db, published, now) -> None:
    new = NewCard(template="small", external_id="rush")
    issued = await asyncio.gather(*(cards.issue(db, published.id, new, now) for _ in range(10)))
    assert len({one.card.serial_number for one in issued}) == 1
    assert sum(one.created for one in issued) == 1


async def test_a_number_of_anothers_is_a_conflict(db, published, issue, now) -> None:
    await issue(number="12345678")
    with pytest.raises(Conflict) as refused:
        await cards.issue(db, published.id, NewCard(template="small", number="12345678"), now)
    assert refused.value.code == "already_exists"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [({"points": "x"}, "/data/points"), ({"nope": 1}, "/data/nope"), ({"name": "a\x07"}, "/data/name")],
)
async def test_data_that_does_not_fit_is_refused_with_its_place(db, published, now, data, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await cards.issue(db, published.id, NewCard(template="small", data=data), now)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
    assert (await cards.listing(db, published.id)).cards == ()


async def test_a_template_that_is_unknown_or_unpublished_issues_nothing(db, shop, small, now) -> None:
    with pytest.raises(Invalid, match="no template"):
        await cards.issue(db, shop.id, NewCard(template="nope"), now)
    await templates.import_files(db, shop.id, small, now)
    with pytest.raises(Conflict) as refused:
        await cards.issue(db, shop.id, NewCard(template="small"), now)
    assert refused.value.code == "not_published"


async def test_another_brand_sees_nothing_of_a_card(db, published, card, now) -> None:
    other = await brands.add(
        db, key="other", name="Other", pass_type_identifier="pass.other", team_identifier="T", now=now
    )
    with pytest.raises(NotFound):
        await cards.view(db, other.id, card.serial_number)
    with pytest.raises(NotFound):
        await cards.change(db, other.id, card.serial_number, Change(state="voided"), now)
    with pytest.raises(NotFound):
        await cards.find(db, other.id, card.number)
    with pytest.raises(NotFound):
        await cards.timeline(db, other.id, card.serial_number)
    assert (await cards.listing(db, other.id)).cards == ()
    serving = await cards.serve(db, "pass.other", card.serial_number, 0, now)
    assert serving is None


@pytest.mark.parametrize("name", ["\0", "\ud800", "' OR 1=1 --", "x" * 10_000, ""])
async def test_a_name_that_no_card_can_have_is_not_found(db, published, card, name: str, now) -> None:
    for ref in (name, CardRef(serial_number=name), CardRef(external_id=name), CardRef(number=name)):
        with pytest.raises(NotFound):
            await cards.find(db, published.id, ref)
    with pytest.raises(NotFound):
        await cards.change(db, published.id, name, Change(state="voided"), now)
    with pytest.raises(NotFound):
        await cards.timeline(db, published.id, name)


async def test_a_merge_patch_changes_what_it_names_and_null_clears(db, published, card, now) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    first = Change(data={"points": 5}, language="en", expires_at=until, tags=("vip",), external_id="c-2")
    changed = (await cards.change(db, published.id, card.serial_number, first, now)).card
    assert (changed.data["points"], changed.data["name"]) == (5, "Анна")
    assert (changed.language, changed.expires_at, changed.tags, changed.external_id) == ("en", until, ("vip",), "c-2")
    second = Change(data={"points": None}, language=None, expires_at=None, tags=None, external_id=None)
    cleared = (await cards.change(db, published.id, card.serial_number, second, now)).card
    assert (cleared.data["points"], cleared.version) == (0, 3)
    assert (cleared.language, cleared.expires_at, cleared.tags, cleared.external_id) == (None, None, (), None)
    assert cleared == await cards.view(db, published.id, card.serial_number)


async def test_a_version_guard_that_does_not_hold_changes_nothing(db, published, card, now) -> None:
    with pytest.raises(VersionMismatch):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}, version=2), now)
    done = await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}, version=1), now)
    assert done.card.version == 2


async def test_guarded_changes_at_once_lose_nothing(db, published, card, now) -> None:
    """The losers are told, read again and try again: a counter made of guards counts right."""

    async def add_one() -> None:
        while True:
            read = await cards.view(db, published.id, card.serial_number)
            patch = Change(data={"points": read.data["points"] + 1}, version=read.version)
            try:
                await cards.change(db, published.id, card.serial_number, patch, now)
            except VersionMismatch:
                continue
            return

    await asyncio.gather(*(add_one() for _ in range(6)))
    assert (await cards.view(db, published.id, card.serial_number)).data["points"] == 106


async def test_an_external_id_of_anothers_is_a_conflict(db, published, card, issue, now) -> None:
    other = await issue(external_id="c-2")
    with pytest.raises(Conflict) as refused:
        await cards.change(db, published.id, other.serial_number, Change(external_id="c-1"), now)
    assert refused.value.code == "already_exists"


async def test_voiding_is_visible_and_silent(db, published, card, now) -> None:
    done = await cards.void(db, published.id, card.serial_number, now)
    assert done.card.state == "voided"
    assert done.is_visible
    assert [row.lock_screen for row in done.visible] == []
    assert not (await cards.void(db, published.id, card.serial_number, now)).is_visible


async def test_a_changed_barcode_is_visible_though_no_field_is(db, shop, small, now) -> None:
    text = small["template.yaml"].decode().replace("{{ card.number }}", "{{ memo }}.")
    await templates.import_files(db, shop.id, {**small, "template.yaml": text.encode()}, now)
    await templates.publish(db, shop.id, "small", now=now)
    issued = await cards.issue(db, shop.id, NewCard(template="small", data={"memo": "a"}), now)
    done = await cards.change(db, shop.id, issued.card.serial_number, Change(data={"memo": "b"}), now)
    assert done.is_visible
    assert done.visible == ()


async def test_money_is_shown_as_a_person_reads_it(db, published, card, now) -> None:
    done = await cards.change(
        db, published.id, card.serial_number, Change(data={"balance": "450.00"}, notify=Notify.SILENT), now
    )
    assert done.card.data["balance"] == 45000
    assert "450.00" in done.card.formatted["balance"]
    assert "450.00" in done.visible[0].new


async def test_pages_hold_every_card_once(db, published, issue) -> None:
    issued = [(await issue(external_id=f"p-{number}")).serial_number for number in range(7)]
    seen, cursor = [], None
    while True:
        page = await cards.listing(db, published.id, cursor=cursor, limit=3)
        seen += [card.serial_number for card in page.cards]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == issued


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "YzEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "ümlaut", "YzDZoQ"])
async def test_a_cursor_that_is_not_ours_is_refused(db, published, cursor: str) -> None:
    with pytest.raises(StoreError) as refused:
        await cards.listing(db, published.id, cursor=cursor)
    assert refused.value.code == "bad_cursor"


async def test_listings_are_filtered(db, published, issue, now) -> None:
    one = await issue(external_id="p-1", number="42")
    two = await issue(external_id="p-2")
    await cards.void(db, published.id, two.serial_number, now)

    async def found(**filters) -> list[str]:
        page = await cards.listing(db, published.id, filters=CardFilter(**filters))
        return [card.serial_number for card in page.cards]

    assert await found(external_id="p-1") == [one.serial_number]
    assert await found(number="42") == [one.serial_number]
    assert await found(state="voided") == [two.serial_number]
    assert await found(template="small") == [one.serial_number, two.serial_number]
    assert await found(template="other") == []


async def test_in_a_batch_one_bad_row_does_not_spoil_the_others(db, published, card, now) -> None:
    rows = [
        NewCard(template="small", external_id="b-1"),
        NewCard(template="small", data={"points": "x"}),
        Patch(CardRef(external_id="c-1"), Change(data={"points": 5})),
        Patch(CardRef(serial_number="nope"), Change()),
        NewCard(template="small", external_id="c-1"),
        NewCard(template="small", number=card.number),
    ]
    results = await cards.batch(db, published.id, rows, now)
    assert isinstance(results[0], Issued)
    assert [type(result).__name__ for result in results] == [
        "Issued",
        "Invalid",
        "Changed",
        "NotFound",
        "Issued",
        "Conflict",
    ]
    assert results[0].created
    assert not results[4].created
    assert (await cards.view(db, published.id, card.serial_number)).data["points"] == 5


async def test_a_batch_of_sixty_rows_keeps_their_order(db, published, now) -> None:
    rows = [NewCard(template="small", external_id=f"b-{number}") for number in range(60)]
    results = await cards.batch(db, published.id, rows, now)
    assert [result.card.external_id for result in results] == [row.external_id for row in rows]


async def test_an_install_token_finds_its_card_and_nothing_else_does(db, published, card, now) -> None:
    found = await cards.by_install_token(db, card.install_token, now)
    assert found is not None
    assert found.card == card
    assert found.brand.name == "Coffee shop"
    assert found.fill(now).document["serialNumber"] == card.serial_number
    for token in (
        "",
        "nope",
        card.serial_number,
        card.install_token[:-1],
        card.install_token + "x",
        "\ud800",
        "x" * 5000,
    ):
        assert await cards.by_install_token(db, token, now) is None


async def test_the_pass_carries_a_token_that_opens_its_own_card_alone(db, published, card, issue, now) -> None:
    serving = await cards.serve(db, "pass.com.example.coffee", card.serial_number, 0, now)
    assert serving is not None
    token = serving.fill(now).document["authenticationToken"].encode()
    assert db.keyring.check_token("pass.com.example.coffee", card.serial_number, token) == 0
    assert db.keyring.check_token("pass.com.example.coffee", (await issue()).serial_number, token) is None
    assert await cards.serve(db, "pass.com.example.coffee", card.serial_number, 1, now) is None


async def test_the_timeline_tells_the_whole_story_in_order(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await db.served.flush()
    told = await cards.timeline(db, published.id, card.serial_number)
    kinds = [entry.kind for entry in told.entries]
    assert kinds[:1] == ["issued"]
    assert set(kinds) == {"issued", "fetched", "registered", "listed", "changed", "queued"}
    assert kinds.index("changed") < kinds.index("queued") < len(kinds) - kinds[::-1].index("fetched")
    change = next(entry for entry in told.entries if entry.kind == "changed")
    assert change.detail["visible"][0]["lock_screen"] == "You have 120 points"
    assert told.diagnosis.code == "up_to_date"
    assert len(told.holders) == 1
