"""A mail server on loopback that keeps what it gets: the part of SMTP that a client of today speaks (RFC 5321).

It knows EHLO, AUTH PLAIN and LOGIN, MAIL, RCPT, DATA, RSET, NOOP, QUIT and the dot at a line's beginning. ``answers`` says
what becomes of an address (``550``, ``451``), ``greeting`` what of everybody; a mail is parsed by Python's own library.
https://www.rfc-editor.org/rfc/rfc5321
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

HOST = "127.0.0.1"
KEPT = 1000
MAX_LINE = 1000
MAX_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MailRecord:
    """One mail as it came: ``sender`` and ``recipients`` of the envelope, and the parsed message."""

    number: int
    time: float
    sender: str
    recipients: tuple[str, ...]
    user: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The plain text, decoded."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body is not None else ""


@dataclass
class MailService:
    """The stand-in: ``async with MailService() as mail``; ``users`` (name -> password), where there are any, must sign in."""

    answers: dict[str, int] = field(default_factory=dict)
    greeting: int = 220
    users: dict[str, str] = field(default_factory=dict)
    records: deque[MailRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    _server: asyncio.Server | None = None
    _port: int = 0
    _count: int = 0

    @property
    def url(self) -> str:
        """What stands in for ``smtp://host:587``."""
        return f"smtp://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0, limit=MAX_SIZE)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _Session(self, reader, writer).run()
        writer.close()

    def keep(self, sender: str, recipients: list[str], user: str, content: bytes) -> None:
        """Take a mail in."""
        self._count += 1
        parsed = message_from_bytes(content, policy=policy.default)
        self.records.append(MailRecord(self._count, time.time(), sender, tuple(recipients), user, parsed))


class _Session:
    """One client's conversation."""

    def __init__(self, service: MailService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._service, self._reader, self._writer = service, reader, writer
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._user = ""

    async def run(self) -> None:
        await self._say(self._service.greeting, "passbell sandbox")
        while self._service.greeting == 220:
            line = await self._line()
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                await self._say(221, "bye")
                return
            await self._do(verb.upper(), rest.strip())

    async def _do(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                features = ["passbell", "8BITMIME", "SMTPUTF8", f"SIZE {MAX_SIZE}"]
                features += ["AUTH PLAIN LOGIN"] if self._service.users else []
                for feature in features[:-1]:
                    self._writer.write(f"250-{feature}\r\n".encode())
                await self._say(250, features[-1])
            case "AUTH":
                await self._sign_in(rest)
            case "MAIL" if self._service.users and not self._user:
                await self._say(530, "5.7.0 Authentication required")
            case "MAIL":
                self._sender, self._recipients = _path(rest), []
                await self._say(250, "ok")
            case "RCPT" if self._sender is None:
                await self._say(503, "MAIL first")
            case "RCPT":
                await self._recipient(_path(rest))
            case "DATA" if not self._recipients:
                await self._say(503, "RCPT first")
            case "DATA":
                await self._take()
            case "RSET" | "NOOP":
                self._sender = self._sender if verb == "NOOP" else None
                await self._say(250, "ok")
            case _:
                await self._say(502, "not known here")

    async def _recipient(self, address: str) -> None:
        code = self._service.answers.get(address, 250)
        if code == 250:
            self._recipients.append(address)
        await self._say(code, "ok" if code == 250 else f"<{address}> is not wanted")

    async def _take(self) -> None:
        await self._say(354, "go on")
        content = await self._reader.readuntil(b"\r\n.\r\n")
        lines = content[: -len(b".\r\n")].split(b"\r\n")
        plain = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
        self._service.keep(self._sender or "", self._recipients, self._user, plain)
        self._sender, self._recipients = None, []
        await self._say(250, "taken")

    async def _sign_in(self, rest: str) -> None:
        kind, _, given = rest.partition(" ")
        try:
            name, password = await (self._plain(given) if kind.upper() == "PLAIN" else self._login(given))
        except ValueError:
            await self._say(501, "not base64")
            return
        is_right = name in self._service.users and self._service.users[name] == password
        self._user = name if is_right else ""
        await self._say(*((235, "welcome") if is_right else (535, "5.7.8 Authentication credentials invalid")))

    async def _plain(self, given: str) -> tuple[str, str]:
        if not given:
            await self._say(334, "")
            given = await self._line()
        _, name, password = base64.b64decode(given).decode().split("\0")
        return name, password

    async def _login(self, given: str) -> tuple[str, str]:
        words = [given] if given else []
        for prompt in ("Username:", "Password:")[len(words) :]:
            await self._say(334, base64.b64encode(prompt.encode()).decode())
            words.append(await self._line())
        name, password = (base64.b64decode(word).decode() for word in words)
        return name, password

    async def _line(self) -> str:
        line = await self._reader.readuntil(b"\r\n")
        return line[:MAX_LINE].decode("utf-8", "replace").strip()

    async def _say(self, code: int, text: str) -> None:
        self._writer.write(f"{code} {text}\r\n".encode())
        await self._writer.drain()


def _path(rest: str) -> str:
    """``FROM:<anna@example.com> SIZE=12`` -> ``anna@example.com``."""
    return rest.partition(":")[2].strip().partition(">")[0].lstrip("<")
