"""Mail over SMTP, by aiosmtplib: the one file that knows it.

``smtp://host:587`` begins in the clear and goes on encrypted (STARTTLS, https://www.rfc-editor.org/rfc/rfc3207); ``smtps://``
is encrypted from the first byte. A password never leaves this machine unencrypted.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from pushes.letters import Sent
from store.outgoing import Due

DEADLINE = 30.0
"""Seconds for one mail, greylisting servers included."""
PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, as MAIL_URL names it."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    is_encrypted: bool

    @property
    def must_encrypt(self) -> bool:
        """Whether STARTTLS is a condition: with a password, unless the server is this machine."""
        return not self.is_encrypted and self.user is not None and self.host not in _LOOPBACK


def server_of(url: str) -> Server:
    """``smtp://user:password@host:587`` or ``smtps://...``; ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("write it as smtp://user:password@host:587 or smtps://user:password@host:465")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Server(parts.hostname, parts.port or PORTS[parts.scheme], user, password, parts.scheme == "smtps")


class MailSender:
    """Sends each mail over a connection of its own: there are few."""

    def __init__(self, server: Server, sender: str, *, now: Any, trusted: bytes | None = None) -> None:
        self._server = server
        self._sender = sender
        self._now = now
        self._tls = ssl.create_default_context(cadata=trusted.decode() if trusted else None)

    async def send(self, due: Due) -> Sent:
        """Send one mail; a 5xx of the server is final, but not one about ourselves (password, sender)."""
        try:
            async with self._client() as client:
                await client.send_message(message(self._sender, due, self._now()))
        except aiosmtplib.SMTPRecipientsRefused as error:
            code = max((refusal.code for refusal in error.recipients), default=0)
            return Sent(False, f"SMTP {code}: the address is refused", is_final=code >= 500)
        except aiosmtplib.SMTPResponseException as error:
            about_us = isinstance(error, (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused))
            return Sent(
                False, f"SMTP {error.code}: {_plain(error.message)}", is_final=error.code >= 500 and not about_us
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Sent(False, f"{type(error).__name__}: {_plain(str(error))}")
        return Sent(True)

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_encrypted,
            start_tls=None if not (server.is_encrypted or server.must_encrypt) else server.must_encrypt,
            tls_context=self._tls,
            timeout=DEADLINE,
        )


def message(sender: str, due: Due, now: datetime) -> EmailMessage:
    """The mail as it goes; the same letter has the same Message-ID, so that a repetition is known as one."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = Address(addr_spec=due.to)
    mail["Subject"] = due.subject
    mail["Date"] = format_datetime(now)
    domain = sender.rpartition("@")[2].strip(" >") or "localhost"
    mail["Message-ID"] = f"<passbell-{due.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(due.text)
    return mail


def _plain(text: str) -> str:
    """A server's words in one line, without addresses."""
    return _ADDRESS.sub("…", " ".join(text.split()))[:120]
