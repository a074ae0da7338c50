"""The studio's sentences: the same in both languages, with the same blanks; and templates that use only what there is."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from handlers.studio.page import NAVIGATION
from handlers.studio.routes import SCREENS
from handlers.studio.texts import TEXTS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted((ROOT / "templates" / "pages" / "studio").glob("*.html"))
FORMS = {"en": 2, "ru": 3}


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_have_the_same_sentences() -> None:
    assert TEXTS["ru"].keys() == TEXTS["en"].keys()
    assert all(sentence.strip() for texts in TEXTS.values() for sentence in texts.values())


@pytest.mark.parametrize("key", TEXTS["en"])
def test_both_languages_have_the_same_blanks_and_all_forms_of_a_count(key: str) -> None:
    assert blanks(TEXTS["en"][key]) == blanks(TEXTS["ru"][key])
    if "|" in TEXTS["en"][key]:
        for language, forms in FORMS.items():
            assert len(TEXTS[language][key].split("|")) == forms


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_only_sentences_that_there_are(page: Path) -> None:
    named = set(re.findall(r"(?<![\w.])t\.(\w+)", page.read_text(encoding="utf-8")))
    assert named <= TEXTS["en"].keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_on_a_page_is_inline_and_every_icon_is_in_the_sprite(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|hx-on", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
    icons = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "templates/static/studio_icons.svg").read_text()))
    used = set(re.findall(r'icon\("([\w-]+)"', html)) | set(re.findall(r'icon_name="([\w-]+)"', html))
    assert used <= icons
    assert {place.icon for place in NAVIGATION} <= icons


def test_the_side_bar_leads_to_pages_and_speaks_the_language() -> None:
    paths = {one.path: one for one in SCREENS if one.method == "GET"}
    for place in NAVIGATION:
        assert place.text in TEXTS["en"]
        assert paths[place.path].needs == place.needs
