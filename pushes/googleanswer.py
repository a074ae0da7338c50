"""Google's answer as a value: its reason, what it says without anybody's data, the fields that it blames. Pure.

A refusal is ``{"error": {"code", "message", "errors": [{"message", "domain", "reason"}], "status"?, "details"?}}``,
https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pushes import verdict
from pushes.verdict import GoogleOutcome, GoogleRow

SENTENCE = 300
"""Characters that are kept of what Google says."""
HIDDEN = "…"
"""Stands where Google's sentence quotes what we sent."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_QUOTED = re.compile(r'"([^"]*)"')
_UNKNOWN = re.compile(r"""Unknown name "([^"]+)"(?: at '([^']*)')?""")
_AT = re.compile(r" at '([^']+)'")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: ``row`` says what it means; ``body`` is the JSON object that came, empty when none did."""

    status: int
    reason: str
    row: GoogleRow
    message: str = field(default="", repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry_after: float | None = None

    @property
    def outcome(self) -> GoogleOutcome:
        """What it means."""
        return self.row.outcome


def read(status: int, content: bytes, retry_after: float | None = None) -> Answer:
    """An HTTP answer as a value; whatever is not Google's JSON has neither reason nor message."""
    body = _object(content)
    error = body.get("error")
    fault: Mapping[str, Any] = error if isinstance(error, dict) else {}
    reason = _reason(fault)
    message = fault.get("message")
    text = message if isinstance(message, str) else ""
    row = verdict.google(status, reason, is_google=bool(fault))
    if row.outcome is GoogleOutcome.MISSING and _names_class(text):
        row = verdict.google(404, "classNotFound")
    word = "" if row.outcome is GoogleOutcome.ACCEPTED else row.reason or reason or f"HTTP {status}"
    return Answer(status, word, row, text, body, retry_after)


def silence(reason: str) -> Answer:
    """No answer: cut, refused, timed out. Whether Google has done it, nobody knows."""
    return Answer(0, reason, GoogleRow(0, reason, GoogleOutcome.RETRY, "no answer"))


def message_ids(resource: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the messages that a class or object of Google's holds."""
    messages = resource.get("messages")
    held = messages if isinstance(messages, list) else []
    return frozenset(str(one["id"]) for one in held if isinstance(one, dict) and "id" in one)


def sentence(answer: Answer, sent: Any) -> str:
    """What a person may read of a refusal: Google's words without the values of the body that was ``sent``.

    The paths of the fields that Google blames come first: they are the difference between our body and its schema.
    """
    paths = ", ".join(dict.fromkeys(_blamed(answer)))
    told = _without(answer.message, sent)
    return f"{paths}: {told}"[:SENTENCE] if paths else told[:SENTENCE]


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _reason(error: Mapping[str, Any]) -> str:
    """Google's word: of the first error, else of the newer ``details``, else the status."""
    words = [*_each(error.get("errors"), "reason"), *_each(error.get("details"), "reason"), error.get("status")]
    found = next((word for word in words if isinstance(word, str) and _WORD.fullmatch(word)), "")
    return _SAME.get(found, found)


_SAME = {"SERVICE_DISABLED": "accessNotConfigured", "PERMISSION_DENIED": "permissionDenied"}
"""The newer words for what the table has under the older ones."""


def _each(rows: Any, name: str) -> Iterator[Any]:
    yield from (row[name] for row in rows if isinstance(row, dict) and name in row) if isinstance(rows, list) else ()


def _names_class(message: str) -> bool:
    """Whether a "not found" speaks of a class: "Wallet Object Class 338….x not found."."""
    return re.search(r"\bclass\b", message, re.IGNORECASE) is not None


def _blamed(answer: Answer) -> Iterator[str]:
    """Paths of fields: from the parser's sentences and from ``details[].fieldViolations[].field``."""
    for name, parent in _UNKNOWN.findall(answer.message):
        yield f"{parent}.{name}" if parent else name
    yield from _AT.findall(_UNKNOWN.sub("", answer.message))
    error = answer.body.get("error")
    for violations in _each(error.get("details") if isinstance(error, dict) else None, "fieldViolations"):
        yield from (field for field in _each(violations, "field") if isinstance(field, str) and field)


def _without(message: str, sent: Any) -> str:
    """The sentence on one line, with no value of ours, no quotation but of a field's name, and no address in it."""
    names = {name for name, _ in _UNKNOWN.findall(message)}
    told = _QUOTED.sub(lambda found: found[0] if found[1] in names else f'"{HIDDEN}"', message)
    for value in sorted(set(_values(sent)), key=len, reverse=True):
        told = told.replace(value, HIDDEN)
    return " ".join(_EMAIL.sub(HIDDEN, told).split())


def _values(sent: Any) -> Iterable[str]:
    """Every text and number in the body that could be somebody's; a single character hides nothing."""
    if isinstance(sent, Mapping):
        for value in sent.values():
            yield from _values(value)
    elif isinstance(sent, list | tuple):
        for value in sent:
            yield from _values(value)
    elif isinstance(sent, str | int | float) and not isinstance(sent, bool) and len(str(sent)) > 1:
        yield str(sent)
