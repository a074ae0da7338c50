"""Reports: cards given out and seen on phones, by day, person and outlet, as a chart and as CSV; campaigns; and what counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from aiohttp import web
from babel import dates

from handlers.studio import forms, givers, page
from handlers.studio.desk import money, rule_words
from handlers.studio.me import Me, database, now
from handlers.studio.texts import TEXTS
from passkit.money import major, to_minor
from store import campaigns, handouts, reports
from store.counting import Rules
from store.errors import Invalid
from store.handouts import Tally
from store.people import problem

CURRENCIES = ("RUB", "BYN", "KZT", "KGS", "UZS", "AMD", "GEL", "AZN", "TRY", "EUR", "USD", "GBP", "AED", "CNY")
CHART_HEIGHT = 160
COLUMN, GAP = 28, 6
"""The chart's measures, in its own units."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a table calculation would run: https://owasp.org/www-community/attacks/CSV_Injection."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in its units: where it stands, how high the given-out and the installed part are."""

    x: int
    label: str
    title: str
    issued: int
    installed: int
    weekend: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over days; ``lines``: height and number of the grid."""

    width: int
    height: int
    bars: Sequence[Bar]
    lines: Sequence[tuple[int, int]]


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/reports?month=2026-11."""
    db, at = database(request), now(request)
    first, last = _month(request.query.get("month", ""), at.astimezone(page.zone(me)).date())
    await handouts.settle(db, at, brand_id=me.brand.id)
    found = await reports.report(db, me.brand.id, first, last, page.zone(me))
    rules = await handouts.rules(db, me.brand.id)
    names = await givers.names(db, me)
    today = at.astimezone(page.zone(me)).date()
    return page.show(
        request,
        me,
        "reports.html",
        month=dates.format_skeleton("yMMMM", first, locale=me.language),
        key=f"{first:%Y-%m}",
        earlier=f"{first - timedelta(days=1):%Y-%m}",
        later=f"{last + timedelta(days=1):%Y-%m}" if last < today else "",
        total=found.total,
        chart=chart(found.days, me.language),
        people=[(names.person(key), tally) for key, tally in found.people.items()],
        outlets=[(names.outlet(key), tally) for key, tally in found.outlets.items()],
        most=max((tally.issued for tally in (*found.people.values(), *found.outlets.values())), default=1),
        counts=rule_words(rules, me.language),
        premium=lambda tally: money(tally.counted * (rules.premium or 0), rules.currency or "RUB", me.language),
        rules=rules,
        campaigns=await campaigns.between(db, me.brand.id, *reports.bounds(first, last, page.zone(me))),
    )


