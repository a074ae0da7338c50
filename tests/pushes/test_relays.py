"""The relays' channels: what goes over the wire, how answers are taken, and above all who is never called."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.pki import LookAlike
from pushes import verdict
from pushes.channel import Outcome, Push
from pushes.relays import BATCH, WalletPassesChannel, destination, is_public
from sandbox.relays import RelayService
from tests.pushes.othervendors import HOST, RELAY, TOPIC, passwallet, server_context
from tests.pushes.test_other_vendors import closing, send, tally

OTHER = "pass.com.example.tea"


@pytest.fixture
async def relay() -> AsyncIterator[RelayService]:
    async with RelayService() as running:
        yield running


@pytest.fixture
async def tls_relay(pki: LookAlike, tmp_path: Path) -> AsyncIterator[RelayService]:
    async with RelayService(context=server_context(pki, tmp_path)) as running:
        yield running


def pushes(count: int, topic: str = TOPIC, start: int = 0) -> list[Push]:
    return [Push(number, topic, f"token-{number}", 0) for number in range(start, start + count)]


def attido(number: int, url: str = RELAY) -> Push:
    return Push(number, TOPIC, f"{url} token-{number}", 0)


# WalletPasses.


async def test_a_request_is_of_one_pass_type_and_of_no_more_than_a_batch(relay: RelayService) -> None:
    async with closing(WalletPassesChannel(relay.walletpasses_url)) as channel:
        await send(channel, pushes(BATCH + 50) + pushes(3, OTHER, start=1000))
    sizes = sorted((record.topic, len(record.tokens)) for record in relay.records)
    assert sizes == [(TOPIC, 50), (TOPIC, BATCH), (OTHER, 3)]
    assert {record.path for record in relay.records} == {"/api/v1/push"}
    assert {record.authorization for record in relay.records} == {None}


async def test_the_key_goes_along_where_there_is_one(relay: RelayService) -> None:
    relay.key = "5d2c8fb3"
    async with closing(WalletPassesChannel(relay.walletpasses_url, "5d2c8fb3")) as channel:
        await send(channel, pushes(1))
    assert [record.authorization for record in relay.records] == ["5d2c8fb3"]


async def test_a_wrong_key_is_ours_to_mend(relay: RelayService) -> None:
    relay.key = "another"
    async with closing(WalletPassesChannel(relay.walletpasses_url, "5d2c8fb3")) as channel:
        assert tally(await send(channel, pushes(3))) == {(Outcome.OURS, "HTTP 401"): 3}


async def test_one_bad_token_spoils_nothing_for_the_others(relay: RelayService) -> None:
    relay.bad = {"token-7"}
    async with closing(WalletPassesChannel(relay.walletpasses_url)) as channel:
        verdicts = await send(channel, pushes(20))
    assert tally(verdicts) == {(Outcome.DELIVERED, ""): 19, (Outcome.PARK, "HTTP 400"): 1}
    assert sorted(relay.tokens) == sorted(push.token for push in pushes(20) if push.token != "token-7")


async def test_a_redirect_is_not_followed(relay: RelayService) -> None:
    async with RelayService() as elsewhere:
        relay.location = elsewhere.walletpasses_url
        async with closing(WalletPassesChannel(relay.walletpasses_url)) as channel:
            assert tally(await send(channel, pushes(1))) == {(Outcome.OURS, "HTTP 302"): 1}
        assert not elsewhere.records


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.OURS) for status in (401, 403, 404, 418)),
        *((status, Outcome.RETRY) for status in (429, 500, 503)),
        (204, Outcome.DELIVERED),
        (400, Outcome.PARK),
    ],
)
def test_walletpasses_answers_are_about_our_key_and_url(status: int, outcome: Outcome) -> None:
    assert verdict.walletpasses(status).outcome is outcome


@pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503, 999])
def test_no_answer_of_a_relay_that_a_stranger_named_is_our_fault(status: int) -> None:
    assert verdict.passwallet(status).outcome in (Outcome.PARK, Outcome.RETRY)
    assert not verdict.passwallet(status).is_suspect


def test_every_row_has_its_vendors_link() -> None:
    assert {row.link for row in verdict.WALLETPASSES} == {verdict.WALLETPASSES_PUSH}
    assert {row.link for row in verdict.PASSWALLET} == {verdict.PASSWALLET_PUSH}


# PassWallet.


async def test_passwallets_relay_is_called_by_the_name_that_was_allowed(
    tls_relay: RelayService, pki: LookAlike
) -> None:
    async with closing(passwallet(tls_relay, pki)) as channel:
        assert tally(await send(channel, [attido(1), attido(2)])) == {(Outcome.DELIVERED, ""): 2}
    record = tls_relay.records[0]
    assert (record.path, record.host) == ("/PassWallet/v1/pushUpdates", HOST)
    assert (record.topic, record.tokens) == (TOPIC, ("token-1", "token-2"))
    assert record.authorization is None


async def test_a_certificate_for_another_name_is_no_connection(tls_relay: RelayService, pki: LookAlike) -> None:
    other = "relay.example.com"
    async with closing(passwallet(tls_relay, pki, hosts=[other])) as channel:
        verdicts = await send(channel, [attido(1, f"https://{other}/x")])
    assert tally(verdicts) == {(Outcome.RETRY, "NoConnection"): 1}
    assert not tls_relay.records


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://evil.example/PassWallet", "RelayNotAllowed"),
        ("http://localhost/PassWallet", "RelayNotHttps"),
        ("ftp://localhost/x", "RelayNotHttps"),
        ("https://localhost:8443/x", "RelayNotAllowed"),
        ("https://localhost:80/", "RelayNotAllowed"),
        ("https://user@localhost/x", "RelayNotAllowed"),
        ("https://user:secret@localhost/x", "RelayNotAllowed"),
        ("https://evil.example@localhost/x", "RelayNotAllowed"),
        ("https://localhost@evil.example/x", "RelayNotAllowed"),
        ("https://localhost.evil.example/x", "RelayNotAllowed"),
        ("https://evil.example\\@localhost/x", "RelayNotAllowed"),
        ("https://localhost/x?to=http://10.0.0.1", "RelayNotAllowed"),
        ("https://localhost/x#y", "RelayNotAllowed"),
        ("https://localhost/%2e%2e/x", "RelayNotAllowed"),
        ("https://localhost\\evil/x", "RelayNotAllowed"),
        ("https://127.0.0.1/x", "RelayNotAllowed"),
        ("https://[::1]/x", "RelayNotAllowed"),
        ("https://169.254.169.254/latest/meta-data", "RelayNotAllowed"),
        ("https://2130706433/x", "RelayNotAllowed"),
        ("https://[not-an-address/x", "RelayNotAllowed"),
        ("//localhost/x", "RelayNotHttps"),
        ("localhost", "RelayNotAllowed"),
        ("", "RelayNotAllowed"),
    ],
)
async def test_what_is_not_allowed_is_parked_and_nobody_is_called(
    tls_relay: RelayService, pki: LookAlike, url: str, reason: str
) -> None:
    async with closing(passwallet(tls_relay, pki)) as channel:
        assert tally(await send(channel, [attido(1, url)])) == {(Outcome.PARK, reason): 1}
    assert not tls_relay.records


@pytest.mark.parametrize(
    "url", ["https://localhost", "https://localhost/", "HTTPS://LOCALHOST:443/", "https://localhost./"]
)
async def test_the_same_place_written_otherwise_is_the_same_place(
    tls_relay: RelayService, pki: LookAlike, url: str
) -> None:
    async with closing(passwallet(tls_relay, pki)) as channel:
        assert tally(await send(channel, [attido(1, url)])) == {(Outcome.DELIVERED, ""): 1}
    assert [record.path for record in tls_relay.records] == ["/v1/pushUpdates"]


async def test_no_host_is_allowed_until_the_operator_says_so(tls_relay: RelayService, pki: LookAlike) -> None:
    async with closing(passwallet(tls_relay, pki, hosts=[])) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.PARK, "RelayNotAllowed"): 1}


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1",
    "fec0::1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378::1",
    "2001:db8::1", "100::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_internet_at_large_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_an_address_of_the_internet_at_large_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("found", [["10.0.0.5"], ["8.8.8.8", "127.0.0.1"], ["::ffff:10.0.0.1"], []])
async def test_a_host_with_a_private_address_among_its_own_is_not_called(
    tls_relay: RelayService, pki: LookAlike, found: list[str]
) -> None:
    async def look_up(host: str) -> list[tuple[str, int]]:
        return [(address, tls_relay.port) for address in found]

    async with closing(passwallet(tls_relay, pki, look_up=look_up, is_public=is_public)) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.PARK, "RelayNotPublic"): 1}
    assert not tls_relay.records


async def test_a_name_is_looked_up_once_and_what_was_looked_at_is_what_is_called(
    tls_relay: RelayService, pki: LookAlike
) -> None:
    asked: list[str] = []

    async def look_up(host: str) -> list[tuple[str, int]]:
        asked.append(host)
        return [("127.0.0.1", tls_relay.port)]

    async with closing(passwallet(tls_relay, pki, look_up=look_up)) as channel:
        await send(channel, [attido(1)])
    assert asked == [HOST]
    assert len(tls_relay.records) == 1


async def test_a_host_that_nobody_knows_is_tried_again(tls_relay: RelayService, pki: LookAlike) -> None:
    async def look_up(host: str) -> list[tuple[str, int]]:
        raise OSError("no such host")

    async with closing(passwallet(tls_relay, pki, look_up=look_up)) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.RETRY, "NoConnection"): 1}


async def test_of_several_addresses_the_first_that_answers_is_used(tls_relay: RelayService, pki: LookAlike) -> None:
    async def look_up(host: str) -> list[tuple[str, int]]:
        return [("127.0.0.1", 9), ("127.0.0.1", tls_relay.port)]

    async with closing(passwallet(tls_relay, pki, look_up=look_up)) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.DELIVERED, ""): 1}


async def test_passwallets_redirect_leads_nowhere(tls_relay: RelayService, relay: RelayService, pki: LookAlike) -> None:
    tls_relay.location = f"{relay.url}/v1/pushUpdates"
    async with closing(passwallet(tls_relay, pki)) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.PARK, "HTTP 302"): 1}
    assert not relay.records


async def test_little_of_an_endless_answer_is_read(tls_relay: RelayService, pki: LookAlike) -> None:
    tls_relay.size = 30 * 2**20
    async with closing(passwallet(tls_relay, pki, deadline=5)) as channel:
        assert tally(await send(channel, [attido(1)])) == {(Outcome.DELIVERED, ""): 1}


async def test_phones_of_several_relays_do_not_mix(tls_relay: RelayService, pki: LookAlike) -> None:
    async with closing(passwallet(tls_relay, pki)) as channel:
        await send(channel, [attido(1), attido(2, f"https://{HOST}/other"), attido(3, "https://evil.example/")])
    assert {record.path: record.tokens for record in tls_relay.records} == {
        "/PassWallet/v1/pushUpdates": ("token-1",),
        "/other/v1/pushUpdates": ("token-2",),
    }


@given(st.text(max_size=120))
def test_no_text_is_called_that_is_not_the_listed_host(url: str) -> None:
    place = destination(url, {"push.example.com"})
    assert isinstance(place, str) or place[0] == "push.example.com"
