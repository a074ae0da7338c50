"""Which channel the worker gets for a route, and when it gets another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.channels import Channels
from commands.settings import parse
from passkit.apple.signing import Signers
from pushes.fcm import FcmChannel
from pushes.relays import PassWalletChannel, WalletPassesChannel
from pushes.worker import ChannelClosed
from store.platforms import FCM, PASSWALLET, WALLETPASSES, Route
from tests.conftest import PASS_TYPE
from tests.pushes.othervendors import key_file

GOOD = key_file() | {"token_uri": "http://127.0.0.1:9/token"}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "firebase.json"
    path.write_text(json.dumps(GOOD))
    return path


@pytest.fixture
async def channels(key: Path, signers: Signers) -> AsyncIterator[Channels]:
    settings = parse({"PASSBELL_FCM_KEY_FILE": str(key), "PASSBELL_RELAY_HOSTS": "push.example.com"}, lambda path: "")
    opened = Channels(settings, signers)
    yield opened
    await opened.aclose()


async def test_every_platform_has_its_channel_and_one_serves_all_pass_types(channels: Channels) -> None:
    kinds = {FCM: FcmChannel, WALLETPASSES: WalletPassesChannel, PASSWALLET: PassWalletChannel}
    for platform, kind in kinds.items():
        channel = await channels(Route(PASS_TYPE, platform))
        assert isinstance(channel, kind)
        assert await channels(Route("pass.example.other", platform)) is channel
    assert await channels(Route(PASS_TYPE)) is await channels(Route(PASS_TYPE))


async def test_a_replaced_key_file_is_taken_up(channels: Channels, key: Path) -> None:
    before = await channels(Route(PASS_TYPE, FCM))
    key.write_text(json.dumps(GOOD | {"project_id": "another"}))
    after = await channels(Route(PASS_TYPE, FCM))
    assert isinstance(after, FcmChannel)
    assert after is not before
    assert after.project_id == "another"


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json", json.dumps(GOOD | {"private_key": "x"})])
async def test_a_file_that_is_no_key_holds_the_pushes_with_a_reason(
    channels: Channels, key: Path, content: str
) -> None:
    key.write_text(content)
    with pytest.raises(ChannelClosed, match="FCM_KEY_FILE is no service account key"):
        await channels(Route(PASS_TYPE, FCM))


async def test_a_file_that_is_gone_holds_the_pushes_with_a_reason(channels: Channels, key: Path) -> None:
    key.unlink()
    with pytest.raises(ChannelClosed, match="cannot be read"):
        await channels(Route(PASS_TYPE, FCM))


async def test_phones_of_the_own_app_wait_while_there_is_no_key(signers: Signers) -> None:
    channels = Channels(parse({}, lambda path: ""), signers)
    with pytest.raises(ChannelClosed, match="FCM_KEY_FILE is not set"):
        await channels(Route(PASS_TYPE, FCM))


async def test_no_reason_holds_anything_of_the_key(channels: Channels, key: Path) -> None:
    key.write_text(json.dumps(GOOD | {"private_key": GOOD["private_key"][:200]}))
    with pytest.raises(ChannelClosed) as closed:
        await channels(Route(PASS_TYPE, FCM))
    assert GOOD["private_key"][60:90] not in str(closed.value)
