"""Triggers as rows and as answers show them, and what a trigger is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data, occasions, schedule
from passkit.model import Value
from passkit.schema import Template
from passkit.variables import NotAccepted, accept_value
from store import compiled, newsrules, tables
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.newsrequests import Said, Url
from store.problems import problem
from store.requests import Key, Short, Variable
from store.tables import brands, news, templates
from store.tables import triggers as table

OFF, ON, PAUSED = "off", "on", "paused"
MOST_DAYS, MOST_HOURS = 730, 24 * 366
AT = "10:00"
CAP_DAYS = {occasions.BIRTHDAY: 300}
"""A birthday that is put right in the same year is no second one; of the others each occasion is its own cap."""
LASTS_HOURS = {
    occasions.BIRTHDAY: 3 * 24,
    occasions.NO_VISIT: 14 * 24,
    occasions.EXPIRING: 7 * 24,
    occasions.APPOINTMENT: 2 * 24,
    occasions.INSTALLED: 3 * 24,
    occasions.LEVEL: 7 * 24,
}
Event = Literal["birthday", "no_visit", "expiring", "appointment", "installed", "level"]


class TriggerSettings(BaseModel):
    """What can be changed of a trigger; what is absent stays, null is as if it had never been said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variable: Variable | None = Field(default=None, description="The card's variable: a date, or what has the level.")
    days: StrictInt | None = Field(default=None, description="Days after the visit, before the others; null: as usual.")
    at: str | None = Field(
        default=None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When cards are looked at, in the brand's clock: `10:00`.",
    )
    level: Short | StrictInt | None = Field(
        default=None, description="The text, or the least number, that is reached; null: any other text."
    )
    text: Said | None = Field(default=None, description="The words, or one for each of the template's languages.")
    title: Said | None = None
    url: Url | None = None
    kind: Literal["service", "marketing"] | None = Field(
        default=None, description="Marketing reaches only cards whose holder agrees to it."
    )
    topic: Key | None = None
    cap_days: StrictInt | None = Field(
        default=None, ge=0, le=MOST_DAYS, description="A card is told at most once in so many days; null: as usual."
    )
    holdout: StrictInt | None = Field(default=None, ge=0, le=50, description="Percent of cards that are not told.")
    lasts_hours: StrictInt | None = Field(
        default=None, ge=1, le=MOST_HOURS, description="How long the text stays on a card; null: as usual."
    )


class TriggerRequest(TriggerSettings):
    """A new trigger; it is off until it is switched on."""

    template: Key = Field(description="The template's key.")
    event: Event = Field(description="What sets it off.")


@dataclass(frozen=True, slots=True)
class Run:
    """A day of a daily trigger; ``state``: running, done, missed, failed, stopped. Counts are cards."""

    day: date
    state: str
    looked_at: int
    due: int
    told: int
    silent: int
    held_out: int
    too_soon: int
    no_consent: int
    no_value: int
    reason: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a trigger has done. ``today``, ``month`` (30 days): cards told; ``held_out``, ``silent`` of those 30 days.

    ``accepted``, ``failed``, ``gone``, ``waiting``: phones and Google objects, ``fetched``: phones that had the text, ever.
    """

    today: int = 0
    month: int = 0
    held_out: int = 0
    silent: int = 0
    accepted: int = 0
    gone: int = 0
    failed: int = 0
    waiting: int = 0
    fetched: int = 0


@dataclass(frozen=True, slots=True)
class TriggerView:
    """A trigger as answers show it. ``next_at``: when its cards are looked at next; ``last``: its last day."""

    id: str
    template: str
    event: str
    variable: str | None
    days: int | None
    at: time | None
    time_zone: str
    level: str | int | None
    text: Mapping[str, str]
    title: Mapping[str, str]
    url: str | None
    kind: str
    topic: str | None
    cap_days: int
    holdout: int
    lasts_hours: int
    state: str
    next_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    figures: Figures
    last: Run | None


def rows() -> Any:
    """Triggers with what belongs to them."""
    wanted = select(
        table,
        templates.c.key.label("template"),
        templates.c.published_revision_id,
        brands.c.time_zone,
        brands.c.stamp.label("brand_stamp"),
        news.c.kind,
        news.c.topic,
        news.c.variants,
    )
    wanted = wanted.join(templates, templates.c.id == table.c.template_id)
    return wanted.join(brands, brands.c.id == table.c.brand_id).join(news, news.c.id == table.c.news_id)


async def by_id(conn: AsyncConnection, trigger_id: int, *, lock: bool = False) -> Any | None:
    """Its row; with ``lock`` None also where another has it."""
    wanted = rows().where(table.c.id == trigger_id)
    if lock:
        wanted = wanted.with_for_update(of=table, skip_locked=True)
    return (await conn.execute(wanted)).first()


async def needed(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any:
    """The brand's trigger by its name outside; NotFound."""
    wanted = rows().where(table.c.brand_id == brand_id, table.c.key == key)
    if lock:
        wanted = wanted.with_for_update(of=table)
    row = (await conn.execute(wanted)).first() if tables.is_storable(key) else None
    if row is None:
        raise NotFound("This brand has no trigger by that id.", code="trigger_not_found")
    return row


