"""The methods that are about neither a class nor an object: issuers, permissions, Smart Tap, JWTs, private passes, media."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox import google_save
from sandbox.google_accounts import Account
from sandbox.google_answers import Refusal, bad_request, missing, not_permitted
from sandbox.google_state import Stored, merge

if TYPE_CHECKING:
    from sandbox.google import GoogleService
    from sandbox.google_methods import Method

FIRST_ISSUER = 3388000000000100001

Answer = dict[str, Any]


@dataclass(slots=True)
class Others:
    """What these methods remember."""

    issuers: dict[str, Answer] = field(default_factory=dict)
    permissions: dict[str, Answer] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def do(
        self,
        google: GoogleService,
        method: Method,
        resource: str,
        body: Answer,
        raw: bytes,
        account: Account,
        query: dict[str, str],
    ) -> Answer | bytes:
        """Carry one out; Refusal as the API would refuse."""
        match method.id.split(".")[-2:]:
            case ["issuer", action]:
                return self._issuer(google, action, resource, body, account)
            case ["permissions", action]:
                return self._permissions(action, _own(account, resource), body, account)
            case ["jwt", "insert"]:
                return _jwt_insert(google, body)
            case ["jwt", "validate"]:
                return _jwt_validate(google, body, account)
            case ["smarttap", "insert"]:
                return dict(body)
            case ["privateContent", "setPassUpdateNotice"]:
                return {}
            case ["media", action]:
                return self._media(google, action, resource, raw, query)
        raise Refusal(500, f"The stand-in does not know {method.id}.")

    def _issuer(self, google: GoogleService, action: str, resource: str, body: Answer, account: Account) -> Answer:
        names = google.wallet.issuers
        if action == "list":
            return {"resources": [self._issuer_body(google, one) for one in sorted(account.issuers)]}
        if action == "insert":
            number = str(FIRST_ISSUER + len(names))
            names[number] = str(body.get("name", number))
            account.issuers.add(number)
            self.issuers[number] = merge(body, {"issuerId": number})
            return self._issuer_body(google, number)
        number = _own(account, resource)
        if action in ("patch", "update"):
            before = self._issuer_body(google, number) if action == "patch" else {}
            self.issuers[number] = merge(before, body) | {"issuerId": number}
        return self._issuer_body(google, number)

    def _issuer_body(self, google: GoogleService, number: str) -> Answer:
        return {"issuerId": number, "name": google.wallet.issuers.get(number, number)} | self.issuers.get(number, {})

    def _permissions(self, action: str, number: str, body: Answer, account: Account) -> Answer:
        if action == "update":
            self.permissions[number] = merge({}, body) | {"issuerId": number}
        usual = {"issuerId": number, "permissions": [{"emailAddress": account.email, "role": "WRITER"}]}
        return self.permissions.get(number, usual)

    def _media(
        self, google: GoogleService, action: str, resource: str, raw: bytes, query: dict[str, str]
    ) -> Answer | bytes:
        stored = google.wallet.find(resource)
        if stored is None or stored.kind.segment != "transitObject":
            raise missing(False, resource)
        if action == "upload":
            self.blobs[resource] = raw
            return {}
        if resource not in self.blobs:
            raise missing(False, resource)
        return self.blobs[resource] if query.get("alt") == "media" else {"length": str(len(self.blobs[resource]))}


def _own(account: Account, number: str) -> str:
    if number not in account.issuers:
        raise not_permitted(number)
    return number


def _jwt_insert(google: GoogleService, body: Answer) -> Answer:
    """Creates what the JWT has, and a short link to it."""
    found = google.read_link(str(body["jwt"]))
    google_save.create(google.wallet, found)
    resources: dict[str, list[Answer]] = {}
    for one in found:
        stored = google.wallet.find(str(one.body["id"]), is_class=one.kind.is_class)
        if isinstance(stored, Stored):
            resources.setdefault(one.kind.plural, []).append(google.wallet.view(stored))
    return {"saveUri": f"{google.url}{google_save.SAVE_PATH}{body['jwt']}", "resources": resources}


def _jwt_validate(google: GoogleService, body: Answer, account: Account) -> Answer:
    """Nothing when all is well; a payload without a signature may be given as JSON."""
    given = body.get("jsonResource")
    if (given is None) == (body.get("jwtResource") is None):
        raise bad_request("exactly one of jwtResource, jsonResource must be set")
    if given is None:
        google.read_link(str(body["jwtResource"]["jwt"]))
        return {}
    try:
        claims = json.loads(given["json"])
    except ValueError:
        raise bad_request("The JSON cannot be decoded.") from None
    payload = claims.get("payload") if isinstance(claims, dict) else None
    google_save.offered(google.wallet, payload, account.issuers)
    return {}
