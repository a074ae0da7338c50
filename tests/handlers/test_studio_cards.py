"""Cards and the issue desk as a browser meets them: who may what, what is said, and what is never shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from handlers.studio.desk import sms
from handlers.studio.texts import TEXTS
from store import cards, people, templates
from store.people import COMMAND_LINE, NewOutlet, Role
from tests.handlers.conftest import House
from tests.handlers.studio import PLACE, Browser, browser_of, text, user

PHONE = '  phone:   {type: phone, label: Phone, default: "", personal: true}\nfields:\n'
SECRET_NAME = "Марфа Посадница"


async def with_phone(house: House, *, owned: bool = False) -> None:
    """The coffee template with a phone, and points that the loyalty system owns if asked."""
    now = datetime.now(UTC)
    files = await templates.export_files(house.db, house.brand_id, "coffee")
    written = files["template.yaml"].decode().replace("fields:\n", PHONE, 1)
    if owned:
        written = re.sub(r"(points:\s*\{type: integer)", r"\1, owner: backend", written)
    await templates.import_files(house.db, house.brand_id, {**files, "template.yaml": written.encode()}, now)
    await templates.publish(house.db, house.brand_id, "coffee", now=now)


async def browser(house: House, role: Role) -> Browser:
    return await browser_of(house, await user(house, f"{role}@example.com", role, password=None), verified=True)


async def at_the_desk(house: House) -> Browser:
    """An employee at a paired tablet."""
    now = datetime.now(UTC)
    outlet = await people.outlets.add(house.db, house.brand_id, NewOutlet(name="Арбат"), COMMAND_LINE, now)
    olya = await people.workplaces.hire(house.db, house.brand_id, outlet.id, "Оля", "4812", COMMAND_LINE, now)
    _, code = await people.workplaces.add_workplace(house.db, house.brand_id, outlet.id, "Планшет", COMMAND_LINE, now)
    token = await people.workplaces.pair(house.db, code, None, now)
    assert isinstance(token, str)
    made = Browser(house, language="ru", cookies={PLACE: token})
    await made.post("/studio/place:pin", {"employee": str(olya.id), "pin": "4812"})
    return made


async def test_an_employee_gives_a_card_out_in_two_steps_and_sees_no_value(small_house: House):
    await with_phone(small_house)
    desk = await at_the_desk(small_house)
    assert "Телефон клиента" in text(await desk.get("/studio/desk"))
    found = await desk.post("/studio/desk:find", {"phone": "8 916 123 45 67"})
    assert "Новый клиент" in text(found)
    given = await desk.post("/studio/desk:give", {"phone": "+79161234567", "template": "coffee"})
    code = await desk.get(given.headers["Location"])
    assert "Наведите камеру телефона" in text(code)
    picture = await desk.get(f"{given.headers['Location']}/qr.svg")
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    card = (await cards.by_phone(small_house.db, small_house.brand_id, "+79161234567"))[0]
    assert (card.channel, card.outlet) == ("desk", "arbat")
    assert "Клиент ещё не добавил карту" in text(await desk.get("/studio/desk/mine"))
    assert (await desk.get(f"/studio/cards/{card.serial_number}")).status == 403
    assert (await desk.get("/studio/cards")).status == 403


async def test_a_known_client_s_card_is_shown_without_the_client_s_name(small_house: House):
    await with_phone(small_house)
    now = datetime.now(UTC)
    new = cards.NewCard("coffee", data={"name": SECRET_NAME, "phone": "+79161234567", "points": 98765})
    card = (await cards.issue(small_house.db, small_house.brand_id, new, now)).card
    desk = await at_the_desk(small_house)
    found = await desk.post("/studio/desk:find", {"phone": "+7 916 123-45-67"})
    assert "Показать QR ещё раз" in text(found)
    shown = await desk.post(f"/studio/desk/cards/{card.serial_number}:show", {"kind": "phone"})
    code = await desk.get(shown.headers["Location"])
    for page in (found, code, await desk.get("/studio/desk/mine")):
        assert "Марфа" not in page.body.decode()
        assert "98765" not in page.body.decode()
    assert "Та же карта для другого телефона, не считается" in text(code)


async def test_what_is_no_phone_is_said_beside_the_field(small_house: House):
    await with_phone(small_house)
    desk = await at_the_desk(small_house)
    answer = await desk.post("/studio/desk:find", {"phone": "Анна"})
    assert answer.status == 422
    assert "Это не номер телефона" in text(answer)


async def test_a_brand_without_a_phone_on_its_cards_is_told_what_to_do(small_house: House):
    admin = await browser(small_house, Role.ADMIN)
    assert "No card can be given out by phone yet" in text(await admin.get("/studio/desk"))


async def test_the_client_s_screen_shows_the_code_to_whoever_has_its_address_alone(small_house: House):
    await with_phone(small_house)
    desk = await at_the_desk(small_house)
    made = await desk.post("/studio/desk/display")
    address = re.search(r"/studio/display/[\w-]+", made.body.decode())
    assert address is not None
    client = Browser(small_house, language="en")
    assert "Ваша карта — в вашем телефоне" in text(await client.get(address[0]))
    given = await desk.post("/studio/desk:give", {"phone": "+79161234567", "template": "coffee"})
    number = given.headers["Location"].rsplit("/", 1)[1]
    assert f"{address[0]}/{number}.svg" in (await client.get(f"{address[0]}/now")).body.decode()
    assert (await client.get(f"{address[0]}/{number}.svg")).status == 200
    await desk.post(f"/studio/desk/codes/{number}:hide")
    assert (await client.get(f"{address[0]}/{number}.svg")).status == 404
    await desk.post("/studio/desk/display:end")
    assert (await client.get(address[0])).status == 404


async def test_a_page_that_waits_is_loaded_anew_when_its_code_is_hidden(small_house: House):
    await with_phone(small_house)
    desk = await at_the_desk(small_house)
    given = await desk.post("/studio/desk:give", {"phone": "+79161234567", "template": "coffee"})
    path = given.headers["Location"]
    shown = await desk.get(f"{path}/steps?shown=1", **{"HX-Request": "true"})
    assert "HX-Refresh" not in shown.headers
    await desk.post(f"{path}:hide")
    hidden = await desk.get(f"{path}/steps?shown=1", **{"HX-Request": "true"})
    assert hidden.headers["HX-Refresh"] == "true"
    assert "QR скрыт" in text(await desk.get(path))
    assert (await desk.get(f"{path}/qr.svg")).status == 404


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("brand", ["Кофейня", "Сеть салонов красоты «Берёзка»"])
def test_the_text_of_an_sms_fits_one_with_its_link(language: str, brand: str):
    address = "https://cards.example.com/i/" + "a" * 28
    made = sms(TEXTS[language], brand, address)
    assert len(made) <= 70
    assert made.endswith(address)
    assert sms(TEXTS[language], brand, "https://" + "x" * 90) == "https://" + "x" * 90


async def test_the_messengers_get_the_link_and_the_number(small_house: House):
    await with_phone(small_house)
    desk = await at_the_desk(small_house)
    given = await desk.post("/studio/desk:give", {"phone": "+79161234567", "template": "coffee"})
    page = (await desk.get(given.headers["Location"])).body.decode()
    whatsapp = re.search(r'href="(https://wa\.me/[^"]+)"', page)
    assert whatsapp is not None
    assert whatsapp[1].startswith("https://wa.me/79161234567?text=")
    assert "Coffee club: ваша карта" in unquote(whatsapp[1])
    assert 'href="sms:+79161234567?' in page
    assert 'href="https://t.me/share/url?url=https%3A%2F%2F' in page


async def test_a_viewer_reads_a_card_and_changes_nothing(small_house: House):
    card = await small_house.issue(data={"name": SECRET_NAME})
    viewer = await browser(small_house, Role.VIEWER)
    page = await viewer.get(f"/studio/cards/{card.serial}")
    assert SECRET_NAME in text(page)
    assert "Tell the client" in text(page)
    assert card.answer["install_url"] not in page.body.decode()
    for path in (":void", ":revive", "/values"):
        assert (await viewer.post(f"/studio/cards/{card.serial}{path}", {"variable": "name"})).status == 403
    listed = await viewer.get("/studio/cards?text=Марфа")
    assert SECRET_NAME in text(listed)


async def test_a_publisher_writes_an_own_value_and_voids(small_house: House):
    card = await small_house.issue(data={"name": "Anna"})
    publisher = await browser(small_house, Role.PUBLISHER)
    path = f"/studio/cards/{card.serial}"
    assert (await publisher.post(f"{path}/values", {"variable": "name", "value": "<b>Bob</b>"})).status == 303
    page = await publisher.get(path)
    assert "&lt;b&gt;Bob&lt;/b&gt;" in page.body.decode()
    assert "<b>Bob" not in page.body.decode()
    await publisher.post(f"{path}:void")
    assert "Make it valid again" in text(await publisher.get(path))
    stale = await publisher.post(f"{path}/values", {"variable": "name", "value": "C", "version": "1"})
    assert stale.status == 409
    assert (await publisher.post(f"{path}/values", {"variable": "nothing", "value": "C"})).status == 404


async def test_a_backend_s_value_is_an_admin_s_correction_with_a_reason(small_house: House):
    await with_phone(small_house, owned=True)
    card = await small_house.issue(data={"name": "Anna", "points": 100})
    path = f"/studio/cards/{card.serial}"
    publisher, admin = await browser(small_house, Role.PUBLISHER), await browser(small_house, Role.ADMIN)
    form = {"variable": "points", "value": "150", "reason": "The till was off"}
    assert (await publisher.post(f"{path}/values", form)).status == 403
    assert 'id="edit-points"' not in (await publisher.get(path)).body.decode()
    assert (await admin.post(f"{path}/values", {**form, "reason": ""})).status == 422
    wrong = await admin.post(f"{path}/values", {**form, "value": "many"})
    assert "Write a whole number" in text(wrong)
    assert (await admin.post(f"{path}/values", form)).status == 303
    week = text(await admin.get("/studio/corrections"))
    assert "points: 100 → 150" in week
    assert "The till was off" in week
    assert "No corrections this week" in text(await admin.get("/studio/corrections?week=2020-01-06"))


async def test_money_and_times_are_typed_as_people_write_them(small_house: House):
    card = await small_house.issue(data={"name": "Anna"})
    admin = await browser(small_house, Role.ADMIN)
    path = f"/studio/cards/{card.serial}/values"
    await admin.post(path, {"variable": "balance", "value": "1 250,50"})
    await admin.post(path, {"variable": "visit", "value": "2026-12-01T18:30"})
    view = await cards.view(small_house.db, small_house.brand_id, card.serial)
    assert (view.data["balance"], view.data["visit"]) == (125050, "2026-12-01T15:30:00Z")
    page = (await admin.get(f"/studio/cards/{card.serial}")).body.decode()
    assert 'value="1250.50"' in page
    assert 'value="2026-12-01T18:30"' in page
    assert (await admin.post(path, {"variable": "visit", "value": ""})).status == 303