async def revision(db: Database, conn: AsyncConnection, row: Any) -> Any:
    """The published revision of its template."""
    return await compiled.revision(db, conn, revision_id=row.published_revision_id, brand_stamp=row.brand_stamp)


def fitting(template: Template, event: str) -> list[str]:
    """The template's variables that can set it off, in their order."""
    return [name for name, one in template.variables.items() if one.type in occasions.TYPES[event]]


def problem_of(template: Template, row: Any) -> str | None:
    """Why it cannot work with the template as it is now, as a sentence; None: it can."""
    if not occasions.TYPES[row.event]:
        return None
    if row.variable is None:
        return "Choose a variable first."
    if data.name_of(template, row.variable) not in fitting(template, row.event):
        return f"The template has no variable {row.variable!r} of a type that fits."
    if row.level is None and template.variables[data.name_of(template, row.variable)].type in occasions.NUMBERS:
        return "Say which number is to be reached."
    return None


def level_of(template: Template, variable: str, level: str | int | None) -> Value:
    """The level as a value of the variable; Invalid at ``/level``."""
    if level is None:
        return None
    try:
        return accept_value(template.variables[variable], level)
    except NotAccepted as error:
        raise Invalid([problem("/level", str(error), error.fix)]) from None


async def checked(
    db: Database, conn: AsyncConnection, brand_id: int, template: Template, event: str, given: TriggerSettings
) -> dict[str, Any]:
    """The columns of what is asked, with the usual where nothing is; Invalid with pointers."""
    problems = []
    variable = given.variable
    if variable is not None:
        variable = data.name_of(template, variable)
        if variable not in fitting(template, event):
            fits = ", ".join(fitting(template, event)) or "none"
            problems.append(
                problem("/variable", "There is no such variable of a type that fits.", f"Those are: {fits}.")
            )
            variable = None
    values: dict[str, Any] = {"variable": variable, "level": None, "days": None, "at": None}
    if event in occasions.DAILY:
        least, most, usual = occasions.DAYS[event]
        values |= {"days": usual if given.days is None else given.days, "at": given.at or AT}
        if not least <= values["days"] <= most:
            problems.append(problem("/days", "This is no number of days.", f"From {least} to {most}."))
        quiet = (await newsrules.of_brand(conn, brand_id)).quiet
        if quiet is not None and quiet.hold(time.fromisoformat(values["at"])):
            problems.append(problem("/at", f"The brand's quiet hours are {quiet}.", "Choose an hour outside of them."))
    elif given.days is not None or given.at is not None:
        problems.append(problem("/days", "It comes with the change itself, not on a day.", "Leave days and at out."))
    if event == occasions.LEVEL and variable is not None:
        level_of(template, variable, given.level)
        values["level"] = given.level
    elif given.level is not None:
        problems.append(problem("/level", "Only a level is reached.", "Leave it out."))
    if problems:
        raise Invalid(problems)
    cap = CAP_DAYS.get(event, 0) if given.cap_days is None else given.cap_days
    lasts = LASTS_HOURS[event] if given.lasts_hours is None else given.lasts_hours
    return values | {"cap_days": cap, "lasts_hours": lasts, "holdout": given.holdout or 0}


def settings_of(row: Any) -> TriggerSettings:
    """What it is now, as it could have been asked."""
    own = row.variants[0]
    said = {"text": dict(own["text"]), "title": dict(own["title"]) or None, "url": own["url"]}
    names = ("variable", "days", "at", "level", "kind", "topic", "cap_days", "holdout", "lasts_hours")
    return TriggerSettings.model_validate({name: getattr(row, name) for name in names} | said)


def next_at(row: Any, now: datetime) -> datetime | None:
    """The next time that its cards are looked at, later than now; None: it goes by changes."""
    if row.event not in occasions.DAILY:
        return None
    zone, at = ZoneInfo(row.time_zone), time.fromisoformat(row.at)
    today = schedule.moment(now.astimezone(zone).date(), at, zone)
    return today if today > now else schedule.moment(now.astimezone(zone).date() + schedule.DAY, at, zone)


def refuse_unless(row: Any, states: tuple[str, ...], done: str) -> None:
    """Conflict for what does not fit the state."""
    if row.state not in states:
        raise Conflict(f"A trigger that is {row.state} cannot be {done}.")
