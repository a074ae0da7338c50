"""Changes brought to Google's stand-in from one core: the whole channel beside bare httpx, and the pace that Google allows.

The stand-in is a process of its own. "A core" is a second of this process's CPU time: without the bucket the stand-in, which
judges each body by Google's discovery document, is the limit by the clock. With it an issuer gets 18 a second, and what that
costs of a core is told too.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from benchmarks.figure import Figure, settle_memory
from pushes.bucket import RATE
from pushes.gate import Gate
from pushes.google import GoogleWallet
from sandbox.google import GoogleService
from sandbox.google_accounts import new_key_file
from store.google import Outcome, ServiceAccount, Work

ISSUER = "3388000000000000001"
CLASS_ID, OBJECT_ID = f"{ISSUER}.coffee", f"{ISSUER}.card"
OFF = 1e6  # requests a second: no bucket
ROUNDS, REQUESTS, AT_ONCE = 5, 400, 32
PACED_SECONDS = 10
MOST, LEAST = 20, 17


async def figures() -> list[Figure]:
    """Requests a second of CPU time, by the clock, and at Google's pace."""
    with stand_in() as (url, key):
        account = ServiceAccount(1, ISSUER, key["client_email"], "", datetime.now(UTC), key)
        wallet = GoogleWallet([account], api_url=url, token_url=f"{url}/token")
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            gate = Gate(OFF)
            await _seeded(wallet)
            bare = await _bare(client, key, wallet)
            ways = {"channel": lambda: _bring(wallet, gate), "httpx": bare}
            settle_memory()
            rounds = [{name: await _timed(way) for name, way in ways.items()} for _ in range(ROUNDS)]
        paced = await _paced(wallet)
        await wallet.aclose()
    core = {name: statistics.median(one[name][0] for one in rounds) for name in ways}
    clock = statistics.median(one["channel"][1] for one in rounds)
    ratio = statistics.median(one["channel"][0] / one["httpx"][0] for one in rounds)
    return [
        Figure("Google PATCHes, bucket off", core["channel"], "requests/s/core", ratio, "bare httpx, same stand-in"),
        Figure("the same by the clock, the stand-in being the limit", clock, "requests/s"),
        Figure("Google PATCHes, bucket on", paced, "requests/s", target=MOST, at_most=True),
        Figure("the same, of a core", paced / core["channel"], "cores"),
    ]


async def _seeded(wallet: GoogleWallet) -> None:
    logo = {"sourceUri": {"uri": "https://cards.example.com/images/logo.png"}}
    body = {"id": CLASS_ID, "issuerName": "Coffee", "programName": "Coffee club", "programLogo": logo}
    gate = Gate(OFF)
    for work in (
        _work("class", CLASS_ID, body | {"reviewStatus": "UNDER_REVIEW"}),
        _work("object", OBJECT_ID, _object(0)),
    ):
        assert (await wallet.bring(work, gate)).outcome is Outcome.ACCEPTED


def _object(points: int) -> dict[str, Any]:
    text = {
        "defaultValue": {"language": "en", "value": "Gold"},
        "translatedValues": [{"language": "ru", "value": "Золото"}],
    }
    return {
        "id": OBJECT_ID,
        "classId": CLASS_ID,
        "state": "ACTIVE",
        "accountId": "5768504931429254",
        "accountName": "Anna Petrova",
        "loyaltyPoints": {"label": "Points", "balance": {"int": points}},
        "textModulesData": [{"id": f"row{n}", "localizedHeader": text, "localizedBody": text} for n in range(5)],
        "barcode": {"type": "QR_CODE", "value": "5768504931429254", "alternateText": "5768504931429254"},
    }


def _work(kind: str, name: str, body: dict[str, Any], *, known: bool = False) -> Work:
    return Work(kind, 1, 1, None, 1, 0, datetime.now(UTC), 0, "loyalty", name, known, body, body, "digest")


async def _bring(wallet: GoogleWallet, gate: Gate) -> None:
    points = iter(range(REQUESTS))

    async def some() -> None:
        for number in points:
            result = await wallet.bring(_work("object", OBJECT_ID, _object(number), known=True), gate)
            assert result.outcome is Outcome.ACCEPTED, result

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _bare(client: httpx.AsyncClient, key: dict[str, str], wallet: GoogleWallet) -> Callable[[], Awaitable[None]]:
    """The same requests by httpx alone, with the wallet's token."""
    token = await wallet._tokens[0].get(client, wallet._options)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
    path = f"/walletobjects/v1/loyaltyObject/{OBJECT_ID}"

    async def run() -> None:
        points = iter(range(REQUESTS))

        async def some() -> None:
            for number in points:
                answer = await client.patch(path, content=orjson.dumps(_object(number)), headers=headers)
                assert answer.status_code == 200

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    return run


async def _timed(way: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Requests a second of CPU time, and by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    await way()
    return REQUESTS / (time.process_time() - cpu), REQUESTS / (time.perf_counter() - wall)


async def _paced(wallet: GoogleWallet) -> float:
    """Requests a second at the issuer's rate, while more than that wait."""
    gate, done = Gate(RATE), 0
    ends = time.perf_counter() + PACED_SECONDS

    async def some() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await wallet.bring(_work("object", OBJECT_ID, _object(done), known=True), gate)
            done += time.perf_counter() < ends

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    assert done / PACED_SECONDS >= LEAST, done
    return done / PACED_SECONDS


@contextmanager
def stand_in() -> Iterator[tuple[str, dict[str, str]]]:
    """Google in a process of its own: its URL, and a key that it trusts."""
    command = [sys.executable, "-m", "benchmarks.google_channel", "stand-in"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield told["url"], told["key"]
    finally:
        process.communicate()


async def serve() -> None:
    """The stand-in without a quota, until standard input ends."""
    key = new_key_file("bench@demo.iam.gserviceaccount.com", "")
    async with GoogleService(rate=0) as service:
        service.enlist(key, ISSUER)
        print(json.dumps({"url": service.url, "key": key}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1:] == ["stand-in"]:
        asyncio.run(serve())
    else:
        for figure in asyncio.run(figures()):
            print(figure)
