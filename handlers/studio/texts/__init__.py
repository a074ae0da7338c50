"""Every sentence of the studio, English and Russian side by side, one module for each screen.

A module has ``TEXTS: {"en": {key: sentence}, "ru": {...}}``; the modules' keys are joined and must not meet (a test looks). A
blank is ``{name}``; a count has its forms in one sentence: ``{n} card|{n} cards``, ``{n} карта|{n} карты|{n} карт``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from handlers.texts import LANGUAGES

MODULES = tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))
"""The screens that have sentences."""


def _joined() -> Mapping[str, Mapping[str, str]]:
    whole: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for name in MODULES:
        texts = importlib.import_module(f"{__name__}.{name}").TEXTS
        for language in LANGUAGES:
            if twice := whole[language].keys() & texts[language].keys():
                raise RuntimeError(f"two screens have a sentence {min(twice)!r}, one of them {name}")
            whole[language] |= texts[language]
    return whole


TEXTS: Mapping[str, Mapping[str, str]] = _joined()
"""Language -> key -> sentence."""
