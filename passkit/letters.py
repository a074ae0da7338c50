"""What stands in the mails and short messages that we send, both languages side by side; a test keeps the keys equal.

A code's message fits one SMS of 70 characters, which is what one in Cyrillic has (3GPP TS 23.038).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date

SMS_LENGTH = 70
LANGUAGES = ("en", "ru")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "alarm_subject": "{brand}: the card certificate ends in {left}",
        "alarm_over_subject": "{brand}: the card certificate has expired",
        "alarm": (
            "The certificate of {pass_type} ({brand}) is valid until {day}.\n\n"
            "After that no new cards can be made and no installed card is updated. Cards that are on phones stay there.\n\n"
            "What to do, it takes a quarter of an hour: open {page} and follow the steps, or run `certs renew` on the server.\n"
            "Never press Revoke on the old certificate: that kills every card that is already on a phone.\n"
        ),
        "alarm_over": (
            "The certificate of {pass_type} ({brand}) expired on {day}.\n\n"
            "No new cards are made, and updates wait until there is a new certificate; nothing of them is lost. "
            "Cards that are on phones stay there.\n\n"
            "What to do, it takes a quarter of an hour: open {page} and follow the steps, or run `certs renew` on the server.\n"
            "Never press Revoke on the old certificate: that kills every card that is already on a phone.\n"
        ),
        "alarm_sms": "{brand}: card certificate ends {day}. Renew it.",
        "alarm_over_sms": "{brand}: card certificate has expired. Renew it.",
        "held_subject": "{brand}: changes from {source} are held",
        "held": (
            "{source} sent more notifications or zeros for the cards of {brand} in ten minutes than it usually may, so what came "
            "after them is held: {changes} changes so far. No phone has seen them, and nothing of them is lost.\n\n"
            "What to do: ask whoever looks after {source} whether it is meant. Then apply or discard them at {page}, or run "
            "`hooks held list` on the server.\n"
        ),
        "held_sms": "{brand}: changes of cards are held. Look at Passbell.",
        "news_missed_subject": "{brand}: a news was missed",
        "news_missed": (
            "The news {about} of {brand} could not begin at its time; nobody has been told, and it never goes by itself now.\n\n"
            "What to do: look at it at {page} and send it now, or cancel it; `news start {about}` on the server sends it too.\n"
        ),
        "news_missed_sms": "{brand}: a news was missed. Send or cancel it.",
        "news_cut_subject": "{brand}: a news did not reach everybody",
        "news_cut": (
            "The time of the news {about} of {brand} was over before everybody was rung. Who was not rung sees its text when "
            "the phone asks by itself.\n\nHow far it came: {page}\n"
        ),
        "news_cut_sms": "{brand}: a news did not reach everybody in time.",
        "news_slot_empty_subject": "{brand}: nothing waits for tomorrow's news",
        "news_slot_empty": (
            "The weekly slot {about} of {brand} comes within a day and has no text: nothing will be sent.\n\n"
            "To send something, add a text at {page}, or on the server: `news slot-put {about}`.\n"
        ),
        "news_slot_empty_sms": "{brand}: no text for tomorrow's news.",
        "news_slot_failed_subject": "{brand}: the weekly news could not be sent",
        "news_slot_failed": (
            "The text of the weekly slot {about} of {brand} does not fit its template any more, so nothing was sent; the text "
            "waits.\n\nWhat to do: look at it at {page}, or on the server: `news slots`.\n"
        ),
        "news_slot_failed_sms": "{brand}: the weekly news could not be sent.",
        "news_approval_subject": "{brand}: a news waits for a second person",
        "news_approval": (
            "The news {about} of {brand} goes to more cards than one person alone may tell. Somebody else approves or refuses it "
            "at {page}, or on the server: `news approve {about}`. Until then nobody is told; after a day it is a draft again.\n"
        ),
        "news_approval_sms": "{brand}: a news waits for approval.",
        "approval_subject": "{brand}: {author} asks you to approve a news",
        "approval": (
            "{name}, {author} wants to send a news of {brand} that goes to more cards than one person alone may tell.\n\n"
            "See what would be sent, and approve or refuse it: {link}\n\n"
            "The link is yours: it is good for one decision, and until the news lapses. Do not pass it on.\n"
        ),
        "approval_sms": "{brand}: approve a news? {link}",
        "news_lapsed_subject": "{brand}: nobody approved the news in time",
        "news_lapsed": (
            "The news {about} of {brand} waited for a second person, nobody came, and it is a draft again. Nobody was told.\n\n"
            "To send it after all, start it again at {page}, or on the server: `news start {about}`.\n"
        ),
        "news_lapsed_sms": "{brand}: nobody approved the news in time.",
        "test_subject": "{brand}: a test message",
        "test": "This is a test: alarms about the certificates of {brand} arrive here.\n",
        "test_sms": "{brand}: a test message.",
        "code_sms": "{code} is your code, {brand}. Tell it to nobody.",
        "days": "{days} days",
        "day": "1 day",
    },
    "ru": {
        "alarm_subject": "{brand}: сертификат карт закончится через {left}",
        "alarm_over_subject": "{brand}: сертификат карт закончился",
        "alarm": (
            "Сертификат {pass_type} ({brand}) действует до {day}.\n\n"
            "После этого новые карты не выпустить, а установленные не обновляются. С телефонов карты никуда не денутся.\n\n"
            "Что сделать (это четверть часа): откройте {page} и пройдите по шагам, или выполните `certs renew` на сервере.\n"
            "Никогда не нажимайте Revoke у старого сертификата: все карты на телефонах перестанут работать.\n"
        ),
        "alarm_over": (
            "Сертификат {pass_type} ({brand}) закончился {day}.\n\n"
            "Новые карты не выпускаются, обновления ждут нового сертификата и не потеряются. "
            "С телефонов карты никуда не денутся.\n\n"
            "Что сделать (это четверть часа): откройте {page} и пройдите по шагам, или выполните `certs renew` на сервере.\n"
            "Никогда не нажимайте Revoke у старого сертификата: все карты на телефонах перестанут работать.\n"
        ),
        "alarm_sms": "{brand}: сертификат карт до {day}. Продлите.",
        "alarm_over_sms": "{brand}: сертификат карт закончился. Продлите.",
        "held_subject": "{brand}: изменения от {source} задержаны",
        "held": (
            "{source} прислал за десять минут больше уведомлений или обнулений по картам {brand}, чем обычно можно, поэтому всё, "
            "что пришло следом, задержано: пока {changes}. На телефонах этого никто не видел, и ничего не потеряно.\n\n"
            "Что сделать: спросите тех, кто отвечает за {source}, так ли задумано. Затем примените или отбросьте задержанное на "
            "{page} или выполните на сервере `hooks held list`.\n"
        ),
        "held_sms": "{brand}: изменения карт задержаны. Проверьте.",
        "news_missed_subject": "{brand}: новость пропущена",
        "news_missed": (
            "Новость {about} ({brand}) не вышла вовремя, её никто не получил. Сама она уже не уйдёт.\n\n"
            "Что сделать: посмотрите её на {page} и отправьте сейчас или отмените; то же на сервере: `news start {about}`.\n"
        ),
        "news_missed_sms": "{brand}: новость пропущена. Решите, слать ли.",
        "news_cut_subject": "{brand}: новость дошла не до всех",
        "news_cut": (
            "Время новости {about} ({brand}) кончилось раньше, чем были оповещены все. Остальные увидят текст, когда их телефон "
            "спросит сам.\n\nСколько получили: {page}\n"
        ),
        "news_cut_sms": "{brand}: новость дошла не до всех.",
        "news_slot_empty_subject": "{brand}: для завтрашней новости нет текста",
        "news_slot_empty": (
            "До еженедельной рассылки {about} ({brand}) меньше суток, а текста для неё нет: ничего не уйдёт.\n\n"
            "Чтобы отправить новость, добавьте текст на {page} или на сервере: `news slot-put {about}`.\n"
        ),
        "news_slot_empty_sms": "{brand}: нет текста для новости на завтра.",
        "news_slot_failed_subject": "{brand}: еженедельная новость не ушла",
        "news_slot_failed": (
            "Текст еженедельной рассылки {about} ({brand}) не подходит к шаблону, поэтому ничего не ушло; текст ждёт.\n\n"
            "Что сделать: посмотрите его на {page} или на сервере: `news slots`.\n"
        ),
        "news_slot_failed_sms": "{brand}: еженедельная новость не ушла.",
        "news_approval_subject": "{brand}: новость ждёт второго человека",
        "news_approval": (
            "Новость {about} ({brand}) идёт на большее число карт, чем можно оповестить одному. Её согласует или отклоняет "
            "другой на {page} или на сервере: `news approve {about}`. Её пока никто не получил; через сутки это снова черновик.\n"
        ),
        "news_approval_sms": "{brand}: новость ждёт согласования.",
        "approval_subject": "{brand}: {author} просит согласовать новость",
        "approval": (
            "{name}, {author} хочет отправить новость {brand} на большее число карт, чем можно оповестить одному.\n\n"
            "Посмотрите, что уйдёт, и согласуйте или отклоните: {link}\n\n"
            "Ссылка именная: её хватит на одно решение и только пока новость ждёт. Никому её не передавайте.\n"
        ),
        "approval_sms": "{brand}: согласуйте новость: {link}",
        "news_lapsed_subject": "{brand}: новость никто не согласовал вовремя",
        "news_lapsed": (
            "Новость {about} ({brand}) ждала второго человека, никто не пришёл, и она снова черновик. Её никто не получил.\n\n"
            "Чтобы всё же отправить, запустите её снова на {page} или на сервере: `news start {about}`.\n"
        ),
        "news_lapsed_sms": "{brand}: новость никто не согласовал вовремя.",
        "test_subject": "{brand}: проверка",
        "test": "Это проверка: сюда приходят предупреждения о сертификатах {brand}.\n",
        "test_sms": "{brand}: проверка связи.",
        "code_sms": "{code} — ваш код, {brand}. Никому его не говорите.",
        "days": "{days} дн.",
        "day": "1 день",
    },
}


@dataclass(frozen=True, slots=True)
class Words:
    """A message: ``subject`` and ``text`` of a mail, ``short`` for a phone."""

    subject: str
    text: str
    short: str


def language_of(languages: tuple[str, ...]) -> str:
    """The first of a brand's languages that we write in."""
    return next((one for language in languages if (one := language.split("-")[0]) in LANGUAGES), LANGUAGES[0])


