"""Drawing the phones page: values in, HTML out. The templates lie beside the other pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from passkit.preview import Faces
from sandbox.android import HeldPass
from sandbox.backend import Changeable, Starter
from sandbox.google_face import GoogleFace
from sandbox.page_texts import TEXTS
from sandbox.phone_records import HeldCard, Shown
from sandbox.world import Resident, Row

ROOT = Path(__file__).resolve().parent.parent / "templates"
STATIC = {
    "sandbox.css": "text/css",
    "wallet_apple.css": "text/css",
    "wallet_google.css": "text/css",
    "sandbox.js": "text/javascript",
    "sandbox_icon.svg": "image/svg+xml",
}

SHOWN_NOTIFICATIONS = 3
WALLPAPERS = 4


@dataclass(frozen=True, slots=True)
class PhoneView:
    """What the template of one phone needs; ``images`` maps a slot to its address, ``texts`` are in its own language.

    An iPhone's card has ``faces``, an Android phone's ``google``.
    """

    number: int
    kind: str
    language: str
    texts: Mapping[str, str]
    offline: bool
    wallpaper: int
    faces: Faces | None
    google: GoogleFace | None
    images: Mapping[str, str]
    notifications: Sequence[Shown]
    card_name: str
    updated_at: float | None
    can_install: bool


def view(resident: Resident) -> PhoneView:
    """A resident as the page shows it."""
    phone, card = resident.phone, resident.card
    faces = card.faces if isinstance(card, HeldCard) else None
    google = card.face if isinstance(card, HeldPass) else None
    newest = list(phone.notifications)[-SHOWN_NOTIFICATIONS:]
    return PhoneView(
        number=resident.number,
        kind=resident.kind,
        language=phone.language,
        texts=TEXTS.get(phone.language, TEXTS["en"]),
        offline=phone.offline,
        wallpaper=(resident.number - 1) % WALLPAPERS + 1,
        faces=faces,
        google=google,
        images=_addresses(resident.number, resident.pictures()),
        notifications=newest[::-1],
        card_name=faces.description if faces else google.title or google.issuer if google else "",
        updated_at=card.editions[-1].time if card and len(card.editions) > 1 else None,
        can_install=resident.link is not None,
    )


def page(
    language: str,
    residents: Sequence[Resident],
    rows: Sequence[Row],
    starters: Sequence[Starter],
    changeable: Sequence[Changeable],
    kinds: Sequence[str] = ("iphone",),
) -> str:
    """The whole page; ``kinds`` are the phones that can be added."""
    return _render(
        "sandbox.html",
        language,
        phones=[view(resident) for resident in residents],
        rows=rows,
        starters=starters,
        changeable=changeable,
        kinds=kinds,
    )


def phone(language: str, resident: Resident) -> str:
    """One phone with its buttons."""
    return _render("sandbox_phone.html", language, phone=view(resident))


def row(language: str, line: Row) -> str:
    """One line of what happened."""
    return _render("sandbox_row.html", language, row=line)


def form(language: str, changeable: Sequence[Changeable]) -> str:
    """The inputs of "Change a value" for one card."""
    return _render("sandbox_form.html", language, changeable=changeable)


def inbox(language: str, messages: Sequence[Any]) -> str:
    """The page of mails and short messages."""
    return _render("sandbox_inbox.html", language, messages=messages)


def static_file(name: str) -> tuple[bytes, str] | None:
    """Content and media type of one of our static files."""
    if name not in STATIC:
        return None
    return (ROOT / "static" / name).read_bytes(), STATIC[name]


def _render(name: str, language: str, **values: Any) -> str:
    return _environment().get_template(name).render(language=language, t=TEXTS[language], **values)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals["static"] = _static_address
    pages.filters["sentence"] = _sentence
    pages.filters["svg"] = Markup
    return pages


def _static_address(name: str) -> str:
    return f"static/{name}?v={hashlib.sha256((ROOT / 'static' / name).read_bytes()).hexdigest()[:12]}"


def _sentence(line: Row, texts: Mapping[str, str]) -> str:
    return texts[f"row_{line.kind}"].replace("{detail}", line.detail)


def _addresses(number: int, pictures: Mapping[str, bytes]) -> dict[str, str]:
    return {
        slot: f"phones/{number}/images/{slot}?v={hashlib.sha256(content).hexdigest()[:12]}"
        for slot, content in pictures.items()
    }
