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
