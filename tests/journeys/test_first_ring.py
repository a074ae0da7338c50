"""From the backend's change to the lock screen, through everything that is real."""

from __future__ import annotations

from tests.journeys.house import World, until


async def test_a_changed_balance_rings_the_phone_and_shows_on_the_card(running: World) -> None:
    phone, serial = await running.holder(data={"name": "Anna Petrova", "points": 120})
    answer = await running.change(serial, points=150)
    await until(lambda: phone.notifications)
    assert answer["result"] == "applied"
    assert "150" in phone.notifications[-1].text
    assert phone.cards[serial].text("points") == "150"
    assert [row["lock_screen"] for row in answer["visible"]] == [phone.notifications[-1].text]
