"""Whatever happens in whatever order, after it has calmed down every phone shows what the server would serve."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands import serve
from commands.demo import STARTERS
from commands.offline import read_folder
from sandbox.phone import Phone
from store import dialect, holding, templates
from store.dialect import Database
from store.keyring import Keyring
from tests.databases import EMPTIER
from tests.journeys.house import SECRET, World, until
from tests.pushes.fleet import make_due, pending

CARDS, PHONES = 2, 3
LABELS = ("Deposit", "On deposit", "Saved")

_card, _phone = st.integers(0, CARDS - 1), st.integers(0, PHONES - 1)
EVENT = st.one_of(
    st.tuples(st.just("change"), _card, st.sampled_from(["ring", "silent"])),
    st.tuples(st.just("publish"), st.sampled_from(LABELS)),
    st.tuples(st.just("look"), _phone),
    st.tuples(st.just("cut"), _phone),
    st.tuples(st.just("offline"), _phone),
    st.tuples(st.just("online"), _phone),
    st.tuples(st.just("remove"), _phone, _card),
    st.tuples(st.just("install"), _phone, _card),
    st.tuples(st.just("new token"), _phone),
    st.tuples(st.just("news"), st.sampled_from(["correct", "pause", "resume", "cancel", "withdraw"])),
    st.just(("tell",)),
    st.just(("kill",)),
    st.just(("copy",)),
    st.just(("restore",)),
)

ALONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = $2"
"""A database is copied when nobody is connected: of the server nobody is, of the tests whoever empties it between them."""


class Story:
    """A world in which the events happen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.points = self.told = 0
        self.links: list[str] = []
        self.serials: list[str] = []
        self.phones: list[Phone] = []
        self._server = contextlib.AsyncExitStack()
        self._has_copy = False

    async def begin(self) -> None:
        """Cards on phones, all of them; the story before may have left another label."""
        await self._publish(LABELS[0])
        await self._start()
        for _ in range(CARDS):
            card = await self.world.issue(data={"points": 0})
            self.links.append(card["install_url"])
            self.serials.append(card["serial_number"])
        self.phones = [self.world.phone(language="en") for _ in range(PHONES)]
        for phone in self.phones:
            for link in self.links:
                await phone.install(link)

    async def end(self) -> None:
        """Stop everything."""
        for phone in self.phones:
            await phone.close()
        await self._server.aclose()
        if self._has_copy and self.world.database_url.startswith("postgresql"):
            async with self._administration() as connection:
                await connection.execute(f"DROP DATABASE {self.world.database_url.rsplit('/', 1)[1]}_copy")

    async def happen(self, event: tuple[Any, ...]) -> None:
        """One event; what makes no sense now does not happen."""
        name, *rest = event
        await getattr(self, "_" + name.replace(" ", "_"))(*rest)

    async def calm(self) -> None:
        """Everyone online, every push delivered, and one daily look of each phone."""
        for phone in self.phones:
            phone.mood.cut_fetches = 0
            if phone.offline:
                await phone.go_online()
        await self._news("resume")
        await until(self._has_told)
        async with self._database() as db:
            async with asyncio.timeout(40):
                while await pending(db):
                    await make_due(db)
                    await asyncio.sleep(0.1)
        for phone in self.phones:
            await phone.settled()
            await phone.refresh()

    async def check(self) -> None:
        """What each phone shows is what the API says."""
        live = sorted((one for one in await self._all_news() if one["is_live"]), key=lambda one: one["live_at"])
        says = live[-1]["text"]["en"] if live else ""
        for serial in self.serials:
            _, card = await self.world.api("GET", f"/cards/{serial}")
            for phone in self.phones:
                if serial in phone.cards:
                    held = phone.cards[serial]
                    assert held.text("points") == str(card["data"]["points"])
                    assert held.text("news") == says
                    assert held.faces.by_key()["balance"].label == self._label

    _label = LABELS[0]

    async def _change(self, card: int, notify: str) -> None:
        self.points += 1
        patch = {"data": {"points": self.points}, "notify": notify}
        status, answer = await self.world.api("PATCH", f"/cards/{self.serials[card]}", patch)
        assert status == 200, answer

    async def _tell(self) -> None:
        self.told += 1
        words = {"en": f"News {self.told}", "ru": f"Новость {self.told}"}
        status, draft = await self.world.api("POST", "/news", {"template": "coffee", "text": words})
        assert status == 201, draft
        assert (await self.world.api("POST", f"/news/{draft['id']}:start"))[0] == 200

    async def _news(self, operation: str) -> None:
        """To every news whose state it fits."""
        for one in await self._all_news():
            self.told += 1
            words = (
                {"text": {"en": f"Right {self.told}", "ru": f"Верно {self.told}"}} if operation == "correct" else None
            )
            status, answer = await self.world.api("POST", f"/news/{one['id']}:{operation}", words)
            assert status in (200, 409), answer

    async def _all_news(self) -> list[dict[str, Any]]:
        return list((await self.world.api("GET", "/news"))[1]["news"])

    async def _has_told(self) -> bool:
        return all(one["live_at"] or one["state"] == "cancelled" for one in await self._all_news())

    async def _publish(self, label: str) -> None:
        files = read_folder(STARTERS / "coffee")
        line = f"label: {label}, value".encode()
        files["template.yaml"] = files["template.yaml"].replace(b"label: Deposit, value", line)
        async with self._database() as db:
            now = datetime.now(UTC)
            await templates.import_files(db, self.world.brand_id, files, now=now)
            await templates.publish(db, self.world.brand_id, "coffee", author="test", note="", now=now)
        self._label = label

    async def _look(self, phone: int) -> None:
        if not self.phones[phone].offline:
            await self.phones[phone].refresh()

    async def _cut(self, phone: int) -> None:
        self.phones[phone].mood.cut_fetches = 5

    async def _offline(self, phone: int) -> None:
        self.phones[phone].go_offline()

    async def _online(self, phone: int) -> None:
        if self.phones[phone].offline:
            await self.phones[phone].go_online()

    async def _remove(self, phone: int, card: int) -> None:
        if self.serials[card] in self.phones[phone].cards:
            await self.phones[phone].remove(self.serials[card])

    async def _install(self, phone: int, card: int) -> None:
        robot = self.phones[phone]
        if not robot.offline and self.serials[card] not in robot.cards:
            await robot.install(self.links[card])

    async def _new_token(self, phone: int) -> None:
        if not self.phones[phone].offline:
            await self.phones[phone].change_push_token()

    async def _kill(self) -> None:
        await self._stop()
        await self._start()

    async def _copy(self) -> None:
        await self._stop()
        await self._move_database("copy")
        self._has_copy, self._copied_label = True, self._label
        await self._start()

    async def _restore(self) -> None:
        """The database as it was at the copy; phones learn nothing of it, but register again as restored phones do."""
        if not self._has_copy:
            return
        await self._stop()
        await self._move_database("restore")
        async with self._database() as db:  # as the commands restore and release do
            await holding.hold(db)
            await holding.release(db)
        self._label = self._copied_label
        await self._start()
        for phone in self.phones:
            if not phone.offline:
                await phone.change_push_token()

    async def _start(self) -> None:
        await self._server.enter_async_context(serve.running(self.world.settings, with_worker=True))

    async def _stop(self) -> None:
        await asyncio.gather(*(phone.settled() for phone in self.phones))
        await self._server.aclose()

    @contextlib.asynccontextmanager
    async def _database(self) -> AsyncIterator[Database]:
        db = await dialect.open(self.world.database_url, Keyring.parse(SECRET))
        db.public_url = self.world.url
        yield db
        await db.close()

    async def _move_database(self, direction: str) -> None:
        url = self.world.database_url
        if url.startswith("sqlite"):
            live = Path(url.removeprefix("sqlite:///"))
            kept = live.with_suffix(".copy")
            source, target = (live, kept) if direction == "copy" else (kept, live)
            await asyncio.to_thread(shutil.copy, source, target)
            return
        name = url.rsplit("/", 1)[1]
        source, target = (name, f"{name}_copy") if direction == "copy" else (f"{name}_copy", name)
        async with self._administration() as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)")
            await connection.execute(ALONE, source, EMPTIER)
            await connection.execute(f"CREATE DATABASE {target} TEMPLATE {source}")

    @contextlib.asynccontextmanager
    async def _administration(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(f"{self.world.database_url.rsplit('/', 1)[0]}/postgres")
        try:
            yield connection
        finally:
            await connection.close()


async def tell(world: World, events: list[tuple[Any, ...]]) -> None:
    """The whole story."""
    story = Story(world)
    await story.begin()
    try:
        for event in events:
            await story.happen(event)
        await story.calm()
        await story.check()
    finally:
        await story.end()


QUICK = settings(
    max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, print_blob=False
)
LONG = settings(QUICK, max_examples=150, derandomize=False)


@pytest.mark.timeout(300)
@QUICK
@given(events=st.lists(EVENT, min_size=4, max_size=10))
async def test_no_interleaving_leaves_a_phone_stale(world: World, events: list[tuple[Any, ...]]) -> None:
    await tell(world, events)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@LONG
@given(events=st.lists(EVENT, min_size=5, max_size=40))
async def test_no_long_interleaving_leaves_a_phone_stale(world: World, events: list[tuple[Any, ...]]) -> None:
    await tell(world, events)


async def test_a_restore_to_before_a_change_brings_the_phones_back_with_it(world: World) -> None:
    await tell(world, [("copy",), ("change", 0, "ring"), ("publish", "Saved"), ("restore",), ("change", 1, "ring")])


async def test_a_news_that_is_corrected_killed_and_restored_is_the_same_on_every_phone(world: World) -> None:
    begin = [("tell",), ("kill",), ("news", "pause"), ("change", 0, "ring"), ("copy",), ("news", "correct")]
    await tell(world, [*begin, ("tell",), ("look", 0), ("restore",), ("news", "correct"), ("news", "pause")])


async def test_a_kill_between_a_change_and_its_push_forgets_nobody(world: World) -> None:
    await tell(world, [("change", 0, "ring"), ("kill",), ("change", 1, "silent"), ("kill",)])