def alarm(language: str, *, brand: str, pass_type: str, not_after: datetime, days: int, public_url: str) -> Words:
    """That a certificate ends within so many days; 0 or less: that it has ended."""
    texts, over = TEXTS[language], "_over" if days <= 0 else ""
    values = {
        "brand": brand,
        "pass_type": pass_type,
        "day": format_date(not_after, format="long", locale=language),
        "left": texts["day"] if days == 1 else texts["days"].format(days=days),
        "page": f"{public_url}/studio/certificates",
    }
    short = {**values, "day": format_date(not_after, format="short", locale=language)}
    return Words(
        _line(texts[f"alarm{over}_subject"].format(**values)),
        texts[f"alarm{over}"].format(**values),
        _short(texts[f"alarm{over}_sms"], **short),
    )


def held(language: str, *, brand: str, source: str, changes: int, public_url: str) -> Words:
    """That the brake holds changes of a backend."""
    texts = TEXTS[language]
    values = {"brand": brand, "source": source, "changes": str(changes), "page": f"{public_url}/studio/held"}
    return Words(
        _line(texts["held_subject"].format(**values)),
        texts["held"].format(**values),
        _short(texts["held_sms"], brand=brand),
    )


def news(language: str, kind: str, *, brand: str, about: str, public_url: str) -> Words:
    """What a person is asked or told about a news; ``kind`` as in ``store.newsalarms``."""
    texts = TEXTS[language]
    values = {"brand": brand, "about": about, "page": f"{public_url}/studio/news"}
    return Words(
        _line(texts[f"news_{kind}_subject"].format(**values)),
        texts[f"news_{kind}"].format(**values),
        _short(texts[f"news_{kind}_sms"], brand=brand),
    )


