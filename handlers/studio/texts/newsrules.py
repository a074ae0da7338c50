"""Rules for news: quiet hours, how many may ring a card, a second person."""

from __future__ import annotations

_BOTH = {
    "newsrules_title": ("Rules for news", "Правила рассылок"),
    "newsrules_lead": (
        "They hold for every news of the brand, whoever sends it and by whatever way.",
        "Действуют для всех новостей бренда, кто и откуда бы их ни отправил.",
    ),
    "newsrules_admin": ("An admin changes them.", "Меняет их администратор."),
    "newsrules_saved": ("Saved. It holds from now on.", "Сохранено. Действует с этой минуты."),
    "newsrules_off": ("off", "выключено"),
    "newsrules_quiet": ("Quiet hours", "Тихие часы"),
    "newsrules_quiet_switch": ("Notify nobody at night", "Никого не беспокоить ночью"),
    "newsrules_quiet_says": (
        "From {since} to {until} ({zone}) nobody is notified of a news. One that falls into these hours begins at {until}.",
        "С {since} до {until} ({zone}) уведомлений о новостях нет. Новость, которая попала на эти часы, начнётся в {until}.",
    ),
    "newsrules_quiet_off": (
        "A news may ring at any hour of the day and night.",
        "Новость может прийти в любой час дня и ночи.",
    ),
    "newsrules_quiet_own": (
        "A change of a customer’s own card, such as a balance, is never held.",
        "Изменения на карте самого клиента, например баланс, не ждут никогда.",
    ),
    "newsrules_from": ("From", "С"),
    "newsrules_until": ("Until", "До"),
    "newsrules_day": ("The day: dark hours are quiet", "Сутки: тёмное — тихие часы"),
    "newsrules_quiet_wrong": (
        "Choose two different times: when the quiet begins and when it ends.",
        "Укажите два разных времени: начало и конец тишины.",
    ),
    "newsrules_cap": ("How often", "Как часто"),
    "newsrules_cap_switch": ("Limit news per card", "Ограничить число новостей на карту"),
    "newsrules_cap_says": (
        "A card rings for {n} of these news in {days} days at most. The next ones appear on it without a sound.|A card rings for {n} of these news in {days} days at most. The next ones appear on it without a sound.",
        "За {days} дн. карта прозвенит не больше чем от {n} такой новости. Следующие появятся на ней без звука.|За {days} дн. карта прозвенит не больше чем от {n} таких новостей. Следующие появятся на ней без звука.|За {days} дн. карта прозвенит не больше чем от {n} таких новостей. Следующие появятся на ней без звука.",
    ),
    "newsrules_cap_off": (
        "A card may ring for any number of news.",
        "Карта может звенеть от любого числа новостей.",
    ),
    "newsrules_most": ("News", "Новостей"),
    "newsrules_days": ("In days", "За дней"),
    "newsrules_kinds": ("Which are counted", "Какие считаются"),
    "newsrules_kinds_marketing": ("Marketing only", "Только рекламные"),
    "newsrules_kinds_marketing_hint": (
        "Service news, such as opening hours, always ring.",
        "Сервисные, например о часах работы, звенят всегда.",
    ),
    "newsrules_kinds_all": ("All of them", "Все"),
    "newsrules_kinds_all_hint": (
        "Service news count too, and may come silently.",
        "Сервисные тоже считаются и могут прийти без звука.",
    ),
    "newsrules_cap_wrong": (
        "From 1 to 100 news, in 1 to 365 days.",
        "От 1 до 100 новостей, за 1–365 дней.",
    ),
    "newsrules_approval": ("A second person", "Второй человек"),
    "newsrules_approval_switch": ("Big news need approval", "Большие рассылки — с согласованием"),
    "newsrules_approval_says": (
        "A news to more than {n} card waits until somebody else has approved it. Without an answer within 24 hours it is a draft again.|A news to more than {n} cards waits until somebody else has approved it. Without an answer within 24 hours it is a draft again.",
        "Новость больше чем на {n} карту ждёт, пока её согласует кто-то ещё. Нет ответа 24 часа — снова черновик.|Новость больше чем на {n} карты ждёт, пока её согласует кто-то ещё. Нет ответа 24 часа — снова черновик.|Новость больше чем на {n} карт ждёт, пока её согласует кто-то ещё. Нет ответа 24 часа — снова черновик.",
    ),
    "newsrules_approval_off": (
        "Whoever may publish sends to everybody alone.",
        "Кто может публиковать, тот отправляет всем в одиночку.",
    ),
    "newsrules_approval_one": (
        "Now only {names} could approve, so nobody is asked and news go at once. Name a deputy, or make somebody publisher.",
        "Сейчас согласовать может только {names}, поэтому никого не спрашиваем и новости уходят сразу. Назначьте заместителя или дайте кому-то роль издателя.",
    ),
    "newsrules_above": ("For more cards than", "Если карт больше чем"),
    "newsrules_who": ("Who approves", "Кто согласует"),
    "newsrules_who_hint": (
        "Publishers and admins may by their role, deputies because you say so; never whoever asks. Each gets a link of their own by mail, and by SMS if there is a phone here and a message gateway.",
        "Издатели и администраторы — по роли, заместители — по вашему выбору; автор — никогда. Каждому приходит именная ссылка на почту, а если указан телефон и подключены сообщения, то и по SMS.",
    ),
    "newsrules_by_role": ("by the role", "по роли"),
    "newsrules_deputy": ("Deputy", "Заместитель"),
    "newsrules_phone": ("Phone for the link", "Телефон для ссылки"),
    "newsrules_approval_wrong": ("From 1 to 100,000,000 cards.", "От 1 до 100 000 000 карт."),
    "newsrules_approval_phone_wrong": (
        "One of the phones is none. Write it like +7 916 123-45-67.",
        "Один из телефонов не похож на телефон. Пишите так: +7 916 123-45-67.",
    ),
    "newsrules_changes": ("Last changes", "Последние изменения"),
    "newsrules_changes_none": ("Nobody has changed anything yet.", "Пока никто ничего не менял."),
    "newsrules_undo": ("Undo", "Вернуть как было"),
    "newsrules_undone": ("It is as it was before.", "Всё как было."),
    "newsrules_not_undone": (
        "Somebody has changed the rules since. Look at them first.",
        "С тех пор правила снова меняли. Сначала посмотрите на них.",
    ),
    "newsrules_changed_quiet": ("Quiet hours: {before} → {after}", "Тихие часы: {before} → {after}"),
    "newsrules_changed_cap": ("How often: {before} → {after}", "Как часто: {before} → {after}"),
    "newsrules_changed_approval_above": ("A second person: {before} → {after}", "Второй человек: {before} → {after}"),
    "newsrules_cap_short": ("{n} in {days} days", "{n} за {days} дн."),
    "newsrules_above_short": (
        "above {n} card|above {n} cards",
        "больше {n} карты|больше {n} карт|больше {n} карт",
    ),
}

TEXTS = {
    "en": {key: words[0] for key, words in _BOTH.items()},
    "ru": {key: words[1] for key, words in _BOTH.items()},
}
