"""Which messages a class or an object shows, as Google's ``Message`` resources. Pure.

Google takes ten messages on a class or an object and never removes one
(https://developers.google.com/wallet/reference/rest/v1/Message): ended ones leave by a PATCH that replaces the whole
array, before a new one is added, and one place of the ten stays free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from store.googlework import ClassMessage

MOST = 9
"""Messages on a class: of Google's ten, one is left for whoever answers to a customer by hand."""
TEXT = "TEXT"
TEXT_AND_NOTIFY = "TEXT_AND_NOTIFY"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about a class's messages now.

    ``keep`` are those that Google holds and that go on, ``ended`` says that it holds others too; ``add`` is the next one,
    and ``next_at`` when there is something to do without anybody asking (None: never).
    """

    keep: tuple[ClassMessage, ...]
    ended: bool
    add: ClassMessage | None
    next_at: datetime | None


def plan(wanted: Sequence[ClassMessage], sent: Sequence[str], now: datetime) -> Plan:
    """The next step towards what is wanted: at most one message is added at a time."""
    live = [one for one in wanted if one.ends_at is None or one.ends_at > now]
    keep = tuple(one for one in live if one.id in sent)
    to_come = [one for one in live if one.id not in sent]
    started = [one for one in to_come if one.starts_at is None or one.starts_at <= now]
    add = started[0] if started and len(keep) < MOST else None
    ended = len(keep) < len(set(sent))
    moments = [one.ends_at for one in keep if one.ends_at]
    moments += [one.starts_at for one in to_come if one.starts_at and one.starts_at > now]
    return Plan(keep, ended, add, now if add or ended else min(moments, default=None))


def resource(message: ClassMessage, *, language: str, notify: bool) -> Json:
    """The ``Message`` of Google's API; ``language`` is the template's default."""
    made: Json = {"id": message.id, "messageType": TEXT_AND_NOTIFY if notify else TEXT}
    for name, localized, texts in (
        ("header", "localizedHeader", message.header),
        ("body", "localizedBody", message.body),
    ):
        if not texts:
            continue
        default = language if language in texts else next(iter(texts))
        made[name] = texts[default]
        if len(texts) > 1:
            made[localized] = _localized(texts, default)
    interval = {name: {"date": _iso(at)} for name, at in (("start", message.starts_at), ("end", message.ends_at)) if at}
    return made | {"displayInterval": interval} if interval else made


def to_json(message: ClassMessage) -> Json:
    """How a class's row keeps it."""
    return {
        "id": message.id,
        "header": dict(message.header),
        "body": dict(message.body),
        "starts_at": message.starts_at and _iso(message.starts_at),
        "ends_at": message.ends_at and _iso(message.ends_at),
        "notify": message.notify,
    }


def from_json(kept: Mapping[str, Any]) -> ClassMessage:
    """What ``to_json`` made."""
    starts_at, ends_at = (kept[name] and datetime.fromisoformat(kept[name]) for name in ("starts_at", "ends_at"))
    return ClassMessage(kept["id"], kept["header"], kept["body"], starts_at, ends_at, kept["notify"])


def _localized(texts: Mapping[str, str], default: str) -> Json:
    others = [{"language": name, "value": text} for name, text in texts.items() if name != default]
    return {"defaultValue": {"language": default, "value": texts[default]}, "translatedValues": others}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
