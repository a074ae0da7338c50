"""A robot phone: it does with a card what an iPhone does, and can be put in the moods that real phones are in.

It installs by link, opens and verifies what it gets, registers, wakes on a push, lists with the tag it stored, fetches
conditionally, shows what iOS would show, logs errors in iOS's words, unregisters. It remembers everything it saw
(``events``, ``notifications``, each card's ``editions``). Hundreds fit in one process: they share one HTTP session, and
verification can be turned off. It never asks the server anything that a phone could not ask.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import aiohttp
from cryptography import x509

from passkit.preview import Faces, faces_of
from sandbox import lockscreen
from sandbox.installpage import agreement, apple_link
from sandbox.phone_records import KEPT, Edition, Event, HeldCard, Kind, Mood, Shown
from sandbox.phone_web import (
    IPHONE,
    LOST,
    OFFLINE,
    PASS_TYPE,
    Fetched,
    PassAddress,
    Profile,
    WebService,
    WebServiceError,
)
from sandbox.pkpass import BadPass, OpenedPass, open_pkpass

RETRY_AFTER = (1.0, 5.0, 30.0, 120.0)
"""Seconds before the second, third … attempt; then the phone gives up until the next push (Apple: "each time waits longer")."""

_T = TypeVar("_T")


class Pushes(Protocol):
    """Where pushes come from: ``apns.PushService``, ``fcm.FcmService`` or a ``relays.RelayService``."""

    def subscribe(self, token: str, deliver: Callable[[Any], None], *, topic: str | None = None) -> None:
        """Come online for a token."""

    def unsubscribe(self, token: str) -> None:
        """Go offline."""


class Phone:
    """One phone. ``sleep`` waits between retries and ``clock`` gives epoch seconds; tests inject both."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        name: str = "",
        language: str = "en",
        time_zone: str = "UTC",
        roots: Sequence[x509.Certificate] = (),
        verify: bool = True,
        pushes: Pushes | None = None,
        profile: Profile = IPHONE,
        retry_after: Sequence[float] = RETRY_AFTER,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.name = name
        self.language = language
        self.time_zone = time_zone
        self.profile = profile
        self.device_library_identifier = random_bytes(16).hex()
        self.mood = Mood()
        self.offline = False
        self.cards: dict[str, HeldCard] = {}
        self.tags: dict[str, str] = {}
        self.push_tokens: dict[str, str] = {}
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.notifications: deque[Shown] = deque(maxlen=KEPT)
        self.log_lines: deque[str] = deque(maxlen=KEPT)
        self.on_event: list[Callable[[Phone, Event], None]] = []
        self._web = WebService(session, self.device_library_identifier, profile)
        self._roots = tuple(roots)
        self._verify = verify
        self._pushes = pushes
        self._retry_after = tuple(retry_after)
        self._sleep = sleep
        self._clock = clock
        self._random_bytes = random_bytes
        self._wanted: set[str] = set()
        self._unsent_removals: list[PassAddress] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._updating = asyncio.Lock()

    # What a person does.

    async def install(self, link: str) -> HeldCard:
        """Open an install page (or a pkpass) as the browser does, take the card, register.

        BadPass when what came is no good pass; WebServiceError when nothing came.
        """
        self._need_network()
        url = link
        status, media_type, body = await self._web.download(url)
        if status == 200 and (form := agreement(link, body)) is not None:
            status, media_type, body = await self._web.submit(*form)
        if status == 200 and media_type == "text/html":
            url = apple_link(link, body)
            status, media_type, body = await self._web.download(url)
        if status != 200 or media_type != PASS_TYPE:
            raise BadPass(f"Safari cannot download this file: {status} {media_type}")
        return await self.add(body, link=link)

    async def add(self, data: bytes, *, link: str | None = None) -> HeldCard:
        """Take a pkpass that came some other way."""
        opened = await self._open(data)
        card = HeldCard(opened, self._faces(opened), link=link)
        self._remember(card)
        self.cards[card.serial_number] = card
        self._happened(Kind.INSTALLED, card.serial_number, opened.pass_type_identifier)
        if opened.web_service_url and self.profile.registers:
            await self._register(card)
        return card

    async def remove(self, serial_number: str) -> None:
        """Delete a card from the wallet; what cannot be told to the server now is told when the network is back."""
        card = self.cards.pop(serial_number)
        self._happened(Kind.REMOVED, serial_number)
        if card.registered:
            self._unsent_removals.append(self._address(card))
            if not self.offline:
                await self._send_removals()
        pass_type = card.opened.pass_type_identifier
        if not any(other.opened.pass_type_identifier == pass_type for other in self.cards.values()):
            self.tags.pop(pass_type, None)
            self._unsubscribe(pass_type)

    def set_language(self, language: str) -> None:
        """Settings, Language: every card says the same in other words; what was shown stays as it was."""
        self.language = language
        for card in self.cards.values():
            card.faces = self._faces(card.opened)

    def go_offline(self) -> None:
        """Airplane mode: pushes wait at Apple, requests fail."""
        self.offline = True
        for pass_type in self.push_tokens:
            self._unsubscribe(pass_type)
        self._happened(Kind.OFFLINE)

    async def go_online(self) -> None:
        """Back again: what was left is sent, and Apple delivers the newest push it kept."""
        self.offline = False
        self._happened(Kind.ONLINE)
        await self._send_removals()
        for card in list(self.cards.values()):
            if self.profile.registers and card.opened.web_service_url and not card.registered:
                await self._register(card)
        for pass_type in {card.opened.pass_type_identifier for card in self.cards.values() if card.registered}:
            self._subscribe(pass_type)

    async def change_push_token(self) -> None:
        """What a restored or updated phone does: new push tokens, every card registered again."""
        for pass_type in list(self.push_tokens):
            self._unsubscribe(pass_type)
            del self.push_tokens[pass_type]
        for card in self.cards.values():
            if card.registered:
                await self._register(card)

    async def refresh(self, *, forced: bool = False) -> None:
        """Pull to refresh, or the daily look: list and fetch everything; ``forced`` fetches without listing."""
        for pass_type in {card.opened.pass_type_identifier for card in self.cards.values()}:
            async with self._updating:
                if forced or not self.profile.registers:
                    await self._fetch_all(pass_type, None)
                else:
                    await self._update(pass_type)

    async def head(self, serial_number: str) -> tuple[int, dict[str, str]]:
        """The HEAD request iOS sends: status and headers."""
        self._need_network()
        return await self._web.head(self._address(self.cards[serial_number]))

    async def settled(self) -> None:
        """Wait until nothing that a push has begun is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Switch off: no more pushes, nothing under way."""
        for pass_type in self.push_tokens:
            self._unsubscribe(pass_type)
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What a push begins.

    def wake(self, pass_type: str, serial_number: str | None = None) -> None:
        """A push has come, which may name a card: list and fetch, once more if another comes meanwhile."""
        self._happened(Kind.PUSHED, serial_number, detail=pass_type)
        if pass_type not in self._wanted:
            self._wanted.add(pass_type)
            self._start(self._woken(pass_type))

    async def _woken(self, pass_type: str) -> None:
        async with self._updating:
            self._wanted.discard(pass_type)
            await self._update(pass_type)

    async def _update(self, pass_type: str) -> None:
        urls = {card.opened.web_service_url for card in self._of(pass_type)}
        for url in filter(None, urls):
            await self._update_from(url, pass_type)

    async def _update_from(self, url: str, pass_type: str) -> None:
        tag = self.mood.stuck_tag or self.tags.get(pass_type)
        task = f"Get serial #s task (for device {self.device_library_identifier}, pass type {pass_type}, "
        task += f"last updated ({tag}); with web service url {url})"
        listed = await self._try(url, task, lambda: self._web.list_updated(url, pass_type, tag))
        if listed is None:
            return
        if listed.last_updated is not None:
            self.tags[pass_type] = listed.last_updated
        self._happened(Kind.LISTED, detail=str(len(listed.serial_numbers)))
        await self._fetch_all(pass_type, listed.serial_numbers)

    async def _fetch_all(self, pass_type: str, serial_numbers: Sequence[str] | None) -> None:
        for card in self._of(pass_type):
            if serial_numbers is None or card.serial_number in serial_numbers:
                await self._fetch(card)

    async def _fetch(self, card: HeldCard) -> None:
        url = card.opened.web_service_url
        if url is None:
            return
        task = f"Get pass task (pass type {card.opened.pass_type_identifier}, serial number {card.serial_number}, "
        task += f"if-modified-since ({card.last_modified}); with web service url {url})"
        fetched = await self._try(url, task, lambda: self._fetch_once(card))
        if fetched is None:
            return
        if fetched.data is None:
            self._happened(Kind.UNCHANGED, card.serial_number)
            return
        try:
            opened = await self._open(fetched.data)
            _check_same(card.opened, opened)
        except BadPass as error:
            await self._failed(url, task, str(error))
            return
        self._replace(card, opened, fetched.last_modified)

    async def _fetch_once(self, card: HeldCard) -> Fetched:
        if self.mood.refused_fetches > 0:
            self.mood.refused_fetches -= 1
            raise WebServiceError(LOST, transient=True)
        cut = self.mood.cut_fetches > 0
        self.mood.cut_fetches -= cut
        return await self._web.fetch(self._address(card), card.last_modified, cut=cut)

    def _replace(self, card: HeldCard, opened: OpenedPass, last_modified: str | None) -> None:
        before, card.opened, card.last_modified = card.faces, opened, last_modified
        card.faces = self._faces(opened)
        self._remember(card)
        self._happened(Kind.FETCHED, card.serial_number)
        if self.profile.each_field:
            told: Sequence[lockscreen.Notification] = lockscreen.each_field(before, card.faces)
        else:
            one = lockscreen.notification(before, card.faces)
            told = [one] if one else []
        if not told:
            self._happened(Kind.SILENT, card.serial_number)
        for notification in told:
            self._show(card, notification)

    def _show(self, card: HeldCard, told: lockscreen.Notification) -> None:
        shown = Shown(
            self._clock(),
            card.serial_number,
            card.faces.organization_name,
            told.text,
            told.fields,
            told.generic,
        )
        self.notifications.append(shown)
        self._happened(Kind.SHOWN, card.serial_number, told.text)

    # Registration.

    async def _register(self, card: HeldCard) -> None:
        pass_type = card.opened.pass_type_identifier
        token = self.push_tokens.setdefault(pass_type, self._new_push_token())
        self._subscribe(pass_type)
        address = self._address(card)
        task = self._task("Register task", address)
        new = await self._try(address.url, task, lambda: self._web.register(address, token))
        if new is not None:
            card.registered = True
            self._happened(Kind.REGISTERED, card.serial_number, "201" if new else "200")

    async def _send_removals(self) -> None:
        waiting, self._unsent_removals = self._unsent_removals, []
        for address in waiting:
            await self._unregister(address)

    async def _unregister(self, address: PassAddress) -> None:
        done = await self._try(
            address.url, self._task("Unregister task", address), lambda: self._web.unregister(address)
        )
        if done:
            self._happened(Kind.UNREGISTERED, address.serial_number)

    def _new_push_token(self) -> str:
        token = self._random_bytes(32).hex()
        if self.profile.address == "fid":
            return token[:22]
        return token if self.profile.hex_tokens else f"android:{token}"

    def _subscribe(self, pass_type: str) -> None:
        if self._pushes is not None and not self.offline:
            token = self.push_tokens[pass_type]
            self._pushes.subscribe(token, lambda record: self.wake(pass_type, _named(record)), topic=pass_type)

    def _unsubscribe(self, pass_type: str) -> None:
        if self._pushes is not None and pass_type in self.push_tokens:
            self._pushes.unsubscribe(self.push_tokens[pass_type])

    # Requests, tried again as iOS does.

    async def _try(self, url: str, task: str, attempt: Callable[[], Awaitable[_T]]) -> _T | None:
        """The result, or None after the last attempt; every error is logged."""
        for delay in (*self._retry_after, None):
            try:
                self._need_network()
                return await attempt()
            except WebServiceError as error:
                await self._failed(url, task, str(error))
                if not error.transient or delay is None or self.offline:
                    return None
                await self._sleep(delay)
        return None

    async def _failed(self, url: str, task: str, text: str) -> None:
        moment = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
        line = f"[{moment}] {task} encountered error: {text}"
        self.log_lines.append(line)
        self._happened(Kind.FAILED, detail=f"{task.split(' task', maxsplit=1)[0]}: {text}")
        if self.offline:
            return
        try:
            await self._web.log(url, [line])
        except WebServiceError as error:
            self.log_lines.append(f"[{moment}] Log task (with web service url {url}) encountered error: {error}")

    def _need_network(self) -> None:
        if self.offline:
            raise WebServiceError(OFFLINE, transient=False)

    def _task(self, name: str, address: PassAddress) -> str:
        return (
            f"{name} (for device {self.device_library_identifier}, pass type {address.pass_type}, "
            f"serial number {address.serial_number}; with web service url {address.url})"
        )

    def _address(self, card: HeldCard) -> PassAddress:
        opened = card.opened
        token = opened.authentication_token
        if self.mood.wrong_token:
            token = token[::-1]
        return PassAddress(opened.web_service_url or "", opened.pass_type_identifier, opened.serial_number, token)

    # Small things.

    def _of(self, pass_type: str) -> list[HeldCard]:
        return [card for card in self.cards.values() if card.opened.pass_type_identifier == pass_type]

    async def _open(self, data: bytes) -> OpenedPass:
        return open_pkpass(data, self._roots, verify=self._verify)

    def _faces(self, opened: OpenedPass) -> Faces:
        return faces_of(opened.files, self.language, time_zone=self.time_zone)

    def _remember(self, card: HeldCard) -> None:
        texts = {item.key: item.text for item in card.faces.fields}
        card.editions.append(Edition(self._clock(), card.last_modified, texts))

    def _happened(self, kind: Kind, serial_number: str | None = None, detail: str = "") -> None:
        event = Event(self._clock(), kind, serial_number, detail)
        self.events.append(event)
        for listener in self.on_event:
            listener(self, event)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _named(record: Any) -> str | None:
    """The card that a push names: Firebase's messages may, the others' never do."""
    serial_number: str | None = getattr(record, "data", {}).get("serial_number")
    return serial_number


def _check_same(before: OpenedPass, after: OpenedPass) -> None:
    if (before.pass_type_identifier, before.serial_number) != (after.pass_type_identifier, after.serial_number):
        raise BadPass("Received invalid pass data (another pass)")
    if before.authentication_token != after.authentication_token:
        raise BadPass("Received invalid pass data (authenticationToken cannot be changed by an update)")
