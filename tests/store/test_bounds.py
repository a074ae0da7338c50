"""Nothing grows for ever; a POST sent twice happens once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest
import pytest_asyncio
from sqlalchemy import insert

from store import cards, idempotency, keys, sources, sweeps, tables
from store.cards import Change, NewCard
from store.errors import Conflict
from store.sources import HookEvent
from store.timeline import Line, record


async def count(db, table: str) -> int:
    return (await db.fetch(f"SELECT count(*) FROM {table}"))[0][0]


async def test_the_daily_sweep_deletes_what_is_past_its_time_and_nothing_else(
    db, published, card, till, phone, now
) -> None:
    await sources.deliver(db, till, HookEvent("e1", "card.changed", now, {"card": "early", "set": {"points": 1}}), now)
    await phone().register(card.serial_number)
    before = {name: await count(db, name) for name in ("seen_events", "waiting_changes", "timeline")}
    assert before == {"seen_events": 1, "waiting_changes": 1, "timeline": 2}
    await sweeps.daily(db, now + timedelta(days=29))
    assert {name: await count(db, name) for name in before} == before
    await sweeps.daily(db, now + timedelta(days=31))
    assert (await count(db, "seen_events"), await count(db, "waiting_changes")) == (0, 1)
    deleted = await sweeps.daily(db, now + timedelta(days=400))
    assert deleted["waiting_changes"] == 1
    assert [await count(db, name) for name in before] == [0, 0, 0]
    assert await count(db, "cards") == 1


async def test_a_timeline_keeps_its_newest_lines(db, published, card, issue, now) -> None:
    other = await issue()
    lines = [Line(published.id, card.card_id, "changed", {"number": number}) for number in range(1_200)]
    async with db.transaction() as conn:
        await record(db, conn, lines, now)
    assert (await sweeps.daily(db, now))["timeline"] == 201  # with the line of its issue
    told = await cards.timeline(db, published.id, card.serial_number)
    assert told.entries[-1].detail["number"] == 1_199
    assert len((await cards.timeline(db, published.id, other.serial_number)).entries) == 1


@pytest_asyncio.fixture
async def key_id(db, published, now) -> int:
    key = await keys.authenticate(db, await keys.add(db, published.id, "backend", [], now))
    return key.id


@pytest.fixture(params=[True, False], ids=["one transaction", "claimed"])
def post(request, db, published, key_id, now):
    """A POST of a card without external id: done twice it would be two cards."""

    async def posted(key: str = "k", body: bytes = b"{}", fail: bool = False, at=now):
        claim = idempotency.once(
            db, api_key_id=key_id, route="POST /cards", key=key, body=body, now=at, atomic=request.param
        )
        async with claim as once:
            if once.stored is not None:
                return once.stored.body.decode()
            issued = await cards.issue(db, published.id, NewCard(template="small"), at)
            if fail:
                raise RuntimeError("on the way to the answer")
            once.answer(201, issued.card.serial_number.encode())
            return issued.card.serial_number

    return posted


async def test_a_repeated_post_gets_the_first_answer_and_no_second_card(db, post) -> None:
    assert await post() == await post()
    assert await count(db, "cards") == 1
    assert await post("other") != await post()


async def test_the_same_key_with_another_body_is_refused(post) -> None:
    await post()
    with pytest.raises(Conflict) as refused:
        await post(body=b'{"x": 1}')
    assert refused.value.code == "idempotency_reused"


async def test_a_second_request_while_the_first_runs_is_refused(db, post) -> None:
    results = await asyncio.gather(*(post() for _ in range(3)), return_exceptions=True)
    assert [result.code for result in results if isinstance(result, Conflict)] == ["idempotency_running"] * 2
    assert await count(db, "cards") == 1


async def test_a_request_that_failed_leaves_the_key_free(post) -> None:
    with pytest.raises(RuntimeError):
        await post(fail=True)
    assert await post()


async def test_a_key_is_free_again_after_a_week(db, post, now) -> None:
    await post()
    await post(at=now + timedelta(days=8))
    assert await count(db, "cards") == 2


async def test_an_effect_and_its_answer_are_written_together(db, published, key_id, now) -> None:
    async def die_before_the_commit() -> None:
        async with idempotency.once(db, api_key_id=key_id, route="r", key="k", body=b"", now=now) as once:
            await cards.issue(db, published.id, NewCard(template="small"), now)
            once.answer(201, b"")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await die_before_the_commit()
    assert await count(db, "cards") == await count(db, "idempotency_keys") == 0


async def test_a_claim_that_a_crash_left_behind_ends(db, published, key_id, now) -> None:
    row = {"api_key_id": key_id, "route": "r", "key": "k", "created_at": now}
    async with db.transaction() as conn:
        await conn.execute(insert(tables.idempotency_keys).values(**row, fingerprint=sha256(b"").hexdigest()))
    arguments = {"api_key_id": key_id, "route": "r", "key": "k", "body": b"", "atomic": False}
    with pytest.raises(Conflict):
        async with idempotency.once(db, **arguments, now=now):
            pass
    async with idempotency.once(db, **arguments, now=now + timedelta(minutes=11)) as once:
        assert once.stored is None


async def test_operations_joined_happen_together_or_not_at_all(db, published, card, now) -> None:
    async def both() -> None:
        async with db.joined():
            await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
            await cards.issue(db, published.id, NewCard(template="small"), now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await both()
    assert (await cards.view(db, published.id, card.serial_number)).version == 1
    assert await count(db, "cards") == 1
