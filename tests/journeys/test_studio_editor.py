"""A marketer makes a card in a real browser: starter, texts, colours, picture, fields, try, publish, and the phone shows it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import update

from store import dialect, drafts, gallery, people
from store.dialect import Database
from store.keyring import Keyring
from store.people import COMMAND_LINE, Role
from store.tables import studio_sessions
from tests.journeys.chromium import PHONE, Person, launched
from tests.journeys.house import SECRET, World, until, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Studio:
    """A running server, and people at their browsers."""

    world: World
    db: Database
    chromium: Any

    async def template(self, name: str) -> str:
        """A template of one's own, like the coffee club's; its key."""
        brand, now = self.world.brand_id, datetime.now(UTC)
        return (await gallery.copy(self.db, brand, "coffee", name, COMMAND_LINE, now)).key

    async def written(self, key: str, file: str = "template.yaml") -> str:
        """A file of a draft."""
        return (await drafts.get(self.db, self.world.brand_id, key)).files[file].decode()

    async def person(self, name: str, role: Role = Role.PUBLISHER, **window: Any) -> Person:
        """Somebody who is signed in, past the second step."""
        now = datetime.now(UTC)
        who = await people.users.add(self.db, email=f"{name.lower()}@example.com", name=name, password=None, now=now)
        await people.users.grant(self.db, who.id, self.world.brand_id, role, COMMAND_LINE, now)
        async with self.db.joined() as conn:
            token = (await people.studiosessions.begin(self.db, conn, who, now)).token
            mine = studio_sessions.c.user_id == who.id
            await conn.execute(update(studio_sessions).where(mine).values(verified_at=now))
        person = await Person.at(self.world, self.chromium, **window)  # type: ignore[arg-type]
        await person.context.add_cookies([{"name": "passbell", "value": token, "url": self.world.url}])
        return person


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory, certs: Path) -> AsyncIterator[Studio]:
    """One server and one Chromium for all: everybody has a template of their own."""
    folder = tmp_path_factory.mktemp("studio")
    url = f"sqlite:///{folder / 'studio.db'}"
    async with launched() as chromium, world(url, folder, certs) as made:
        db = await dialect.open(url, Keyring.parse(SECRET))
        db.public_url = made.url
        async with made.server():
            yield Studio(made, db, chromium)
        await db.close()


def png(color: str, size: tuple[int, int] = (600, 180)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, "PNG")
    return content.getvalue()


async def edit(person: Person, key: str, tab: str = "look") -> Any:
    """The editor of a template, drawn."""
    await person.page.goto(f"/studio/templates/{key}#{tab}")
    await drawn(person)
    return person.page


async def drawn(person: Person) -> None:
    await person.page.wait_for_selector("#editor[data-ready=yes]")
    await person.page.wait_for_selector("#faces[aria-busy=false] .wallet-card")


async def saved(person: Person) -> None:
    """What was typed is on the server, and drawn."""
    from playwright.async_api import expect

    await expect(person.page.locator("#save-state")).to_contain_text("Saved at")
    await drawn(person)


async def write(person: Person, path: str, text: str) -> None:
    """Type into a text with chips."""
    box = person.page.locator(f'.chip-input[data-path="{path}"]')
    await box.click()
    await box.press("Control+a")
    await box.press("Delete")
    await box.type(text)


async def open_field(person: Person, key: str) -> None:
    await person.page.click(f'details[data-open="field-{key}"] > summary')


async def shows(person: Person, text: str, face: str = "apple") -> None:
    from playwright.async_api import expect

    await expect(person.page.locator(f'.face[data-face="{face}"] .wallet-card')).to_contain_text(text, timeout=10_000)


async def test_from_a_starter_to_the_phone_and_back(studio: Studio) -> None:
    mila = await studio.person("Mila")
    page = mila.page
    await page.goto("/studio/starters")
    await page.click('.tile:has-text("Beauty salon") button')
    await page.wait_for_url("**/studio/templates/beauty-salon*")
    await drawn(mila)
    await shows(mila, "840")

    # a text, a colour, a picture: each is on the card that was built
    await page.click("#tab-fields")
    await open_field(mila, "bonuses")
    await write(mila, "/fields/header/0/label", "Stars")
    await shows(mila, "Stars")
    await page.click("#tab-look")
    await page.fill('[data-hex="f-colors-background"]', "#0b3d2e")
    await page.wait_for_selector('[data-face="apple"] .wallet-card[data-background="rgb(11, 61, 46)"]')
    logo = page.locator(".c-logo img")
    before = await logo.get_attribute("src")
    picture = {"name": "my logo.png", "mimeType": "image/png", "buffer": png("#ffcc00")}
    await page.set_input_files('[data-picture-slot="logo"] input[type=file]', picture)
    await until(lambda: changed(logo, before))

    # fields move by keyboard, and every step is taken back and done again
    await page.click("#tab-fields")
    grip = page.locator('.item[data-key="visit"] [data-grip]')
    await grip.focus()
    await grip.press("ArrowDown")
    await until(lambda: order(page, "secondary", ["master", "visit"]))
    await page.click("#undo")
    await until(lambda: order(page, "secondary", ["visit", "master"]))
    await page.keyboard.press("Control+Shift+z")
    await until(lambda: order(page, "secondary", ["master", "visit"]))
    await saved(mila)

    # on one's own phone before anybody else's
    await page.click('a:has-text("Try on my phone")')
    await mila.says("this address works on this computer only", "Always: the page shows")
    await page.click('button:has-text("Make the card")')
    link = await page.input_value("#link")
    phone = studio.world.phone(language="en")
    held = await phone.install(link)
    assert held.faces.by_key()["bonuses"].label == "Stars"

    # the review says that nobody has it yet; then it is out
    await page.goto("/studio/templates/beauty-salon/review")
    await mila.says("Nobody has this card yet. From now on it can be given out.")
    await page.fill("#note", "The first one")
    await page.click("#publish-button")
    await mila.says("Revision 1 is published", "The first one")
    client, serial = await studio.world.holder("beauty-salon", data={"name": "Anna"}, language="en")
    assert face(client, serial).background == "rgb(11, 61, 46)"

    # a second publish is counted, silent, and reaches the phone; the way back does too
    await edit(mila, "beauty-salon")
    await page.fill('[data-hex="f-colors-background"]', "#3d0b2e")
    await saved(mila)
    await page.click("a.primary[data-flush]")
    await mila.says("1 card changes, silently.", "Colours")
    await page.click("#publish-button")
    await mila.says("Revision 2 is published")
    await until(lambda: face(client, serial).background == "rgb(61, 11, 46)")
    assert not client.notifications
    await page.click('tr:has-text("The first one") summary')
    await page.click('a:has-text("Go back to this")')
    await mila.says("What people will see: back to revision 1")
    await page.click("#publish-button")
    await mila.says("Back to what it was: published as revision 3")
    await until(lambda: face(client, serial).background == "rgb(11, 61, 46)")
    await mila.note_violations()
    assert mila.complaints == []


async def changed(image: Any, before: str | None) -> bool:
    return bool(await image.get_attribute("src") != before)


async def order(page: Any, zone: str, keys: list[str]) -> bool:
    found = await page.locator(f'[data-list="/fields/{zone}"] > .item').evaluate_all(
        "all => all.map(one => one.dataset.key)"
    )
    return bool(found == keys)


def face(phone: Any, serial: str) -> Any:
    return next(card for card in phone.cards.values() if card.serial_number == serial).faces


async def test_two_edit_at_once_and_both_stay_calm(studio: Studio) -> None:
    anna, boris = await studio.person("Anna"), await studio.person("Boris")
    key = await studio.template("Two")
    for person in (anna, boris):
        await edit(person, key, "fields")
        await open_field(person, "points")
    await write(anna, "/fields/header/0/label", "Annas")
    await saved(anna)
    await boris.page.click("#tab-look")
    await boris.page.fill('[data-hex="f-colors-background"]', "#123456")
    await boris.says("Anna is editing this card too")
    await shows(boris, "Annas")

    await write(anna, "/fields/header/0/change_message", "Annas say %@")
    await saved(anna)
    await boris.page.click("#tab-fields")
    await write(boris, "/fields/header/0/change_message", "Boris says")
    await boris.says("Anna has just changed the same place", "Theirs: Annas say")
    await boris.page.click('button:has-text("Keep mine")')
    await saved(boris)
    written = await studio.written(key)
    assert "Boris says" in written
    assert "#123456" in written
    assert "Annas" in written
    assert [*anna.complaints, *boris.complaints] == []


async def test_values_are_chips_and_braces_stay_words(studio: Studio) -> None:
    dora = await studio.person("Dora", Role.DESIGNER)
    key = await studio.template("Chips")
    page = await edit(dora, key, "fields")
    await open_field(dora, "points")
    await write(dora, "/fields/header/0/change_message", "Now it is ")
    await page.click('[data-insert="f-fields-header-0-change_message"]')
    await page.keyboard.press("n")
    await page.keyboard.press("Enter")
    await page.keyboard.type(" {{ 7*7 }} points")
    await saved(dora)
    written = await studio.written(key)
    assert "Now it is %@" in written
    assert "{{ 7*7 }}" not in written
    assert "49" not in await page.locator(".lock").first.inner_text()
    await page.click("#tab-values")
    await page.fill("#new-variable", "Любимый напиток")
    await page.click("[data-add-variable] button")
    await page.wait_for_selector('details[data-open="value-lyubimyy_napitok"][open]')
    await page.click("#tab-fields")
    await page.select_option("#add-secondary", label="Любимый напиток")
    await page.click('[data-add-field="/fields/secondary"] button')
    await page.wait_for_selector('details[data-open="field-lyubimyy_napitok"][open]')
    assert dora.complaints == []


async def test_a_problem_stands_beside_its_field_with_a_button(studio: Studio) -> None:
    dina = await studio.person("Dina", Role.DESIGNER)
    key = await studio.template("Colours")
    page = await edit(dina, key)
    await page.fill('[data-hex="f-colors-label"]', "#3a2a1f")
    await page.wait_for_selector('[data-contrast="label"].is-low')
    await page.click('[data-contrast="label"] button')
    await page.wait_for_selector('[data-contrast="label"]:not(.is-low)')
    await saved(dina)
    assert "#3a2a1f" not in await studio.written(key)
    assert dina.complaints == []


async def test_on_a_telephone_in_russian_everything_is_there(studio: Studio) -> None:
    olga = await studio.person("Olga", locale="ru-RU", viewport=PHONE)
    page = olga.page
    key = await studio.template("Phone")
    await page.goto(f"/studio/templates/{key}#fields")
    await page.wait_for_selector("#editor[data-ready=yes]")
    await olga.says("Справа вверху", "Баллы")
    await olga.fits()
    await open_field(olga, "points")
    await write(olga, "/fields/header/0/label", "Зёрна")
    await page.click("[data-view-button=canvas]")
    await shows(olga, "Зёрна")
    await olga.fits()
    assert "Points: Зёрна" in await studio.written(key, "strings/ru.yaml")
    assert "label: Points" in await studio.written(key)
    assert olga.complaints == []
