"""The page behind an "Add to Google Wallet" link: what the JWT offers, whether it is good, and saving it.

The rules are those of https://developers.google.com/wallet/reference/rest/v1/Jwt: RS256 by a service account that the issuer's
console lists, ``aud`` google, ``typ`` savetowallet, classes and objects by their plural keys. An object whose id is known is
taken as Google has it, whatever the JWT says of it; ``{id}`` alone of one that is not known is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.google_accounts import SKEW, Accounts, BadJwt
from sandbox.google_answers import Refusal, bad_request, missing, not_permitted
from sandbox.google_rules import broken, issuer_of
from sandbox.google_schema import problems
from sandbox.google_state import Kind, Stored, Wallet, kinds

MAX_JWT = 1800
"""Characters of a JWT that every browser's address line bears, by Google's advice."""

SAVE_PATH = "/gp/v/save/"


@dataclass(frozen=True, slots=True)
class Offered:
    """One class or object of a link; ``stored`` is Google's own when there is one."""

    kind: Kind
    body: Mapping[str, Any]
    stored: Stored | None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The body that the page shows."""
        return self.stored.body if self.stored is not None else self.body


def read(accounts: Accounts, wallet: Wallet, token: str) -> list[Offered]:
    """What a link offers, classes first; Refusal says what is wrong with it."""
    if len(token) > MAX_JWT:
        raise bad_request(f"The JWT has {len(token)} characters, more than {MAX_JWT}.")
    try:
        claims = accounts.verify(token).claims
    except BadJwt as error:
        raise bad_request(str(error)) from error
    _judge(claims, accounts.clock())
    account = accounts.known[str(claims["iss"])]
    return offered(wallet, claims.get("payload"), account.issuers)


def offered(wallet: Wallet, payload: object, issuers: set[str]) -> list[Offered]:
    """The classes and objects of a payload, each judged; Refusal says what is wrong."""
    if not isinstance(payload, Mapping) or not payload:
        raise bad_request("The payload has no class and no object.")
    by_key = {kind.plural: kind for kind in kinds().values()}
    unknown = set(payload) - set(by_key)
    if unknown:
        raise bad_request(f"Unknown in the payload: {', '.join(sorted(unknown))}")
    found = list(_bodies(wallet, payload, by_key))
    for one in found:
        if issuer_of(one.body["id"]) not in issuers:
            raise not_permitted(str(issuer_of(one.body["id"])))
    new_classes = {one.body["id"]: one.kind for one in found if one.kind.is_class}
    for one in found:
        _judge_new(wallet, one, new_classes)
    return found


def create(wallet: Wallet, found: list[Offered]) -> list[Stored]:
    """Insert what is not there yet; the objects, in the link's order."""
    made = [one.stored or wallet.insert(one.kind, dict(one.body)) for one in found]
    return [stored for stored in made if not stored.kind.is_class]


def _judge(claims: Mapping[str, Any], now: float) -> None:
    if claims.get("aud") != "google":
        raise bad_request('aud must be "google".')
    if claims.get("typ") != "savetowallet":
        raise bad_request('typ must be "savetowallet".')
    issued = claims.get("iat")
    if not isinstance(issued, int) or isinstance(issued, bool) or issued > now + SKEW:
        raise bad_request("iat must be the time of issue, in whole seconds.")
    origins = claims.get("origins", [])
    if not isinstance(origins, list) or not all(isinstance(origin, str) for origin in origins):
        raise bad_request("origins must be a list.")


def _bodies(wallet: Wallet, payload: Mapping[str, Any], by_key: Mapping[str, Kind]) -> Iterator[Offered]:
    for key in sorted(payload, key=lambda name: not by_key[name].is_class):
        bodies, kind = payload[key], by_key[key]
        if not isinstance(bodies, list):
            raise bad_request(f"{key} must be a list.")
        for body in bodies:
            if not isinstance(body, Mapping) or issuer_of(body.get("id")) is None:
                raise bad_request(f"{key} has something without a good id.")
            stored = wallet.find(str(body["id"]), is_class=kind.is_class)
            if stored is not None and stored.kind != kind:
                raise bad_request(f"{body['id']} is no {kind.segment}.")
            yield Offered(kind, body, stored)


def _judge_new(wallet: Wallet, one: Offered, new_classes: Mapping[str, Kind]) -> None:
    if one.stored is not None:
        return
    if set(one.body) <= {"id", "classId"} and one.kind.schema != "GenericClass":
        raise missing(one.kind.is_class, str(one.body["id"]))
    found = problems(one.kind.schema, one.body) or broken(one.kind.schema, one.body)
    if found:
        raise bad_request(found[0])
    if not one.kind.is_class:
        known = wallet.find(str(one.body["classId"]), is_class=True)
        kind = known.kind if known else new_classes.get(str(one.body["classId"]))
        if kind is None or kind.segment != one.kind.class_kind:
            raise missing(True, str(one.body["classId"]))


def refusal_page(refusal: Refusal) -> str:
    """What everybody but the issuer's own developers sees; the reason stands in a comment for the tests' eyes."""
    return f"<!doctype html><title>Google Wallet</title><p>Something went wrong. Please try again.</p><!-- {refusal.reason} -->"
