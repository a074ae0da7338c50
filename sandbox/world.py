"""What the phones page shows: a handful of robot phones, what happened to them, and who is watching.

No HTTP and no HTML here: the page reads ``residents`` and ``rows`` and is told through ``Watcher`` what to draw again.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from cryptography import x509

from sandbox.apns import PushRecord, PushService
from sandbox.phone import Phone
from sandbox.phone_records import Event, HeldCard, Kind

MAX_PHONES = 12
KEPT_ROWS = 200
SAME_STORY = 60.0
"""Seconds for which a line may count from the last webhook."""

FOLLOWS_WEBHOOK = frozenset(
    ("answered", "accepted", "kept", "refused", "pushed", "listed", "fetched", "unchanged", "shown", "silent", "failed")
)


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
    phone: Phone
    link: str | None = None

    @property
    def card(self) -> HeldCard | None:
        """The card it holds, the newest if there are several."""
        return next(reversed(self.phone.cards.values()), None)


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
        pushes.on_record.append(self._push_seen)

    async def close(self) -> None:
        """Switch every phone off."""
        self._pushes.on_record.remove(self._push_seen)
        for resident in self.residents.values():
            await resident.phone.close()

    # What the page's buttons do.

    async def add_phone(
        self, link: str, language: str, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> Resident:
        """A new phone that opens the link and takes the card; ``random_bytes`` makes its identifiers."""
        if len(self.residents) >= MAX_PHONES:
            raise WorldError("too_many_phones")
        number = next(self._numbers)
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
        resident = Resident(number, phone, link)
        self.residents[number] = resident
        phone.on_event.append(self._happened)
        try:
            await phone.install(link)
        except Exception:
            await self.put_away(number)
            raise
        return resident

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

    def card_of(self, number: int) -> HeldCard:
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
        if self._last_webhook is not None and kind in FOLLOWS_WEBHOOK and now - self._last_webhook < SAME_STORY:
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

    def _happened(self, phone: Phone, event: Event) -> None:
        number = int(phone.name)
        if event.kind not in (Kind.PUSHED, Kind.LISTED):
            self._redraw(number)
        self.tell(event.kind.value, phone=phone.name, detail=event.detail)

    def _push_seen(self, record: PushRecord) -> None:
        owner = next((one for one in self.residents.values() if record.token in one.phone.push_tokens.values()), None)
        if owner is None:
            return
        if not record.accepted:
            answer = f"{record.status or ''} {record.reason or ''}".strip()
            self.tell("refused", phone=owner.phone.name, detail=answer)
        else:
            self.tell("kept" if owner.phone.offline else "accepted", phone=owner.phone.name, detail="200")
