"""The starter cards that a new template begins as: the folders under templates/passes, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from handlers.pages import ROOT
from passkit.schema import TEMPLATE_FILE, parse_template

FOLDER = ROOT / "passes"
TRADES = ("salon", "clinic", "fitness", "coffee", "retail")
"""Those that belong to a trade, in the gallery's order; all others are for an occasion."""
OCCASIONS = ("coupon", "offer", "gift", "event", "stamps", "business")


@dataclass(frozen=True, slots=True)
class Starter:
    """A starter by its key; ``name`` is its own, for one that the studio has no words for."""

    key: str
    name: str
    style: str
    languages: tuple[str, ...]
    files: Mapping[str, bytes]


def name_of(key: str, name: str, texts: Mapping[str, str]) -> str:
    """A template's name in the reader's language, while it is the one that its starter came with."""
    starter = every().get(key)
    return texts.get(f"starter_{key}", name) if starter is not None and starter.name == name else name


@cache
def every() -> Mapping[str, Starter]:
    """All starters by key, trades first."""
    found = {path.parent.name: path.parent for path in FOLDER.glob(f"*/{TEMPLATE_FILE}")}
    order = {key: place for place, key in enumerate((*TRADES, *OCCASIONS))}
    starters = {}
    for key in sorted(found, key=lambda key: (order.get(key, len(order)), key)):
        files = {
            path.relative_to(found[key]).as_posix(): path.read_bytes()
            for path in sorted(found[key].rglob("*"))
            if path.is_file() and path.suffix in (".yaml", ".png", ".jpg", ".webp")
        }
        template = parse_template(files)
        starters[key] = Starter(key, template.name, template.style, template.languages, files)
    return starters
