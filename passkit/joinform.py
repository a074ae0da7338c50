"""The form of a join link: what it asks, in the reader's language, and what a person's answers mean. Pure.

The questions are the template's variables marked ``ask`` in their order, then the link's own. Answers come as the texts of an
HTML form and go out as JSON values that ``passkit.data.accept`` takes; a phone goes out in E.164. Whoever answers wrongly is
told per field, by a key of the page's texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from babel.dates import get_timezone

from passkit import phones
from passkit.schema import Template
from passkit.variables import NotAccepted, Variable, accept_value, text_problem

MAX_QUESTIONS = 10
MAX_ANSWER = 500  # characters of an answer to a question of the link's own
CONSENTS = ("processing", "marketing")
_NUMBERS = frozenset({"integer", "decimal", "money"})
_AUTOCOMPLETE = {"phone": "tel", "email": "email", "url": "url"}
_TYPES = {"phone": "tel", "email": "email", "url": "url", "date": "date", "datetime": "datetime-local"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the link's own; ``kind`` is text, choice or yesno, words are by language."""

    key: str
    kind: str
    text: Mapping[str, str]
    choices: tuple[Mapping[str, str], ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the page; ``input`` is HTML's type, or ``select``, ``checkbox``, ``number``."""

    name: str
    input: str
    label: str
    required: bool
    choices: tuple[tuple[str, str], ...] = ()
    autocomplete: str = "off"
    placeholder: str = ""
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A consent as the page words it; ``topic`` of marketing: None is all of them."""

    kind: str
    text: str
    link: str | None
    language: str
    topic: str | None = None

    @property
    def required(self) -> bool:
        """Without it there is no card."""
        return self.kind == "processing"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answered; ``errors``, keys of the page's texts by field: where there are any, the rest is not for use."""

    data: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    consents: tuple[str, ...] = ()
    phone: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Answers(errors={sorted(self.errors)})"


def missing(template: Template) -> list[str]:
    """Variables that every card needs and no form asks for: a link to such a template could give out nothing."""
    return [name for name, variable in template.variables.items() if variable.required and variable.ask is None]


def fields(template: Template, questions: Sequence[Question], language: str, region: str | None) -> list[Field]:
    """Every field in its order."""
    asked = [_field(template, name, it, language, region) for name, it in _asked(template)]
    return asked + [_own_field(question, language, template.default_language) for question in questions]


def consents(template: Template, language: str) -> list[Asked]:
    """What the template has people agree to, in the words of this language."""
    found = []
    for kind in CONSENTS:
        if consent := getattr(template.consents, kind):
            said = template.language(language)
            found.append(Asked(kind, _words(template, said, consent.text), consent.link, said))
    return found


def read(
    template: Template, questions: Sequence[Question], given: Mapping[str, str], region: str | None, time_zone: str
) -> Answers:
    """What the form says; ``errors`` where it does not do."""
    errors: dict[str, str] = {}
    data: dict[str, Any] = {}
    phone = None
    for name, variable in _asked(template):
        text = _given(given, f"data.{name}")
        try:
            value = _value(variable, text, region, time_zone)
        except ValueError as error:
            errors[f"data.{name}"] = str(error)
            continue
        if value is not None:
            data[name] = value
            if variable.type == "phone" and variable.personal:
                phone = phone or value
        elif _is_required(variable):
            errors[f"data.{name}"] = "join_required"
    own = {question.key: _given(given, f"own.{question.key}") for question in questions}
    errors |= {f"own.{q.key}": problem for q in questions if (problem := _own_problem(q, own[q.key]))}
    agreed = tuple(kind for kind in CONSENTS if given.get(f"consent.{kind}") == "yes")
    if template.consents.processing and "processing" not in agreed:
        errors["consent.processing"] = "join_consent"
    return Answers(data, {key: value for key, value in own.items() if value}, agreed, phone, errors)


def _asked(template: Template) -> Iterator[tuple[str, Variable]]:
    return ((name, variable) for name, variable in template.variables.items() if variable.ask is not None)


def _is_required(variable: Variable) -> bool:
    return variable.required or (variable.ask is not None and variable.ask.required)


def _words(template: Template, language: str, text: str) -> str:
    return template.strings.get(language, {}).get(text, text)


def _field(template: Template, name: str, variable: Variable, language: str, region: str | None) -> Field:
    said = template.language(language)
    question = (variable.ask.question if variable.ask else None) or variable.label or name
    choices = tuple((str(choice), _words(template, said, str(choice))) for choice in variable.choices)
    return Field(
        f"data.{name}",
        _input(variable),
        _words(template, said, question),
        _is_required(variable),
        choices,
        _AUTOCOMPLETE.get(variable.type, "name" if name == "name" else "bday" if name == "birthday" else "off"),
        phones.example(region) if variable.type == "phone" else "",
        phones.MAX_LENGTH if variable.type == "phone" else variable.max_length if variable.is_text else None,
    )


def _input(variable: Variable) -> str:
    if variable.choices:
        return "select"
    if variable.type == "boolean":
        return "checkbox"
    return "number" if variable.type in _NUMBERS else _TYPES.get(variable.type, "text")


def _own_field(question: Question, language: str, default: str) -> Field:
    def words(texts: Mapping[str, str]) -> str:
        return texts.get(language) or texts.get(default) or next(iter(texts.values()), "")

    kind = {"choice": "select", "yesno": "checkbox"}.get(question.kind, "text")
    choices = tuple((str(number), words(choice)) for number, choice in enumerate(question.choices))
    name = f"own.{question.key}"
    return Field(name, kind, words(question.text), question.required, choices, max_length=MAX_ANSWER)


def _given(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").strip()


def _value(variable: Variable, text: str, region: str | None, time_zone: str) -> Any:
    """The JSON value of an answer, None for none; ValueError with the key of what to tell."""
    if variable.type == "boolean":
        return text == "yes"
    if not text:
        return None
    if variable.type == "phone":
        number = phones.e164(text, region, strict=True)
        if number is None:
            raise ValueError("join_phone")
        return number
    try:
        value = _typed(variable, text, time_zone)
        accept_value(variable, value)
    except NotAccepted:
        raise ValueError(_complaint(variable)) from None
    return value


def _typed(variable: Variable, text: str, time_zone: str) -> Any:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).replace(",", ".")
    if variable.type == "integer":
        if not re.fullmatch(r"-?[0-9]{1,16}", plain):
            raise NotAccepted("", "")
        return int(plain)
    if variable.type in ("money", "decimal"):
        return plain
    if variable.type == "datetime":
        return _moment(text, time_zone)
    return text


def _moment(text: str, time_zone: str) -> str:
    """What a clock in the brand's zone shows, as an instant."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise NotAccepted("", "") from None
    return text if local.tzinfo else local.replace(tzinfo=get_timezone(time_zone)).isoformat()


def _complaint(variable: Variable) -> str:
    if variable.choices:
        return "join_choice"
    if variable.type in _NUMBERS:
        return "join_number"
    return {"email": "join_email", "url": "join_url", "date": "join_date", "datetime": "join_date"}.get(
        variable.type, "join_long"
    )


def _own_problem(question: Question, text: str) -> str | None:
    if not text:
        return "join_required" if question.required else None
    if question.kind == "choice" and text not in {str(number) for number in range(len(question.choices))}:
        return "join_choice"
    return "join_long" if text_problem(text, MAX_ANSWER) else None
