"""What a news is asked to be, from JSON: the same for the API, the hook and the command line."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from passkit.audience import NotAnAudience, parse
from passkit.errors import Problem, Severity
from passkit.expressions import NEWS_LENGTH
from passkit.images import MAX_BYTES
from passkit.limits_reading import shows_news
from passkit.schema import Template
from passkit.variables import text_problem
from store.errors import Invalid
from store.requests import Instant, Key, Language

TITLE_LENGTH = 200
MAX_VARIANTS = 4
Said = str | dict[Language, str]
Url = Annotated[str, StringConstraints(pattern=r"^(https?://|tel:|mailto:)[^\s\x00-\x1f\x7f]+$", max_length=2000)]


def _decoded(given: Any) -> Any:
    """Bytes of base64, with or without ``data:image/...;base64,`` before it."""
    if not isinstance(given, str):
        return given
    try:
        return b64decode(given.partition(";base64,")[2] if given.startswith("data:") else given, validate=True)
    except ValueError:
        raise ValueError("this is not base64") from None


Image = Annotated[
    bytes,
    BeforeValidator(_decoded, json_schema_input_type=str),
    Field(min_length=1, max_length=MAX_BYTES),
]


class Variant(BaseModel):
    """A text of its own for a share of the audience."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: StrictInt = Field(default=1, ge=1, le=10_000, description="Weight among the others.")
    text: Said
    title: Said | None = None
    url: Url | None = None


class NewsRequest(BaseModel):
    """A news to write: to everyone on a template, or to those whom `audience` describes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: Key = Field(description="The template's key.")
    text: Said = Field(description="The words, or one for each of the template's languages.")
    title: Said | None = None
    url: Url | None = None
    image: Image | None = Field(
        default=None,
        description="PNG, JPEG or WebP in base64: in place of the strip (Google: the hero) while it is live.",
    )
    variants: list[Variant] = Field(
        default_factory=list, max_length=MAX_VARIANTS, description="Other texts, for A/B: dealt by a stable hash."
    )
    audience: dict[str, Any] | None = Field(
        default=None, description="Conditions joined by `all` and `any`; without them: everyone on the template."
    )
    holdout: StrictInt = Field(default=0, ge=0, le=50, description="Percent who are not told, to compare with.")
    kind: Literal["service", "marketing"] = Field(
        default="service", description="Marketing reaches only cards whose holder agrees to it."
    )
    topic: Key | None = None
    starts_at: Instant | None = Field(default=None, description="When it appears; without it when it is started.")
    zone: Literal["brand", "holder"] = Field(
        default="brand",
        description="`holder`: at the hour that `starts_at` is in the brand's clock, in each holder's own.",
    )
    ends_at: Instant | None = Field(default=None, description="When it leaves by itself, silently.")
    not_later_than: Instant | None = Field(
        default=None,
        description="Nobody is rung for it later; without it, it only has to begin within two allowed hours.",
    )


def checked(request: NewsRequest, template: Template, *, is_draft: bool = False) -> list[dict[str, Any]]:
    """The texts as they are kept, the first the news's own; Invalid with the pointers of what does not fit the template.

    Somebody who is still writing (``is_draft``) may have said nothing yet.
    """
    problems: list[Problem] = []
    if not shows_news(template):
        detail = "no text of this template shows `news.text`, so nobody would see it"
        problems.append(_problem("/template", detail, 'Add a field with the value "{{ news.text }}".'))
    own = Variant(text=request.text, title=request.title, url=request.url)
    variants = []
    for place, variant in enumerate((own, *request.variants)):
        at = "" if place == 0 else f"/variants/{place - 1}"
        text = _texts(template, variant.text, f"{at}/text", NEWS_LENGTH, problems)
        if not is_draft and not any(words.strip() for words in text.values()):
            problems.append(_problem(f"{at}/text", "there is no text", ""))
        title = _texts(template, variant.title or {}, f"{at}/title", TITLE_LENGTH, problems)
        variants.append({"share": variant.share, "text": text, "title": title, "url": variant.url})
    if request.audience is not None:
        try:
            parse(request.audience, template)
        except NotAnAudience as error:
            problems += [_problem(f"/audience{one.pointer}", one.detail, one.fix) for one in error.problems]
    if request.zone == "holder" and request.starts_at is None and not is_draft:
        problems.append(_problem("/starts_at", "an hour of the holders' clocks needs a time", ""))
    if request.ends_at is not None and request.starts_at is not None and request.ends_at <= request.starts_at:
        problems.append(_problem("/ends_at", "it ends before it starts", ""))
    if (
        request.not_later_than is not None
        and request.starts_at is not None
        and request.not_later_than < request.starts_at
    ):
        problems.append(_problem("/not_later_than", "it starts after that", ""))
    if problems:
        raise Invalid(problems)
    return variants


def _texts(template: Template, said: Said, at: str, limit: int, problems: list[Problem]) -> Mapping[str, str]:
    """By language; one text alone is the default language's, and stands in for the others."""
    texts = {template.default_language: said} if isinstance(said, str) else dict(said)
    for language, text in texts.items():
        where = at if isinstance(said, str) else f"{at}/{language}"
        if language not in template.languages:
            spoken = ", ".join(template.languages)
            problems.append(_problem(where, f"the template does not speak {language!r}", f"It speaks {spoken}."))
        elif detail := text_problem(text, limit):
            problems.append(_problem(where, detail, ""))
    return texts


def _problem(pointer: str, detail: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, pointer, detail, fix)
