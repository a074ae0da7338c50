"""A little Apple for the sandbox's own tests: its certificates and its push service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.apns import PushService
from sandbox.google import GoogleService
from tests.sandbox.certificates import Authorities


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    return Authorities()


@pytest.fixture
async def push_service(authorities: Authorities) -> AsyncIterator[PushService]:
    service = PushService(
        certificate=authorities.server.pem, key=authorities.server.key_pem, client_ca=authorities.bundle
    )
    async with service:
        yield service


@pytest.fixture(scope="session")
def client_files(authorities: Authorities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with client.pem (certificate and key), key.pem and ca.pem, as push libraries want them."""
    folder = tmp_path_factory.mktemp("push-client")
    (folder / "client.pem").write_bytes(authorities.leaf.pem + authorities.wwdr.pem + authorities.leaf.key_pem)
    (folder / "certificate.pem").write_bytes(authorities.leaf.pem + authorities.wwdr.pem)
    (folder / "key.pem").write_bytes(authorities.leaf.key_pem)
    (folder / "ca.pem").write_bytes(authorities.root.pem)
    return folder


@pytest.fixture
async def google() -> AsyncIterator[GoogleService]:
    """Google's stand-in, without its limit on requests per second: tests that are about it set it."""
    async with GoogleService(rate=0) as service:
        yield service
