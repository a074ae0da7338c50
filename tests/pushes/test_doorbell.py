"""The doorbell: what it coalesces, whom it wakes, and what a real NATS server that dies, forgets and returns does to it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from commands.pki import LookAlike
from pushes import metrics
from pushes.doorbell import MOST, CarrierAway, Doorbell, Ear
from pushes.nats import Nats, NatsOptions
from store import leases, places
from store.dialect import Database
from store.errors import Unavailable
from tests.journeys.house import until
from tests.natsd import Server, free_port, single
from tests.pushes.fleet import PASS_TYPE, change_card, seed

PLACE = places.push(PASS_TYPE)


class Paper:
    """A carrier that writes down what it is given."""

    def __init__(self) -> None:
        self.is_well = True
        self.rings: list[str] = []
        self.handed: list[tuple[str, str]] = []
        self.answers = True

    async def ring(self, place: str) -> bool:
        self.rings.append(place)
        return True

    async def hand(self, owner: str, place: str) -> bool:
        self.handed.append((owner, place))
        return self.answers


class Worker:
    """Counts how often it is woken."""

    def __init__(self, owner: str) -> None:
        self.woken = 0
        self.ear = Ear(owner, places.PUSH, self.wake)

    def wake(self) -> None:
        self.woken += 1


@pytest.mark.parametrize(
    ("place", "lease", "is_its"),
    [
        ("push:pass.a", "apns:pass.a", True),
        ("push:pass.a", "fcm:pass.a", True),
        ("push:pass.a", "apns:pass.ab", False),
        ("push:123", "google:123", False),
        ("google", "google:123", True),
        ("google", "apns:google", False),
        ("letters", "sweeps", False),
        ("push:sweeps", "sweeps", False),
    ],
)
def test_a_place_knows_whose_lease_concerns_it(place: str, lease: str, is_its: bool):
    assert places.concerns(place, lease) is is_its


async def test_a_commit_rings_for_its_place_and_a_burst_rings_twice(db: Database):
    paper = Paper()
    bell = Doorbell(db, paper)
    db.on_places.append(bell.ring)
    await seed(db, 1)
    await change_card(db, 1)
    await until(lambda: paper.rings == [PLACE])
    for _ in range(100):
        bell.ring({PLACE})
    await asyncio.sleep(0.2)
    assert paper.rings == [PLACE, PLACE]  # the later one comes after all of them
    await bell.aclose()


async def test_a_transaction_that_is_rolled_back_rings_for_nothing(db: Database):
    paper = Paper()
    bell = Doorbell(db, paper)
    db.on_places.append(bell.ring)
    await seed(db, 1)
    with contextlib.suppress(LookupError):
        async with db.joined():
            await change_card(db, 1)
            raise LookupError
    await asyncio.sleep(0.1)
    assert paper.rings == []


async def test_too_many_rings_are_dropped_and_counted(db: Database):
    paper = Paper()
    bell = Doorbell(db, paper)
    before = metrics.nats_rings.labels("dropped")._value.get()
    bell.ring({f"push:pass.{number}" for number in range(MOST + 7)})
    assert metrics.nats_rings.labels("dropped")._value.get() - before == 7
    await until(lambda: len(paper.rings) == MOST)
    paper.is_well = False
    bell.ring({PLACE})
    assert metrics.nats_rings.labels("dropped")._value.get() - before == 8


async def test_a_ring_is_handed_to_whoever_has_the_lease(db: Database):
    paper, mine = Paper(), Worker("here")
    bell = Doorbell(db, paper)
    assert await bell.hear(PLACE, [mine.ear])
    assert (mine.woken, paper.handed) == (1, [])
    await leases.take(db, name=f"apns:{PASS_TYPE}", owner="there", duration=timedelta(seconds=15))
    assert await bell.hear(PLACE, [mine.ear])
    assert paper.handed == [("there", PLACE)]
    paper.answers = False
    assert not await bell.hear(PLACE, [mine.ear]), "it must come again: the holder does not answer"
    await leases.release(db, owner="there")
    assert await bell.hear(PLACE, [mine.ear]), "the lease has ended"


async def test_who_cannot_ask_the_database_leaves_the_ring_to_another(db: Database, monkeypatch: pytest.MonkeyPatch):
    async def away(db: Database) -> dict[str, str]:
        raise Unavailable("cut off")

    monkeypatch.setattr(leases, "holders", away)
    assert not await Doorbell(db, Paper()).hear(PLACE, [Worker("here").ear])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with single(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def connected(*urls: str, ca: Path | None = None) -> AsyncIterator[Nats]:
    carrier = Nats(NatsOptions(urls, ca=ca))
    task = asyncio.create_task(carrier.run())
    try:
        yield carrier
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Heard(list[str]):
    """Places in the order in which they were heard; the first ``refuse`` are not taken."""

    refuse = 0

    async def hear(self, place: str, ears: object) -> bool:
        self.append(place)
        self.refuse -= 1
        return self.refuse < 0


async def test_a_ring_waits_for_a_listener_and_is_heard_once(server: Server):
    one, other = Heard(), Heard()
    async with connected(server.url) as carrier, connected(server.url) as second:
        await until(lambda: carrier.is_well and second.is_well)
        for _ in range(3):
            assert await carrier.ring(PLACE)
        assert await carrier.ring(places.GOOGLE)
        async with carrier.listening(one.hear, ()), second.listening(other.hear, ()):
            await until(lambda: len(one) + len(other) >= 2)
            await asyncio.sleep(0.3)
    assert sorted(one + other) == [places.GOOGLE, PLACE], "the newest ring stands for the earlier ones"


async def test_a_ring_that_was_not_heard_comes_again(server: Server):
    heard = Heard()
    heard.refuse = 1
    async with connected(server.url) as carrier:
        await until(lambda: carrier.is_well)
        async with carrier.listening(heard.hear, ()):
            await carrier.ring(PLACE)
            await until(lambda: heard == [PLACE, PLACE])


async def test_the_holder_of_a_lease_is_reached_by_its_name(server: Server):
    worker = Worker("host.example-1-ab")
    async with connected(server.url) as carrier, connected(server.url) as other:
        await until(lambda: carrier.is_well and other.is_well)
        async with other.listening(Heard().hear, [worker.ear]):
            await until(lambda: carrier.hand("host.example-1-ab", PLACE))
            assert worker.woken >= 1
        assert not await carrier.hand("nobody", PLACE)


async def test_a_server_that_comes_back_without_its_disk_is_used_again(server: Server):
    heard = Heard()
    async with connected(server.url) as carrier, carrier.listening(heard.hear, ()):
        await until(lambda: carrier.is_well)
        await server.kill()
        await until(lambda: not carrier.is_well)
        assert not await carrier.ring(PLACE)
        await server.restart(lose_disk=True)
        await until(lambda: carrier.is_well, 15)
        await until(lambda: carrier.ring(PLACE))
        await until(lambda: heard == [PLACE], 15)


async def test_a_server_that_hangs_holds_up_no_commit(server: Server, db: Database):
    assert server.process is not None
    await seed(db, 1)
    async with connected(server.url) as carrier:
        await until(lambda: carrier.is_well)
        bell = Doorbell(db, carrier)
        db.on_places.append(bell.ring)
        server.process.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(0.5):
                await change_card(db, 1)
            await until(lambda: not carrier.is_well, 5)
        finally:
            server.process.send_signal(signal.SIGCONT)
        await until(lambda: carrier.is_well)
        await bell.aclose()


async def test_a_server_that_is_away_at_the_start_is_found_when_it_comes(tmp_path: Path):
    server = Server("late", "127.0.0.1", free_port(), tmp_path)
    async with connected(server.url) as carrier:
        await asyncio.sleep(0.2)
        assert not carrier.is_well
        await server.start()
        try:
            await until(lambda: carrier.is_well, 15)
        finally:
            await server.kill()


LOCKED = """
tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key" }}
authorization {{ user: passbell, password: hunter2,
  permissions: {{ publish: ["passbell.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"], subscribe: ["passbell.>", "_INBOX.>"] }} }}
