"""What a new revision does to real cards: both are filled, compared, and a few of them shown with personal data masked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from passkit import data
from passkit.change import Difference, compare, ring_order
from passkit.errors import RenderError
from passkit.masking import masked, masked_number
from passkit.model import Card, Pass
from passkit.render import Revision, fill
from passkit.schema import Template
from store import audiences
from store.cardrows import CardRow, card_model, load
from store.dialect import Database
from store.tables import cards

LOOKED_AT = 2_000
"""Cards filled with both revisions to say what changes; of more, so many spread over all, and the numbers are about."""
PAGES = 40
"""Places in a large audience that cards are taken from."""
NEWEST = 20


@dataclass(frozen=True, slots=True)
class Told:
    """A lock-screen text and how many cards would show it if the publish rings; ``…`` stands for what differs by card."""

    field: str
    text: str
    cards: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A field that leaves the card: how many cards showed something there. Their data stays."""

    key: str
    label: str
    cards: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What ``looked_at`` cards say of all: numbers are for the whole audience, exact unless ``is_estimate``.

    ``changed``: cards that look different; ``would_ring``: cards with a lock-screen text if asked; ``broken``: cards that the
    revision could not show (their phones would keep the old one).
    """

    looked_at: int = 0
    is_estimate: bool = False
    changed: int = 0
    would_ring: int = 0
    broken: int = 0
    texts: tuple[Told, ...] = ()
    gone: tuple[Gone, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A real card with its personal data masked, before and after.

    ``kind`` is typical, long_name, empty, other_language or newest. ``lock_screen``: what the phone would say if the publish
    rings; None: it would stay silent. ``language`` is the card's.
    """

    kind: str
    before: Pass | None
    after: Pass
    language: str
    lock_screen: str | None


