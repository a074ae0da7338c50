"""What Google tells of saves and deletions, what it answers when asked, and who it is."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from store import brands, cards, google, sweeps, tables
from store.brands import check_facts
from store.cards import Change
from store.errors import Conflict, Invalid, NotFound
from store.google import Checked, RootKey
from store.googlecallbacks import ABSENT_AGAIN, NONCE_AT_LEAST, PRESENT_AGAIN
from store.keyring import Keyring
from tests.store.google import DAY, ISSUER, Worker, callback, classes, objects, pass_time, write
from tests.store.test_secrets import dump

LEASE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def held(db, published, card, now):
    """A card that Google has; nobody has said whether it is saved."""
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    await google.open_object(db, card.card_id, now)
    await Worker(db).run()
    return card


async def class_id(db) -> str:
    return (await classes(db))[0]["class_id"]


async def tell(db, held, now, event: str, nonce: str, **given) -> str:
    return await google.apply_callback(
        db, "shop", callback(held.serial_number, await class_id(db), event, nonce, **given), now
    )


async def present(db):
    return (await objects(db))[0]["present"]


async def lines(db, card) -> list[str]:
    told = await cards.timeline(db, card.brand_id, card.serial_number)
    return [entry.kind for entry in told.entries if entry.kind in ("google_saved", "google_deleted")]


# --- callbacks


async def test_saved_and_deleted_and_saved_again(db, held, now) -> None:
    assert await present(db) is None
    assert await tell(db, held, now, "save", "1") == "saved"
    assert await present(db) is True
    assert await tell(db, held, now, "del", "2") == "deleted"
    assert await present(db) is False
    assert await tell(db, held, now, "save", "3") == "saved"
    assert await lines(db, held) == ["google_saved", "google_deleted", "google_saved"]


async def test_deleted_is_not_expired_and_still_updated(db, held, now) -> None:
    await tell(db, held, now, "del", "1")
    assert (await cards.view(db, held.brand_id, held.serial_number)).state == "active"
    await cards.change(db, held.brand_id, held.serial_number, Change(data={"points": 7}), now)
    assert [work.body["state"] for work in await Worker(db).run()] == ["ACTIVE"]


async def test_a_callback_sent_twice_is_written_once(db, held, now) -> None:
    assert await tell(db, held, now, "save", "1") == "saved"
    assert await tell(db, held, now, "del", "2") == "deleted"
    assert await tell(db, held, now, "save", "1") == "duplicate"
    assert await present(db) is False
    assert await lines(db, held) == ["google_saved", "google_deleted"]


async def test_what_is_not_ours_is_refused_and_leaves_nothing(db, held, now) -> None:
    mine = await class_id(db)
    foreign = "3388000000000000002"
    assert await tell(db, held, now, "save", "1", issuer=foreign) == "foreign"
    other_class = callback(held.serial_number, f"{foreign}.small", nonce="2")
    assert await google.apply_callback(db, "shop", other_class, now) == "foreign"
    for number, (serial, named) in enumerate(
        (("unknown", mine), ("", mine), ("\0", mine), ("\ud800", mine), (held.serial_number, f"{ISSUER}.other"))
    ):
        unknown = callback(serial, named, nonce=f"u{number}")
        assert await google.apply_callback(db, "shop", unknown, now) == "unknown_object"
    assert await google.apply_callback(db, "nobody", callback(held.serial_number, mine), now) == "unknown_brand"
    assert await present(db) is None
    assert await nonces(db) == 0


async def test_another_brands_object_is_unknown_to_this_one(db, held, now) -> None:
    await brands.add(db, key="tea", name="Tea", pass_type_identifier="pass.tea", team_identifier="T", now=now)
    await google.configure(db, "tea", issuer_id=ISSUER, mode="live")
    told = callback(held.serial_number, await class_id(db))
    assert await google.apply_callback(db, "tea", told, now) == "unknown_object"


async def nonces(db) -> int:
    async with db.reading() as conn:
        return len((await conn.execute(tables.google_nonces.select())).all())


async def test_nonces_are_kept_until_their_messages_are_refused_anyway(db, held, now) -> None:
    await tell(db, held, now, "save", "1")
    good_until = now + timedelta(hours=1)  # ``tests.store.google.callback``
    await sweeps.daily(db, good_until)
    assert await nonces(db) == 1
    assert await tell(db, held, good_until, "save", "1") == "duplicate"
    deleted = await sweeps.daily(db, good_until + NONCE_AT_LEAST + timedelta(seconds=1))
    assert (deleted["google_nonces"], await nonces(db)) == (1, 0)


# --- hasUsers


async def check(db, room: int = 10):
    return await google.reconcile_claim(db, issuer_id=ISSUER, room=room, lease=LEASE)


async def test_a_callback_is_checked_a_minute_later_and_then_rarely(db, held, now) -> None:
    assert await check(db) == []
    await tell(db, held, now, "del", "1")
    assert await check(db) == []
    await pass_time(db, timedelta(minutes=1, seconds=1))
    [one] = await check(db)
    assert (one.id, one.type, one.card_id) == (f"{ISSUER}.{held.serial_number}", "loyalty", held.card_id)
    assert await check(db) == []  # leased
    await google.reconcile_settle(db, [Checked(one, has_users=True)])
    assert await present(db) is True
    assert await lines(db, held) == ["google_deleted", "google_saved"]
    await pass_time(db, PRESENT_AGAIN - timedelta(minutes=1))
    assert await check(db) == []
    await pass_time(db, timedelta(minutes=2))
    assert len(await check(db)) == 1


async def test_an_object_that_nobody_told_of_is_checked_a_day_after_its_insert(db, held) -> None:
    await pass_time(db, DAY + timedelta(minutes=1))
    [one] = await check(db)
    await google.reconcile_settle(db, [Checked(one, has_users=False)])
    assert await present(db) is None
    assert await lines(db, held) == []
    await pass_time(db, ABSENT_AGAIN + timedelta(minutes=1))
    [one] = await check(db)
    await google.reconcile_settle(db, [Checked(one, has_users=True)])
    assert await present(db) is True
    assert await lines(db, held) == ["google_saved"]


async def test_a_check_that_is_not_answered_is_made_again_after_its_lease(db, held) -> None:
    await pass_time(db, DAY + timedelta(minutes=1))
    assert len(await check(db)) == 1
    await pass_time(db, LEASE + timedelta(seconds=1))
    assert len(await check(db)) == 1


async def test_a_callback_during_the_check_wins_and_is_checked_again(db, held, now) -> None:
    await pass_time(db, DAY + timedelta(minutes=1))
    [one] = await check(db)
    await tell(db, held, now, "del", "1")
    await google.reconcile_settle(db, [Checked(one, has_users=True)])
    assert await present(db) is False
    await pass_time(db, timedelta(minutes=1, seconds=1))
    assert len(await check(db)) == 1


async def test_an_object_that_google_has_lost_is_inserted_again(db, held, now) -> None:
    await tell(db, held, now, "save", "1")
    await pass_time(db, timedelta(minutes=2))
    [one] = await check(db)
    await google.reconcile_settle(db, [Checked(one, has_users=None)])
    [work] = await Worker(db).run()
    assert not work.known
    assert await check(db) == []


async def test_nothing_is_checked_of_a_brand_that_is_off(db, held) -> None:
    await pass_time(db, DAY + timedelta(minutes=1))
    await google.configure(db, "shop", mode="off")
    assert await check(db) == []


# --- keys


def account(email: str = "wallet@shop.iam.gserviceaccount.com", **given) -> bytes:
    """A service account's JSON file, as Google Cloud's console gives it."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = pem.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    info = {
        "type": "service_account",
        "private_key_id": "1",
        "private_key": text,
        "client_email": email,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps(info | given).encode()


