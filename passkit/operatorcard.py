"""What the operator's own card says of a brand's certificate, in the operator's language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from babel import dates

WORDS = {
    "en": {
        "fine": "All is well",
        "near": "The certificate ends within {days} days",
        "last": "The certificate ends within a day",
        "over": "The certificate is over: cards stand still",
        "none": "There is no certificate",
    },
    "ru": {
        "fine": "Всё хорошо",
        "near": "Сертификат кончается: осталось меньше {days} дн.",
        "last": "Сертификат кончается: остались сутки",
        "over": "Сертификат кончился: карты не меняются",
        "none": "Сертификата нет",
    },
}


def values(language: str, ends: datetime | None, now: datetime, threshold: int | None) -> dict[str, Any]:
    """The card's data; ``ends`` is when the longest certificate ends, None: there is none; ``threshold`` the alarm's days.

    The alarm's text changes with its threshold only, so that it rings once for each; the days are counted silently.
    """
    words = WORDS.get(language, WORDS["en"])
    if ends is None:
        return {"alarm": words["none"], "days": "", "until": ""}
    days = max((ends - now).days, 0)
    until = dates.format_date(ends, "d MMMM yyyy", locale=language if language in WORDS else "en")
    kind = "over" if ends <= now else "fine" if threshold is None else "last" if threshold == 1 else "near"
    return {"alarm": words[kind].format(days=threshold), "days": str(days), "until": until}
