"""The sentence at the end of a card's timeline, where it is Google Wallet that the answer depends on.

Google tells neither that a phone has shown a change nor that it has not: what it accepted is what its holder sees with the
next sync. A refusal is told whatever other phones hold the card; the rest only where no other phone does. A pure table like
``store.diagnosis``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from store.diagnosis import AT_ONCE, Diagnosis

if TYPE_CHECKING:
    from store.timeline import TimelineEntry

ANSWERS = ("google_accepted", "google_refused", "google_waits")


@dataclass(frozen=True, slots=True)
class _Case:
    answer: TimelineEntry | None  # the last one since it was queued
    presence: str | None  # the last word: google_saved, google_deleted, or nobody has said
    age: timedelta

    def answered(self, kind: str) -> bool:
        return self.answer is not None and self.answer.kind == kind

    def told(self, name: str) -> str:
        return str(self.answer.detail.get(name) or "") if self.answer else ""

    @property
    def why(self) -> str:
        return ": ".join(part for part in (self.told("reason") or "no reason", self.told("detail")) if part)


def google_diagnosis(entries: Sequence[TimelineEntry], *, on_phones: bool, now: datetime) -> Diagnosis | None:
    """The first row that fits; None when the card is not on Google, or another wallet's phones decide.

    ``entries`` are oldest first; ``on_phones``: phones of other wallets hold the card.
    """
    place = next((number for number in reversed(range(len(entries))) if entries[number].kind == "google_queued"), None)
    if place is None:
        return None
    answer = next((entry for entry in reversed(entries[place:]) if entry.kind in ANSWERS), None)
    words = (entry.kind for entry in reversed(entries) if entry.kind in ("google_saved", "google_deleted"))
    case = _Case(answer, next(words, None), now - entries[place].at)
    if on_phones and not case.answered("google_refused"):
        return None
    return next(make(case) for fits, make in _TABLE if fits(case))


def _refused(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_refused",
        f"Google refuses the card ({case.why}); it is tried again with the next change or publish.",
        f"Google не принимает карту ({case.why}); новая попытка — со следующим изменением или публикацией.",
        "The card in your Google Wallet is out of date for a technical reason. We are looking into it.",
        "Карта в Google Кошельке не обновилась по технической причине. Мы разбираемся.",
    )


def _removed(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_removed",
        "The card was in Google Wallet, and its holder has removed it.",
        "Карта была в Google Кошельке, владелец её удалил.",
        "The card was removed from your Google Wallet. Open the link again and tap the button.",
        "Карта удалена из Google Кошелька. Откройте ссылку ещё раз и нажмите кнопку.",
    )


def _waits(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_retrying",
        f"Google has not taken the last state of the card yet ({case.why}); it is being tried again.",
        f"Google пока не принял последнее состояние карты ({case.why}); отправка повторяется.",
        "The update is late for a technical reason and will come by itself.",
        "Обновление задерживается по технической причине и придёт само.",
    )


def _on_its_way(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_on_its_way",
        "The card is on its way to Google.",
        "Карта отправляется в Google.",
        "Wait a minute: the update is on its way.",
        "Подождите минуту: обновление уже идёт.",
    )


def _not_sent(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_not_sent",
        "The card has not gone to Google: no worker runs, the issuer is held, or its class is not accepted; "
        "`doctor` says why.",
        "Карта не ушла в Google: не работает доставка, эмитент приостановлен или класс не принят; причину покажет `doctor`.",
        "The update is late for a technical reason on our side and will come by itself.",
        "Обновление задерживается по технической причине на нашей стороне и придёт само.",
    )


def _not_saved(case: _Case) -> Diagnosis:
    return Diagnosis(
        "google_not_saved",
        "Google has the card, and nobody has saved it to a wallet yet.",
        "Карта есть в Google, но её ещё никто не сохранил в Кошелёк.",
        "Open the link that we sent you and tap the button to add the card to Google Wallet.",
        "Откройте ссылку, которую мы прислали, и нажмите кнопку, чтобы добавить карту в Google Кошелёк.",
    )


def _up_to_date(case: _Case) -> Diagnosis:
    told = case.told("notified") or case.told("message") == "TEXT_AND_NOTIFY"
    if told:
        return Diagnosis(
            "google_up_to_date",
            "Google has the last state of the card, which is saved, and was asked to notify its holder.",
            "Google принял последнее состояние сохранённой карты, и его попросили уведомить владельца.",
            "The card in your Google Wallet is up to date. If you saw no notification, allow updates about passes in it.",
            "Карта в Google Кошельке актуальна. Если уведомления не было, разрешите в нём обновления о картах.",
        )
    return Diagnosis(
        "google_up_to_date_silent",
        "Google has the last state of the card, which is saved; its holder was not notified.",
        "Google принял последнее состояние сохранённой карты; владельца об этом не уведомляли.",
        "The card in your Google Wallet is up to date.",
        "Карта в Google Кошельке актуальна.",
    )


_Row = tuple[Callable[[_Case], bool], Callable[[_Case], Diagnosis]]
_TABLE: Sequence[_Row] = (
    (lambda case: case.answered("google_refused"), _refused),
    (lambda case: case.presence == "google_deleted", _removed),
    (lambda case: case.answered("google_waits"), _waits),
    (lambda case: case.answer is None and case.age <= AT_ONCE, _on_its_way),
    (lambda case: case.answer is None, _not_sent),
    (lambda case: case.presence is None, _not_saved),
    (lambda case: True, _up_to_date),
)
