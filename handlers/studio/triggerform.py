"""The form of an automatic message as the settings that the store keeps; what does not fit is said beside its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from pydantic import ValidationError

from handlers.studio import values
from handlers.studio.forms import Form
from handlers.studio.me import Me
from handlers.studio.newsform import MAX_HOLDOUT, URL
from handlers.studio.texts import TEXTS
from passkit import occasions, typed
from passkit.expressions import NEWS_LENGTH
from passkit.schema import Template
from passkit.variables import text_problem
from store.newsrequests import TITLE_LENGTH
from store.triggerrows import MOST_DAYS, MOST_HOURS, TriggerSettings, TriggerView, fitting

HOURS = 24


@dataclass(slots=True)
class Asked:
    """What the form says; ``errors``: field -> sentence of what cannot be kept."""

    settings: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> TriggerSettings:
        """As the store takes it."""
        return TriggerSettings.model_validate(self.settings)


def fields(view: TriggerView, template: Template, zone: str) -> Form:
    """The form's fields as they are kept."""
    found = {f"text_{language}": words for language, words in view.text.items()}
    found |= {f"title_{language}": words for language, words in view.title.items()}
    variable = template.variables.get(view.variable or "")
    found |= {
        "url": view.url or "",
        "variable": view.variable or "",
        "days": "" if view.days is None else str(view.days),
        "at": "" if view.at is None else f"{view.at:%H:%M}",
        "level": "" if view.level is None or variable is None else typed.write(variable, view.level, zone),
        "kind": view.kind,
        "topic": view.topic or "",
        "cap_days": str(view.cap_days),
        "holdout": str(view.holdout),
        "lasts": str(_days(view.lasts_hours)),
    }
    return Form({name: (value,) for name, value in found.items()})


def words(form: Form, template: Template) -> dict[str, Any]:
    """Text, title and link as far as they can be shown on a card."""
    found: dict[str, Any] = {"url": form["url"].strip() or None}
    for name, limit in (("text", NEWS_LENGTH), ("title", TITLE_LENGTH)):
        said = {one: form[f"{name}_{one}"].strip() for one in template.languages}
        found[name] = {one: text for one, text in said.items() if text and not text_problem(text, limit)}
    return found


def read(form: Form, view: TriggerView, template: Template, me: Me) -> Asked:
    """All of the form."""
    asked = settings(form, view, template, me)
    texts, found = TEXTS[me.language], words(form, template)
    for name, limit in (("text", NEWS_LENGTH), ("title", TITLE_LENGTH)):
        for one in template.languages:
            text = form[f"{name}_{one}"].strip()
            if text and text_problem(text, limit):
                long = "news_text_long" if len(text) > limit else "news_text_bad"
                asked.errors[f"{name}_{one}"] = texts[long].format(limit=limit)
    try:
        URL.validate_python(found["url"] or "https://x")
    except ValidationError:
        asked.errors["url"] = texts["news_url_bad"]
    asked.settings |= {"text": found["text"], "title": found["title"] or None, "url": found["url"]}
    return asked


def settings(form: Form, view: TriggerView, template: Template, me: Me) -> Asked:
    """Whom and when; what it says is left out."""
    asked, texts = Asked(), TEXTS[me.language]
    variable = form["variable"] if form["variable"] in fitting(template, view.event) else None
    kind = "marketing" if form["kind"] == "marketing" else "service"
    topic = "".join(filter(str.isprintable, form["topic"])).strip()[:64] or None
    asked.settings = {"variable": variable, "kind": kind, "topic": topic if kind == "marketing" else None}
    if view.event in occasions.DAILY:
        least, most, _ = occasions.DAYS[view.event]
        asked.settings["days"] = _whole(form, "days", least, most, asked.errors, me)
        try:
            asked.settings["at"] = f"{time.fromisoformat(form['at'][:5]):%H:%M}"
        except ValueError:
            asked.errors["at"] = texts["triggers_wrong_at"]
    if view.event == occasions.LEVEL and variable is not None:
        level, wrong = values.read(template.variables[variable], form["level"], me.brand.time_zone, me.language)
        asked.settings["level"] = level
        if wrong:
            asked.errors["level"] = wrong
    asked.settings["cap_days"] = _whole(form, "cap_days", 0, MOST_DAYS, asked.errors, me)
    asked.settings["holdout"] = _whole(form, "holdout", 0, MAX_HOLDOUT, asked.errors, me)
    lasts = _whole(form, "lasts", 1, MOST_HOURS // HOURS, asked.errors, me)
    is_same = lasts is not None and lasts == _days(view.lasts_hours)
    asked.settings["lasts_hours"] = view.lasts_hours if is_same or lasts is None else lasts * HOURS
    return asked


def refused(problems: Mapping[str, str], me: Me) -> dict[str, str]:
    """What the store says to fields, in the reader's words."""
    own = {"at": "triggers_wrong_at", "level": "triggers_wrong_level"}
    return {name: TEXTS[me.language][own[name]] if name in own else said for name, said in problems.items()}


def _whole(form: Form, name: str, least: int, most: int, errors: dict[str, str], me: Me) -> int | None:
    plain = form[name].strip()
    if plain.isascii() and plain.isdigit() and len(plain) < 6 and least <= int(plain) <= most:
        return int(plain)
    errors[name] = TEXTS[me.language]["triggers_wrong_number"].format(least=least, most=most)
    return None


def _days(hours: int) -> int:
    return -(-hours // HOURS)
