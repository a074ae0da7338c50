"""A phone as far as the store can tell: it keeps what Wallet keeps, and calls what the web service calls for it."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from passkit.apple import passjson
from store import cards, registrations
from store.dialect import Database

START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class Made(dict[Hashable, dict[str, bytes]]):
    """Every content that was ever served, by what it is made of."""


@dataclass
class Held:
    """A pass on the phone: its content, and the Last-Modified it came with."""

    content: dict[str, bytes]
    last_modified: int


@dataclass
class Phone:
    """One device and one pass type. ``tag`` is the last 200 list's; ``held`` are its passes by serial number."""

    db: Database
    pass_type: str
    name: str
    tag: str | None = None
    held: dict[str, Held] = field(default_factory=dict)
    now: datetime = START
    fetched: int = 0
    not_modified: int = 0

    @property
    def device(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    @property
    def push_token(self) -> str:
        return hashlib.sha256(f"token {self.name}".encode()).hexdigest()

    async def download(self, serial: str, *, cut: bool = False, conditional: bool = False) -> str:
        """Fetch a pass: "ok", "304" or "401"; a download that is cut reaches neither the phone nor the count."""
        serving = await cards.serve(self.db, self.pass_type, serial, 0, self.now)
        if serving is None:
            return "401"
        held = self.held.get(serial)
        if conditional and held is not None and held.last_modified == serving.last_modified:
            self.not_modified += 1
            return "304"
        if cut:
            return "cut"
        content = dict(passjson.files(serving.fill(self.now)))
        assert self.db.kept(Made).setdefault(serving.made_of, content) == content  # so it may be kept under that name
        self.held[serial] = Held(content, serving.last_modified)
        self.fetched += 1
        cards.note_served(self.db, serving.card_id, serving.edition, has_news=serving.has_news)
        return "ok"

    async def register(self, serial: str, *, push_token: str | None = None, generation: int = 0) -> bool | None:
        """True for a new registration (201), False for a known one (200), None for a 401."""
        registered = await registrations.register(
            self.db,
            pass_type=self.pass_type,
            serial=serial,
            generation=generation,
            device_library_identifier=self.device,
            push_token=push_token or self.push_token,
            platform="ApplePass",
            now=self.now,
        )
        return None if registered is None else registered.new

    async def unregister(self, serial: str) -> bool:
        """Remove the pass from the phone."""
        self.held.pop(serial, None)
        return await registrations.unregister(
            self.db,
            pass_type=self.pass_type,
            serial=serial,
            generation=0,
            device_library_identifier=self.device,
            now=self.now,
        )

    async def list(self, *, tag: str | None = None) -> tuple[str, ...]:
        """Ask what is new; a 200 replaces the tag."""
        listing = await registrations.changed(self.db, self.pass_type, self.device, self.tag if tag is None else tag)
        if listing is None or not listing.serial_numbers:
            return ()
        self.tag = listing.last_updated
        return listing.serial_numbers

    async def update(self, *, cut: bool = False) -> tuple[str, ...]:
        """What a push makes a phone do: list, then fetch what is listed."""
        serials = await self.list()
        for serial in serials:
            await self.download(serial, cut=cut, conditional=True)
        return serials

    async def add(self, serial: str) -> None:
        """What a tap on "Add" makes it do."""
        await self.download(serial)
        await self.register(serial)
