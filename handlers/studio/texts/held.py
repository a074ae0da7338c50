"""Held changes: what the brake keeps apart, and what becomes of it."""

from __future__ import annotations

_BOTH = {
    "nav_held": ("Held changes", "Задержанные изменения"),
    "held_title": ("Held changes", "Задержанные изменения"),
    "held_lead": (
        "A system that suddenly rings everybody or empties everybody's card is stopped here, before phones see it.",
        "Система, которая вдруг звонит всем или всем обнуляет карты, останавливается здесь, до телефонов.",
    ),
    "held_none": ("Nothing is held", "Ничего не задержано"),
    "held_none_text": (
        "What your systems send reaches the cards at once. If one goes wild, its changes will wait here.",
        "Изменения из ваших систем сразу попадают на карты. Если какая-то сломается, они будут ждать здесь.",
    ),
    "held_since": ("Since", "С какого времени"),
    "held_source": ("From", "Откуда"),
    "held_template": ("Card", "Карта"),
    "held_cards": ("Cards", "Карт"),
    "held_why": ("Why", "Почему"),
    "held_why_rings": ("too many notifications in ten minutes", "слишком много уведомлений за десять минут"),
    "held_why_resets": ("too many zeros in ten minutes", "слишком много обнулений за десять минут"),
    "held_why_behind": ("they wait behind others", "ждут за другими"),
    "held_look": ("Look", "Посмотреть"),
    "held_from": ("Held changes from {source}", "Задержано от {source}"),
    "held_count": (
        "{n} change of {cards} cards waits.|{n} changes of {cards} cards wait.",
        "Ждёт {n} изменение, карт: {cards}.|Ждут {n} изменения, карт: {cards}.|Ждут {n} изменений, карт: {cards}.",
    ),
    "held_under_way": (
        "{n} change is being applied.|{n} changes are being applied.",
        "Применяется {n} изменение.|Применяются {n} изменения.|Применяется {n} изменений.",
    ),
    "held_samples": ("Some of them", "Некоторые из них"),
    "held_masked": ("Real cards; names and numbers are hidden.", "Настоящие карты; имена и номера скрыты."),
    "held_card": ("Card number", "Номер карты"),
    "held_becomes": ("What becomes of it", "Что станет"),
    "held_lock_screen": ("On the lock screen", "На экране блокировки"),
    "held_is_silent": ("the card changes by itself", "карта поменяется сама"),
    "held_nothing": ("nothing that people see", "ничего, что видно людям"),
    "held_voided": ("the card is voided", "карта аннулируется"),
    "held_type": (
        "Type the number of cards: {number}",
        "Впишите число карт: {number}",
    ),
    "held_silent": ("Apply silently", "Применить без звука"),
    "held_ring": ("Apply and ring", "Применить и уведомить"),
    "held_discard": ("Discard", "Отбросить"),
    "held_question": (
        "Discard these changes? The source would have to send them again.",
        "Отбросить эти изменения? Источнику придётся прислать их снова.",
    ),
    "held_stale": (
        "What is older than its card by then drops out by itself.",
        "Что к тому времени старше карты, выпадет само.",
    ),
    "held_not_typed": ("The number is another. Nothing is done.", "Число другое. Ничего не сделано."),
    "held_changed": (
        "What is held has changed meanwhile. Look again.",
        "За это время задержанное изменилось. Посмотрите ещё раз.",
    ),
    "held_done_apply": ("Being applied, in their order.", "Применяются по порядку."),
    "held_done_discard": ("Discarded.", "Отброшено."),
    "home_changes_held": (
        "Changes from {source} are held: look at them under Held changes.",
        "Изменения от {source} задержаны: посмотрите их в разделе «Задержанные изменения».",
    ),
    "audit_held_applied": (
        "Applied {changes} held changes from {subject} to {template}",
        "Применены задержанные изменения ({changes}) от {subject} к {template}",
    ),
    "audit_held_applied_short": ("Held changes applied", "Задержанное применено"),
    "audit_held_discarded": (
        "Discarded {changes} held changes from {subject} to {template}",
        "Отброшены задержанные изменения ({changes}) от {subject} к {template}",
    ),
    "audit_held_discarded_short": ("Held changes discarded", "Задержанное отброшено"),
}

TEXTS = {
    "en": {key: pair[0] for key, pair in _BOTH.items()},
    "ru": {key: pair[1] for key, pair in _BOTH.items()},
}