def approval(language: str, *, brand: str, name: str, author: str, link: str) -> Words:
    """A person's own link to approve a news by; its short message may be longer than one SMS."""
    texts = TEXTS[language]
    values = {"brand": _line(brand), "name": _line(name), "author": _line(author), "link": link}
    return Words(
        _line(texts["approval_subject"].format(**values)),
        texts["approval"].format(**values),
        texts["approval_sms"].format(**values),
    )


def test(language: str, *, brand: str) -> Words:
    """That messages arrive."""
    texts = TEXTS[language]
    return Words(
        _line(texts["test_subject"].format(brand=brand)),
        texts["test"].format(brand=brand),
        _short(texts["test_sms"], brand=brand),
    )


def code(language: str, *, brand: str, code: str) -> str:
    """The code that proves a phone, first, where a locked phone shows it."""
    return _short(TEXTS[language]["code_sms"], brand=brand, code=code)


def _short(text: str, *, brand: str, **values: str) -> str:
    """One SMS: the brand's name gives way."""
    room = SMS_LENGTH - len(text.format(brand="", **values))
    name = _line(brand)
    return text.format(brand=name if len(name) <= room else name[: max(0, room - 1)].rstrip() + "…", **values)


def _line(text: str) -> str:
    return " ".join(text.split())
