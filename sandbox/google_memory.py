"""What Google's stand-in still knows after a restart of the demo: classes, objects, who holds them, and its callback keys.

Google forgets nothing when we restart, so neither does the stand-in: one JSON file, written when something has changed and at
the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.google import GoogleService
from sandbox.google_state import Stored, kinds

SECONDS = 1.0
"""How often it is looked whether there is something to write."""


@contextlib.asynccontextmanager
async def remembered(google: GoogleService, file: Path) -> AsyncIterator[None]:
    """Begin with what the file says, and keep it written."""
    if file.exists():
        restore(google, json.loads(file.read_text(encoding="utf-8")))
    writing = asyncio.create_task(_write_for_ever(google, file))
    try:
        yield
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        _write(google, file)


def snapshot(google: GoogleService) -> dict[str, Any]:
    """All that a restart must not lose, as JSON."""
    kept = [
        {"kind": stored.kind.segment, "body": stored.body, "holders": sorted(stored.holders)}
        for kind in kinds().values()
        for stored in google.wallet.listing(kind)
    ]
    return {"root": _pem(google.keys.root), "intermediate": _pem(google.keys.intermediate), "kept": kept}


def restore(google: GoogleService, told: dict[str, Any]) -> None:
    """The state of a snapshot."""
    google.keys.root, google.keys.intermediate = _key(told["root"]), _key(told["intermediate"])
    google.wallet.restore(Stored(kinds()[one["kind"]], one["body"], set(one["holders"])) for one in told["kept"])


async def _write_for_ever(google: GoogleService, file: Path) -> None:
    written = google.changes
    while True:
        await asyncio.sleep(SECONDS)
        if google.changes != written:
            written = google.changes
            _write(google, file)


def _write(google: GoogleService, file: Path) -> None:
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump(snapshot(google), out)
    fresh.replace(file)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a callback key is an elliptic curve's")
    return key
