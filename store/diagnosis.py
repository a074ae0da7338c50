"""One sentence at the end of a card's timeline: what became of its last change, and what to tell the client.

A pure table over the timeline's lines and the phones that hold the card: no database, no clock. The rows are tried in order;
each is a question about what happened since the last change that people can see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from store.platforms import APPLE, WAYS

if TYPE_CHECKING:
    from store.timeline import TimelineEntry

AT_ONCE = timedelta(minutes=2)
"""How long a push may take before something is wrong."""
SOON = timedelta(minutes=15)
"""How long a phone that is on and online takes to come at most."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A phone that holds the card: since when, whether its token is in use, and what was last heard of it."""

    id: int
    platform: str
    state: str
    state_reason: str | None
    accepted_at: datetime | None
    listed_at: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``code`` for programs; the sentences for the person on the phone with the client, in both languages."""

    code: str
    en: str
    ru: str
    tell_client_en: str
    tell_client_ru: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What there is to judge: the whole timeline, and the part since the last change that people can see."""

    entries: Sequence[TimelineEntry]
    holders: Sequence[Holder]
    now: datetime
    change: TimelineEntry | None
    since: Sequence[TimelineEntry]

    def ever(self, kind: str) -> bool:
        return any(entry.kind == kind for entry in self.entries)

    def count(self, kind: str) -> int:
        return sum(entry.kind == kind for entry in self.since)

    def last(self, kind: str) -> TimelineEntry | None:
        return next((entry for entry in reversed(self.since) if entry.kind == kind), None)

    @property
    def pushes(self) -> Mapping[int | None, TimelineEntry]:
        """The last answer of the vendor for each phone."""
        return {entry.device: entry for entry in self.since if entry.kind == "pushed"}

    @property
    def age(self) -> timedelta:
        return self.now - self.change.at if self.change else timedelta(0)

    def results(self, *wanted: str) -> list[TimelineEntry]:
        return [entry for entry in self.pushes.values() if entry.detail.get("result") in wanted]


def diagnosis(entries: Sequence[TimelineEntry], holders: Sequence[Holder], now: datetime) -> Diagnosis:
    """The first row of the table that fits; ``entries`` are oldest first."""
    place = next((number for number in reversed(range(len(entries))) if _is_seen(entries[number])), None)
    change = None if place is None else entries[place]
    since = entries if place is None else entries[place + 1 :]
    case = _Case(entries, holders, now, change, since)
    for fits, answer in _TABLE:
        if fits(case):
            return answer(case)
    return _waiting(case)


def _is_seen(entry: TimelineEntry) -> bool:
    on_apple = entry.detail.get("only") != "google"
    return entry.kind == "changed" and bool(entry.detail.get("is_visible")) and on_apple


def _reason(entries: Sequence[TimelineEntry]) -> str:
    return str(entries[-1].detail.get("reason") or "no reason") if entries else "no reason"


def _removed(case: _Case) -> Diagnosis:
    return Diagnosis(
        "removed",
        "The card was on a phone and has been removed from it.",
        "Карта была на телефоне, её удалили.",
        "The card was removed from your phone. Open the link again and tap Add.",
        "Карта удалена с телефона. Откройте ссылку ещё раз и нажмите «Добавить».",
    )


def _downloaded(case: _Case) -> Diagnosis:
    return Diagnosis(
        "downloaded_not_added",
        "The card was downloaded, but no phone has registered for updates.",
        "Карту скачали, но ни один телефон не подписался на обновления.",
        "Open the link on your phone and tap Add; then switch Automatic Updates on on the back of the card.",
        "Откройте ссылку на телефоне и нажмите «Добавить»; на обороте карты включите «Автообновление».",
    )


def _not_installed(case: _Case) -> Diagnosis:
    return Diagnosis(
        "not_installed",
        "The card has been issued, and nobody has downloaded it yet.",
        "Карта выпущена, но её ещё никто не скачал.",
        "Open the link that we sent you on your phone and tap Add.",
        "Откройте на телефоне ссылку, которую мы прислали, и нажмите «Добавить».",
    )


def _parked(case: _Case) -> Diagnosis:
    reason = case.holders[0].state_reason or "no reason"
    vendor = _vendor_of(case.holders[0])
    return Diagnosis(
        "token_refused",
        f"{vendor} refuses the phone's push token ({reason}); it updates only when it asks by itself.",
        f"{vendor} не принимает токен телефона ({reason}); карта обновится, только когда телефон спросит сам.",
        "Remove the card and add it again by the link: then your phone gets updates again.",
        "Удалите карту и добавьте её снова по ссылке: обновления возобновятся.",
    )


