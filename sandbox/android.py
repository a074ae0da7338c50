"""A robot Android phone: it opens install links in Chrome, saves passes to Google Wallet, and shows what Google shows.

Everything up to the save goes over HTTP as a browser does it; ``https://pay.google.com`` is the stand-in's own address. From
then on the phone is Google's: it learns of changes from the stand-in, and asks the issuer for pictures alone.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import aiohttp

from sandbox.google import GoogleService
from sandbox.google_face import GoogleFace, face, words
from sandbox.google_save import SAVE_PATH
from sandbox.google_state import Told
from sandbox.installpage import agreement, google_link
from sandbox.phone_records import KEPT, Edition, Event, Kind, Shown
from sandbox.phone_web import OFFLINE, WebServiceError
from sandbox.pkpass import BadPass

CHROME = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
PAY = "https://pay.google.com"
TIMEOUT = aiohttp.ClientTimeout(total=30)
PATIENCE = 8
"""How often a page that asks to try again is believed."""
MAX_PICTURE = 4 * 2**20


@dataclass(slots=True)
class HeldPass:
    """A pass in this wallet; ``pictures`` are the bytes that Google fetched, by slot."""

    object_id: str
    face: GoogleFace
    link: str | None = None
    pictures: dict[str, bytes] = field(default_factory=dict)
    editions: deque[Edition] = field(default_factory=lambda: deque(maxlen=KEPT))
    fetched: dict[str, str] = field(default_factory=dict)

    @property
    def serial_number(self) -> str:
        """The object's suffix: what the issuer calls the card."""
        return self.object_id.partition(".")[2]

    def text(self, key: str) -> str:
        """What the face says under a field path, or under the id of a text module."""
        items = self.face.by_key()
        found = items.get(key) or next(
            (it for path, it in items.items() if path.endswith((f".{key}", f"['{key}']"))), None
        )
        if found is None:
            raise KeyError(key)
        return found.text

    def texts(self) -> dict[str, str]:
        """Everything it says by field path."""
        return {key: item.text for key, item in self.face.by_key().items()}