async def test_two_keys_overlap_while_one_replaces_the_other(db, held, now) -> None:
    first, second = account("a@example.com"), account("b@example.com")
    assert await google.add_key(db, held.brand_id, first, now)
    assert not await google.add_key(db, held.brand_id, first, now)
    assert await google.add_key(db, held.brand_id, second, now + timedelta(days=1))
    both = (await google.credentials(db))[ISSUER]
    assert [one.client_email for one in both] == ["b@example.com", "a@example.com"]
    assert both[0].info == json.loads(second)
    old = both[1].fingerprint
    await google.remove_key(db, held.brand_id, old[:12], now)
    assert [one.client_email for one in await google.keys(db, held.brand_id)] == ["b@example.com"]
    assert not await google.add_key(db, held.brand_id, first, now)
    with pytest.raises(NotFound):
        await google.remove_key(db, held.brand_id, old, now)


async def test_a_beginning_that_fits_two_keys_removes_neither(db, held, now) -> None:
    for email in ("a@example.com", "b@example.com"):
        await google.add_key(db, held.brand_id, account(email), now)
    await write(db, tables.google_keys, client_email="same")
    prints = [one.fingerprint for one in await google.keys(db, held.brand_id)]
    async with db.transaction() as conn:
        for number, print_ in enumerate(prints):
            mine = tables.google_keys.update().where(tables.google_keys.c.fingerprint == print_)
            await conn.execute(mine.values(fingerprint=f"abc{number}{print_[4:]}"))
    with pytest.raises(Conflict):
        await google.remove_key(db, held.brand_id, "abc", now)
    assert len(await google.keys(db, held.brand_id)) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        account(type="authorized_user"),
        account(private_key="no key"),
        account(client_email=None),
        account(
            private_key=ec.generate_private_key(ec.SECP256R1())
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            .decode()
        ),
    ],
    ids=["empty", "list", "nothing", "of a person", "broken", "nobody's", "elliptic"],
)
async def test_what_is_no_service_account_key_is_refused(db, held, now, content) -> None:
    with pytest.raises(Invalid) as caught:
        await google.add_key(db, held.brand_id, content, now)
    assert "service account key" in caught.value.problems[0].detail


