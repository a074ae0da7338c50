"""What the phones page shows: a handful of robot phones, what happened to them, and who is watching.

No HTTP and no HTML here: the page reads ``residents`` and ``rows`` and is told through ``Watcher`` what to draw again.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from cryptography import x509

from sandbox.android import AndroidPhone, HeldPass, account_of
from sandbox.apns import PushRecord, PushService
from sandbox.google import Asked, GoogleService
from sandbox.google_callbacks import Sent
from sandbox.phone import Phone
from sandbox.phone_records import Event, HeldCard, Kind

MAX_PHONES = 12
KEPT_ROWS = 200
SAME_STORY = 60.0
"""Seconds for which a line may count from the last webhook."""

OF_APPLE = ("accepted", "kept", "refused", "pushed", "listed", "fetched", "unchanged")
OF_GOOGLE = ("google_took", "google_refused")
FOLLOWS_WEBHOOK = frozenset(("answered", *OF_APPLE, *OF_GOOGLE, "shown", "silent", "failed"))

IPHONE, ANDROID = "iphone", "android"
KINDS = (IPHONE, ANDROID)
BROUGHT = ("insert", "patch", "update", "addmessage")
"""What is asked of Google's Wallet API that the page tells of."""


class WorldError(Exception):
    """What the page asked for cannot be; ``code`` names the sentence to show."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what happened: ``kind`` names the sentence, ``detail`` fills it, ``after`` seconds since the webhook."""

    number: int
    time: float
    kind: str
    phone: str = ""
    detail: str = ""
    after: float | None = None


@dataclass(slots=True)
class Resident:
    """A phone on the page; ``link`` is where its card came from, to install it again."""

    number: int
    phone: Phone | AndroidPhone
    link: str | None = None

    @property
    def kind(self) -> str:
        """``iphone`` or ``android``."""
        return ANDROID if isinstance(self.phone, AndroidPhone) else IPHONE

    @property
    def card(self) -> HeldCard | HeldPass | None:
        """The card it holds, the newest if there are several."""
        held: list[HeldCard | HeldPass] = [*self.phone.cards.values()]
        return held[-1] if held else None

    def pictures(self) -> Mapping[str, bytes]:
        """The pictures of its card by slot."""
        card = self.card
        return {} if card is None else card.pictures if isinstance(card, HeldPass) else card.faces.images


@dataclass(eq=False, slots=True)
class Watcher:
    """One open page: what it has to draw again, and a bell."""

    changed: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> tuple[list[int], list[int], list[Row]]:
        """What has come since the last time."""
        taken = (sorted(self.changed - self.gone), sorted(self.gone), self.rows)
        self.changed, self.gone, self.rows = set(), set(), []
        self.bell.clear()
        return taken


