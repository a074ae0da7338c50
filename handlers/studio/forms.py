"""What a form sent, bounded, and the store's problems as sentences beside their fields.

A form carries the brand it was made for (``macros.form`` puts it in): sent after the brand was switched in another tab it is
refused, so that nothing lands in the wrong brand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web

from handlers import body
from handlers.errors import ProblemError
from handlers.studio.me import Me, Refusal, local_path
from handlers.studio.texts import TEXTS
from store.errors import Conflict, Invalid, StoreError
from store.tables import is_storable

LIMIT = 64 * body.KIB
MAX_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Form:
    """The fields by name; a name that was not sent reads as empty."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        values = self.fields.get(name, ())
        return values[0] if values else ""

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a name: check boxes and multiple choices."""
        return self.fields.get(name, ())


async def read(request: web.Request, me: Me, limit: int = LIMIT) -> Form:
    """The urlencoded body; 400 for one that is none, 409 for a form of another brand."""
    content = await body.read(request, limit)
    if content and request.content_type != "application/x-www-form-urlencoded":
        raise ProblemError("unsupported_body")
    try:
        pairs = parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ProblemError("bad_request") from None
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        text = value.replace("\r\n", "\n")
        if not is_storable(text):
            raise ProblemError("bad_request")
        found[name] = (*found.get(name, ()), text)
    form = Form(found)
    if form["brand"] and me.session is not None and me.session.brand is not None and form["brand"] != me.brand.key:
        raise Refusal("other_brand", 409, brand=me.brand.name)
    return form


def back(form: Form, otherwise: str) -> str:
    """Where the form's field ``next`` leads, if it is a page of ours."""
    return local_path(form["next"], otherwise)


def checked_id(text: str) -> int:
    """A row's id out of a path or form; what is none is found nowhere."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal("not_found", 404)
    return int(text)


def problems(error: StoreError, language: str) -> dict[str, str]:
    """Field name -> sentence, in the reader's language; what belongs to no field is under the empty name."""
    texts = TEXTS[language]
    if isinstance(error, Invalid):
        return {
            problem.pointer.rsplit("/", 1)[-1]: texts.get(f"problem_{error.code}_{problem.pointer.rsplit('/', 1)[-1]}")
            or texts.get(f"problem_{error.code}" if error.code != "invalid" else "", "")
            or f"{problem.detail} {problem.fix}".strip()
            for problem in error.problems
        }
    if isinstance(error, Conflict):
        return {"": texts.get(f"problem_{error.code}", error.detail)}
    raise error
