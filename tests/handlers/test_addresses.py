"""Who is asking, and how often strangers may fail."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from handlers import addresses
from handlers.limits import ALLOWANCES, MAX_BUCKETS, Kind, Limiter

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # nobody believes a stranger
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what the client wrote itself comes first
        ("10.0.0.1", ["198.51.100.1, 10.0.0.9"], "198.51.100.1"),  # through two proxies
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),  # two headers are one list
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2::3]"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["10.0.0.2"], None),
        ("fd00::1", ["2001:db8:1:2::3"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", [], None),
        ("::1", ["198.51.100.1"], None),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, [], None),
        ("", [], None),
    ],
)
def test_the_client_is_the_first_address_that_no_proxy_of_ours_wrote(
    peer: str | None, forwarded: list[str], client: str | None
) -> None:
    assert addresses.client(peer, forwarded, PROXIES) == client


def test_a_long_made_up_chain_is_cut() -> None:
    chain = ", ".join(["10.0.0.2"] * 10_000)
    assert addresses.client("10.0.0.1", [f"198.51.100.1, {chain}"], PROXIES) is None


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_one_a_second() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    burst = int(ALLOWANCES[Kind.FAILURE].burst)
    assert [limiter.spend(Kind.FAILURE, "a") for _ in range(burst)] == [0] * burst
    assert limiter.spend(Kind.FAILURE, "a") == 1
    assert limiter.spend(Kind.FAILURE, "b") == 0
    assert limiter.spend(Kind.LOG, "a") == 0
    clock.now += 1.0
    assert [limiter.spend(Kind.FAILURE, "a") for _ in range(2)] == [0, 1]


def test_nobody_is_not_counted() -> None:
    limiter = Limiter(Clock())
    assert {limiter.spend(Kind.FAILURE, None) for _ in range(1000)} == {0}


def test_logs_have_a_limit_for_all_addresses_together() -> None:
    limiter = Limiter(Clock())
    spent = [limiter.spend(Kind.LOG, f"address {number}") for number in range(300)]
    assert spent[0] == 0
    assert spent[-1] > 0


def test_the_number_of_buckets_is_bounded() -> None:
    limiter = Limiter(Clock())
    for number in range(MAX_BUCKETS + 1000):
        limiter.spend(Kind.FAILURE, str(number))
    assert len(limiter._buckets) == MAX_BUCKETS
