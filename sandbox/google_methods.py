"""The methods of the discovery document, one value each: path, verb, what it takes and answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.google_rules import issuer_of
from sandbox.google_schema import document
from sandbox.google_state import Kind, kinds

PREFIX = "walletobjects."
PARTIAL = frozenset({"patch", "update"})


@dataclass(frozen=True, slots=True)
class Method:
    """One method; ``id`` is Google's without its first word, ``kind`` None for what is neither a class nor an object."""

    id: str
    verb: str
    paths: tuple[str, ...]
    request: str | None
    response: str | None
    kind: Kind | None

    @property
    def action(self) -> str:
        """The last word of the id: insert, get, list, patch, update, addmessage ..."""
        return self.id.rpartition(".")[2]

    @property
    def is_partial(self) -> bool:
        """Nothing is required in its body, and null clears."""
        return self.action in PARTIAL

    def issuer(self, resource: str, body: Mapping[str, Any], query: Mapping[str, str]) -> str | None:
        """Whose quota a request is, and whose permission it needs; None when it names no issuer."""
        named = resource or str(body.get("id") or "") or query.get("classId", "")
        return issuer_of(named) if named else query.get("issuerId")


@lru_cache(maxsize=1)
def methods() -> tuple[Method, ...]:
    """All of them."""
    return tuple(_methods(document()))


def _methods(resource: Mapping[str, Any]) -> Iterator[Method]:
    for given in resource.get("methods", {}).values():
        yield Method(
            id=given["id"].removeprefix(PREFIX),
            verb=given["httpMethod"],
            paths=tuple(_paths(given)),
            request=given.get("request", {}).get("$ref"),
            response=given.get("response", {}).get("$ref"),
            kind=_kind(given),
        )
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _paths(given: Mapping[str, Any]) -> Iterator[str]:
    yield f"/{given['path']}"
    for protocol in given.get("mediaUpload", {}).get("protocols", {}).values():
        yield protocol["path"]


def _kind(given: Mapping[str, Any]) -> Kind | None:
    """By the path: ``walletobjects/v1/{kind}``; what the media methods move belongs to no kind here."""
    return None if ".media." in given["id"] else kinds().get(given["path"].split("/")[2])
