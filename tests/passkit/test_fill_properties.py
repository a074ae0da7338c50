"""Any text in any variable (threat 14): pass.json keeps its shape, data appears unchanged on every phone, nothing runs twice."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from passkit.apple import passjson
from passkit.model import News, Pass
from passkit.render import Revision
from tests.passkit.building import filled, revision

LANGUAGES = ["en", "ru", "de"]
STRINGS = {
    "ru": {
        "Points": "Баллы", "Deposit": "Счёт", "Balance": "Счёт", "Hello, {{ name }}!": "Привет, {{ name }}!",
        "Near {{ shop }}": "Рядом {{ shop }}", "{{ shop }} has news for you: %@": "{{ shop }}, новости: %@", "Book": "Запись",
    },
    "de": {"Points": "Punkte", "Hello, {{ name }}!": "{{ name }}, hallo!"},
}  # fmt: skip
FIELDS = {
    "header": [{"key": "points", "label": "Points", "value": "{{ points }}"}],
    "primary": [
        {"key": "name", "label": "Balance", "value": "{{ name }}", "change_message": "{{ shop }} has news for you: %@"}
    ],
    "secondary": [{"key": "hello", "label": "{{ shop }}", "value": "Hello, {{ name }}!"}],
    "auxiliary": [{"key": "shop", "label": "Deposit", "value": "{{ shop }}"}],
    "back": [
        {"key": "news", "label": "News", "value": "{{ news.text }}"},
        {"key": "link", "value": "https://example.com/{{ shop }}", "link": "Book"},
        {"key": "html", "value": "x", "attributed_value": "<a href='https://e.com'>{{ name }}</a>"},
    ],
}
MADE: Revision = revision(
    STRINGS,
    languages=LANGUAGES,
    variables={"name": {"default": ""}, "shop": {"default": ""}, "points": {"type": "integer", "default": 0}},
    fields=FIELDS,
    logo_text="{{ shop }}",
    locations=[{"latitude": 1, "longitude": 2, "text": "Near {{ shop }}"}],
    barcode={"message": "{{ name }}", "alt_text": "{{ shop }}"},
    user_info={"deep": ["{{ name }}"]},
    semantics={"eventName": "{{ name }}"},
)

LURES = [
    "Points", "Баллы", "Punkte", "Deposit", "Balance", "Счёт", "News", "Book", "Demo", "Hello, !", "Привет, !", "Near ",
    "Points\u2060", "Счёт\u2060", "Счёт\u2060\u2060", "\u2060", "{{ 7 * 7 }}", "{{ name }}", "{% raw %}", "{# x #}", "{{", "}}",
    '","voided":true,"x":"', "</a><a href='https://evil.example'>", "&lt;", "%@", "%1$@", "100%", '";\n"Points" = "x', "\\", '"',
    "/* */", "a\nb", "‮abc", "PKBarcodeFormatQR", "12:30", "0", "null", "2026-12-01T18:30:00+03:00", "\u2028", "\ufeff",
]  # fmt: skip
letters = st.characters(exclude_categories=["Cc", "Cs"]) | st.just("\n")
texts = (
    st.sampled_from(LURES)
    | st.text(letters, max_size=40)
    | st.tuples(st.sampled_from(LURES), st.text(letters, max_size=5)).map("".join)
)
news = st.none() | st.fixed_dictionaries({"en": texts}, optional={"ru": texts, "de": texts}).map(News)


def read(raw: bytes) -> dict[str, str]:
    """A pass.strings as a reader of Apple's grammar sees it."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    rows = re.findall(rf"{quoted} = {quoted};\n", raw.decode())
    assert "".join(f'"{key}" = "{text}";\n' for key, text in rows).encode() == raw
    plain = [
        tuple(re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], part) for part in row) for row in rows
    ]
    assert len({key for key, _ in plain}) == len(plain)
    return dict(plain)


def seen(pass_: Pass, language: str) -> Any:
    """pass.json as a phone in this language shows it: any text that is a key of its table is replaced."""
    made = passjson.files(pass_)
    table = read(made[f"{language}.lproj/pass.strings"])

    def shown(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: shown(value) for key, value in part.items()}
        if isinstance(part, list):
            return [shown(value) for value in part]
        return table.get(part, part) if isinstance(part, str) else part

    return shown(json.loads(made["pass.json"]))


