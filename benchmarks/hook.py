"""From a webhook to Apple's 200: 100 changes a second, each of another customer's card, on the real server.

The server with its worker has one core, the backend that sends the webhooks and the stand-in for Apple's push service
share the other. A wait is counted from the moment a webhook was due to be sent to the moment the stand-in has answered
the push with 200, so that a server that falls behind is not spared.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from benchmarks.figure import Figure, settle_memory
from benchmarks.house import CLIENT_CORE, SOURCE, House, coffee, databases, furnish, hand_out, pin, push_token
from commands import certsdev
from commands.pki import DEFAULT_PASS_TYPE, DEFAULT_TEAM
from passkit import hooks
from sandbox.apns import PushService

TARGET = 0.5
RATE, SECONDS, WARM = 100, 10, 100
PATIENCE = 30.0
"""Seconds that the last push may take."""


def figures() -> list[Figure]:
    """Median and 95th percentile of the wait, on each database."""
    pin(CLIENT_CORE)
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            waits = sorted(asyncio.run(_waits(Path(name), url)))
            middle, slow = waits[len(waits) // 2], waits[len(waits) * 95 // 100]
            what = f"webhook to accepted push at {RATE}/s, {database}"
            found.append(Figure(f"{what}, median", middle, "s"))
            found.append(Figure(f"{what}, p95", slow, "s", target=TARGET, at_most=True))
    return found


async def _waits(folder: Path, url: str) -> list[float]:
    certs = folder / "certs"
    certsdev.dev(certs, [DEFAULT_PASS_TYPE], team=DEFAULT_TEAM, now=datetime.now(UTC))
    server, authority = certs / "apns" / "server.pem", certs / "dev" / "root.pem"
    async with PushService(
        certificate=server.read_bytes(),
        key=server.with_suffix(".key").read_bytes(),
        client_ca=authority.read_bytes(),
    ) as apple:
        house = await furnish(folder, url, coffee(), APNS_URL=apple.url)
        async with house.database() as db:
            serials = await hand_out(db, house.brand_id, WARM + RATE * SECONDS)
        with house.serving():
            settle_memory()
            async with aiohttp.ClientSession() as session:
                await _send(session, house, serials[:WARM])
                due = await _send(session, house, serials[WARM:])
            pushes = await apple.received(count=len(serials), timeout=PATIENCE)
    accepted = {push.token: push.time for push in pushes}
    return [accepted[push_token(WARM + number)] - moment for number, moment in enumerate(due)]


async def _send(session: aiohttp.ClientSession, house: House, serials: list[str]) -> list[float]:
    """A webhook for each card, RATE a second; returns when each was due, as the stand-in's clock counts."""
    begin = time.time() + 0.1
    due = [begin + number / RATE for number in range(len(serials))]
    await asyncio.gather(
        *(_change(session, house, serial, moment) for serial, moment in zip(serials, due, strict=True))
    )
    return due


async def _change(session: aiohttp.ClientSession, house: House, serial: str, due: float) -> None:
    await asyncio.sleep(due - time.time())
    now = datetime.now(UTC)
    event = {"type": "card.changed", "timestamp": now.isoformat(), "data": {"card": serial, "set": {"points": 150}}}
    body = json.dumps(event).encode()
    headers = {
        "webhook-id": f"evt_{serial}",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": hooks.sign(house.hook_secret, f"evt_{serial}", now, body),
        "content-type": "application/json",
    }
    while True:
        async with session.post(f"http://127.0.0.1:{house.port}/hooks/{SOURCE}", data=body, headers=headers) as answer:
            text = await answer.text()
        if answer.status != 503:
            break
        await asyncio.sleep(0.5)  # a busy database: sent again, as a backend would; the wait goes on
    assert json.loads(text).get("result") == "applied", text
