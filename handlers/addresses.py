"""Who is asking: the client's address behind trusted proxies, never one that a stranger can make up."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOPS = 20
"""Entries of X-Forwarded-For that are looked at, from the right: no honest chain is longer."""

IPV6_SITE = 64
"""An IPv6 customer has at least this whole prefix, so limits count by it."""


def is_trusted(host: str | None, proxies: Sequence[Network]) -> bool:
    """Whether the peer is one of the operator's proxies; so is whoever may open our Unix socket, who has no address."""
    if host == "":  # as aiohttp names it
        return True
    address = _parse(host)
    return address is not None and _within(address, proxies)


def is_unlimited(host: str | None, proxies: Sequence[Network]) -> bool:
    """Whether a peer stands for many clients or for none: a trusted proxy, a Unix socket, this machine itself.

    Loopback is never limited: it is the operator, or a proxy that TRUSTED_PROXIES forgot, whose clients must not share
    one bucket.
    """
    address = _parse(host)
    return address is None or address.is_loopback or _within(address, proxies)


def client(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> str | None:
    """The address to count failures by; None where nobody should be counted.

    X-Forwarded-For is read from the right, only as far as trusted proxies wrote it; the first address that is not one
    of them is the client. A malformed entry ends the search; the last proxy that can be believed is counted instead.
    """
    current = peer
    if is_trusted(peer, proxies):
        entries = [entry.strip() for value in forwarded for entry in value.split(",")]
        for entry in reversed(entries[-MAX_HOPS:]):
            address = _parse(entry)
            if address is None:
                break
            current = str(address)
            if not _within(address, proxies):
                break
    return None if is_unlimited(current, proxies) else _site(current or "")


def _site(host: str) -> str:
    address = ipaddress.ip_address(host.split("%", 1)[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))
    return str(address)


def _parse(host: str | None) -> Address | None:
    if not host:
        return None
    text = host.removeprefix("[").split("]", 1)[0] if host.startswith("[") else host
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return _with_port(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _with_port(text: str) -> Address | None:
    """``203.0.113.7:4711``, as some proxies write it."""
    try:
        return ipaddress.IPv4Address(text.rpartition(":")[0])
    except ValueError:
        return None


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