@dataclass(slots=True)
class _Sums:
    changed: int = 0
    broken: int = 0
    rings: Counter[str] = field(default_factory=Counter)
    texts: dict[str, set[str]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    gone: Counter[str] = field(default_factory=Counter)
    labels: dict[str, str] = field(default_factory=dict)


async def of(
    db: Database, template_id: int, total: int, ready: Revision, now: datetime
) -> tuple[Effect, tuple[Sample, ...]]:
    """What ``ready`` does to a template's ``total`` cards, and up to five of them."""
    found = await _some(db, template_id, total)
    return await asyncio.to_thread(_judged, db, found, total, ready, now)


async def _some(db: Database, template_id: int, total: int) -> list[CardRow]:
    """All cards, or as many as are looked at, spread over all ids, the newest among them."""
    mine = cards.c.template_id == template_id
    if total <= LOOKED_AT:
        async with db.reading() as conn:
            return await load(db, conn, mine)
    found: dict[int, CardRow] = {}
    async with db.reading() as conn:
        first, last = await audiences.ends(conn, template_id)
        for page in range(PAGES):
            start = first + (last - first) * page // PAGES
            for card in await load(db, conn, mine & (cards.c.id >= start), limit=LOOKED_AT // PAGES):
                found[card.id] = card
        for card in await load(db, conn, mine, limit=NEWEST, newest=True):
            found[card.id] = card
    return [found[id_] for id_ in sorted(found)]


def _judged(
    db: Database, found: Sequence[CardRow], total: int, ready: Revision, now: datetime
) -> tuple[Effect, tuple[Sample, ...]]:
    sums = _Sums()
    for card in found:
        _add(sums, db, card, ready, now)
    share = total / len(found) if found else 0.0

    def scaled(number: int) -> int:
        return round(number * share)

    told = tuple(
        Told(key, texts.pop() if len(texts := sums.texts[key]) == 1 else sums.messages[key], scaled(number))
        for key, number in sums.rings.most_common()
    )
    gone = tuple(Gone(key, sums.labels[key], scaled(number)) for key, number in sums.gone.most_common())
    effect = Effect(
        looked_at=len(found),
        is_estimate=len(found) < total,
        changed=scaled(sums.changed),
        would_ring=scaled(sum(sums.rings.values())),
        broken=scaled(sums.broken),
        texts=told,
        gone=gone,
    )
    return effect, tuple(_samples(db, found, ready, now))


def _add(sums: _Sums, db: Database, card: CardRow, ready: Revision, now: datetime) -> None:
    model = card_model(db, card, ring=None)
    try:
        after = fill(ready, model, None, None, now)
        shown = {one.key: one for one in after.fields}
    except RenderError:
        sums.broken += 1
        return
    try:
        difference = compare(fill(card.revision, model, None, None, now), after)
    except RenderError:  # the revision mends this card
        sums.changed += 1
        return
    sums.changed += difference.visible
    found = ringing(difference, after)
    if found is not None:
        sums.rings[found[0]] += 1
        sums.texts.setdefault(found[0], set()).add(found[1])
        sums.messages.setdefault(found[0], str(shown[found[0]].change_message).replace("%@", "…"))
    for row in difference.fields:
        if row.field not in shown and row.old:
            sums.gone[row.field] += 1
            sums.labels.setdefault(row.field, row.label or row.field)


def ringing(difference: Difference, after: Pass) -> tuple[str, str] | None:
    """(field, text) of the one field that would ring."""
    candidates = set(difference.ring_candidates)
    key = next((one for one in ring_order(after) if one in candidates), None)
    text = next((row.lock_screen for row in difference.fields if row.field == key), None)
    return (key, text) if key is not None and text else None


# A few to look at.


def _samples(db: Database, found: Sequence[CardRow], ready: Revision, now: datetime) -> Iterable[Sample]:
    made = (_sample(db, kind, card, ready, now) for kind, card in chosen(found, ready.template))
    return [sample for sample in made if sample is not None]


def chosen(found: Sequence[CardRow], template: Template) -> list[tuple[str, CardRow]]:
    """(kind, card) of up to five cards that differ most, in the order of the screen."""
    left = [card for card in found if card.row["state"] == "active"] or list(found)
    some: dict[str, CardRow] = {}
    for kind in ("typical",) if len(left) == 1 else _RAREST_FIRST:
        card = _KINDS[kind](left, template)
        if card is not None:
            left.remove(card)
            some[kind] = card
    return [(kind, some[kind]) for kind in _KINDS if kind in some]


def _sample(db: Database, kind: str, card: CardRow, ready: Revision, now: datetime) -> Sample | None:
    try:
        after = fill(ready, masked_model(db, card, ready.template), None, None, now)
    except RenderError:
        return None
    try:
        before = fill(card.revision, masked_model(db, card, card.revision.template), None, None, now)
    except RenderError:
        return Sample(kind, None, after, after.language, None)
    found = ringing(compare(before, after), after)
    return Sample(kind, before, after, after.language, found[1] if found else None)


def masked_model(db: Database, card: CardRow, template: Template) -> Card:
    """The card as a stranger may see it: nobody's name, number or token."""
    values = masked(template, data.from_json(template, card.stored))
    model = card_model(db, card, ring=None, values=values)
    number, external = masked_number(model.number), masked_number(model.external_id or "") or None
    return replace(model, number=number, external_id=external, serial_number="0" * 22, authentication_token="0" * 32)


Choose = Callable[[list[CardRow], Template], "CardRow | None"]


def _name_length(card: CardRow, template: Template) -> int:
    texts = [name for name, one in template.variables.items() if one.is_text]
    return max((len(str(value)) for name in texts if (value := card.stored.get(name))), default=0)


def _nothings(card: CardRow, template: Template) -> int:
    """How little it says: a zero is something, a missing name is nothing."""
    values = [card.stored.get(name) for name in template.variables]
    return sum(2 if value in (None, "") else value == 0 for value in values)


def _longest(left: list[CardRow], template: Template) -> CardRow | None:
    best = max(left, key=lambda card: _name_length(card, template), default=None)
    return best if best is not None and _name_length(best, template) else None


def _emptiest(left: list[CardRow], template: Template) -> CardRow | None:
    best = max(left, key=lambda card: _nothings(card, template), default=None)
    return best if best is not None and _nothings(best, template) else None


def _foreign(left: list[CardRow], template: Template) -> CardRow | None:
    return next((card for card in left if template.language(card.row["language"]) != template.default_language), None)


def _newest(left: list[CardRow], template: Template) -> CardRow | None:
    return max(left, key=lambda card: card.id, default=None)


def _typical(left: list[CardRow], template: Template) -> CardRow | None:
    """The one in the middle by how much it says."""
    ranked = sorted(left, key=lambda card: (_nothings(card, template), _name_length(card, template), card.id))
    return ranked[len(ranked) // 2] if ranked else None


_KINDS: Mapping[str, Choose] = {
    "typical": _typical,
    "long_name": _longest,
    "empty": _emptiest,
    "other_language": _foreign,
    "newest": _newest,
}
"""In the order of the screen."""
_RAREST_FIRST = ("other_language", "long_name", "empty", "newest", "typical")
