"""Editions, what a person can see of a change, and which field rings.

Pure tables over values: nothing here knows a database, a clock or a push. ``compare`` looks at two passes filled with
``ring=None`` (every declared changeMessage present); ``next_rings`` decides which single field may carry its
changeMessage in the new edition, because iOS merges several changed fields into one generic text.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from passkit.model import Notify, Pass, PassField

EDITION_BYTES = 16  # 128 bits of SHA-256, 22 characters of base64url


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that reads differently now; ``lock_screen`` is the text iOS would show, None when it is silent."""

    field: str
    label: str
    old: str
    new: str
    lock_screen: str | None

    def to_json(self) -> dict[str, str | None]:
        """The row of ``visible`` in the API's and the hook's answer."""
        return {
            "field": self.field,
            "label": self.label,
            "old": self.old,
            "new": self.new,
            "lock_screen": self.lock_screen,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does to a pass: ``visible`` also when only a barcode, a colour or an image differs.

    ``ring_candidates`` are the keys of fields with a changeMessage whose text changed, most important first.
    """

    visible: bool
    fields: tuple[FieldChange, ...] = ()
    ring_candidates: tuple[str, ...] = ()

    def rung(self, ring: Sequence[str]) -> tuple[FieldChange, ...]:
        """The changed fields with the lock-screen text only where the field is in ``ring``."""
        return tuple(row if row.field in ring else replace(row, lock_screen=None) for row in self.fields)


@dataclass(frozen=True, slots=True)
class Rings:
    """``ring``: the field (at most one) that rings in this edition; ``waiting``: all that should, unserved."""

    ring: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def edition(revision_stamp: str, card_stamp: str, news_stamps: Sequence[str], brand_stamp: str) -> str:
    """What a phone would be served now, as 22 characters of base64url: a digest of all stamps behind the pass."""
    digest = sha256()
    for stamp in (revision_stamp, card_stamp, brand_stamp, *news_stamps):
        raw = stamp.encode()
        digest.update(b"%d:%b," % (len(raw), raw))
    return urlsafe_b64encode(digest.digest()[:EDITION_BYTES]).rstrip(b"=").decode()


def compare(before: Pass, after: Pass) -> Difference:
    """What differs for the holder between two passes of one card, both filled with ``ring=None``."""
    rows, candidates = [], []
    old_fields = {field.key: field for field in before.fields}
    for field in after.fields:
        old = old_fields.pop(field.key, None)
        if old is None or (old.text, old.label) != (field.text, field.label):
            rows.append(_changed(old, field))
            if field.change_message and (old is None or old.text != field.text):
                candidates.append(field.key)
    rows += [FieldChange(gone.key, gone.label, gone.text, "", None) for gone in old_fields.values()]
    return Difference(_differs(before, after), tuple(rows), tuple(candidates))


def _changed(old: PassField | None, field: PassField) -> FieldChange:
    was = old.text if old else ""
    says = field.change_message.replace("%@", field.text) if field.change_message and was != field.text else None
    return FieldChange(field.key, field.label, was, field.text, says)


def _differs(before: Pass, after: Pass) -> bool:
    return (
        before.document != after.document
        or before.strings != after.strings
        or (before.images is not after.images and before.images != after.images)
    )


def ring_order(pass_: Pass) -> tuple[str, ...]:
    """The keys that can ring in a pass filled with ``ring=None``, most important first: ``order`` of ``next_rings``."""
    return tuple(field.key for field in pass_.fields if field.change_message)


def next_rings(previous: Rings, *, served: bool, difference: Difference, notify: Notify, order: Sequence[str]) -> Rings:
    """Which field rings in the edition that this change makes: the most important one that changed and was not heard.

    ``served``: the edition before this change has been served at least once, so what waited has been heard. ``order``:
    the keys that can ring, most important first; a waiting key not among them (gone, or empty now) is forgotten.
    """
    candidates = set(difference.ring_candidates) if notify is Notify.RING else set()
    waiting = candidates if served else candidates | set(previous.waiting)
    ranked = tuple(key for key in order if key in waiting)
    if ranked:
        return Rings(ranked[:1], ranked)
    touched = {row.field for row in difference.fields if row.old != row.new}
    return Rings(tuple(key for key in previous.ring if key in order and key not in touched))
