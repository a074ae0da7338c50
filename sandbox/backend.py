"""The loyalty backend of the demo: it issues cards over the REST interface and changes them through signed webhooks.

It knows of the server what its documentation says: URLs, the API key, the hook's secret.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from sandbox.webhook import signed_headers

TIMEOUT = aiohttp.ClientTimeout(total=15)

NUDGE = 30
"""What a number is suggested to grow by, so that one press shows something."""


class BackendError(Exception):
    """The server said no, or nothing; the text is for the person at the page."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a template; ``type`` is text, integer, decimal, money, date, datetime or boolean."""

    name: str
    label: str
    type: str = "text"


@dataclass(frozen=True, slots=True)
class Starter:
    """A template to issue cards of: ``sample`` is the data of a good-looking card, as JSON values."""

    key: str
    name: str
    sample: Mapping[str, Any] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Changeable:
    """A variable with what it is now (``text`` as people read it) and what the form suggests (``suggestion``)."""

    name: str
    label: str
    type: str
    text: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it was sent and its answer, to be shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    status: int
    answer: str


class Backend:
    """``url`` is the server's PUBLIC_URL; ``zone`` how a time without zone is meant."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        api_key: str,
        hook_source: str,
        hook_secret: str,
        starters: tuple[Starter, ...] = (),
        zone: str = "Europe/Moscow",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._authorization = {"Authorization": f"Bearer {api_key}"}
        self._hook = f"{self._url}/hooks/{hook_source}"
        self._secret = hook_secret
        self._starters = {starter.key: starter for starter in starters}
        self._zone = ZoneInfo(zone)
        self._clock = clock

    async def templates(self) -> list[Starter]:
        """What cards can be issued of: the published templates, with the samples we were given."""
        answer = await self._api("GET", "/templates")
        rows = [row for row in answer["templates"] if row.get("published_revision") and not row.get("archived")]
        return [self._starters.get(row["key"], Starter(row["key"], row["name"])) for row in rows]

    async def issue(self, template: str, language: str) -> str:
        """A new card of a template with its sample data; gives the install link."""
        starter = self._starters.get(template)
        body = {
            "template": template,
            "external_id": f"sandbox-{secrets.token_hex(6)}",
            "language": language,
            "data": dict(starter.sample) if starter else {},
            "channel": "sandbox",
        }
        answer = await self._api("POST", "/cards", body)
        return str(answer["install_url"])

    async def changeable(self, serial_number: str) -> list[Changeable]:
        """The variables of a card with their values now."""
        card = await self._api("GET", f"/cards/{serial_number}")
        starter = self._starters.get(card["template"])
        known = starter.variables if starter else ()
        named = {variable.name for variable in known}
        rest = [Variable(name, name, _type_of(value)) for name, value in card["data"].items() if name not in named]
        formatted = card.get("formatted", {})
        return [self._changeable(variable, card["data"], formatted) for variable in (*known, *rest)]

    def _changeable(self, variable: Variable, data: Mapping[str, Any], formatted: Mapping[str, str]) -> Changeable:
        value = data.get(variable.name)
        text = formatted.get(variable.name) or ("" if value is None else str(value))
        return Changeable(
            variable.name, variable.label, variable.type, text, suggestion(variable.type, value, self._now())
        )

    async def send_change(self, serial_number: str, name: str, type_: str, text: str, *, silent: bool) -> Exchange:
        """One ``card.changed`` through the signed webhook; a value that does not fit its type is a BackendError."""
        data: dict[str, Any] = {"card": serial_number, "set": {name: self.value(type_, text)}}
        if silent:
            data["notify"] = "silent"
        timestamp = int(self._clock())
        moment = datetime.fromtimestamp(timestamp, UTC).isoformat().replace("+00:00", "Z")
        event = {"type": "card.changed", "timestamp": moment, "data": data}
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            **signed_headers(self._secret, f"msg_{secrets.token_hex(8)}", timestamp, body),
        }
        status, answer = await self._request("POST", self._hook, headers, body)
        return Exchange("POST", self._hook, headers, _pretty(body), status, _pretty(answer))

    def value(self, type_: str, text: str) -> Any:
        """What a person typed as the JSON value of a variable; nothing typed clears it."""
        if not text.strip():
            return None
        try:
            match type_:
                case "integer":
                    return int(text)
                case "boolean":
                    return text == "true"
                case "money":
                    return f"{_decimal(text):.2f}"
                case "decimal":
                    return str(_decimal(text))
                case "datetime":
                    moment = datetime.fromisoformat(text)
                    return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).isoformat()
                case _:
                    return text
        except (ValueError, InvalidOperation):
            raise BackendError(f"{text!r} is no {type_}.") from None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), self._zone)

    async def _api(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {**self._authorization, "Content-Type": "application/json"}
        status, answer = await self._request(method, f"{self._url}/api/v1{path}", headers, content)
        if status >= 400:
            raise BackendError(f"{method} /api/v1{path}: {status}\n{_pretty(answer)}")
        return json.loads(answer)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(method, url, headers=headers, data=body, timeout=TIMEOUT) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BackendError(f"The server does not answer: {error}") from error


def suggestion(type_: str, value: Any, now: datetime) -> str:
    """The next value a form offers for an input of this type."""
    match type_:
        case "integer":
            return str((value or 0) + NUDGE)
        case "money":
            return f"{(Decimal(value or 0) / 100) + 100:.2f}"
        case "decimal":
            return str(Decimal(str(value or 0)) + 1)
        case "datetime":
            base = datetime.fromisoformat(value) if value else now.replace(hour=18, minute=30)
            return (base.astimezone(now.tzinfo) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
        case "date":
            base = datetime.fromisoformat(value) if value else now
            return (base + timedelta(days=1)).strftime("%Y-%m-%d")
        case "boolean":
            return "false" if value else "true"
        case _:
            return "" if value is None else str(value)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ".").replace("\u00a0", "").replace(" ", ""))


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "text"


def _pretty(content: bytes) -> str:
    """JSON with a line per member and per list item: to be read at a glance, not to be sent."""
    try:
        document = json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")[:2000]
    if not isinstance(document, dict):
        return _compact(document)
    members = ",\n".join(f"  {_compact(key)}: {_listed(value)}" for key, value in document.items())
    return f"{{\n{members}\n}}"


def _listed(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _compact(value)
    items = ",\n".join(f"    {_compact(item)}" for item in value)
    return f"[\n{items}\n  ]"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