async def test_a_key_that_no_secret_opens_is_left_out_and_its_secret_is_missed(db, held, now) -> None:
    from store.brands import remember_facts

    await remember_facts(db, {})
    await google.add_key(db, held.brand_id, account(), now)
    mine = db.keyring
    db.keyring = Keyring.parse("k2:another correct horse battery staple")
    assert await google.credentials(db) == {ISSUER: []}
    assert (await google.keys(db, held.brand_id))[0].info == {}
    assert [mismatch.name for mismatch in await check_facts(db, {})] == ["secret:k1"]
    db.keyring = mine
    assert len((await google.credentials(db))[ISSUER]) == 1


async def test_root_keys_are_replaced_as_a_whole_and_never_by_nothing(db, now) -> None:
    old = RootKey("AAAA", "ECv2SigningOnly", now)
    new = [RootKey("BBBB", "ECv2SigningOnly", None), RootKey("CCCC", "ECv2SigningOnly", now + DAY)]
    assert await google.root_keys_read_at(db) is None
    await google.replace_root_keys(db, [old], now)
    await google.replace_root_keys(db, new, now + DAY)
    assert await google.root_keys(db) == new
    assert await google.root_keys_read_at(db) == now + DAY
    with pytest.raises(ValueError, match="no root keys"):
        await google.replace_root_keys(db, [], now)
    assert await google.root_keys(db) == new


# --- what nobody else may read


async def test_neither_the_database_nor_a_log_tells_what_the_card_says(db, held, now, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    secret = account()
    await google.add_key(db, held.brand_id, secret, now)
    worker = Worker(db)
    await cards.change(
        db, held.brand_id, held.serial_number, Change(data={"name": "Мария Кюри", "points": 471147114711}), now
    )
    work = await worker.only()
    assert "Мария" not in repr(work)
    assert "471147114711" not in repr(work)
    await worker.settle([work], google.Outcome.DEAD, reason="invalid", detail="loyaltyPoints")
    await tell(db, held, now, "save", "a nonce of Google's")
    stolen = await dump(db)
    for told in ("Мария Кюри", "471147114711", json.loads(secret)["private_key"][40:80], "a nonce of Google's"):
        assert told.encode() not in stolen
        assert told not in caplog.text
    assert json.loads(secret)["private_key"] not in repr(await google.credentials(db))
