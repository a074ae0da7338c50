"""The audit trail: who did what, when, to what."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from aiohttp import web

from handlers.studio import page
from handlers.studio.me import Me, database
from handlers.studio.texts import TEXTS
from store import audit, people
from store.people import Filter, Line, Role


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/audit?actor=&action=&since=&until=&before=."""
    db = database(request)
    wanted = _filter(request, me)
    lines = await people.lines(db, me.brand.id, wanted)
    actors, actions = await people.words(db, me.brand.id)
    older = request.rel_url.update_query(before=str(lines[-1].id)) if len(lines) == audit.PAGE else None
    return page.show(
        request,
        me,
        "audit.html",
        lines=lines,
        say=lambda line: sentence(me.language, line),
        actors=[(actor, name(me.language, actor)) for actor in actors],
        who=lambda line: name(me.language, line.actor),
        actions=[(action, words(me.language, action)) for action in actions],
        query=request.query,
        older=older,
        is_filtered=any(request.query.get(name) for name in ("actor", "action", "since", "until")),
    )


def sentence(language: str, line: Line) -> str:
    """What was done, to a person; roles in the language's words, an action without a sentence by its name."""
    texts = TEXTS[language]
    roles = {role.value: texts[f"role_{role.value}"] for role in Role}
    values = {name: roles.get(value, value) if isinstance(value, str) else value for name, value in line.detail.items()}
    text = texts.get(_key(line.action), f"{line.action} {{subject}}")
    return text.format_map(_Blank({"subject": line.subject, **values}))


def name(language: str, actor: str) -> str:
    """Who did it; a command line has no name of its own."""
    return TEXTS[language]["audit_command_line"] if actor == people.COMMAND_LINE.name else actor


def words(language: str, action: str) -> str:
    """The action alone, for the filter."""
    return TEXTS[language].get(f"{_key(action)}_short", action)


class _Blank(dict[str, object]):
    """A line written by an older version may lack a value: a dash stands there."""

    def __missing__(self, key: str) -> str:
        return "—"


def _key(action: str) -> str:
    return f"audit_{action.replace('.', '_')}"


def _filter(request: web.Request, me: Me) -> Filter:
    query = request.query
    until = _day(query.get("until", ""), me)
    before = query.get("before", "")
    return Filter(
        actor=query.get("actor", "")[:200],
        action=query.get("action", "")[:60],
        since=_day(query.get("since", ""), me),
        until=until + timedelta(days=1) if until else None,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
    )


def _day(text: str, me: Me) -> datetime | None:
    """The day's beginning in the brand's zone; what is no day filters nothing."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=page.zone(me)) if 1970 < day.year < 3000 else None
