"""Every sentence of our pages, both languages side by side; a test keeps the keys equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LANGUAGES = ("en", "ru")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "your_card": "Your card",
        "add_to_wallet": "Add to Apple Wallet",
        "open_card": "Get the card",
        "get_file": "Download the card file",
        "iphone_hint": "The card opens by itself. If it does not, press the button.",
        "iphone_browser": "If nothing happens, open this page in Safari.",
        "android_hint": "Open the file with a wallet app that reads .pkpass cards.",
        "desktop_title": "Point your phone's camera at the code",
        "desktop_hint": "The card opens on the phone. The code is yours: do not publish it.",
        "qr_alt": "QR code of this page",
        "card_alt": "Picture of the card",
        "keeps_fresh": "The card keeps itself up to date.",
        "voided": "This card is no longer valid.",
        "expired": "This card has expired.",
        "completed": "This card has been used.",
        "over_hint": "Ask the company that gave it to you for a new one.",
        "on_phone": "This card is on a phone already.",
        "on_phone_hint": "It keeps itself up to date there. You can add it to another phone too.",
        "in_app_title": "Open this page in {browser}",
        "in_app_hint": (
            "An app shows you this page, and apps often cannot add cards. "
            "Open the menu (⋯ or ⋮) and choose “Open in {browser}”, or copy the address:"
        ),
        "in_app_open": "Open in {browser}",
        "in_app_try": "Try it here all the same",
        "address": "Address of this page",
        "copy_it": "Copy",
        "copied": "Copied",
        "consent_title": "Before you get the card",
        "consent_more": "More about it",
        "consent_go": "Get the card",
        "consent_needed": "Tick this box: without it there is no card.",
        "join_title": "Get the card",
        "join_go": "Get the card",
        "join_optional": "not necessary",
        "join_choose": "Choose",
        "join_fix": "Please look at the fields marked below.",
        "join_required": "Please fill this in.",
        "join_phone": "This is no complete phone number. Check its digits.",
        "join_email": "Write an e-mail address such as anna@example.com.",
        "join_url": "Write a full address such as https://example.com.",
        "join_date": "Choose a day.",
        "join_number": "Write a number.",
        "join_choice": "Choose one of the list.",
        "join_long": "This is too long, or holds characters that cannot be shown.",
        "join_consent": "Tick this box: without it there is no card.",
        "join_gone_title": "This link is no longer in use",
        "join_gone_hint": "Ask where you found it for a new one.",
        "join_busy_title": "Please wait a little",
        "join_busy_hint": "Too many forms came from your network. Try again in a minute.",
        "join_sms_title": "Please wait a little",
        "join_sms_hint": "Too many codes were sent to this number. Try again in an hour.",
        "join_refused_title": "The card could not be made",
        "join_refused_hint": "It is not your mistake, and we have a note of it. Ask the people who gave you the link.",
        "join_over_title": "This code is over",
        "join_over_hint": "Fill in the form once more, and a new code will come.",
        "join_over_go": "Back to the form",
        "code_title": "Is this your phone?",
        "code_hint": "We have sent a code to {phone}.",
        "code_label": "Code from the message",
        "code_wrong": "This is not the code. Tries left: {left}.",
        "code_go": "Go on",
        "code_again": "Send another code",
        "code_wait": "Another code can be sent in {wait} seconds.",
        "code_none": "No message? Check the number, and go back to the form to mend it.",
        "google_add": "Add to Google Wallet",
        "google_saved": "The card is in Google Wallet.",
        "google_view": "Open it in Google Wallet",
        "google_file": "No Google Wallet? Download the card file",
        "google_wait_title": "Your card is on its way",
        "google_wait_hint": "Google Wallet is getting it ready. This page goes on by itself in a few seconds.",
        "google_off_title": "Not in Google Wallet",
        "google_off_hint": "This card is not offered in Google Wallet. You can use it in another way.",
        "google_failed_title": "Google Wallet did not take the card",
        "google_failed_hint": "It is not your mistake, and we have a note of it. You can use the card in another way.",
        "google_again": "Try again",
        "google_back": "Back to the card",
        "not_found_title": "There is no card here",
        "not_found_hint": "The link may be incomplete. Open it once more from your message, or ask for a new one.",
        "rate_limited_title": "Please wait a little",
        "rate_limited_hint": "Too many wrong links came from your network. Try again in a minute.",
        "unavailable_title": "Back in a moment",
        "unavailable_hint": "The card cannot be shown right now. Nothing is lost; try again in a minute.",
        "error_title": "Something went wrong",
        "error_hint": "It is our mistake and we have a note of it. Try again later.",
        "request": "Request",
    },
    "ru": {
        "your_card": "Ваша карта",
        "add_to_wallet": "Добавить в Apple Wallet",
        "open_card": "Получить карту",
        "get_file": "Скачать файл карты",
        "iphone_hint": "Карта откроется сама. Если этого не произошло, нажмите кнопку.",
        "iphone_browser": "Если ничего не происходит, откройте эту страницу в Safari.",
        "android_hint": "Откройте файл приложением-кошельком, которое понимает карты .pkpass.",
        "desktop_title": "Наведите камеру телефона на код",
        "desktop_hint": "Карта откроется на телефоне. Код только ваш: не публикуйте его.",
        "qr_alt": "QR-код этой страницы",
        "card_alt": "Изображение карты",
        "keeps_fresh": "Карта обновляется сама.",
        "voided": "Эта карта больше не действует.",
        "expired": "Срок действия карты истёк.",
        "completed": "Эта карта уже использована.",
        "over_hint": "Попросите новую у компании, которая её выдала.",
        "on_phone": "Эта карта уже на телефоне.",
        "on_phone_hint": "Там она обновляется сама. Можно добавить её и на другой телефон.",
        "in_app_title": "Откройте страницу в {browser}",
        "in_app_hint": (
            "Страницу показывает приложение, а из приложений карты часто не добавляются. "
            "Откройте меню (⋯ или ⋮) и выберите «Открыть в {browser}» или скопируйте адрес:"
        ),
        "in_app_open": "Открыть в {browser}",
        "in_app_try": "Всё равно попробовать здесь",
        "address": "Адрес этой страницы",
        "copy_it": "Скопировать",
        "copied": "Скопировано",
        "consent_title": "Прежде чем получить карту",
        "consent_more": "Подробнее",
        "consent_go": "Получить карту",
        "consent_needed": "Поставьте галочку: без этого карту не выдать.",
        "join_title": "Получите карту",
        "join_go": "Получить карту",
        "join_optional": "необязательно",
        "join_choose": "Выберите",
        "join_fix": "Посмотрите на отмеченные поля.",
        "join_required": "Заполните это поле.",
        "join_phone": "Это не полный номер телефона. Проверьте цифры.",
        "join_email": "Напишите адрес почты, например anna@example.com.",
        "join_url": "Напишите адрес целиком, например https://example.com.",
        "join_date": "Выберите день.",
        "join_number": "Напишите число.",
        "join_choice": "Выберите из списка.",
        "join_long": "Слишком длинно, или есть знаки, которые не показать.",
        "join_consent": "Поставьте галочку: без этого карту не выдать.",
        "join_gone_title": "Эта ссылка больше не работает",
        "join_gone_hint": "Попросите новую там, где её нашли.",
        "join_busy_title": "Подождите немного",
        "join_busy_hint": "Из вашей сети пришло слишком много анкет. Попробуйте через минуту.",
        "join_sms_title": "Подождите немного",
        "join_sms_hint": "На этот номер отправлено слишком много кодов. Попробуйте через час.",
        "join_refused_title": "Карту не удалось выпустить",
        "join_refused_hint": "Это не ваша ошибка, и мы её записали. Обратитесь к тем, кто дал вам ссылку.",
        "join_over_title": "Этот код больше не действует",
        "join_over_hint": "Заполните анкету ещё раз, и придёт новый код.",
        "join_over_go": "Вернуться к анкете",
        "code_title": "Это ваш телефон?",
        "code_hint": "Мы отправили код на номер {phone}.",
        "code_label": "Код из сообщения",
        "code_wrong": "Код не подходит. Осталось попыток: {left}.",
        "code_go": "Продолжить",
        "code_again": "Отправить код ещё раз",
        "code_wait": "Ещё один код можно отправить через {wait} с.",
        "code_none": "Сообщения нет? Проверьте номер и вернитесь к анкете, чтобы исправить его.",
        "google_add": "Добавить в Google Кошелек",
        "google_saved": "Карта уже в Google Кошельке.",
        "google_view": "Открыть в Google Кошельке",
        "google_file": "Нет Google Кошелька? Скачать файл карты",
        "google_wait_title": "Карта готовится",
        "google_wait_hint": "Google Кошелек её принимает. Страница сама продолжит через несколько секунд.",
        "google_off_title": "Не для Google Кошелька",
        "google_off_hint": "Эта карта не выпускается для Google Кошелька. Её можно открыть по-другому.",
        "google_failed_title": "Google Кошелек не принял карту",
        "google_failed_hint": "Это не ваша ошибка, и мы её записали. Карту можно открыть по-другому.",
        "google_again": "Попробовать ещё раз",
        "google_back": "Вернуться к карте",
        "not_found_title": "Здесь нет карты",
        "not_found_hint": "Возможно, ссылка неполная. Откройте её ещё раз из сообщения или попросите новую.",
        "rate_limited_title": "Подождите немного",
        "rate_limited_hint": "Из вашей сети пришло слишком много неверных ссылок. Попробуйте через минуту.",
        "unavailable_title": "Сейчас вернёмся",
        "unavailable_hint": "Карту сейчас не показать. Ничего не потеряно, попробуйте через минуту.",
        "error_title": "Что-то пошло не так",
        "error_hint": "Это наша ошибка, мы её записали. Попробуйте позже.",
        "request": "Запрос",
    },
}


def choose(accept_language: str, fallbacks: Sequence[str] = ()) -> str:
    """The page's language: the browser's best that we have, else the first fallback that we have, else English.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4; a malformed quality counts as 0.
    """
    best, best_quality = "", 0.0
    for entry in accept_language.split(",")[:20]:
        tag, _, parameters = entry.partition(";")
        language, quality = tag.strip().lower().split("-", 1)[0], _quality(parameters)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    known = (language.lower().split("-", 1)[0] for language in fallbacks)
    return best or next((language for language in known if language in LANGUAGES), LANGUAGES[0])


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