def _relay_refused(case: _Case) -> Diagnosis:
    reason = case.holders[0].state_reason or "no reason"
    return Diagnosis(
        "relay_not_allowed",
        f"The card is in PassWallet, and the push relay that it named may not be called ({reason}); see RELAY_HOSTS.",
        f"Карта в PassWallet, а названный им сервер уведомлений вызывать нельзя ({reason}); см. RELAY_HOSTS.",
        "Open the card in PassWallet and refresh it: it does not update by itself at present.",
        "Откройте карту в PassWallet и обновите её: сама она сейчас не обновляется.",
    )


def _not_rung(case: _Case) -> Diagnosis:
    wallet = case.holders[0].platform
    return Diagnosis(
        "not_rung",
        f"The card is in {wallet}, which takes no pushes from us; it updates when its owner refreshes it.",
        f"Карта в {wallet}, уведомлений от нас он не принимает; она обновится, когда владелец обновит её сам.",
        "Open the card in your wallet app and refresh it.",
        "Откройте карту в приложении-кошельке и обновите её.",
    )


def _vendor_of(holder: Holder) -> str:
    return WAYS[holder.platform].vendor if holder.platform in WAYS else holder.platform


def _vendor(entries: Sequence[TimelineEntry]) -> str:
    """Who gave the last of these answers."""
    channel = entries[-1].detail.get("channel") if entries else None
    return next((way.vendor for way in WAYS.values() if way.channel == channel), WAYS[APPLE].vendor)


def _unchanged(case: _Case) -> Diagnosis:
    return Diagnosis(
        "nothing_changed",
        "The card is on a phone, and nothing that people can see has changed since it was issued.",
        "Карта на телефоне; с выпуска не менялось ничего из того, что видно.",
        "Your card is up to date.",
        "Ваша карта актуальна.",
    )


def _up_to_date(case: _Case) -> Diagnosis:
    told = [row["lock_screen"] for row in _visible(case) if row.get("lock_screen")]
    if told:
        return Diagnosis(
            "up_to_date",
            f"Every phone has fetched the last change; the lock screen said: {told[0]}",
            f"Все телефоны забрали последнее изменение; на экране блокировки было: {told[0]}",
            "The card on your phone is up to date. If you saw no message, allow notifications for Wallet in Settings.",
            "Карта на телефоне актуальна. Если сообщения не было, разрешите уведомления Wallet в Настройках.",
        )
    return Diagnosis(
        "up_to_date_silent",
        "Every phone has fetched the last change; it was made without a lock-screen text.",
        "Все телефоны забрали последнее изменение; текста на экране блокировки у него не было.",
        "The card on your phone is up to date; this change comes without a message.",
        "Карта на телефоне актуальна; это изменение приходит без сообщения.",
    )


def _visible(case: _Case) -> Sequence[Mapping[str, Any]]:
    return case.change.detail.get("visible") or () if case.change else ()


def _some(case: _Case) -> Diagnosis:
    have, of = case.count("fetched"), len(case.holders)
    return Diagnosis(
        "some_phones",
        f"{have} of {of} phones have fetched the last change; the others have not come yet.",
        f"Последнее изменение забрали телефоны: {have} из {of}; остальные ещё не приходили.",
        "One of your devices is not up to date yet: switch it on and connect it to the internet.",
        "Одно из ваших устройств ещё не обновилось: включите его и подключите к интернету.",
    )


def _complains(case: _Case) -> Diagnosis:
    entry = case.last("log")
    message = entry.detail.get("message", "") if entry else ""
    return Diagnosis(
        "phone_complains",
        f"The phone asked and could not take the card; it says: {message}",
        f"Телефон спросил, но не смог взять карту; он пишет: {message}",
        "Your phone could not load the update. We are looking into it.",
        "Телефон не смог загрузить обновление. Мы разбираемся.",
    )


def _cut(case: _Case) -> Diagnosis:
    return Diagnosis(
        "download_cut",
        "The phone came for the change, and its download broke off; it will be told again when it asks next.",
        "Телефон пришёл за изменением, но загрузка оборвалась; при следующем запросе он узнает о нём снова.",
        "Check the phone's connection, then open the card's back and pull down to update.",
        "Проверьте связь, затем откройте оборот карты и потяните вниз, чтобы обновить.",
    )


def _not_fetched(case: _Case) -> Diagnosis:
    return Diagnosis(
        "listed_not_fetched",
        "The phone was told of the change and has not fetched the card.",
        "Телефон узнал об изменении, но карту не забрал.",
        "Check the phone's connection, then open the card's back and pull down to update.",
        "Проверьте связь, затем откройте оборот карты и потяните вниз, чтобы обновить.",
    )