def shape(part: Any) -> Any:
    """Keys and kinds without texts."""
    if isinstance(part, dict):
        return {key: shape(value) for key, value in part.items()}
    return [shape(value) for value in part] if isinstance(part, list) else type(part).__name__


def field(document: dict[str, Any], zone: str, place: int = 0) -> dict[str, Any]:
    """One field of the store card."""
    found: dict[str, Any] = document["storeCard"][f"{zone}Fields"][place]
    return found


@settings(deadline=None)  # other work on the machine is no failure
@given(texts, texts, news, st.sampled_from(LANGUAGES), st.sampled_from(LANGUAGES))
@example("Points", "Счёт", None, "en", "ru")
@example("Счёт", "Счёт\u2060", News({"en": "Points", "ru": "Баллы"}), "ru", "en")
def test_data_appears_unchanged_on_every_phone_in_every_language(
    name: str, shop: str, live: News | None, card_language: str, phone: str
) -> None:
    got = seen(filled(MADE, {"name": name, "shop": shop, "points": 7}, live, language=card_language), phone)
    assert field(got, "header")["value"] == 7
    assert field(got, "primary")["value"] == name
    assert field(got, "secondary").get("label", "") == shop
    assert field(got, "auxiliary")["value"] == shop
    assert got.get("logoText", "") == shop
    assert got["userInfo"] == {"deep": [name]}
    assert got["semantics"] == {"eventName": name}
    assert got.get("barcode", {}).get("message", "") == name
    assert got.get("barcode", {}).get("altText", "") == (shop if name else "")


@settings(deadline=None)  # other work on the machine is no failure
@given(texts, texts, news, st.sampled_from(LANGUAGES), st.sampled_from(LANGUAGES))
@example("Points", "Balance", None, "en", "ru")
def test_texts_around_data_are_in_the_phone_s_language(
    name: str, shop: str, live: News | None, card_language: str, phone: str
) -> None:
    got = seen(filled(MADE, {"name": name, "shop": shop}, live, language=card_language), phone)
    wanted = {"en": f"Hello, {name}!", "ru": f"Привет, {name}!", "de": f"{name}, hallo!"}
    labels = {
        "en": ("Points", "Balance", "Deposit"),
        "ru": ("Баллы", "Счёт", "Счёт"),
        "de": ("Punkte", "Balance", "Deposit"),
    }
    assert field(got, "secondary")["value"] == wanted[phone]
    assert tuple(field(got, zone)["label"] for zone in ("header", "primary", "auxiliary")) == labels[phone]
    assert got["locations"][0]["relevantText"] == ("Рядом " if phone == "ru" else "Near ") + shop
    told = live.text.get(phone, live.text["en"]) if live else ""
    assert field(got, "back")["value"] == told


PLAIN = shape(
    json.loads(passjson.files(filled(MADE, {"name": "Anna", "shop": "Nord"}, News({"en": "x"})))["pass.json"])
)


@settings(deadline=None)  # other work on the machine is no failure
@given(texts.filter(bool), texts.filter(bool))
def test_no_text_changes_the_structure_of_pass_json(name: str, shop: str) -> None:
    got = json.loads(passjson.files(filled(MADE, {"name": name, "shop": shop}, News({"en": "x"})))["pass.json"])
    assert shape(got) == PLAIN


@settings(deadline=None)  # other work on the machine is no failure
@given(texts.filter(bool), texts)
def test_a_change_message_has_one_place_for_the_value_and_html_one_link(name: str, shop: str) -> None:
    one = filled(MADE, {"name": name, "shop": shop}, ring=None)
    row = field(json.loads(passjson.files(one)["pass.json"]), "primary")
    assert row["changeMessage"].count("%@") == 1
    rows = json.loads(passjson.files(one)["pass.json"])["storeCard"]["backFields"]
    assert [row["attributedValue"].count("<a ") for row in rows if "attributedValue" in row] == [1, 1]


@settings(deadline=None)  # other work on the machine is no failure
@given(texts, texts, st.sampled_from(LANGUAGES))
def test_what_a_person_reads_in_the_timeline_is_what_the_phone_shows(name: str, shop: str, language: str) -> None:
    one = filled(MADE, {"name": name, "shop": shop}, language=language)
    texts_of = {row.key: row.text for row in one.fields}
    got = seen(one, language)
    assert texts_of["name"] == field(got, "primary")["value"]
    assert texts_of["hello"] == field(got, "secondary")["value"]
    assert {row.key: row.label for row in one.fields}["points"] == field(got, "header")["label"]
