"""The form of a news as the request that the store keeps: what cannot be kept stays as it was, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from handlers.studio import newsaudience
from handlers.studio.forms import Form
from handlers.studio.me import Me
from handlers.studio.texts import TEXTS
from passkit.expressions import NEWS_LENGTH
from passkit.schema import Template
from passkit.variables import MAX_YEAR, MIN_YEAR, text_problem
from store.news import NewsView
from store.newsrequests import TITLE_LENGTH, NewsRequest, Url, Variant

URL: TypeAdapter[str] = TypeAdapter(Url)
MAX_HOLDOUT = 50
Errors = dict[str, str]


def arms_of(view: NewsView) -> list[Mapping[str, Any]]:
    """The texts with their shares, the news's own first; there is always a second to fill in."""
    own = {"share": 1, "text": view.text, "title": view.title, "url": view.url}
    return [own, *(view.variants or ({"share": 1, "text": {}},))]


def local(at: datetime | None, zone: str) -> str:
    """A moment as a field of the brand's zone shows it."""
    return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def asked(form: Form, view: NewsView, template: Template, me: Me) -> tuple[NewsRequest, Errors]:
    """What to keep, and field -> sentence of what not."""
    errors: Errors = {}
    texts = [_texts(form, f"text_{arm}", old["text"], template, NEWS_LENGTH, errors, me)
             for arm, old in enumerate(arms_of(view))]  # fmt: skip
    title = _texts(form, "title", view.title, template, TITLE_LENGTH, errors, me)
    url = _url(form["url"].strip(), view.url, errors, me)
    variants = []
    if form["ab"] == "1":
        for arm, text in enumerate(texts[1:], 1):
            share = _whole(form[f"share_{arm}"], 1, 10_000, 1)
            variants.append(Variant(share=share, text=text, title=title, url=url))
    kind = "marketing" if form["kind"] == "marketing" else "service"
    given = {
        "template": view.template,
        "text": texts[0],
        "title": title,
        "url": url,
        "variants": variants,
        "audience": _audience(form, view, template, errors, me),
        "holdout": _whole(form["holdout"], 0, MAX_HOLDOUT, 0),
        "kind": kind,
        "topic": "".join(filter(str.isprintable, form["topic"])).strip()[:64] or None if kind == "marketing" else None,
        "starts_at": _moment(form, "starts", view.starts_at, errors, me),
        "ends_at": _moment(form, "ends", view.ends_at, errors, me),
        "zone": _zone(form, view),
        "not_later_than": _moment(form, "late", view.not_later_than, errors, me),
    }
    return NewsRequest.model_validate(given), errors


def _texts(
    form: Form, name: str, old: Mapping[str, str], template: Template, limit: int, errors: Errors, me: Me
) -> dict[str, str]:
    found = {}
    for language in template.languages:
        field = f"{name}_{language}"
        if field not in form:
            if language in old:
                found[language] = old[language]
            continue
        text = form[field].strip()
        if text_problem(text, limit):
            key = "news_text_long" if len(text) > limit else "news_text_bad"
            errors[field] = TEXTS[me.language][key].format(limit=limit)
            text = old.get(language, "")
        if text:
            found[language] = text
    return found


def _url(given: str, old: str | None, errors: Errors, me: Me) -> str | None:
    if not given:
        return None
    try:
        return URL.validate_python(given)
    except ValidationError:
        errors["url"] = TEXTS[me.language]["news_url_bad"]
        return old


def _audience(form: Form, view: NewsView, template: Template, errors: Errors, me: Me) -> Mapping[str, Any] | None:
    if "audience" not in form:
        return view.audience
    found, wrong = newsaudience.read(form["audience"], template, me.brand.time_zone, me.language)
    if not wrong:
        return found
    errors |= {f"audience_{place}" if place else "audience": sentence for place, sentence in wrong.items()}
    return view.audience


def _moment(form: Form, name: str, old: datetime | None, errors: Errors, me: Me) -> str | None:
    """A day and time of the brand's zone as ISO 8601 text, if that was chosen; a form without the field leaves it as it was."""
    if f"{name}_when" not in form:
        return old.isoformat() if old else None
    if form[f"{name}_when"] != "at":
        return None
    try:
        at = datetime.fromisoformat(form[f"{name}_at"])
    except ValueError:
        at = None
    if at is None or not MIN_YEAR <= at.year <= MAX_YEAR:
        errors[f"{name}_at"] = TEXTS[me.language]["news_moment_missing"]
        return old.isoformat() if old else None
    return at.replace(tzinfo=ZoneInfo(me.brand.time_zone)).isoformat()


def _zone(form: Form, view: NewsView) -> str:
    """Whose clock the start goes by: without a time, nobody's own."""
    if "starts_when" not in form:
        return view.zone
    return "holder" if form["by_holder"] == "1" and form["starts_when"] == "at" else "brand"


def _whole(text: str, least: int, most: int, otherwise: int) -> int:
    plain = text.strip()
    if not plain.isascii() or not plain.isdigit() or len(plain) > 6:
        return otherwise
    return min(max(int(plain), least), most)
