"""A template becomes a revision once; a card becomes a pass in a few dozen microseconds.

``compile_revision`` checks every expression in every language, prepares the images and fills sample cards, so that a revision
that exists can be filled. ``fill`` evaluates one expression for all leaves and puts their values around constant parts; it never
copies the document and never renders anything twice. Filling reads no clock: ``now`` becomes the signing time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from passkit import data
from passkit.apple.bundle import PreparedFiles
from passkit.apple.document import Outline, outline
from passkit.errors import Problem, RenderError, Severity
from passkit.expressions import HISTORY_LENGTH, NAMESPACES, Expression, Expressions
from passkit.formats import formats
from passkit.localise import Entry, Table, Tables, assign, tables
from passkit.model import NO_OUTLET, SAMPLE_OUTLET, Brand, Card, CardState, News, Pass, Value
from passkit.money import Money
from passkit.pictures import PLAIN, Pictures, prepare_images
from passkit.plan import Names, Plan, Told, check_leaf, raise_problems, sentence, too_large
from passkit.schema import Template

MAX_REMEMBERED = 64  # tables of translations with news in them, per language
_SILENCE = {f"_news_{name}": "" for name in NAMESPACES["news"]}
_SAMPLE_TIME = datetime(2030, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Revision:
    """A compiled template: fill it with cards. ``languages`` are the template's, the default first."""

    template: Template
    brand: Brand
    images: Pictures
    languages: tuple[str, ...]
    _plans: Mapping[str, Plan]
    _quiet: Mapping[str, Plan]
    _defaults: Mapping[str, Value]
    _monies: tuple[tuple[str, str], ...]

    def by_language(self, *, news: bool) -> Mapping[str, Plan]:
        """One plan for each language, in the template's order: for cards with a news, or for those without."""
        return self._plans if news else self._quiet

    def plans(self) -> Iterable[Plan]:
        """One plan for each language, in the template's order, in which the news changes like a card's data."""
        return self._plans.values()

    def names(self, card: Card) -> dict[str, Any]:
        """What expressions see of a card: its data with defaults, and the card's own names."""
        names: dict[str, Any] = {**self._defaults, **card.data}
        for name, currency in self._monies:
            if (minor := names[name]) is not None:
                names[name] = Money(minor, currency)
        names["_card_number"] = card.number
        names["_card_serial_number"] = card.serial_number
        names["_card_external_id"] = card.external_id or ""
        names["_card_state"] = str(card.state)
        names["_card_expires_at"] = card.expires_at
        names["_card_created_at"] = card.created_at
        outlet = card.outlet
        names["_outlet_name"] = outlet.name
        names["_outlet_address"] = outlet.address
        names["_outlet_phone"] = outlet.phone
        names["_outlet_url"] = outlet.url
        names["_outlet_hours"] = outlet.hours
        return names

    def speak(self, names: dict[str, Any], news: News | None, language: str) -> dict[str, Any]:
        """The same names with the news in one language."""
        names["_news_text"] = _spoken(news.text, language, self.languages) if news else ""
        names["_news_title"] = _spoken(news.title, language, self.languages) if news else ""
        names["_news_url"] = (news.url or "") if news else ""
        names["_news_history"] = self._history(news, language) if news and news.history else ""
        return names

    def _history(self, news: News, language: str) -> str:
        """A paragraph for each text, newest first: the day, and what it said."""
        days = formats(language, self.brand.time_zone)
        parts: list[str] = []
        for at, texts in news.history:
            parts.append(f"{days.date(at)}\n{_spoken(texts, language, self.languages)}")
            if sum(map(len, parts)) + 2 * len(parts) > HISTORY_LENGTH:
                return "\n\n".join(parts[:-1])
        return "\n\n".join(parts)


def _spoken(texts: Mapping[str, str], language: str, languages: Iterable[str]) -> str:
    if language in texts:
        return texts[language]
    return next((texts[other] for other in (*languages, *texts) if other in texts), "")


def compile_revision(template: Template, brand: Brand, images: Pictures | None = None) -> Revision:
    """The template with its brand, ready to fill; raises TemplateError with every problem.

    ``images`` from an earlier compilation of the same files saves preparing them again when only the brand has changed.
    """
    parts = outline(template, brand)
    raise_problems(parts.problems)
    plans, quiet = _plans(template, brand, parts)
    monies = tuple(
        (name, one.currency) for name, one in template.variables.items() if one.type == "money" and one.currency
    )
    prepared = images if images is not None else prepare_images(template)
    revision = Revision(template, brand, prepared, template.languages, plans, quiet, data.defaults(template), monies)
    raise_problems(list(_try_out(revision)))
    return revision


