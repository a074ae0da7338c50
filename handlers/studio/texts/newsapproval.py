"""A second person's word on big news: in the studio, and by a link."""

from __future__ import annotations

_BOTH = {
    "news_state_waiting_approval": ("Waits for approval", "Ждёт согласования"),
    "approval_why": (
        "{names} gets a link: for so many cards a second person has to agree. Without an answer within {hours} hours this is a draft again.|{names} get a link each: for so many cards one of them has to agree. Without an answer within {hours} hours this is a draft again.",
        "Ссылку получит {names}: на столько карт нужно согласие второго человека. Без ответа за {hours} часа новость снова станет черновиком.|Ссылки получат {names}: на столько карт нужно согласие одного из них. Без ответа за {hours} часа новость снова станет черновиком.|Ссылки получат {names}: на столько карт нужно согласие одного из них. Без ответа за {hours} часа новость снова станет черновиком.",
    ),
    "approval_ask": ("Ask for approval: {names}", "Отправить на согласование: {names}"),
    "approval_more": ("and {n} more|and {n} more", "и ещё {n}|и ещё {n}|и ещё {n}"),
    "approval_title": ("Do you approve of this news?", "Согласуете новость?"),
    "approval_for": ("{name}, this is for you alone. {brand}", "{name}, это лично вам. {brand}"),
    "approval_asked": (
        "{author} asks to send it. Without an answer it lapses on {when} and nobody is told.",
        "Отправить просит {author}. Без ответа запрос сгорит {when}, и новость никто не получит.",
    ),
    "approval_not_you": (
        "It waits for {names}: whoever asks does not decide.",
        "Ответить может {names}, но не тот, кто просит.",
    ),
    "approval_words": ("The words", "Текст"),
    "approval_send": (
        "Approve and send: {n} person|Approve and send: {n} people",
        "Согласовать и отправить: {n} человек|Согласовать и отправить: {n} человека|Согласовать и отправить: {n} человек",
    ),
    "approval_schedule": (
        "Approve and schedule: {n} person|Approve and schedule: {n} people",
        "Согласовать и запланировать: {n} человек|Согласовать и запланировать: {n} человека|Согласовать и запланировать: {n} человек",
    ),
    "approval_refuse": ("Do not approve", "Не согласовать"),
    "approval_reason": ("Why not", "Почему нет"),
    "approval_reason_hint": ("{author} will read it beside the draft.", "Это прочтёт {author} рядом с черновиком."),
    "approval_phone": ("Decide on my phone", "Решить с телефона"),
    "approval_link": ("Your own link", "Ваша именная ссылка"),
    "approval_link_hint": (
        "The link is yours and works without signing in, for one decision. Do not pass it on.",
        "Ссылка именная и работает без входа, на одно решение. Никому её не передавайте.",
    ),
    "approval_take_back": ("Take the request back", "Отозвать запрос"),
    "approval_take_back_hint": ("It is a draft again, and nobody is asked.", "Новость снова станет черновиком."),
    "approval_taken_back": ("It is a draft again. Nobody is asked.", "Запрос отозван, это снова черновик."),
    "approval_approved": ("Approved. You have a minute to undo it.", "Согласовано. Минуту ещё можно отменить."),
    "approval_approved_link": (
        "Approved. It starts in a minute, or at its time; until then it can be undone in the studio.",
        "Согласовано. Отправим через минуту или в назначенное время; до этого отменить можно в студии.",
    ),
    "approval_refused": (
        "Not approved. Nobody is told; the author reads your reason.",
        "Не согласовано. Новость никто не получит, автор прочтёт причину.",
    ),
    "approval_close": ("You can close this page.", "Эту страницу можно закрыть."),
    "approval_changed": (
        "Something has changed since you were asked: the audience, the words or the card. It cannot be approved like that. Refuse it, and the author asks again.",
        "С момента запроса что-то изменилось: аудитория, текст или карта. Такую новость согласовать нельзя: откажите, и автор отправит запрос заново.",
    ),
    "approval_not_now": (
        "You cannot decide this: it is your own, or somebody has decided it already.",
        "Решить не получится: это ваша новость или её уже рассмотрели.",
    ),
    "approval_over": ("This link is over", "Ссылка больше не действует"),
    "approval_over_text": (
        "The news has been decided, taken back, or nobody answered in time. How it stands is in the studio.",
        "Новость уже рассмотрели или отозвали либо на неё не ответили вовремя. Как дела с ней сейчас, видно в студии.",
    ),
    "approval_over_go": ("To the studio", "В студию"),
    "refused_approval_wait": (
        "Too many wrong links came from your address. Wait a minute.",
        "С вашего адреса пришло слишком много неверных ссылок. Подождите минуту.",
    ),
    "approval_waits_for_you": (
        "{n} news waits for your approval|{n} news wait for your approval",
        "Вашего согласования ждёт {n} новость|Вашего согласования ждут {n} новости|Вашего согласования ждут {n} новостей",
    ),
    "approval_look": ("Look and decide", "Посмотреть и решить"),
    "approval_until": ("{author}, until {when}", "{author}, до {when}"),
    "approval_waiting": (
        "{names} can approve. Without an answer it lapses on {when}.",
        "Согласовать может {names} — до {when}, потом запрос сгорит.",
    ),
    "approval_see": ("See what would be sent", "Посмотреть, что уйдёт"),
    "approval_was_refused": ("{name} did not approve it", "{name}: не согласовано"),
    "approval_lapsed": (
        "Nobody approved it in time. Nobody was told; you can ask again.",
        "Её никто не согласовал вовремя и никто не получил. Можно отправить на согласование ещё раз.",
    ),
}

TEXTS = {
    "en": {key: words[0] for key, words in _BOTH.items()},
    "ru": {key: words[1] for key, words in _BOTH.items()},
}
