"""The files that settings name: looked into at the start, so that a wrong one is not found out by the first push."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from commands.letters import gateway_of, mail_sender
from commands.settings import PREFIX, Settings, SettingsError


def refuse_wrong_files(settings: Settings) -> None:
    """Stop the start where a file of a setting cannot be read or is of another kind, or a way out is half set."""
    for name, path, check in (
        ("APNS_CA", settings.apns_ca, _certificates),
        ("GOOGLE_KEY_FILE", settings.google_key_file, _service_account),
        ("FCM_KEY_FILE", settings.fcm_key_file, _service_account),
    ):
        if path is not None:
            _refuse_wrong(PREFIX + name, path, check)
    mail_sender(settings)
    gateway_of(settings)


def _refuse_wrong(name: str, path: Path, check: Callable[[bytes], None]) -> None:
    try:
        check(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"{name}: {path} {error}.") from None


def _certificates(content: bytes) -> None:
    try:
        x509.load_pem_x509_certificates(content)
    except ValueError:
        raise ValueError("holds no certificate in PEM") from None


def _service_account(content: bytes) -> None:
    try:
        key = json.loads(content)
    except ValueError:
        key = None
    if not isinstance(key, dict) or not {"client_email", "private_key"} <= key.keys():
        raise ValueError("is no service account key: download one as JSON from Google Cloud's console")