def _plans(template: Template, brand: Brand, parts: Outline) -> tuple[dict[str, Plan], dict[str, Plan]]:
    """The plans by language, and those of a card without news, in which most texts about news stand still."""
    spoken, checked, problems = {}, {}, []
    for language in template.languages:
        spoken[language] = expressions = Expressions(template.variables, brand, formats(language, brand.time_zone))
        table = template.strings.get(language, {})
        found = [check_leaf(expressions, leaf, language, table) for leaf in parts.leaves]
        problems += [one for one in found if isinstance(one, Problem)]
        checked[language] = [one for one in found if isinstance(one, Expression)]
    raise_problems(_unique(problems))

    def settled(known: Names) -> dict[str, Plan]:
        plans = {language: Plan(language, parts, one, checked[language]) for language, one in spoken.items()}
        _settle(template, parts, plans, known)
        return plans

    plans = settled({})
    mentions_news = any(not _SILENCE.keys().isdisjoint(one.names) for found in checked.values() for one in found)
    return plans, settled(_SILENCE) if mentions_news else plans


def _settle(template: Template, parts: Outline, plans: Mapping[str, Plan], known: Names) -> None:
    every = list(plans.values())
    places = range(len(parts.leaves))
    moving = frozenset(leaf for leaf in places if any(plan.checked[leaf].names - known.keys() for plan in every))
    varying = [leaf for leaf in sorted(moving) if len(every) > 1 and _varies(template, parts, every, leaf)]
    problems = too_large(every[0].checked)
    for plan in every:
        problems += plan.settle(moving, varying, known)
    raise_problems(_unique(problems))
    for plan in every:
        plan.prepare(template.languages, _still_entries(parts, every, plan, moving))


def _varies(template: Template, parts: Outline, every: Sequence[Plan], leaf: int) -> bool:
    one = parts.leaves[leaf]
    translated = any(text in table for table in template.strings.values() for text in (one.source, one.words))
    return one.localizable and (translated or any(plan.checked[leaf].varies for plan in every))


def _still_entries(parts: Outline, every: Sequence[Plan], plan: Plan, moving: frozenset[int]) -> list[Entry]:
    entries = []
    for leaf in range(len(parts.leaves)):
        if leaf in moving or not parts.leaves[leaf].localizable:
            continue
        texts = [other.still_spoken(leaf) for other in every]
        if len(set(map(repr, texts))) > 1 and all(isinstance(text, str) for text in texts):
            entries.append(Entry(leaf, plan.still_spoken(leaf), tuple(texts)))
    return entries


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _try_out(revision: Revision) -> Iterable[Problem]:
    """Fill what publishing can foresee: the sample, and a card that says nothing, in each language, with and without news."""
    full = data.sample(revision.template)
    bare = {name: full[name] for name, variable in revision.template.variables.items() if variable.required}
    news = News(
        dict.fromkeys(revision.languages, "News"), dict.fromkeys(revision.languages, "Title"), "https://example.com/"
    )
    found: dict[str, Problem] = {}
    cases = ((full, news, _SAMPLE_TIME, SAMPLE_OUTLET), (bare, None, None, NO_OUTLET))
    for values, live, expires, outlet in cases:
        card = Card(
            "sample", "1234567890", "0" * 32, values, CardState.ACTIVE, None, "", expires, _SAMPLE_TIME, None, outlet
        )
        for language in revision.languages:
            try:
                fill(revision, card, live, language, _SAMPLE_TIME).fields[:0]
            except RenderError as error:
                fix = "Make it work for the samples and for a card without optional data, for example with `| default(...)`."
                found.setdefault(error.pointer, Problem(Severity.ERROR, error.pointer, error.detail, fix))
    return found.values()


