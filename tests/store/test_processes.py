"""What processes say of themselves: who is alive, who disagrees for how long, and how loaded the web is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select, update

from store import processes, tables
from store.dialect import Database
from store.processes import DIFFER, GONE, KEPT, Difference, Process

WEB = Process("web-a-1", "web", "1.0", {"pass.a": "f1"})


async def shift(db: Database, name: str, **by: timedelta) -> None:
    """Let a moment of a process's row be longer ago."""
    table = tables.processes
    async with db.transaction() as conn:
        row = (await conn.execute(select(table).where(table.c.name == name))).mappings().one()
        earlier = {column: row[column] - ago for column, ago in by.items()}
        await conn.execute(update(table).where(table.c.name == name).values(**earlier))


async def names(db: Database) -> list[str]:
    return [seen.process.name for seen in (await processes.alive(db))[0]]


async def test_a_process_is_alive_while_it_says_so(db: Database) -> None:
    await processes.say(db, WEB)
    await processes.say(db, replace(WEB, name="web-b-1"))
    assert await names(db) == ["web-a-1", "web-b-1"]
    await shift(db, "web-a-1", seen_at=GONE + timedelta(seconds=1))
    assert await names(db) == ["web-b-1"]
    await processes.leave(db, "web-b-1")
    assert await names(db) == []
    await shift(db, "web-a-1", seen_at=KEPT)
    await processes.say(db, replace(WEB, name="web-c-1"))
    assert len(await db.fetch("SELECT name FROM processes")) == 1


async def test_two_that_do_not_agree_for_two_minutes_are_told_and_not_before(db: Database) -> None:
    late = DIFFER + timedelta(seconds=1)
    other = replace(WEB, name="worker-b-1", certificates={"pass.a": "f2"})
    await processes.say(db, WEB)
    await processes.say(db, other)
    await shift(db, "web-a-1", since=late)
    assert processes.differences(*await processes.alive(db)) == []
    await shift(db, "worker-b-1", since=late)
    assert processes.differences(*await processes.alive(db)) == [Difference("pass.a", "web-a-1", "worker-b-1")]
    await processes.say(db, replace(other, fetch_ms=5))  # as before: it has been so all the time
    assert len(processes.differences(*await processes.alive(db))) == 1
    await processes.say(db, replace(other, certificates={"pass.a": "f1"}))
    assert processes.differences(*await processes.alive(db)) == []
    await processes.say(db, replace(other, certificates={"pass.a": "f1"}, program="1.1"))
    await shift(db, "worker-b-1", since=late)
    assert [each.what for each in processes.differences(*await processes.alive(db))] == [""]


async def test_the_load_is_the_worst_web_process_s_of_the_last_seconds(db: Database) -> None:
    assert await processes.load(db) == (0, 0)
    await processes.say(db, replace(WEB, fetch_ms=120, cpu_percent=90))
    await processes.say(db, replace(WEB, name="web-b-1", fetch_ms=1500, cpu_percent=20))
    await processes.say(db, replace(WEB, name="worker-b-1", role="worker", cpu_percent=100))
    assert await processes.load(db) == (1.5, 0.9)
    await shift(db, "web-b-1", seen_at=timedelta(seconds=6))
    assert await processes.load(db) == (0.12, 0.9)
