"""Weekly slots for news and their queues."""

from __future__ import annotations

_BOTH = {
    "slots_title": ("Weekly slots", "Еженедельные рассылки"),
    "slots_lead": (
        "A time of the week and a queue of texts: each week the next one goes out by itself.",
        "День и час недели и очередь текстов: каждую неделю сам уходит следующий.",
    ),
    "slots_empty": ("No weekly slots yet", "Еженедельных рассылок пока нет"),
    "slots_empty_text": (
        "Choose a day and an hour, put some texts into the queue, and you need not think of it every week.",
        "Выберите день и час, сложите в очередь несколько текстов, и помнить о рассылке каждую неделю не придётся.",
    ),
    "slots_new": ("New slot", "Новая рассылка"),
    "slots_template": ("On which card", "На какой карте"),
    "slots_weekday": ("Day", "День"),
    "slots_at": ("Time", "Время"),
    "slots_at_wrong": ("A time such as 14:00.", "Время, например 14:00."),
    "slots_zone": ("Whose clock", "По чьим часам"),
    "slots_zone_brand": ("The brand's", "По часам бренда"),
    "slots_zone_brand_hint": ("Everybody gets it at the same moment.", "Все получат в один и тот же момент."),
    "slots_zone_holder": ("Each holder's own", "По часам получателя"),
    "slots_zone_holder_hint": (
        "It goes in waves, as that hour comes in each time zone. Cards that know no zone go by the brand's.",
        "Уходит волнами, когда этот час наступает в каждом часовом поясе. Карты без пояса — по времени бренда.",
    ),
    "slots_lasts": ("Each stays, days", "Каждая держится, дней"),
    "slots_lasts_hint": (
        "Then it leaves the cards silently. Empty: until the next one.",
        "Потом уйдёт с карт без звука. Пусто — до следующей.",
    ),
    "slots_lasts_wrong": ("From 1 to 366 days.", "От 1 до 366 дней."),
    "slots_add": ("Make the slot", "Создать рассылку"),
    "slots_when": ("When", "Когда"),
    "slots_next": ("Next", "Ближайшая"),
    "slots_waiting": ("In the queue", "В очереди"),
    "slots_texts": (
        "{n} text|{n} texts",
        "{n} текст|{n} текста|{n} текстов",
    ),
    "slots_nothing": ("Empty: nothing will be sent", "Пусто: ничего не уйдёт"),
    "slots_every_0": ("Every Monday at {at}", "По понедельникам в {at}"),
    "slots_every_1": ("Every Tuesday at {at}", "По вторникам в {at}"),
    "slots_every_2": ("Every Wednesday at {at}", "По средам в {at}"),
    "slots_every_3": ("Every Thursday at {at}", "По четвергам в {at}"),
    "slots_every_4": ("Every Friday at {at}", "По пятницам в {at}"),
    "slots_every_5": ("Every Saturday at {at}", "По субботам в {at}"),
    "slots_every_6": ("Every Sunday at {at}", "По воскресеньям в {at}"),
    "slots_goes": ("{day}: this goes out", "{day}: уйдёт вот это"),
    "slots_goes_nothing": ("{day}: nothing will be sent", "{day}: ничего не уйдёт"),
    "slots_goes_nothing_text": (
        "The queue is empty. If it still is on {when}, admins and contacts get a reminder. Add a text, and it goes.",
        "В очереди пусто. Если ничего не изменится, {when} администраторам и контактам придёт напоминание. Добавьте текст, и он уйдёт.",
    ),
    "slots_goes_nothing_soon": (
        "The queue is empty and less than a day is left: admins and contacts are reminded now. Add a text, and it goes.",
        "В очереди пусто, а осталось меньше суток: администраторам и контактам уходит напоминание. Добавьте текст, и он уйдёт.",
    ),
    "slots_same": (
        "Cards say this very text by then: iPhones stay silent, and nobody would notice.",
        "К этому времени на картах уже будет тот же текст: iPhone промолчит, и никто ничего не заметит.",
    ),
    "slots_queue": ("The queue", "Очередь"),
    "slots_queue_hint": (
        "One a week, from the top. Move them with the arrows, the keys ↑ ↓ on the handle, or by dragging.",
        "По одному в неделю, сверху вниз. Порядок меняют стрелки, клавиши ↑ ↓ на ручке или перетаскивание.",
    ),
    "slots_up": ("Earlier", "Раньше"),
    "slots_down": ("Later", "Позже"),
    "slots_drag": ("Place {n}: {said}. Arrow keys move it.", "Место {n}: {said}. Стрелки передвигают."),
    "slots_take_out": ("Take out", "Убрать"),
    "slots_taken_out": ("The text is out of the queue.", "Текст убран из очереди."),
    "slots_put_back": ("Put it back", "Вернуть"),
    "slots_returned": ("It is back at its place.", "Текст снова на своём месте."),
    "slots_change": ("Change", "Изменить"),
    "slots_changing": ("Change a text", "Правка текста"),
    "slots_add_text": ("Add a text", "Добавить текст"),
    "slots_put_go": ("Put it into the queue", "Поставить в очередь"),
    "slots_put": ("It is in the queue.", "Текст в очереди."),
    "slots_no_text": ("Write something.", "Напишите хоть что-нибудь."),
    "slots_by": ("{author}", "{author}"),
    "slots_stays": (
        "Each stays for {n} day.|Each stays for {n} days.",
        "Каждая держится {n} день.|Каждая держится {n} дня.|Каждая держится {n} дней.",
    ),
    "slots_stays_on": ("Each stays until the next.", "Каждая держится до следующей."),
    "slots_remove": ("Remove the slot", "Удалить рассылку"),
    "slots_remove_question": (
        "The slot and the texts in its queue are gone for good. What was sent already stays.",
        "Рассылка и тексты в её очереди исчезнут навсегда. Уже отправленное останется.",
    ),
    "slots_removed": ("The slot is gone. What was sent stays.", "Рассылка удалена. Отправленное осталось."),
    "problem_slot_not_found": (
        "This slot or text is not there any more.",
        "Этой рассылки или этого текста уже нет.",
    ),
}

TEXTS = {
    "en": {key: words[0] for key, words in _BOTH.items()},
    "ru": {key: words[1] for key, words in _BOTH.items()},
}