def fill(revision: Revision, card: Card, news: News | None, language: str | None, now: datetime) -> Pass:
    """The card as a pass, in ``language``, else the card's, else the template's first.

    Raises RenderError with the pointer of the leaf that failed on this card's data.
    """
    plans = revision.by_language(news=news is not None)
    wanted = language or card.language or ""
    plan = plans.get(wanted) or plans[revision.template.language(wanted)]
    names: dict[str, Any] = {}
    try:
        names = revision.names(card)
        values = plan.values(revision.speak(names, news, plan.language))
        others = _others(revision, plan, values, names, news)
        raw = values.copy()
        extras = plan.shape(values)
    except Exception as error:
        raise _named(revision, names, news, error) from error
    strings, placed, whole = _localise(plan, revision.languages, values, others)
    if whole:
        plan.shape_still(placed, extras)
    return Pass(
        document=plan.document(placed, plan.rows(placed, extras, card.ring, whole=whole), card, whole=whole),
        strings=strings,
        images=_images(revision, plan, values, news),
        fields=Told(partial(plan.tell, raw, card.ring)),
        language=plan.language,
        signing_time=now,
    )


def _images(revision: Revision, plan: Plan, values: list[Any], news: News | None) -> PreparedFiles:
    if news is not None and news.picture is not None:
        return revision.images.with_news(plan.choice.look(values) if plan.choice else PLAIN, news.picture)
    return revision.images.plain if plan.choice is None else revision.images.of(plan.choice.look(values))


def _others(
    revision: Revision, plan: Plan, values: list[Any], names: dict[str, Any], news: News | None
) -> list[list[Any]] | None:
    """The varying leaves in each of the template's languages, or None where nothing varies."""
    if not plan.varying:
        return None
    return [
        plan.own_spoken(values) if other is plan else other.spoken(revision.speak(names, news, language))
        for language, other in revision.by_language(news=news is not None).items()
    ]


def _localise(
    plan: Plan, languages: Sequence[str], values: list[Any], others: list[list[Any]] | None
) -> tuple[Tables, list[Any], bool]:
    """The tables, the values with their literals in place, and whether constant parts must be made anew."""
    facts = {values[leaf] for leaf in plan.spare}
    entries = []
    for place, leaf in enumerate(plan.varying if others else ()):
        texts = tuple(other[place] for other in others or ())
        if len(set(texts)) > 1 and all(isinstance(text, str) for text in texts):
            entries.append(Entry(leaf, values[leaf], texts))
        else:
            facts.add(values[leaf])
    if not plan.literals.isdisjoint(facts) or not _fresh(plan, entries, facts):
        literals, taken = assign([*plan.entries, *entries], plan.data | facts)
        return tables(languages, taken), _replaced(values, literals), True
    placed = values if not plan.moved else _replaced(values, plan.moved)
    if not entries:
        return plan.tables, placed, False
    return _extended(plan, languages, tuple(entries)), placed, False


def _extended(plan: Plan, languages: Sequence[str], entries: tuple[Entry, ...]) -> Tables:
    """The constant tables with a card's own entries; remembered, because a news is the same on every card."""
    if (known := plan.extended.get(entries)) is not None:
        return known
    more = tables(languages, {entry.literal: entry.texts for entry in entries})
    made = {language: Table({**plan.tables.get(language, {}), **more[language]}) for language in languages}
    if len(plan.extended) >= MAX_REMEMBERED:
        plan.extended.clear()
    plan.extended[entries] = made
    return made


def _fresh(plan: Plan, entries: Sequence[Entry], facts: set[Any]) -> bool:
    """True when every literal of this card's own entries is new: no data, no constant translation, no other entry."""
    literals = {entry.literal for entry in entries}
    known = plan.data | plan.literals
    return (
        len(literals) == len(entries)
        and "" not in literals
        and known.isdisjoint(literals)
        and facts.isdisjoint(literals)
    )


def _replaced(values: Sequence[Any], placed: Mapping[int, Any]) -> list[Any]:
    made = list(values)
    for leaf, literal in placed.items():
        made[leaf] = literal
    return made


def _named(revision: Revision, names: dict[str, Any], news: News | None, error: Exception) -> RenderError:
    """The error with the pointer of the leaf that caused it, found one leaf at a time."""
    for language, plan in zip(revision.languages, revision.plans(), strict=True):
        spoken: Names = revision.speak(names, news, language)
        for leaf in plan.moving:
            try:
                plan.evaluate_one(leaf, spoken)
            except RenderError as named:
                return named
    return RenderError("", sentence(error))