class World:
    """The phones; ``clock`` gives epoch seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        pushes: PushService,
        *,
        roots: Sequence[x509.Certificate],
        google: GoogleService | None = None,
        time_zone: str = "Europe/Moscow",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.residents: dict[int, Resident] = {}
        self.rows: deque[Row] = deque(maxlen=KEPT_ROWS)
        self._session = session
        self._pushes = pushes
        self._roots = tuple(roots)
        self._time_zone = time_zone
        self._clock = clock
        self._numbers = itertools.count(1)
        self._row_numbers = itertools.count(1)
        self._watchers: set[Watcher] = set()
        self._last_webhook: float | None = None
        self._google = google
        pushes.on_record.append(self._push_seen)
        if google is not None:
            google.on_request.append(self._google_asked)
            google.callbacks.on_sent.append(self._called_back)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of phones there can be."""
        return KINDS if self._google is not None else (IPHONE,)

    async def close(self) -> None:
        """Switch every phone off."""
        self._pushes.on_record.remove(self._push_seen)
        if self._google is not None:
            self._google.on_request.remove(self._google_asked)
            self._google.callbacks.on_sent.remove(self._called_back)
        for resident in self.residents.values():
            await resident.phone.close()

    # What the page's buttons do.

    async def add_phone(
        self,
        link: str,
        language: str,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        kind: str = IPHONE,
    ) -> Resident:
        """A new phone that opens the link and takes the card; ``random_bytes`` makes its identifiers."""
        if len(self.residents) >= MAX_PHONES:
            raise WorldError("too_many_phones")
        if kind not in self.kinds:
            raise WorldError("bad_request")
        number = next(self._numbers)
        make = self._android if kind == ANDROID else self._iphone
        phone = make(number, language, random_bytes)
        resident = Resident(number, phone, link)
        self.residents[number] = resident
        try:
            await phone.install(link)
        except Exception:
            await self.put_away(number)
            raise
        return resident

    def _iphone(self, number: int, language: str, random_bytes: Callable[[int], bytes]) -> Phone:
        phone = Phone(
            self._session,
            name=f"{number}",
            language=language,
            time_zone=self._time_zone,
            roots=self._roots,
            pushes=self._pushes,
            clock=self._clock,
            random_bytes=random_bytes,
        )
        phone.on_event.append(self._happened)
        return phone

    def _android(self, number: int, language: str, random_bytes: Callable[[int], bytes]) -> AndroidPhone:
        if self._google is None:
            raise WorldError("bad_request")
        phone = AndroidPhone(
            self._session,
            self._google,
            name=f"{number}",
            language=language,
            time_zone=self._time_zone,
            account=account_of(random_bytes(6).hex()),
            clock=self._clock,
        )
        phone.on_event.append(self._happened)
        return phone

    async def put_away(self, number: int) -> None:
        """The phone leaves the page; a card it holds is removed first, as its owner would."""
        resident = self.resident(number)
        if resident.card is not None and not resident.phone.offline:
            await self.remove_card(number)
        await resident.phone.close()
        del self.residents[number]
        for watcher in self._watchers:
            watcher.gone.add(number)
            watcher.bell.set()

    async def remove_card(self, number: int) -> None:
        """Delete the card from the wallet."""
        resident = self.resident(number)
        if resident.card is None:
            raise WorldError("no_card")
        await resident.phone.remove(resident.card.serial_number)

    async def install_again(self, number: int) -> None:
        """Open the same link once more."""
        resident = self.resident(number)
        if resident.link is None or resident.card is not None:
            raise WorldError("no_link")
        await resident.phone.install(resident.link)

    async def set_offline(self, number: int, offline: bool) -> None:
        """Airplane mode on or off."""
        phone = self.resident(number).phone
        if offline and not phone.offline:
            phone.go_offline()
        elif not offline and phone.offline:
            await phone.go_online()

    def set_language(self, number: int, language: str) -> None:
        """The phone's language."""
        self.resident(number).phone.set_language(language)
        self._redraw(number)

    def resident(self, number: int) -> Resident:
        """A phone by its number."""
        try:
            return self.residents[number]
        except KeyError:
            raise WorldError("no_phone") from None

    def card_of(self, number: int) -> HeldCard | HeldPass:
        """The card of a phone."""
        card = self.resident(number).card
        if card is None:
            raise WorldError("no_card")
        return card

    def webhook_sent(self, detail: str) -> None:
        """A webhook leaves now: later lines count from here."""
        self._last_webhook = self._clock()
        self.tell("webhook", detail=detail)

    # Who is watching.

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Be told from now on what to draw again."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def wake_watchers(self) -> None:
        """Ring every bell, to let streams end."""
        for watcher in self._watchers:
            watcher.bell.set()

    def tell(self, kind: str, *, phone: str = "", detail: str = "") -> None:
        """Add a line to what happened."""
        now = self._clock()
        after = None
        follows = kind in FOLLOWS_WEBHOOK and (kind not in OF_GOOGLE or phone)  # else another card is being brought
        if self._last_webhook is not None and follows and now - self._last_webhook < SAME_STORY:
            after = now - self._last_webhook
        row = Row(next(self._row_numbers), now, kind, phone, detail, after)
        self.rows.append(row)
        for watcher in self._watchers:
            watcher.rows.append(row)
            watcher.bell.set()

    def _redraw(self, number: int) -> None:
        for watcher in self._watchers:
            watcher.changed.add(number)
            watcher.bell.set()

    # What the phones and Apple tell.

    def _happened(self, phone: Phone | AndroidPhone, event: Event) -> None:
        number = int(phone.name)
        if event.kind not in (Kind.PUSHED, Kind.LISTED):
            self._redraw(number)
        self.tell(event.kind.value, phone=phone.name, detail=event.detail)

    def _push_seen(self, record: PushRecord) -> None:
        owner = next((one for one in self.residents.values() if _has_token(one.phone, record.token)), None)
        if owner is None:
            return
        if not record.accepted:
            answer = f"{record.status or ''} {record.reason or ''}".strip()
            self.tell("refused", phone=owner.phone.name, detail=answer)
        else:
            self.tell("kept" if owner.phone.offline else "accepted", phone=owner.phone.name, detail="200")

    # What Google tells.

    def _google_asked(self, asked: Asked) -> None:
        """Something was brought to Google: about a card that is on a phone here, or will be."""
        if asked.method.rpartition(".")[2] not in BROUGHT:
            return
        detail = f"{asked.method} · {asked.status or 'no answer'} {asked.reason}".strip()
        kind = "google_took" if 200 <= asked.status < 300 else "google_refused"
        self.tell(kind, phone=self._holder(asked.resource), detail=detail)

    def _called_back(self, sent: Sent) -> None:
        detail = f"{sent.event} · {sent.status or 'no answer'}"
        self.tell("called_back", phone=self._holder(sent.object_id), detail=detail)

    def _holder(self, resource_id: str) -> str:
        """The name of the first Android phone that holds this object."""
        found = (one.phone.name for one in self.residents.values() if resource_id in one.phone.cards)
        return next(found, "")


def _has_token(phone: Phone | AndroidPhone, token: str) -> bool:
    return isinstance(phone, Phone) and token in phone.push_tokens.values()