"""


async def test_tls_and_a_password_let_in_and_nothing_else_does(tmp_path: Path, pki: LookAlike):
    pair, ca = pki.apns, tmp_path / "ca.pem"
    (tmp_path / "server.pem").write_bytes(pair.certificate_pem)
    (tmp_path / "server.key").write_bytes(pair.key_pem)
    ca.write_bytes(pki.root.certificate_pem)
    heard = Heard()
    async with single(tmp_path, LOCKED.format(folder=tmp_path)) as server:
        there = server.url.removeprefix("nats://")
        async with connected(f"tls://passbell:hunter2@{there}", ca=ca) as carrier, carrier.listening(heard.hear, ()):
            await until(lambda: carrier.is_well)
            assert await carrier.ring(PLACE)
            await until(lambda: heard == [PLACE])
        for url, trusted in ((f"tls://passbell:wrong@{there}", ca), (f"tls://passbell:hunter2@{there}", None)):
            with pytest.raises(CarrierAway) as caught:
                await Nats(NatsOptions((url,), ca=trusted)).examine()
            assert "hunter2" not in str(caught.value)


async def test_doctor_hears_how_the_cluster_is(server: Server):
    assert "makes the stream" in await Nats(NatsOptions((server.url,))).examine()
    async with connected(server.url) as carrier:
        await until(lambda: carrier.is_well)
    assert "kept on 1" in await Nats(NatsOptions((server.url,))).examine()
    nobody = f"nats://user:hunter2@127.0.0.1:{free_port()}"
    with pytest.raises(CarrierAway) as caught:
        await Nats(NatsOptions((nobody,))).examine()
    assert "hunter2" not in str(caught.value)