async def export_campaigns(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/reports/campaigns.csv?month=: one line for each set of marks."""
    db, at = database(request), now(request)
    first, last = _month(request.query.get("month", ""), at.astimezone(page.zone(me)).date())
    found = await campaigns.between(db, me.brand.id, *reports.bounds(first, last, page.zone(me)))
    columns = ("source", "medium", "campaign", "links", "joined", "joined_installed", "known")
    rows = [
        (*map(_harmless, (one.source, one.medium, one.campaign)), one.links, one.joined, one.installed, one.known)
        for one in found
    ]
    return _csv(f"campaigns-{first:%Y-%m}.csv", [TEXTS[me.language][f"reports_{name}"] for name in columns], rows)


async def export(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/reports.csv?month=: one line for each day, outlet and person."""
    db, at = database(request), now(request)
    first, last = _month(request.query.get("month", ""), at.astimezone(page.zone(me)).date())
    await handouts.settle(db, at, brand_id=me.brand.id)
    names = await givers.names(db, me)
    texts = TEXTS[me.language]
    columns = ("day", "outlet", "person", "issued", "installed", "counted", "waiting", "refused")
    rows: list[tuple[object, ...]] = []
    for line in await reports.lines(db, me.brand.id, first, last, page.zone(me)):
        tally = line.tally
        told = (names.outlet(line.outlet), names.person(line.person))
        numbers = (tally.issued, tally.installed, tally.counted, tally.waiting, tally.refused)
        rows.append((line.day.isoformat(), *map(_harmless, told), *numbers))
    return _csv(f"cards-{first:%Y-%m}.csv", [texts[f"reports_{name}"] for name in columns], rows)


async def rules_form(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/reports/rules."""
    rules = await handouts.rules(database(request), me.brand.id)
    return _rules_page(request, me, rules, {}, _typed(rules))


async def change_rules(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/reports/rules."""
    form = await forms.read(request, me)
    typed = {name: form[name].strip() for name in ("stays_days", "plan", "premium", "currency")}
    flags = {name: bool(form[name]) for name in ("new_client", "on_phone", "once")}
    try:
        rules = _rules(typed, flags)
        await handouts.set_rules(database(request), me.brand.id, rules, me.actor, now(request))
    except Invalid as error:
        errors = {one.pointer.lstrip("/"): TEXTS[me.language][f"rules_bad_{one.pointer[1:]}"] for one in error.problems}
        shown = Rules(new_client=flags["new_client"], on_phone=flags["on_phone"], once=flags["once"])
        return _rules_page(request, me, shown, errors, typed, 422)
    await page.say(request, me, "rules_saved")
    return page.go("/studio/reports")


def chart(days: Mapping[date, Tally], language: str) -> Chart:
    """Bars for the days, in a picture that grows with their number."""
    most = max((tally.issued for tally in days.values()), default=0)
    step = _step(most)
    top = max(step * 4, 4)
    bars = []
    for place, (day, tally) in enumerate(days.items()):
        title = page.fill(
            TEXTS[language]["reports_bar"],
            day=dates.format_date(day, "d MMMM", locale=language),
            issued=tally.issued,
            installed=tally.installed,
        )
        issued, installed = (round(number * CHART_HEIGHT / top) for number in (tally.issued, tally.installed))
        bars.append(Bar(place * (COLUMN + GAP), str(day.day), title, issued, installed, day.weekday() > 4))
    lines = [(round(CHART_HEIGHT * part / 4), round(top * part / 4)) for part in range(5)]
    return Chart(max(1, len(bars)) * (COLUMN + GAP), CHART_HEIGHT, bars, lines)


def _step(most: int) -> int:
    """A quarter of the chart's height, as a round number: 1, 2, 5, 10, 20 ..."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * 4 >= most:
                return step
        size *= 10


def _month(text: str, today: date) -> tuple[date, date]:
    """First and last day of ``2026-11``, of this month for anything else; not past today's month."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = today.replace(day=1)
    if not 2000 < first.year < 3000 or first > today:
        first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)


def _csv(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(head)
    table.writerows(rows)
    headers = {**page.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    content = written.getvalue().encode("utf-8-sig")  # Excel takes a file without this mark for another alphabet
    return web.Response(body=content, content_type="text/csv", charset="utf-8", headers=headers)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULAS) else text


def _rules(typed: Mapping[str, str], flags: Mapping[str, bool]) -> Rules:
    wrong = []
    numbers: dict[str, int | None] = {}
    for name in ("stays_days", "plan"):
        text = typed[name]
        numbers[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
        if text and numbers[name] is None:
            wrong.append(problem(f"/{name}", "This is no number."))
    currency = typed["currency"] if typed["currency"] in CURRENCIES else CURRENCIES[0]
    premium = None
    if typed["premium"]:
        try:
            premium = to_minor("".join(typed["premium"].split()).replace(",", "."), currency)
        except ValueError:
            wrong.append(problem("/premium", "This is no amount."))
    if wrong:
        raise Invalid(wrong)
    days = numbers["stays_days"] if numbers["stays_days"] is not None else 0
    return Rules(
        flags["new_client"], flags["on_phone"], days, flags["once"], numbers["plan"], premium or None, currency
    )


def _typed(rules: Rules) -> dict[str, str]:
    currency = rules.currency or CURRENCIES[0]
    premium: Decimal | str = major(rules.premium, currency) if rules.premium else ""
    return {
        "stays_days": str(rules.stays_days),
        "plan": str(rules.plan or ""),
        "premium": str(premium),
        "currency": currency,
    }


def _rules_page(
    request: web.Request,
    me: Me,
    rules: Rules,
    errors: Mapping[str, str],
    typed: Mapping[str, str],
    status: int = 200,
) -> web.StreamResponse:
    currencies = [(code, code) for code in CURRENCIES]
    return page.show(
        request,
        me,
        "report_rules.html",
        status=status,
        rules=rules,
        errors=errors,
        typed=typed,
        currencies=currencies,
    )
