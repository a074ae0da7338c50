"""A stolen database opens nothing (threat model, row 27), and a changed SECRET is noticed before phones are lost."""

from __future__ import annotations

import subprocess

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import brands, cards, dialect, keys, registrations, sources
from store.brands import check_facts, remember_facts
from store.cards import Change
from store.keyring import Keyring
from tests.databases import PUBLIC_URL, SECRET
from tests.judges import need

FACTS = {"public_url": PUBLIC_URL, "pass_type_identifier": "pass.com.example.coffee", "google_issuer_id": "338"}


def plain_url(db) -> str:
    text = db.engine.url.render_as_string(hide_password=False)
    return text.replace("+aiosqlite", "").replace("+asyncpg", "")


async def dump(db) -> bytes:
    """Everything a thief of the database has."""
    if db.is_postgresql:
        need("postgresql")
        run = subprocess.run(["pg_dump", "--inserts", plain_url(db)], capture_output=True, check=True)
        return run.stdout
    from store import sqlite_library

    connection = sqlite_library.library().connect(db.engine.url.database)
    lines = []
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        lines += [repr(row).encode() for row in connection.execute(f"SELECT * FROM {name}").fetchall()]
        for row in connection.execute(f"SELECT * FROM {name}").fetchall():
            lines += [value for value in row if isinstance(value, bytes)]
    connection.close()
    return b"\n".join(lines)


async def test_a_dump_without_the_secret_holds_no_name_no_token_and_no_key(
    db, published, card, till, phone, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"name": "Мария Кюри"}), now)
    api_key = await keys.add(db, published.id, "backend", [], now)
    await brands.add_certificate(
        db,
        published.id,
        certificate_pem="-----BEGIN CERTIFICATE-----",
        private_key_pem="-----BEGIN PRIVATE KEY----- the key",
        fingerprint="f" * 64,
        not_before=now,
        not_after=now,
        now=now,
    )
    event = sources.HookEvent("e", "card.changed", now, {"card": "early", "set": {"name": "Ранняя Птица"}})
    await sources.deliver(db, till, event, now)
    await registrations.log(db, [f"device {alice.device}, serial number {card.serial_number}"], now)
    await db.served.flush()
    token = db.keyring.authentication_token(alice.pass_type, card.serial_number, 0)
    stolen = await dump(db)
    assert card.serial_number.encode() in stolen  # the dump is one
    secrets = [
        "Анна", "Мария Кюри", "Ранняя Птица", token, token.split(".")[2], card.install_token, alice.device,
        alice.push_token, api_key, api_key.split("_")[3], *till.secrets, till.secrets[0].removeprefix("whsec_"),
        "the key", SECRET.split(":")[1],
    ]  # fmt: skip
    for secret in secrets:
        assert secret.encode() not in stolen, secret
        assert secret.encode().hex().encode() not in stolen, secret


async def reopened(db, secret: str):
    other = await dialect.open(plain_url(db), Keyring.parse(secret))
    other.public_url = PUBLIC_URL
    return other


async def test_the_text_of_an_error_tells_no_value(db) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with db.transaction() as conn:
            await conn.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "Anna Petrova"})
    assert "nowhere" in str(refused.value)
    assert "Petrova" not in str(refused.value)


async def test_unchanged_facts_are_no_mismatch(db, published, card) -> None:
    await remember_facts(db, FACTS)
    assert await check_facts(db, FACTS) == []


async def test_without_cards_anything_may_change(db, published) -> None:
    await remember_facts(db, FACTS)
    assert await check_facts(db, {**FACTS, "public_url": "https://elsewhere.example"}) == []


@pytest.mark.parametrize("name", list(FACTS))
async def test_a_changed_fact_says_how_many_cards_would_stop_updating(db, published, issue, name: str) -> None:
    await issue()
    await issue()
    await remember_facts(db, FACTS)
    found = await check_facts(db, {**FACTS, name: "another"})
    assert [(one.name, one.stored, one.given, one.cards_affected) for one in found] == [
        (name, FACTS[name], "another", 2)
    ]
    assert "2 cards would stop updating" in str(found[0])


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [("k2:" + "z" * 40, "k1 is missing"), ("k1:" + "z" * 40, "k1 has another value")],
)
async def test_a_secret_that_is_in_use_must_stay(db, published, card, secret: str, sentence: str) -> None:
    await remember_facts(db, FACTS)
    other = await reopened(db, secret)
    found = await check_facts(other, FACTS)
    assert [one.cards_affected for one in found] == [1]
    assert sentence in str(found[0])
    await other.close()


async def test_a_hook_sources_secret_keeps_its_secret_in_use(db, published, card, now) -> None:
    rotated = await reopened(db, f"k2:{'z' * 40},{SECRET}")
    await remember_facts(rotated, FACTS)
    await sources.add(rotated, published.id, "another till", now)
    found = await check_facts(db, FACTS)
    assert [(one.name, one.cards_affected) for one in found] == [("secret:k2", 1)]
    await rotated.close()


async def test_a_secret_may_go_once_nothing_needs_it(db, published, now) -> None:
    """The first secret made nothing: no card, no phone, no certificate."""
    await remember_facts(db, FACTS)
    other = await reopened(db, "k2:" + "z" * 40)
    assert await check_facts(other, FACTS) == []
    await other.close()


async def test_a_phone_registered_under_a_secret_keeps_it_in_use(db, published, card, phone) -> None:
    rotated = await reopened(db, f"k2:{'z' * 40},{SECRET}")
    await remember_facts(rotated, FACTS)
    alice = phone()
    alice.db = rotated
    await alice.register(card.serial_number)
    found = await check_facts(db, FACTS)
    assert [(one.name, one.cards_affected) for one in found] == [("secret:k2", 1)]
    await rotated.close()


async def test_an_accepted_public_url_moves_every_card_to_a_new_edition(db, published, card, phone) -> None:
    await remember_facts(db, FACTS)
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    assert await alice.list() == ()
    await remember_facts(db, {**FACTS, "public_url": "https://new.example"})
    db.public_url = "https://new.example"
    assert await alice.update() == (card.serial_number,)
    assert b"https://new.example/passkit" in alice.held[card.serial_number].content["pass.json"]
