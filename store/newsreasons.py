"""Why phones and objects were not told of a news: vendors' words, counted, each with a sentence that says what to do.

A pure table like ``store.diagnosis``; the vendors' words are those of the verdict tables (``pushes.verdict``), ours are named
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.googlework import lease_name
from store.tables import brands, holds, jobs, news_reasons, news_waiting, other_jobs

STOPPED, TOO_LATE, GIVEN_UP, LEFT = "Stopped", "TooLate", "GivenUp", "Left"
"""It was stopped, its time was over, no answer came in a week; the phone has removed the card meanwhile."""
NOT_IN_WALLET, TOO_MANY, UNFIT, GOOGLE_OFF = "NotInWallet", "TooMany", "Unfit", "GoogleOff"
"""Of Google's objects: removed, eight newer news are on it, it cannot be made, the brand's Google is off."""
WAITING = "waiting"
LOOKED_AT = 1_000
"""Phones that wait, of which the reasons are counted."""


@dataclass(frozen=True, slots=True)
class Told:
    """``code`` for programs; the sentences say what it means, and what to do."""

    code: str
    en: str
    ru: str


@dataclass(frozen=True, slots=True)
class Reason:
    """``fate``: gone, failed, or waiting, which is tried again; ``reason``: the vendor's word, or ours; so many of them."""

    fate: str
    reason: str
    count: int
    code: str
    en: str
    ru: str


