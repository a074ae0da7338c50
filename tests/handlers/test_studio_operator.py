"""Alarms in my wallet, as an admin's browser meets it."""

from __future__ import annotations

import re

from store.people import Role
from tests.handlers.conftest import House
from tests.handlers.studio import browser_of, text, user

PAGE = "/studio/certificates"


async def test_an_admin_gets_a_card_of_their_own_and_removes_it(small_house: House) -> None:
    anna = await browser_of(small_house, await user(small_house, "anna@example.com", Role.ADMIN), verified=True)
    olga = await browser_of(small_house, await user(small_house, "olga@example.com", Role.ADMIN), verified=True)
    assert "Alarms in my wallet" in text(await anna.get(PAGE))
    assert (await anna.get(f"{PAGE}/card.svg")).status == 404
    assert (await anna.post(f"{PAGE}:card")).headers["Location"] == f"{PAGE}#card"
    page = (await anna.get(PAGE)).body.decode()
    found = re.search(r'value="https?://[^"/]+(/i/[^"]+)"', page)
    assert found is not None
    assert (await anna.get(f"{PAGE}/card.svg")).headers["Content-Type"].startswith("image/svg+xml")
    assert (await anna.get(found[1])).status == 200
    assert found[1] not in (await olga.get(PAGE)).body.decode(), "it is hers alone"
    assert "into their own wallet" in text(await anna.get("/studio/audit"))
    assert "Operator" not in text(await anna.get("/studio/templates"))
    await anna.post(f"{PAGE}:end-card")
    assert found[1] not in (await anna.get(PAGE)).body.decode()


async def test_who_is_no_admin_is_not_offered_it(small_house: House) -> None:
    vera = await browser_of(small_house, await user(small_house, "vera@example.com", Role.VIEWER))
    assert "Alarms in my wallet" not in text(await vera.get(PAGE))
    assert (await vera.post(f"{PAGE}:card")).status == 403
