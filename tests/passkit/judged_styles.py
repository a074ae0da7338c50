"""A rich pass of every style and the ten starters, built as they would be sent, for the judges that are not ours."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from passkit import data
from passkit.apple.bundle import pkpass
from passkit.apple.signing import Identity
from passkit.model import Brand, Card, News
from passkit.render import compile_revision, fill
from passkit.schema import Template, parse_template

STARTERS = (
    "coffee", "salon", "clinic", "fitness", "retail", "offer", "gift", "event", "stamps", "business",
)  # fmt: skip
STARTERS_FOLDER = Path(__file__).parents[2] / "templates" / "passes"
NEWS = News({"ru": "Скидка 20 % до пятницы", "en": "20% off until Friday"})
EXPIRES = datetime(2027, 6, 30, 20, 59, 59, tzinfo=UTC)

SHARED: dict[str, Any] = {
    "name": "Judged",
    "description": "A pass for the judges",
    "languages": ["ru", "en"],
    "colors": {"background": "#203040", "foreground": "#fff", "label": "rgb(200, 210, 220)"},
    "variables": {
        "name": {"type": "text", "default": "", "sample": 'Анна "Нюта" Петрова \\ сын'},
        "points": {"type": "integer", "default": 0, "sample": 120},
        "balance": {"type": "money", "currency": "RUB", "default": 0, "sample": 45000},
        "visit": {"type": "datetime", "optional": True, "sample": "2026-12-01T18:30:00+03:00"},
        "day": {"type": "date", "optional": True, "sample": "2026-12-31"},
    },
    "barcode": [
        {"format": "qr", "message": "{{ card.number }}", "alt_text": "No. {{ card.number }}"},
        {"format": "code128", "message": "{{ card.number }}"},
    ],
    "locations": [{"latitude": 55.75, "longitude": 37.61, "text": "We are near"}],
    "beacons": [{"uuid": "E2C56DB5-DFFB-48D2-B060-D0F5A71096E0", "major": 1, "minor": 65535, "text": "Come in"}],
    "max_distance": 250,
    "relevant_dates": ["{{ visit }}"],
    "expires": "{{ card.expires_at }}",
    "featured_actions": [{"identifier": "shop", "type": "shop", "url": "https://example.com/shop"}],
    "sharing_prohibited": True,
    "associated_store_identifiers": [123456789],
    "app_launch_url": "https://example.com/open",
    "user_info": {"level": 3},
    "suppress_strip_shine": True,
}

POINTS = {"key": "points", "label": "Points", "value": "{{ points }}", "change_message": "You have %@ points now"}
HOLDER = {"key": "holder", "label": "Holder", "value": "{{ name }}"}
BALANCE = {"key": "balance", "label": "Balance", "value": "{{ balance }}", "format": "money"}
VISIT = {"key": "visit", "label": "Next visit", "value": "{{ visit }}", "when": "{{ visit }}", "date_style": "long"}
DAY = {"key": "day", "label": "Until", "value": "{{ day }}", "format": "date", "change_message": "Valid until %@"}
BACK = [
    {"key": "news", "label": "News", "value": "{{ news.text }}", "change_message": "%@"},
    {"key": "terms", "label": "Terms", "value": "Be kind.\nSay please.", "data_detectors": []},
    {"key": "site", "label": "Site", "value": "https://example.com/?a=1&b=2", "link": "Open"},
]
FRONT: dict[str, Any] = {
    "header": [POINTS],
    "primary": [HOLDER],
    "secondary": [BALANCE, DAY],
    "auxiliary": [VISIT],
    "back": BACK,
}
RU = {
    "A pass for the judges": "Карта для судей",
    "Points": "Баллы",
    "You have %@ points now": "Теперь баллов: %@",
    "Holder": "Владелец",
    "Balance": "Остаток",
    "Next visit": "Визит",
    "Until": "До",
    "Valid until %@": "Действует до %@",
    "News": "Новости",
    "Terms": "Условия",
    "Be kind.\nSay please.": "Будьте добры, говорите «пожалуйста».",
    "Site": "Сайт",
    "Open": "Открыть",
    "We are near": "Мы рядом",
    "Come in": "Заходите",
    "No. {{ card.number }}": "№ {{ card.number }}",
}
SEMANTICS = {"eventName": "Концерт", "venueName": "Зал", "eventStartDate": "2026-12-01T18:30:00+03:00"}

STYLES: dict[str, dict[str, Any]] = {
    "storeCard": {"fields": FRONT, "images": {"strip": "wide.png"}},
    "coupon": {"fields": FRONT, "images": {"strip": "wide.png"}},
    "generic": {"fields": FRONT, "images": {"thumbnail": "square.png"}},
    "eventTicket": {
        "fields": {**FRONT, "auxiliary": [VISIT, {"key": "seat", "label": "Seat", "value": "7", "row": 1}]},
        "images": {"background": "square.png", "thumbnail": "square.png"},
        "grouping_identifier": "concert",
        "semantics": SEMANTICS,
    },
    "boardingPass": {
        "fields": {
            **FRONT,
            "primary": [
                {"key": "from", "label": "Moscow", "value": "SVO"},
                {"key": "to", "label": "Perm", "value": "PEE"},
            ],
            "auxiliary": [VISIT, {"key": "gate", "label": "Gate", "value": "12"}],
        },
        "transit_type": "air",
        "images": {"footer": "wide.png"},
        "grouping_identifier": "trip",
    },
    "posterGeneric": {
        "fields": {
            "header": [POINTS],
            "primary": [HOLDER, BALANCE],
            "footer": [DAY],
            "additional": [VISIT],
            "back": BACK,
        },
        "fallback": {"style": "storeCard", "fields": FRONT},
        "images": {"artwork": "square.png", "primaryLogo": "wide.png"},
        "barcode": [{"format": "ean13", "message": "4006381333931"}, *SHARED["barcode"]],
    },
}


def _png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def files_of(name: str) -> dict[str, bytes]:
    """The files of a starter's folder, or of a style's template."""
    if name in STARTERS:
        folder = STARTERS_FOLDER / name
        found = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    images = {"icon": "square.png", "logo": "wide.png", **STYLES[name]["images"]}
    whole = {"key": name.lower(), "style": name, **SHARED, **STYLES[name], "images": images}
    written = yaml.dump(whole, Dumper=_Plain, allow_unicode=True, sort_keys=False)
    return {
        "template.yaml": written.encode(),
        "strings/ru.yaml": yaml.safe_dump(RU, allow_unicode=True).encode(),
        "square.png": _png(600, 600),
        "wide.png": _png(1200, 400),
    }


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def template_of(name: str) -> Template:
    """The parsed template of a starter or a style."""
    return parse_template(files_of(name))


def build(name: str, identity: Identity, brand: Brand, now: datetime, language: str = "ru") -> bytes:
    """The signed pass of a starter or a style, filled with its samples, as a phone would get it."""
    template = template_of(name)
    revision = compile_revision(template, replace(brand, name="Кофейный клуб"))
    card = Card("A1B2C3", "4111111111111111", "t0ken." * 6, data.sample(template), expires_at=EXPIRES, ring=None)
    return b"".join(pkpass(fill(revision, card, NEWS, language, now), identity))


def fields_of(document: Mapping[str, Any], style: str) -> dict[str, dict[str, Any]]:
    """pass.json's fields of one style by key."""
    zones = (zone for name, zone in document[style].items() if name.endswith("Fields"))
    return {field["key"]: field for zone in zones for field in zone}