def _on_its_way(case: _Case) -> Diagnosis:
    return Diagnosis(
        "on_its_way",
        "The change was made a moment ago; its push is on its way.",
        "Изменение только что внесено; уведомление уже отправляется.",
        "Wait a minute: the update is on its way.",
        "Подождите минуту: обновление уже идёт.",
    )


def _retrying(case: _Case) -> Diagnosis:
    refused = case.results("retry")
    reason, vendor = _reason(refused), _vendor(refused)
    return Diagnosis(
        "push_retrying",
        f"{vendor} did not take the push ({reason}); it is being tried again.",
        f"{vendor} пока не принимает уведомление ({reason}); отправка повторяется.",
        "The update is late for a technical reason and will come by itself.",
        "Обновление задерживается по технической причине и придёт само.",
    )


def _not_pushed(case: _Case) -> Diagnosis:
    return Diagnosis(
        "not_pushed",
        "The push has not gone out: no worker runs, or pushes are held; `doctor` says why.",
        "Уведомление не ушло: не работает доставка или отправка приостановлена; причину покажет `doctor`.",
        "The update is late for a technical reason on our side and will come by itself.",
        "Обновление задерживается по технической причине на нашей стороне и придёт само.",
    )


def _waiting(case: _Case) -> Diagnosis:
    vendor = _vendor(case.results("accepted"))
    return Diagnosis(
        "waiting_for_phone",
        f"{vendor} has taken the push; the phone has not asked yet.",
        f"Уведомление принято ({vendor}); телефон ещё не спрашивал.",
        "Wait a few minutes; the phone must be on and online.",
        "Подождите несколько минут; телефон должен быть включён и в сети.",
    )


def _silent_phone(case: _Case) -> Diagnosis:
    if all(holder.platform != APPLE for holder in case.holders):
        return _silent_android(case)
    return Diagnosis(
        "phone_silent",
        "Apple has taken the push, and the phone has not asked: it is off, offline, in Low Power Mode, or updates are off.",
        "Уведомление принято (Apple), но телефон не спросил: он выключен, не в сети, бережёт заряд или выключено автообновление.",
        "Check that the phone is online and not in Low Power Mode; on the back of the card, switch Automatic Updates off and on.",
        "Проверьте, что телефон в сети и не экономит заряд; на обороте карты выключите и включите «Автообновление».",
    )


def _silent_android(case: _Case) -> Diagnosis:
    vendor = _vendor(case.results("accepted"))
    return Diagnosis(
        "phone_silent",
        f"{vendor} has taken the push, and the phone has not asked: it is off, offline, saving power, or the app is gone.",
        f"Уведомление принято ({vendor}), но телефон не спросил: он выключен, не в сети, экономит заряд или приложение удалено.",
        "Check that the phone is online, then open the card in the app.",
        "Проверьте, что телефон в сети, и откройте карту в приложении.",
    )


def _names_a_forbidden_relay(holder: Holder) -> bool:
    return holder.state == "parked" and (holder.state_reason or "").startswith("RelayNot")


_Row = tuple[Callable[[_Case], bool], Callable[[_Case], Diagnosis]]
_TABLE: Sequence[_Row] = (
    (lambda case: not case.holders and case.ever("registered"), _removed),
    (lambda case: not case.holders and case.ever("fetched"), _downloaded),
    (lambda case: not case.holders, _not_installed),
    (lambda case: case.change is None, _unchanged),
    (lambda case: case.count("fetched") - case.count("cut") >= len(case.holders), _up_to_date),
    (lambda case: all(_names_a_forbidden_relay(holder) for holder in case.holders), _relay_refused),
    (lambda case: all(holder.state == "parked" for holder in case.holders), _parked),
    (lambda case: case.count("fetched") - case.count("cut") > 0, _some),
    (lambda case: bool(case.count("log")) and bool(case.count("listed")), _complains),
    (lambda case: bool(case.count("cut")), _cut),
    (lambda case: bool(case.count("listed")) and case.age > AT_ONCE, _not_fetched),
    (lambda case: not any(holder.platform in WAYS for holder in case.holders), _not_rung),
    (lambda case: not case.results("accepted") and bool(case.results("retry")), _retrying),
    (lambda case: not case.pushes and case.age <= AT_ONCE, _on_its_way),
    (lambda case: not case.pushes, _not_pushed),
    (lambda case: case.age > SOON and not case.count("listed"), _silent_phone),
)
