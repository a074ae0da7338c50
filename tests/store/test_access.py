"""Who may ask: brands, API keys, hook sources, certificates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from passkit import hooks
from store import brands, keys, sources
from store.errors import Conflict, NotFound


async def test_a_key_is_shown_once_and_recognised_ever_after(db, shop, now) -> None:
    secret = await keys.add(db, shop.id, "backend", ["cards:read"], now)
    assert secret.startswith("pb_live_")
    key = await keys.authenticate(db, secret, now)
    assert (key.brand_id, key.name, key.allows("cards:read"), key.allows("cards:write")) == (
        shop.id,
        "backend",
        True,
        False,
    )
    assert secret not in str(await keys.listing(db, shop.id))
    assert (await keys.listing(db, shop.id))[0].last_used_at == now


@pytest.mark.parametrize("secret", ["", "pb_live_", "pb_live_x_y", "Bearer x", "\ud800", "pb_live_" + "x" * 10_000])
async def test_no_other_text_is_a_key(db, shop, now, secret: str) -> None:
    await keys.add(db, shop.id, "backend", [], now)
    assert await keys.authenticate(db, secret, now) is None


async def test_a_revoked_key_opens_nothing(db, shop, now) -> None:
    secret = await keys.add(db, shop.id, "backend", [], now)
    await keys.revoke(db, shop.id, "backend", now)
    assert await keys.authenticate(db, secret, now) is None
    with pytest.raises(NotFound):
        await keys.revoke(db, shop.id, "backend", now)


async def test_a_key_without_scopes_is_allowed_the_usual_and_an_unknown_scope_is_refused(db, shop, now) -> None:
    key = await keys.authenticate(db, await keys.add(db, shop.id, "all", [], now), now)
    assert [scope for scope in keys.SCOPES if key.allows(scope)] == [*keys.USUAL_SCOPES]
    with pytest.raises(Conflict, match="cards:fly"):
        await keys.add(db, shop.id, "wrong", ["cards:fly"], now)
    with pytest.raises(Conflict) as refused:
        await keys.add(db, shop.id, "all", [], now)
    assert refused.value.code == "already_exists"


async def test_a_revoked_brand_takes_its_keys_sources_and_phones_along(db, published, card, phone, now) -> None:
    secret = await keys.add(db, published.id, "backend", [], now)
    await sources.add(db, published.id, "till", now)
    alice = phone()
    await alice.add(card.serial_number)
    await brands.revoke(db, "shop", now)
    assert await keys.authenticate(db, secret, now) is None
    assert await sources.by_name(db, "till", now) is None
    assert await alice.list() == ()
    assert await alice.download(card.serial_number) == "401"
    assert await alice.register(card.serial_number) is None


async def test_a_rotated_hook_secret_overlaps_with_the_old_one(db, shop, now) -> None:
    old = await sources.add(db, shop.id, "till", now)
    new = await sources.rotate(db, "till", timedelta(hours=1), now)
    assert hooks.key(old) != hooks.key(new)
    assert (await sources.by_name(db, "till", now)).secrets == (new, old)
    assert (await sources.by_name(db, "till", now + timedelta(hours=2))).secrets == (new,)
    assert new not in repr(await sources.by_name(db, "till", now))


async def test_a_second_rotation_does_not_lengthen_the_first_ones_overlap(db, shop, now) -> None:
    await sources.add(db, shop.id, "till", now)
    second = await sources.rotate(db, "till", timedelta(hours=1), now)
    third = await sources.rotate(db, "till", timedelta(days=9), now + timedelta(minutes=30))
    later = now + timedelta(hours=1, minutes=1)
    assert (await sources.by_name(db, "till", later)).secrets == (third, second)


async def test_a_sources_name_is_one_over_all_brands(db, shop, now) -> None:
    await sources.add(db, shop.id, "till", now)
    with pytest.raises(Conflict) as refused:
        await sources.add(db, shop.id, "till", now)
    assert refused.value.code == "already_exists"
    await sources.revoke(db, "till", now)
    assert await sources.by_name(db, "till", now) is None
    with pytest.raises(NotFound):
        await sources.rotate(db, "till", timedelta(0), now)


async def test_the_last_deliveries_are_kept_with_the_true_reason_and_the_oldest_go(db, now) -> None:
    for number in range(1_060):
        await sources.record_delivery(
            db, source="till", event_id=f"e{number}", status=401, result="refused", reason="secret: wrong", now=now
        )
    rows = await sources.deliveries(db)
    assert len(rows) == 200
    assert (rows[0].event_id, rows[0].reason) == ("e1059", "secret: wrong")
    kept = (await db.fetch("SELECT count(*) FROM deliveries"))[0][0]
    assert sources.KEPT_DELIVERIES <= kept < sources.KEPT_DELIVERIES + 50


async def test_a_pass_type_belongs_to_one_brand(db, shop, now) -> None:
    for taken in (
        {"key": "shop", "pass_type_identifier": "pass.new"},
        {"key": "new", "pass_type_identifier": shop.pass_type_identifier},
    ):
        with pytest.raises(Conflict) as refused:
            await brands.add(db, **taken, name="x", team_identifier="T", now=now)
        assert refused.value.code == "already_exists"
    assert (await brands.by_pass_type(db, shop.pass_type_identifier)).id == shop.id
    assert await brands.by_key(db, "nope") is None


async def test_certificates_are_kept_once_with_their_key_and_go_when_removed(db, shop, now) -> None:
    pair = {"certificate_pem": "cert", "private_key_pem": "key", "fingerprint": "f" * 64, "not_before": now}
    assert await brands.add_certificate(db, shop.id, **pair, not_after=now, now=now)
    assert not await brands.add_certificate(db, shop.id, **pair, not_after=now, now=now)
    stored = await brands.certificates(db)
    assert [(one.certificate_pem, one.private_key_pem, one.pass_type_identifier) for one in stored] == [
        ("cert", "key", shop.pass_type_identifier)
    ]
    assert "key" not in repr(stored[0]).replace("pass.", "")
    await brands.remove_certificate(db, "f" * 64, now)
    assert await brands.certificates(db) == []
    assert not await brands.add_certificate(db, shop.id, **pair, not_after=now, now=now)
