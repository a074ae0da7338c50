"""What publishing and trying leave in the audit trail."""

from __future__ import annotations

TEXTS = {
    "en": {
        "audit_template_published": "Published {subject}, revision {revision} ({cards} cards)",
        "audit_template_published_short": "Published",
        "audit_template_rolled_back": "Took {subject} back to revision {to} ({cards} cards)",
        "audit_template_rolled_back_short": "Rolled back",
        "audit_tryout_started": "Tried the draft of {subject} on a phone",
        "audit_tryout_started_short": "Draft tried",
    },
    "ru": {
        "audit_template_published": "Опубликован шаблон {subject}, версия {revision} (карт: {cards})",
        "audit_template_published_short": "Публикация",
        "audit_template_rolled_back": "Шаблон {subject} возвращён к версии {to} (карт: {cards})",
        "audit_template_rolled_back_short": "Возврат к версии",
        "audit_tryout_started": "Черновик {subject} открыт на телефоне для пробы",
        "audit_tryout_started_short": "Проба черновика",
    },
}
