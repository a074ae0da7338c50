"""Reports: who gave cards out, as a chart and as a table calculation reads it; and what counts."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert

from handlers.studio.reports import chart
from store import cards, handouts, joinlinks, tables
from store.counting import Rules
from store.handouts import Tally
from store.joinlinks import NewLink
from store.people import COMMAND_LINE, Role
from tests.handlers.conftest import House
from tests.handlers.studio import browser_of, text, user


async def give(house: House, by: str, outlet: str | None = None) -> None:
    new = cards.NewCard("coffee", issued_by=by, outlet=outlet)
    await cards.issue(house.db, house.brand_id, new, datetime.now(UTC))


async def test_a_report_names_people_and_outlets_and_says_when_there_is_nothing(small_house: House):
    viewer = await browser_of(small_house, await user(small_house, "v@example.com", Role.VIEWER, password=None))
    assert "Nobody gave a card out this month" in text(await viewer.get("/studio/reports"))
    anna = await user(small_house, "anna@example.com", Role.PUBLISHER, password=None)
    await give(small_house, f"user:{anna.id}", "arbat")
    page = await viewer.get("/studio/reports")
    assert "Anna" in text(page)
    assert "arbat" in text(page)
    assert page.body.decode().count("<rect") > 2
    assert "Nobody gave a card out" in text(await viewer.get("/studio/reports?month=2020-02"))
    assert (await viewer.get("/studio/reports?month=nonsense")).status == 200
    assert (await viewer.get("/studio/reports/rules")).status == 403


async def test_a_table_calculation_runs_nothing_of_the_csv(small_house: House):
    viewer = await browser_of(small_house, await user(small_house, "v@example.com", Role.VIEWER, password=None))
    await give(small_house, '=HYPERLINK("https://evil.example")', "@SUM(A1)")
    await give(small_house, "Оля, касса 3")
    answer = await viewer.get("/studio/reports.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert rows[0][:4] == ["Day", "Outlet", "Person", "Given out"]
    assert sorted(row[1:4] for row in rows[1:]) == [
        ["'@SUM(A1)", '\'=HYPERLINK("https://evil.example")', "1"],
        ["—", "Оля, касса 3", "1"],
    ]


async def test_an_admin_says_what_counts_in_words_and_amounts_of_people(small_house: House):
    admin = await browser_of(small_house, await user(small_house, "a@example.com", Role.ADMIN, password=None))
    form = {"new_client": "1", "stays_days": "14", "plan": "40", "premium": "1 049,50", "currency": "RUB"}
    assert (await admin.post("/studio/reports/rules", form)).status == 303
    rules = await handouts.rules(small_house.db, small_house.brand_id)
    assert rules == Rules(True, False, 14, False, 40, 104950, "RUB")
    page = (await admin.get("/studio/reports/rules")).body.decode()
    assert 'value="1049.50"' in page
    wrong = await admin.post("/studio/reports/rules", {**form, "plan": "-1", "premium": "much", "stays_days": "999"})
    assert wrong.status == 422
    assert "A whole number of cards" in text(wrong)
    assert "An amount, such as 50" in text(wrong)
    assert (await handouts.rules(small_house.db, small_house.brand_id)) == rules


@pytest.mark.parametrize(("most", "top"), [(0, 4), (3, 4), (5, 8), (9, 20), (21, 40), (150, 200), (1000, 2000)])
def test_a_chart_s_grid_is_of_round_numbers_and_no_bar_is_higher(most: int, top: int):
    first = date(2026, 11, 1)
    days = {first + timedelta(days=n): Tally(issued=n and most, installed=most // 2 if n else 0) for n in range(3)}
    drawn = chart(days, "en")
    assert drawn.lines[-1] == (160, top)
    assert max(bar.issued for bar in drawn.bars) <= drawn.height
    assert all(bar.installed <= bar.issued for bar in drawn.bars)


async def joined(house: House, name: str, utm: dict[str, str], count: int, on_phone: int) -> None:
    """So many came by a new link with these marks, and some of them have the card on a phone."""
    now = datetime.now(UTC)
    link = await joinlinks.add(
        house.db, house.brand_id, NewLink(template="coffee", name=name, utm=utm), COMMAND_LINE, now
    )
    for number in range(count):
        card = await house.issue()
        if number < on_phone:
            await card.register(f"{name}-{number}")
        card_id = (await cards.view(house.db, house.brand_id, card.serial)).card_id
        row = {"brand_id": house.brand_id, "link_id": link.id, "card_id": card_id, "is_new": number > 0 or count == 1}
        async with house.db.transaction() as conn:
            given = {**row, "form_hash": f"{name}{number}", "answers_encrypted": b"", "at": now}
            await conn.execute(insert(tables.joins).values(**given))


async def test_campaigns_are_counted_by_their_marks_over_their_links(house: House):
    viewer = await browser_of(house, await user(house, "v@example.com", Role.VIEWER, password=None))
    assert "by campaign" not in text(await viewer.get("/studio/reports"))
    marks = {"source": "vk", "medium": "poster", "campaign": "=autumn"}
    await joined(house, "one", marks, 3, 2)
    await joined(house, "two", marks, 1, 1)
    await joined(house, "three", {}, 1, 0)
    page = text(await viewer.get("/studio/reports"))
    assert "vk poster =autumn 2 3 2 67 % 1" in page
    assert "No marks — — 1 1 0 0 % 0" in page
    page = (await viewer.get("/studio/reports")).body.decode()
    assert page.count('id="campaigns"') == 1
    answer = await viewer.get("/studio/reports/campaigns.csv")
    rows = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert rows[0][:5] == ["Source", "Medium", "Campaign", "Links", "Joined"]
    assert rows[1:] == [["vk", "poster", "'=autumn", "2", "3", "2", "1"], ["", "", "", "1", "1", "0", "0"]]
    assert "by campaign" not in text(await viewer.get("/studio/reports?month=2020-02"))
