"""What a phone costs the web process when a news rings it: the list it asks, and its card's first fetch with the news.

The first fetch of an edition writes (Last-Modified, which field rings) and signs; many come at once, as after a news. Each
round is a news of its own to the same phones. Beside it stands the bare RSA-2048 signature on the same core: it is the least
that any server of signed passes has to pay. "A core" is a second of the server's CPU time; the database's own is not in it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fetch import BARE_SIGNATURE, Asked, ask, lines, request
from benchmarks.figure import Figure
from benchmarks.house import CLIENT_CORE, House, coffee, cpu_seconds, databases, furnish, hand_out, phone, pin
from commands.pki import DEFAULT_PASS_TYPE
from store import cards, news, newstimer
from store.dialect import Database
from store.newsrequests import NewsRequest

PHONES, ROUNDS, AT_ONCE = 500, 15, 32


def figures() -> list[Figure]:
    """Phones a second of a core's time, on each database."""
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            rates, signed = asyncio.run(_measured(Path(name), url))
            ratio = statistics.median(one / other for one, other in zip(rates, signed, strict=True))
            median = statistics.median(rates)
            found.append(Figure(f"phones that come back, {database}", median, "phones/s/core", ratio, BARE_SIGNATURE))
    return found


async def _measured(folder: Path, url: str) -> tuple[list[float], list[float]]:
    house = await furnish(folder, url, coffee())
    async with house.database() as db:
        lists, passes = _asked(house, db, await _phones(db, house.brand_id))
        rates, signed = [], []
        pin(CLIENT_CORE)
        signing = [sys.executable, "-m", "benchmarks.fetch", "sign"]
        with house.serving("--no-worker") as server, lines(signing) as sign:
            for turn in range(ROUNDS + 1):
                await _send(db, house.brand_id, turn)
                signed.append(sign())
                begin = cpu_seconds(server)
                ask(lists, PHONES, at_once=AT_ONCE)
                ask(passes, PHONES, at_once=AT_ONCE)
                rates.append(PHONES / (cpu_seconds(server) - begin))
    return rates[1:], signed[1:]


async def _phones(db: Database, brand_id: int) -> list[str]:
    """Serial numbers of cards on phones that have what is new."""
    serials, now = await hand_out(db, brand_id, PHONES), datetime.now(UTC)
    for serial in serials:
        serving = await cards.serve(db, DEFAULT_PASS_TYPE, serial, 0, now)
        assert serving is not None
        cards.note_served(db, serving.card_id, serving.edition)
    await db.served.flush()
    return serials


def _asked(house: House, db: Database, serials: list[str]) -> tuple[Asked, Asked]:
    lists, passes = [], []
    for number, serial in enumerate(serials):
        asked = f"/passkit/v1/devices/{phone(number)}/registrations/{DEFAULT_PASS_TYPE}?passesUpdatedSince=old"
        lists.append(request(asked))
        token = db.keyring.authentication_token(DEFAULT_PASS_TYPE, serial, 0)
        passes.append(request(f"/passkit/v1/passes/{DEFAULT_PASS_TYPE}/{serial}", Authorization=f"ApplePass {token}"))
    return Asked(house.port, tuple(lists), b"200"), Asked(house.port, tuple(passes), b"200")


async def _send(db: Database, brand_id: int, turn: int) -> None:
    """A news that is live as this returns; nobody pushes."""
    now = datetime.now(UTC)
    written = await news.create(
        db, brand_id, NewsRequest(template="coffee", text=f"News {turn}"), by="benchmark", now=now
    )
    await news.start(db, brand_id, written.id, now=now)
    while await newstimer.turn(db):
        pass


if __name__ == "__main__":
    for figure in figures():
        print(figure)