_REMOVED = Told(
    "removed",
    "The card was removed from the phone. Nothing is to be done: who wants it back opens the link again.",
    "Карту удалили с телефона. Делать ничего не нужно: кто захочет вернуть, снова откроет ссылку.",
)
_REFUSED = Told(
    "token_refused",
    "The phone's push token is refused; the card updates only when the phone asks by itself. If they are many, one of our "
    "own settings may be wrong: the operator's command “device parked” lists them.",
    "Токен телефона не принимают: карта обновится, только когда телефон спросит сам. Если таких много, возможно, "
    "ошибка в наших настройках: их список покажет команда «device parked».",
)
_BUSY = Told(
    "vendor_busy",
    "Apple or Google does not take it at the moment. It is tried again by itself.",
    "Apple или Google сейчас не принимает. Отправка повторится сама.",
)
_NO_ANSWER = Told(
    "no_connection",
    "The connection broke off or cannot be made. It is tried again by itself; if it lasts, check the server's network.",
    "Связь оборвалась или не устанавливается. Отправка повторится сама; если затянется, проверьте сеть сервера.",
)
_OURS = Told(
    "ours_to_fix",
    "Our certificate, key or setting is refused. Pushes are held and lose nothing: the command “doctor” says what to mend, "
    "the studio's Certificates page shows what has expired.",
    "Наш сертификат, ключ или настройку не принимают. Отправка ждёт и ничего не теряет: команда «doctor» скажет, что "
    "исправить, а на странице «Сертификат» видно, что истекло.",
)
_GOOGLE_REFUSED = Told(
    "google_refused",
    "Google refuses the card's content. Look at the card's page, mend the template and publish it: then it is tried again.",
    "Google не принимает содержимое карты. Откройте страницу карты, исправьте шаблон и опубликуйте: попытка повторится.",
)
_QUOTA = Told(
    "google_quota",
    "These holders have had their three notifications of 24 hours. They get the text without one, by itself.",
    "Эти люди уже получили три уведомления за сутки. Текст придёт им без звука, сам.",
)
_OURS_WORDS: Mapping[str, Told] = {
    LEFT: _REMOVED,
    NOT_IN_WALLET: Told(
        "google_removed",
        "The card was removed from Google Wallet. Nothing is to be done: who wants it back opens the link again.",
        "Карту удалили из Google Кошелька. Делать ничего не нужно: кто захочет вернуть, снова откроет ссылку.",
    ),
    TOO_MANY: Told(
        "google_full",
        "Eight newer news were on the card before this one's turn came. End those that are over.",
        "Пока дошла очередь, на карте оказалось восемь более новых новостей. Завершите те, что уже не нужны.",
    ),
    UNFIT: Told(
        "cannot_be_made",
        "The card cannot be made for Google. Look at its page, and at the template's problems in the editor.",
        "Карту не удаётся собрать для Google. Откройте её страницу и замечания к шаблону в редакторе.",
    ),
    GOOGLE_OFF: Told(
        "google_off",
        "Google was switched off for the brand meanwhile. Switch it on and send a copy.",
        "Google тем временем выключили для бренда. Включите его и отправьте копию.",
    ),
    STOPPED: Told(
        "stopped",
        "It was stopped before they were told. They see it when the card comes anew, silently; a copy can be sent.",
        "До них очередь не дошла: новость остановили. Они увидят её без звука, когда карта обновится; можно отправить копию.",
    ),
    TOO_LATE: Told(
        "too_late",
        "Its time was over before they were told. They see it when the card comes anew, silently; a copy can be sent.",
        "До них очередь не дошла: время вышло. Они увидят её без звука, когда карта обновится; можно отправить копию.",
    ),
    GIVEN_UP: Told(
        "given_up",
        "No answer came, however often it was tried. The phones get the text when they ask by themselves.",
        "Ответа так и не было. Телефоны получат текст, когда спросят сами.",
    ),
    "TokenUnreadable": Told(
        "token_unreadable",
        "The phone's token was written under a SECRET that is not set any more. Set it again, or wait until the phone registers.",
        "Токен телефона записан под SECRET, которого больше нет в настройках. Верните его или дождитесь новой регистрации.",
    ),
}
_WORDS: Mapping[Told, tuple[str, ...]] = {
    _REMOVED: ("Unregistered", "ExpiredToken", "UNREGISTERED"),
    _REFUSED: (
        *(
            "BadDeviceToken",
            "DeviceTokenNotForTopic",
            "NotAToken",
            "INVALID_ARGUMENT",
            "SENDER_ID_MISMATCH",
            "HTTP 400",
        ),
    ),
    _BUSY: (
        *("TooManyRequests", "TooManyProviderTokenUpdates", "InternalServerError", "ServiceUnavailable", "Shutdown"),
        *("IdleTimeout", "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "HTTP 429"),
        *("rateLimitExceeded", "userRateLimitExceeded"),
    ),
    _NO_ANSWER: ("Closed", "NoAnswer", "ConnectionLost", "NoConnection", "NoStreams", "NoAccessToken"),
    _QUOTA: ("quotaExceeded",),
}
_BY_WORD: Mapping[str, Told] = {word: told for told, words in _WORDS.items() for word in words} | dict(_OURS_WORDS)


def told(fate: str, reason: str) -> Told:
    """The sentence for a vendor's word; one that nobody knows goes by its fate."""
    found = _BY_WORD.get(reason)
    if found is not None:
        return found
    if reason.startswith("HTTP 5"):
        return _BUSY
    if fate == "gone":
        return _REMOVED
    return _OURS if fate == WAITING else _GOOGLE_REFUSED if reason[:1].islower() else _REFUSED


async def of(conn: AsyncConnection, row: Any, waiting: int) -> tuple[Reason, ...]:
    """Why some of a news's phones and objects were not told (yet), the most first; ``waiting`` of them have no verdict."""
    columns = news_reasons.c
    mine = select(columns.fate, columns.reason, columns["count"].label("many")).where(columns.news_id == row.id)
    found = {(one.fate, one.reason): int(one.many) for one in await conn.execute(mine)}
    if waiting:
        found |= await _waiting(conn, row, waiting)
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return tuple(_reason(fate, reason, count) for (fate, reason), count in ordered if count)


def _reason(fate: str, reason: str, count: int) -> Reason:
    said = told(fate, reason)
    return Reason(fate, reason, count, said.code, said.en, said.ru)


async def _waiting(conn: AsyncConnection, row: Any, waiting: int) -> dict[tuple[str, str], int]:
    """What holds all of them up, or the answers that second tries have had, of the first of them."""
    issuer = select(brands.c.google_issuer_id).where(brands.c.id == row.brand_id)
    names = [row.pass_type_identifier, lease_name((await conn.execute(issuer)).scalar_one() or "")]
    held = select(holds.c.reason).where(holds.c.pass_type_identifier.in_(names))
    reasons = (await conn.execute(held.limit(1))).scalars()
    found = {(WAITING, str(reason).partition(":")[0]): waiting for reason in reasons}
    for queue in (jobs, other_jobs):
        device_ids = select(news_waiting.c.device_id).where(news_waiting.c.news_id == row.id).limit(LOOKED_AT)
        tried = select(queue.c.reason, func.count().label("many")).where(queue.c.device_id.in_(device_ids))
        for one in await conn.execute(tried.where(queue.c.reason.is_not(None)).group_by(queue.c.reason)):
            key = (WAITING, str(one.reason))
            found[key] = found.get(key, 0) + one.many
    return found
