"""What does not fit a card's variable, by its type."""

from __future__ import annotations

TEXTS = {
    "en": {
        "value_required": "This is needed.",
        "value_yes": "Yes",
        "value_no": "No",
        "value_none": "Nothing",
        "value_bad_choice": "Choose one of the list.",
        "value_bad_text": "This text is too long, or holds characters that a card cannot show.",
        "value_bad_phone": "This is no phone number. Write it with its country, such as +7 916 123-45-67.",
        "value_bad_email": "This is no e-mail address. Write it like anna@example.com.",
        "value_bad_url": "This is no address. Write it in full, like https://example.com/.",
        "value_bad_integer": "Write a whole number, such as 120.",
        "value_bad_decimal": "Write a number, such as 12.5.",
        "value_bad_money": "Write an amount, such as 450.00.",
        "value_bad_boolean": "Choose yes or no.",
        "value_bad_date": "Choose a day.",
        "value_bad_datetime": "Choose a day and a time.",
    },
    "ru": {
        "value_required": "Это нужно заполнить.",
        "value_yes": "Да",
        "value_no": "Нет",
        "value_none": "Ничего",
        "value_bad_choice": "Выберите из списка.",
        "value_bad_text": "Текст слишком длинный, или в нём знаки, которых карта не покажет.",
        "value_bad_phone": "Это не номер телефона. Напишите его с кодом страны, например +7 916 123-45-67.",
        "value_bad_email": "Это не адрес почты. Напишите его так: anna@example.com.",
        "value_bad_url": "Это не адрес. Напишите его целиком, например https://example.com/.",
        "value_bad_integer": "Напишите целое число, например 120.",
        "value_bad_decimal": "Напишите число, например 12,5.",
        "value_bad_money": "Напишите сумму, например 450,00.",
        "value_bad_boolean": "Выберите «да» или «нет».",
        "value_bad_date": "Выберите день.",
        "value_bad_datetime": "Выберите день и время.",
    },
}
