"""NATS's ``.creds``: a real server with an operator lets in whom it knows; a wrong file costs latency and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushes import natscredentials
from pushes.doorbell import CarrierAway, Doorbell
from pushes.nats import Nats, NatsOptions
from pushes.worker import Worker
from store import places
from store.dialect import Database
from tests.journeys.house import until
from tests.natsd import free_port, single
from tests.natskeys import ACCOUNT, Key, company, credentials
from tests.pushes.fleet import PASS_TYPE, ScriptedChannel, change_card, pending, seed
from tests.pushes.test_doorbell import Heard
from tests.pushes.test_worker import QUICK

PLACE = places.push(PASS_TYPE)
OURS = company()


async def test_the_file_lets_in_and_another_operators_does_not(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.creds", tmp_path / "theirs.creds"
    ours.write_bytes(OURS.credentials())
    theirs.write_bytes(company().credentials())
    heard = Heard()
    async with single(tmp_path, OURS.config) as server:
        carrier = Nats(NatsOptions((server.url,), ours))
        task = asyncio.create_task(carrier.run())
        async with carrier.listening(heard.hear, ()):
            await until(lambda: carrier.is_well)
            assert await carrier.ring(PLACE)
            await until(lambda: heard == [PLACE])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert "kept on 1" in await Nats(NatsOptions((server.url,), ours)).examine()
        for file in (theirs, None):
            with pytest.raises(CarrierAway, match="Authorization Violation"):
                await Nats(NatsOptions((server.url,), file)).examine()


async def test_with_a_wrong_file_pushes_go_by_looking_and_a_right_one_is_taken_up(db: Database, tmp_path: Path) -> None:
    file, channel = tmp_path / "passbell.creds", ScriptedChannel()
    file.write_bytes(b"not what was meant")
    await seed(db, 1)
    async with single(tmp_path, OURS.config) as server:
        with capture_logs() as lines:
            carrier = Nats(NatsOptions((server.url,), file))
            keeping = asyncio.create_task(carrier.run())
            await until(lambda: bool(lines))
        (told,) = lines
        assert told["event"] == "nats_away"
        assert told["reason"].startswith(f"NATS_CREDENTIALS_FILE: {file} is no file of credentials")

        async def channels(route: object) -> ScriptedChannel:
            return channel

        bell = Doorbell(db, carrier)
        worker = Worker(db, channels, owner="test", options=QUICK, is_rung=bell.is_heard)
        working = asyncio.create_task(worker.run())
        await change_card(db, 1)

        async def is_sent() -> bool:
            return await pending(db) == 0

        await until(is_sent)
        assert len(channel.sent) == 1
        assert not bell.is_heard()
        file.write_bytes(OURS.credentials())
        await until(bell.is_heard)
        worker.stop()
        keeping.cancel()
        await asyncio.gather(working, keeping, return_exceptions=True)


def test_doctor_is_told_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    nobody = Nats(NatsOptions((f"nats://127.0.0.1:{free_port()}",), tmp_path / "away.creds"))
    with pytest.raises(CarrierAway, match=r"NATS_CREDENTIALS_FILE: .*away\.creds cannot be read: No such file"):
        asyncio.run(nobody.examine())


GOOD = OURS.credentials()
WRONG = {
    "empty": (b"", "is no file of credentials"),
    "binary": (b"\x00\xff" * 999, "is no file of credentials"),
    "without its seed": (GOOD.partition(b"*****")[0], "is no file of credentials"),
    "cut": (GOOD[:-90], "is no file of credentials"),
    "one letter": (GOOD.replace(b"\nSU", b"\nSV"), "has a damaged seed"),
    "a short seed": (credentials("a.b.c", "SUAAAA"), "has a damaged seed"),
    "no base32": (credentials("a.b.c", "SU0189"), "has a damaged seed"),
    "an account's seed": (credentials("a.b.c", Key(ACCOUNT).seed), "has the seed of an account"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_clear_sentence_without_its_content(name: str) -> None:
    content, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence) as caught:
        natscredentials.parse(content)
    assert "SU" not in str(caught.value)


def test_line_ends_of_another_system_do_no_harm() -> None:
    made = natscredentials.parse(GOOD.replace(b"\n", b"\r\n"))
    assert made.jwt == natscredentials.parse(GOOD).jwt
    assert made.jwt.decode() not in repr(made)
