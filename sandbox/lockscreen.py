"""What iOS writes on the lock screen when a pass has been updated. Pure.

The rule, as far as Apple's documents and what people have seen agree: a field of the new pass that has a changeMessage and
another value than before gives a text, ``%@`` replaced by the new value as it is formatted; several such fields at once, or a
message without ``%@``, give one generic text; no such field, no notification.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from passkit.preview import Faces, FieldFace

GENERIC = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                "storeCard": "Store card changed",
                "coupon": "Coupon changed",
                "eventTicket": "Ticket changed",
                "boardingPass": "Boarding pass changed",
            }
        ),
        "ru": MappingProxyType(
            {
                "storeCard": "Карта магазина изменена",
                "coupon": "Купон изменён",
                "eventTicket": "Билет изменён",
                "boardingPass": "Посадочный талон изменён",
            }
        ),
    }
)
ANY_PASS = MappingProxyType({"en": "Pass changed", "ru": "Карта изменена"})


@dataclass(frozen=True, slots=True)
class Notification:
    """One text on the lock screen; ``fields`` are the keys it tells of, ``generic`` that it names no value."""

    text: str
    fields: tuple[str, ...]
    generic: bool = False


def changed_fields(before: Faces, after: Faces) -> tuple[FieldFace, ...]:
    """The fields of the new pass whose value is another one, or was not there."""
    old = before.by_key()
    return tuple(field for field in after.fields if field.key not in old or old[field.key].raw != field.raw)


def notification(before: Faces, after: Faces) -> Notification | None:
    """The one notification of an update, or None when it stays silent."""
    telling = [field for field in changed_fields(before, after) if field.change_message]
    if not telling:
        return None
    keys = tuple(field.key for field in telling)
    if len(telling) > 1 or "%@" not in (telling[0].change_message or ""):
        return Notification(_generic(after), keys, generic=True)
    return Notification(_text(telling[0]), keys)


def each_field(before: Faces, after: Faces) -> tuple[Notification, ...]:
    """What FossWallet shows instead: one text per changed field that has a changeMessage."""
    telling = [field for field in changed_fields(before, after) if field.change_message]
    return tuple(Notification(_text(field), (field.key,)) for field in telling)


def _text(field: FieldFace) -> str:
    return (field.change_message or "").replace("%@", field.text)


def _generic(face: Faces) -> str:
    language = face.language.split("-")[0].split("_")[0]
    by_style = GENERIC.get(language, GENERIC["en"])
    return by_style.get(face.style, ANY_PASS.get(language, ANY_PASS["en"]))
