"""Texts of people who mean harm, in every field that the studio stores, stay text on every page, drawing and answer.

The judge reads each page as a browser does: with a hostile text it has no element and no attribute that it does not have with a
harmless one, nothing runs, and the text is found in full, so it was escaped and not lost. A new page is looked at by itself; a
field that it stores belongs into ``fill``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from commands.limited import LimitedPool
from handlers.studio.routes import SCREENS
from passkit.apple.signing import Signers
from passkit.joinform import Question
from store import cards, dialect, held, joinlinks, news, newsslots, people, sources, tables, templates, triggers
from store.joinlinks import NewLink
from store.keyring import Keyring
from store.newsrequests import NewsRequest
from store.people import Role
from store.triggerrows import TriggerRequest
from tests.databases import PUBLIC_URL
from tests.handlers.conftest import Answer, Card, House, opened
from tests.handlers.documents import faults, names, texts
from tests.handlers.hostile import ADDRESSES, BRACES, STRINGS, bundles, template
from tests.handlers.studio import Browser, browser_of, user
from tests.handlers.test_install import ANDROID, DESKTOP, IPHONE

pytestmark = pytest.mark.asyncio(loop_scope="module")

HARMLESS = (
    "Anna",
    "https://example.com/x +7 916 123-45-67 anna@example.com\nMoscow",
    'It is\n\nin two parts, <3 & "more"',
)
"""What honest people write; links and telephone numbers become links in previews."""
LENGTH = 190
"""Of a text with several hostile ones in it, so that names of 200 characters have room for a mark."""
QUERIES = {
    "/studio/templates/{key}": ("", "?language=ru"),
    "/studio/templates/{key}/compare": ("?before=1&after={revision}", "?before={revision}"),
    "/studio/templates/{key}/review": ("", "?number=1"),
    "/studio/templates/{key}/preview": ("", "?language=ru", "?data=long&state=voided"),
}
"""The ways in which a page is looked at, where there are several."""
NEWS = {"kind": "service", "starts_when": "now", "ends_when": "never", "holdout": "0"}
UNSEEN = {"chosen", "form", "held", "tag", "attributed", "sample", "location", "draft's text", "draft's marketing"}
"""What no page shows as it was written: markup of attributed values is read, some texts stand in YAML and lists of changes."""


@dataclass
class Stage:
    """A house with one row of everything, and what stood on its pages with harmless texts."""

    house: House
    writer: Browser
    reader: Browser
    own: dict[str, str]
    card: Card
    icon: bytes
    known: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    marks: int = 0
    written: dict[str, str] = field(default_factory=dict)

    def marked(self, text: str, where: str, length: int = 200) -> str:
        """The text with a mark of its own behind it, so that this very field is found again; in ``length`` characters."""
        self.marks += 1
        mark = f" m{self.marks}m"
        self.written[where] = text[: length - len(mark)] + mark
        return self.written[where]


async def fill(stage: Stage, texts: Iterator[str], *, in_template: bool = True) -> str:
    """Put the next text into every field that somebody may write; what the forms answer."""
    house, now = stage.house, datetime.now(UTC)
    stage.written.clear()

    def mark(where: str) -> str:
        return stage.marked(next(texts), where)

    def line(where: str, length: int = 200) -> str:
        return stage.marked(plainly(next(texts)), where, length)

    writer, own = stage.writer, stage.own
    answers = [
        await writer.post(
            f"/studio/outlets/{own['outlet']}",
            {"name": line("outlet"), "address": mark("address"), "opening": mark("opening")},
        ),
        await writer.post(f"/studio/employees/{own['employee']}", {"name": line("employee")}),
        await writer.post(f"/studio/outlets/{own['outlet']}/workplaces", {"workplace": line("workplace")}),
        await writer.post(
            "/studio/people/invite",
            {"name": line("invitation"), "email": f"x{stage.marks}@x.example", "role": "viewer"},
        ),
    ]
    async with house.db.transaction() as conn:
        await conn.execute(delete(tables.workplaces).where(tables.workplaces.c.name != stage.written["workplace"]))
        await conn.execute(update(tables.users).where(tables.users.c.id == int(own["user"])).values(name=mark("user")))
        await conn.execute(update(tables.brands).where(tables.brands.c.id == house.brand_id).values(name=mark("brand")))
    if in_template:
        files = template(mark, stage.icon)
        await templates.import_files(house.db, house.brand_id, files, now)
        publish = templates.publish(
            house.db, house.brand_id, "hostile", author=mark("author"), note=mark("note"), now=now
        )
        own["revision"] = str((await publish).number)
        await writer.post("/studio/templates/hostile:try", {"language": "en"})
        files = template(lambda where: mark(f"draft's {where}"), stage.icon)
        await templates.import_files(house.db, house.brand_id, files, now)
    data = {"name": mark("holder"), "site": "javascript:__pwn()", "phone": "+79161234567"}
    changed = await house.api(
        "PATCH",
        f"/cards/{stage.card.serial}",
        {
            "data": data,
            "external_id": line("external id"),
            "tags": [line("tag", 50)],
        },
    )
    assert changed.status == 200, changed.body
    questions = (
        Question("wish", "text", {"en": line("question of a link"), "ru": line("its translation")}, required=True),
        Question("which", "choice", {"en": "Which?"}, ({"en": line("choice of a link", 100)}, {"en": "other"})),
    )
    link = NewLink(template="hostile", name=line("link"), questions=questions, utm={"source": line("utm", 100)})
    await joinlinks.change(house.db, house.brand_id, int(own["link"]), link, people.Actor("Anna"), now)
    typed = {
        "data.name": line("typed"),
        "q.which": line("chosen"),
        "form": line("form"),
    }  # without the wish: the form comes back
    form = await house.ask("POST", "/j/hostile", data=typed, headers={"Accept": "text/html"})
    assert form.status == 422
    own["brake"] = await _hold(stage.house, stage.card, line("held"), now)
    written = {"text_0_en": line("news"), "text_0_ru": line("news in Russian"), "title_en": line("news title", 60)}
    answers.append(await writer.post(f"/studio/news/{own['news']}/draft", NEWS | written, Accept="application/json"))
    weekly = {"text_en": line("weekly"), "text_ru": line("weekly in Russian"), "title_en": line("weekly title", 60)}
    answers.append(await writer.post(f"/studio/news/slots/{own['slot']}/texts/{own['text']}", weekly))
    about = {
        "text_en": line("automatic"),
        "title_en": line("automatic title", 60),
        "lasts": "3",
        "cap_days": "0",
        "holdout": "0",
    }
    answers.append(await writer.post(f"/studio/news/triggers/{own['trigger']}", about))
    correction = {"variable": "level", "value": line("corrected", 60), "reason": mark("reason")}
    answers.append(await writer.post(f"/studio/cards/{stage.card.serial}/values", correction))
    for answer in answers:
        assert answer.status in (200, 303), re.findall(r"field-error.*", answer.body.decode())
        assert "sign-in" not in answer.headers.get("Location", "")
        judge(stage, "form", answer)
    return judge(stage, "filled form", form)


async def _hold(house: House, card: Card, text: str, now: datetime) -> str:
    """A change with this text that the brake keeps apart; the id of its page."""
    if not await held.listing(house.db, house.brand_id):
        await sources.add(house.db, house.brand_id, "wild", now)
    source = await sources.by_name(house.db, "wild")
    assert source is not None
    row = await cards.find(house.db, house.brand_id, cards.CardRef(serial_number=card.serial))
    (template,) = [one.id for one in await templates.listing(house.db, house.brand_id) if one.key == "hostile"]
    said = {"card": card.serial, "set": {"level": text, "choice": "b"}}
    event = held.Event(f"evt_{len(text)}_{hash(text)}", "card.changed", now, said, [row.card_id])
    async with house.db.transaction() as conn:
        await held.keep(house.db, conn, (house.brand_id, source.id, template), event, "rings", None, now)
    return str((await held.listing(house.db, house.brand_id))[0].id)


def printable(text: str) -> str:
    """Without what some names may not have: marks of no width and changes of direction."""
    return "".join(one for one in text if one.isprintable())


def plainly(text: str) -> str:
    """A text as two pages have it in common: blanks are one, and what nobody sees is not there."""
    return printable(" ".join(text.split()))


async def pages(stage: Stage) -> dict[str, Answer]:
    """Every answer to a look at anything, by route."""
    found = {}
    for one in SCREENS:
        if one.method == "GET":
            path = one.path
            for name, value in stage.own.items():
                path = path.replace("{" + name + "}", value)
            assert "{" not in path, f"{one.path}: add a row to OWN"
            for query in QUERIES.get(one.path, ("",)):
                found[one.path + query] = await stage.reader.get(path + query.format(**stage.own))
    for agent in (IPHONE, ANDROID, DESKTOP):
        headers = {"User-Agent": agent, "Accept": "text/html"}
        found[f"install {agent[:20]}"] = await stage.house.ask("GET", stage.card.install_path, headers=headers)
    for language in ("en", "ru"):
        headers = {"Accept": "text/html", "Accept-Language": language}
        found[f"join {language}"] = await stage.house.ask("GET", "/j/hostile", headers=headers)
    found["join.svg"] = await stage.house.ask("GET", "/j/hostile/card.svg")
    found["card.svg"] = await stage.house.ask("GET", f"{stage.card.install_path}/card.svg")
    return found


def judge(stage: Stage, where: str, answer: Answer) -> str:
    """What the answer says; nothing in it runs, and nothing is there that was not with harmless texts."""
    assert answer.status < 500, where
    kind = answer.headers.get("Content-Type", "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    is_kept = answer.headers.get("Content-Disposition", "").startswith("attachment")
    if is_kept or kind.startswith(("application/json", "text/event-stream")) or answer.status == 303:
        return ""
    if kind == "application/pdf":
        assert not re.search(rb"/(JS|JavaScript|OpenAction|AA|URI|Launch|EmbeddedFile)\b", answer.body), where
        return ""
    assert kind.startswith(("text/html", "image/svg+xml")), (where, kind)
    body = answer.body.decode()
    assert faults(body) == [], where
    new = names(body) - stage.known[where]
    assert new == set() or not stage.known["ready"], (where, new)
    stage.known[where] |= new
    return texts(body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_model: Path,
    keyring: Keyring,
    identity: Any,
    lean: dict[str, bytes],
) -> AsyncIterator[Stage]:
    path = tmp_path_factory.mktemp("xss") / "passbell.db"
    path.write_bytes(sqlite_model.read_bytes())
    db = await dialect.open(f"sqlite:///{path}", keyring)
    db.public_url = PUBLIC_URL
    pool = LimitedPool()
    async with _closed(db, pool), opened(db, Signers([identity]), lean, renderer=pool) as house:
        made = await furnished(house, lean["icon.png"])
        for text in HARMLESS:
            await fill(made, repeat(text))
            for where, answer in (await pages(made)).items():
                judge(made, where, answer)
        made.known["ready"] = {("", "")}
        yield made


@asynccontextmanager
async def _closed(*given: dialect.Database | LimitedPool) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for one in given:
            await one.close()


async def furnished(house: House, icon: bytes) -> Stage:
    """One row of everything."""
    now = datetime.now(UTC)
    anna, other = [await user(house, f"{name}@example.com", Role.ADMIN, password=None) for name in ("anna", "olga")]
    boss = people.Actor("Anna")
    outlet = await people.outlets.add(house.db, house.brand_id, people.NewOutlet(name="Salon"), boss, now)
    employee = await people.workplaces.hire(house.db, house.brand_id, outlet.id, "Olga", "4812", boss, now)
    await templates.import_files(house.db, house.brand_id, template(lambda where: where, icon), now)
    await templates.publish(house.db, house.brand_id, "hostile", now=now)
    card = await house.issue(template="hostile", data={"name": "Anna"})
    link = await joinlinks.add(
        house.db, house.brand_id, NewLink(template="hostile", name="Poster", slug="hostile"), boss, now
    )
    asked = NewsRequest(template="hostile", text={"en": "Soon"})
    soon = await news.create(house.db, house.brand_id, asked, by="Anna", now=now)
    when: dict[str, Any] = {"by": boss, "now": now}
    slot = await newsslots.add(house.db, house.brand_id, "hostile", 4, time(14), **when)
    slot = await newsslots.put(house.db, house.brand_id, slot.id, "Soon", **when)
    about = TriggerRequest(template="hostile", event="installed")
    trigger = await triggers.create(house.db, house.brand_id, about, by=boss, now=now)
    own = {
        "slot": slot.id,
        "text": str(slot.texts[0].id),
        "news": soon.id,
        "trigger": trigger.id,
        "link": str(link.id),
        "outlet": str(outlet.id),
        "employee": str(employee.id),
        "user": str(anna.id),
        "key": "hostile",
        "serial": card.serial,
    }
    browsers = [await browser_of(house, who, verified=True) for who in (anna, other)]
    return Stage(house, browsers[0], browsers[1], own | MADE_UP, card, icon)


MADE_UP = {"letter": "1", "request": "1", "token": "made-up", "starter": "business", "showing": "1", "code": "1"}


async def test_all_of_them_are_tried_wherever_they_stand() -> None:
    every = bundles(LENGTH)
    assert len(STRINGS) >= 50
    assert all(any(text in one for one in every) for text in STRINGS)
    assert all(any(one.startswith(text) for one in every) for text in ADDRESSES)


@pytest.mark.parametrize("text", [*bundles(LENGTH), " ".join(BRACES)])
async def test_a_hostile_text_stays_text_wherever_it_is_shown(stage: Stage, text: str) -> None:
    is_theirs = "{{" in text  # a template's own language: test_studio_payloads.py
    said = await fill(stage, repeat(text), in_template=not is_theirs)
    for where, answer in (await pages(stage)).items():
        said += judge(stage, where, answer)
    plain = plainly(said)
    lost = {where for where, one in stage.written.items() if plainly(one) not in plain}
    assert lost <= UNSEEN, lost - UNSEEN
