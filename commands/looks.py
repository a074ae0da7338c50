"""A look at a draft as JSON, for the way into the limited process and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from commands.offline import problem_from_json, problem_to_json
from passkit import edit
from passkit.draft import Data, Mendable, Seen
from passkit.errors import Problem, Severity
from passkit.google.loss import Direction, Loss
from passkit.model import Brand, CardState

Json = dict[str, Any]


def encode(files: Mapping[str, bytes]) -> dict[str, str]:
    """Files by name, in base64."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def decode(files: Mapping[str, str]) -> dict[str, bytes]:
    """And back."""
    return {name: base64.b64decode(text) for name, text in files.items()}


def asked(
    files: Mapping[str, bytes], brand: Brand, show: Data, state: CardState, language: str | None, now: datetime
) -> Json:
    """What is asked of ``passkit.draft.look``."""
    return {
        "files": encode(files),
        "brand": brand_to_json(brand),
        "show": show.value,
        "state": state.value,
        "language": language,
        "now": now.isoformat(),
    }


def brand_to_json(brand: Brand) -> Json:
    """A brand as far as passes show it."""
    return {name: getattr(brand, name) for name in Brand.__slots__}


def brand_from_json(given: Json) -> Brand:
    """And back."""
    return Brand(**{**given, "languages": tuple(given["languages"])})


def seen_to_json(seen: Seen) -> Json:
    """The answer."""
    return {
        "problems": [mendable_to_json(one) for one in seen.problems],
        "losses": [[one.direction.value, one.pointer, one.lost, one.instead] for one in seen.losses],
        "files": encode(seen.files),
        "google": seen.google,
        "google_pictures": encode(seen.google_pictures),
    }


def seen_from_json(answer: Json) -> Seen:
    """And back."""
    return Seen(
        problems=tuple(mendable_from_json(one) for one in answer["problems"]),
        losses=tuple(Loss(Direction(direction), *rest) for direction, *rest in answer["losses"]),
        files=decode(answer["files"]),
        google=answer["google"],
        google_pictures=decode(answer["google_pictures"]),
    )


def mendable_to_json(one: Mendable) -> Json:
    """A problem with its fixes."""
    return {**problem_to_json(one.problem), "code": one.code, "edits": edit.to_json(one.edits)}


def mendable_from_json(row: Json) -> Mendable:
    """And back."""
    return Mendable(problem_from_json(row), row["code"], edit.from_json(row["edits"]))


def stopped(detail: str) -> Mendable:
    """What a broken limit is to whoever draws the card."""
    fix = "Take back the last change, or make the card simpler."
    return Mendable(Problem(Severity.ERROR, "", detail, fix), "limit")
