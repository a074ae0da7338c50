"""Our own URLs, in one place: what goes into passes, answers and pages.

``public_url`` is PASSBELL_PUBLIC_URL; a trailing slash is dropped, so that joins never double it.
"""

from __future__ import annotations

from urllib.parse import quote

_SAFE = "-._~"


def web_service_url(public_url: str) -> str:
    """``webServiceURL`` of every pass; phones add ``/v1/...`` themselves.

    Raises ValueError when the address ends in ``v1``: phones would then ask for ``/v1/v1/...`` and never update
    (https://github.com/develatio/django-walletpass/issues/26).
    """
    base = public_url.rstrip("/")
    if base.rsplit("/", 1)[-1].lower() == "v1":
        raise ValueError("PUBLIC_URL must not end with /v1: phones add it themselves.")
    return f"{base}/passkit"


def install_url(public_url: str, token: str) -> str:
    """The page a customer opens to get the card."""
    return f"{public_url.rstrip('/')}/i/{quote(token, safe=_SAFE)}"


def apple_url(public_url: str, token: str) -> str:
    """The signed pass itself, for an iPhone or any wallet that opens pkpass files."""
    return f"{install_url(public_url, token)}/card.pkpass"


def google_url(public_url: str, token: str) -> str:
    """Where the Google Wallet save link is made."""
    return f"{install_url(public_url, token)}/google"


def qr_url(public_url: str, token: str) -> str:
    """The QR code of the install page, as SVG."""
    return f"{install_url(public_url, token)}/qr.svg"