class AndroidPhone:
    """One phone with one Google account. ``sleep`` waits between attempts and ``clock`` gives epoch seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        google: GoogleService,
        *,
        name: str = "",
        language: str = "en",
        time_zone: str = "UTC",
        account: str = "anna@example.com",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.language = language
        self.time_zone = time_zone
        self.account = account
        self.offline = False
        self.cards: dict[str, HeldPass] = {}
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.notifications: deque[Shown] = deque(maxlen=KEPT)
        self.on_event: list[Callable[[AndroidPhone, Event], None]] = []
        self._session = session
        self._google = google
        self._sleep = sleep
        self._clock = clock
        self._missed: list[Told] = []
        self._ends: dict[str, Callable[[], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._syncing = asyncio.Lock()

    # What a person does.

    async def install(self, link: str) -> HeldPass:
        """Open an install page, press Google's button, and save; the pass that is then in the wallet.

        BadPass when a page is not what a person hopes for; WebServiceError when nothing came.
        """
        self._need_network()
        status, url, page = await self._open(link)
        if status != 200:
            raise BadPass(f"The page cannot be opened: {status}")
        if (form := agreement(url, page)) is not None:
            await self._agree(*form)
            _, url, page = await self._open(link)
        token = await self._save_token(urljoin(url, google_link(page)))
        return (await self.save(token, link=link))[0]

    async def save(self, token: str, *, link: str | None = None) -> list[HeldPass]:
        """Open a save link's page and press "Add"."""
        self._need_network()
        page = f"{self._google.url}{SAVE_PATH}{token}"
        status, told = await self._ask("GET", page)
        if status != 200:
            raise BadPass("Google Wallet: something went wrong. Please try again.")
        status, told = await self._ask("POST", page, {"account": self.account})
        if status != 200:
            raise BadPass(f"Google Wallet: {told['error']['message']}")
        return [await self._hold(str(object_id), link) for object_id in told["objects"]]

    async def remove(self, serial_number: str) -> None:
        """Delete a pass from the wallet; Google tells the issuer."""
        self._need_network()
        held = self._held(serial_number)
        self._let_go(held.object_id)
        self._google.remove(held.object_id, self.account)
        self._happened(Kind.REMOVED, serial_number)

    def set_language(self, language: str) -> None:
        """Settings, Language: every pass says the same in other words."""
        self.language = language
        for held in self.cards.values():
            held.face = self._face(held.object_id)

    def go_offline(self) -> None:
        """Airplane mode: what changes is seen later."""
        self.offline = True
        self._happened(Kind.OFFLINE)

    async def go_online(self) -> None:
        """Back again: the newest state is there at once, and the newest notification of each pass rings."""
        self.offline = False
        self._happened(Kind.ONLINE)
        missed, self._missed = self._missed, []
        for object_id in list(self.cards):
            told = [it for it in missed if self._concerns(it, object_id)]
            if told:
                await self._sync(object_id, next((it for it in reversed(told) if it.notification), told[-1]))

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Switch off; what is in the wallet stays there."""
        for object_id in list(self._ends):
            self._ends.pop(object_id)()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The way to the save link.

    async def _save_token(self, url: str) -> str:
        """Follow the button until it leads to Google's save page; a page that tries again by itself is waited for."""
        for _ in range(PATIENCE):
            status, headers, page = await self._fetch(url)
            location = headers.get("Location", "")
            if status in (301, 302, 303, 307) and location:
                target = urljoin(url, location)
                if target.startswith(f"{PAY}{SAVE_PATH}"):
                    return target.removeprefix(f"{PAY}{SAVE_PATH}")
                url = target
                continue
            again = _again(page)
            if again is None:
                raise BadPass(f"The button leads nowhere: {status}")
            await self._sleep(again[0])
            url = urljoin(url, again[1])
        raise BadPass("The page asks to try again for ever.")

    async def _open(self, url: str) -> tuple[int, str, bytes]:
        """A page with the redirects of the server: status, its address, its text."""
        for _ in range(5):
            status, headers, page = await self._fetch(url)
            if status not in (301, 302, 303, 307, 308):
                break
            url = urljoin(url, headers.get("Location", ""))
        return status, url, page

    async def _fetch(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"User-Agent": CHROME, "Accept": "text/html,*/*", "Accept-Language": self.language}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False, timeout=TIMEOUT) as answer:
                return answer.status, answer.headers, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise WebServiceError(f"ERR_CONNECTION: {error}", transient=True) from error

    async def _agree(self, url: str, form: Mapping[str, str]) -> None:
        """Tick the boxes of the page and send them."""
        headers = {"User-Agent": CHROME, "Accept": "text/html,*/*", "Accept-Language": self.language}
        try:
            async with self._session.post(
                url, data=dict(form), headers=headers, allow_redirects=False, timeout=TIMEOUT
            ):
                pass
        except (aiohttp.ClientError, TimeoutError) as error:
            raise WebServiceError(f"ERR_CONNECTION: {error}", transient=True) from error

    async def _ask(self, method: str, url: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        async with self._session.request(method, url, json=body, timeout=TIMEOUT) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, (await answer.json()) if is_json else {}

    # What Google tells.

    async def _hold(self, object_id: str, link: str | None) -> HeldPass:
        held = HeldPass(object_id, self._face(object_id), link)
        held.editions.append(Edition(self._clock(), None, held.texts()))
        known = object_id in self.cards
        self.cards[object_id] = held
        if not known:
            self._ends[object_id] = self._google.wallet.listen(object_id, lambda told: self._told(object_id, told))
        await self._fetch_pictures(held)
        self._happened(Kind.INSTALLED, held.serial_number, held.face.class_id)
        return held

    def _told(self, object_id: str, told: Told) -> None:
        if self.offline:
            self._missed.append(told)
            return
        task = asyncio.get_running_loop().create_task(self._sync(object_id, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sync(self, object_id: str, told: Told) -> None:
        """Take over what Google holds now, and ring as Google orders."""
        async with self._syncing:
            held = self.cards.get(object_id)
            if held is None:
                return
            before = held.texts()
            held.face = self._face(object_id)
            await self._fetch_pictures(held)
            after = held.texts()
            held.editions.append(Edition(self._clock(), None, after))
            self._ring(held, told, tuple(key for key in after if before.get(key) != after[key]))

    def _ring(self, held: HeldPass, told: Told, changed: Sequence[str]) -> None:
        if not told.notification:
            self._happened(Kind.SILENT, held.serial_number)
            return
        text = words(told.notification, self.language)
        now, name = self._clock(), held.face.issuer
        self.notifications.append(Shown(now, held.serial_number, name, text, tuple(changed), generic=True))
        self._happened(Kind.SHOWN, held.serial_number, text)

    def _face(self, object_id: str) -> GoogleFace:
        stored = self._google.wallet.find(object_id)
        owner = self._google.wallet.class_of(stored) if stored is not None else None
        if stored is None or owner is None:
            raise BadPass(f"Google has no {object_id}.")
        type_ = stored.kind.segment.removesuffix("Object")
        return face(type_, owner.body, stored.body, self.language, self.time_zone)

    async def _fetch_pictures(self, held: HeldPass) -> None:
        """What Google's servers fetch; an address is fetched once, a picture that does not come is not shown."""
        for slot in set(held.pictures) - set(held.face.pictures):
            held.pictures.pop(slot)
            held.fetched.pop(slot, None)
        for slot, url in held.face.pictures.items():
            if held.fetched.get(slot) == url:
                continue
            content = await self._picture(url)
            held.fetched[slot] = url
            if content is None:
                held.pictures.pop(slot, None)
                self._happened(Kind.FAILED, held.serial_number, f"{slot}: {url}")
            else:
                held.pictures[slot] = content

    async def _picture(self, url: str) -> bytes | None:
        try:
            async with self._session.get(url, allow_redirects=False, timeout=TIMEOUT) as answer:
                if answer.status == 200 and answer.content_type.startswith("image/"):
                    return await answer.content.read(MAX_PICTURE)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        return None

    # Small things.

    def _held(self, serial_number: str) -> HeldPass:
        return next(held for held in self.cards.values() if serial_number in (held.serial_number, held.object_id))

    def _let_go(self, object_id: str) -> None:
        del self.cards[object_id]
        self._ends.pop(object_id)()

    def _concerns(self, told: Told, object_id: str) -> bool:
        return told.resource_id in (object_id, self.cards[object_id].face.class_id)

    def _need_network(self) -> None:
        if self.offline:
            raise WebServiceError(OFFLINE, transient=True)

    def _happened(self, kind: Kind, serial_number: str | None = None, detail: str = "") -> None:
        event = Event(self._clock(), kind, serial_number, detail)
        self.events.append(event)
        for told in self.on_event:
            told(self, event)


def _again(page: bytes) -> tuple[float, str] | None:
    """Seconds and address of a page that comes back by itself."""
    found = re.search(rb'http-equiv="refresh"\s+content="(\d+);\s*url=([^"]+)"', page, re.IGNORECASE)
    return (float(found[1]), found[2].decode().replace("&amp;", "&")) if found else None


def account_of(name: str) -> str:
    """A Google account for a robot."""
    return f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'phone'}@example.com"
