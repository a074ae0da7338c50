"""Passes made for these tests by ``cryptography``'s own PKCS#7 builder, so that the robot is not judged by our signer."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.sandbox.certificates import TEAM, TOPIC, Authorities, Pair

TOKEN = "secret-token-of-this-pass"
RUSSIAN = '"Points" = "Баллы";\n"You have %@ points now" = "Теперь у вас %@ баллов";\n'


def document(**changes: Any) -> dict[str, Any]:
    """A store card's pass.json; ``points`` and ``balance`` set those fields."""
    points, balance = changes.pop("points", 120), changes.pop("balance", 450)
    return {
        "formatVersion": 1,
        "passTypeIdentifier": TOPIC,
        "teamIdentifier": TEAM,
        "serialNumber": "S1",
        "organizationName": "Coffee club",
        "description": "Loyalty card",
        "authenticationToken": TOKEN,
        "backgroundColor": "rgb(58, 42, 30)",
        "storeCard": {
            "headerFields": [
                {"key": "points", "label": "Points", "value": points, "changeMessage": "You have %@ points now"}
            ],
            "secondaryFields": [
                {
                    "key": "balance",
                    "label": "Deposit",
                    "value": balance,
                    "currencyCode": "RUB",
                    "changeMessage": "Deposit: %@",
                }
            ],
            "backFields": [{"key": "note", "label": "Note", "value": changes.pop("note", "")}],
        },
        "barcodes": [{"format": "PKBarcodeFormatQR", "message": "4242", "messageEncoding": "iso-8859-1"}],
        **changes,
    }


def contents(pass_json: Any) -> dict[str, bytes]:
    return {
        "icon.png": b"\x89PNG icon",
        "logo@2x.png": b"\x89PNG logo",
        "pass.json": json.dumps(pass_json, ensure_ascii=False).encode(),
        "ru.lproj/pass.strings": RUSSIAN.encode(),
    }


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    return json.dumps({name: hashlib.sha1(content).hexdigest() for name, content in files.items()}, indent=1).encode()


def sign(manifest: bytes, signer: Pair, *intermediates: Pair, options: tuple[pkcs7.PKCS7Options, ...] = ()) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    for pair in intermediates:
        builder = builder.add_certificate(pair.certificate)
    wanted = options or (pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary)
    return builder.sign(Encoding.DER, list(wanted))


def zipped(files: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return memory.getvalue()


def pkpass(authorities: Authorities, pass_json: Any = None) -> bytes:
    """A good pass."""
    files = contents(document() if pass_json is None else pass_json)
    manifest = manifest_of(files)
    return zipped(files | {"manifest.json": manifest, "signature": sign(manifest, authorities.leaf, authorities.wwdr)})
