"""What the stand-in for the Wallet API remembers: classes, objects, who holds them, and what their phones are told.

No HTTP here. Every operation takes bodies that hold against ``google_schema``, and raises ``google_answers.Refusal`` as the
API would refuse. ``now`` is the stand-in's own clock, in seconds.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sandbox.google_answers import Refusal, bad_request, exists, missing, not_permitted, quota_exceeded
from sandbox.google_limits import Ledger
from sandbox.google_rules import MAX_MESSAGES, broken, issuer_of
from sandbox.google_schema import document, problems

Body = dict[str, Any]

ALLOW_LISTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "loyaltyClass": ("programName", "rewardsTier", "secondaryRewardsTier"),
        "loyaltyObject": ("loyaltyPoints.balance", "secondaryLoyaltyPoints.balance"),
        # For tickets Google's pages say only "event details or seat information": read as these.
        "eventTicketClass": ("dateTime", "venue", "eventName"),
        "eventTicketObject": ("seatInfo",),
        "flightClass": (
            "localBoardingDateTime",
            "localEstimatedOrActualDepartureDateTime",
            "localScheduledDepartureDateTime",
            "origin",
            "destination",
            "flightStatus",
        ),
        "flightObject": ("boardingAndSeatingInfo",),
        "transitObject": ("ticketLeg", "ticketLegs"),
    }
)
"""The fields whose change NOTIFY_ON_UPDATE announces, as dotted paths."""

NOTIFY = "NOTIFY_ON_UPDATE"
MESSAGE_AND_NOTIFY = "TEXT_AND_NOTIFY"
SETTABLE_REVIEW = MappingProxyType(
    {"UNDER_REVIEW": "APPROVED", "underReview": "APPROVED", "DRAFT": "DRAFT", "draft": "DRAFT"}
)
SINGLE_HOLDER = frozenset({"ONE_USER_ALL_DEVICES", "oneUserAllDevices", "ONE_USER_ONE_DEVICE", "oneUserOneDevice"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of resource: its path segment ("loyaltyObject") and its schema ("LoyaltyObject")."""

    segment: str

    @property
    def schema(self) -> str:
        """The schema's name in the discovery document."""
        return self.segment[0].upper() + self.segment[1:]

    @property
    def is_class(self) -> bool:
        """A class, not an object."""
        return self.segment.endswith("Class")

    @property
    def class_kind(self) -> str:
        """The segment of the class that such an object belongs to."""
        return self.segment if self.is_class else self.segment.removesuffix("Object") + "Class"

    @property
    def plural(self) -> str:
        """The key in a save link's payload."""
        return f"{self.segment}es" if self.is_class else f"{self.segment}s"


@dataclass(slots=True)
class Stored:
    """A class or object as Google keeps it; ``holders`` are the accounts that saved an object."""

    kind: Kind
    body: Body
    holders: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The whole id, ``issuer.suffix``."""
        return str(self.body["id"])


@dataclass(frozen=True, slots=True)
class Told:
    """What a holder's phone gets: ``changed`` top-level fields; ``notification`` is "", "update" or "message"."""

    resource_id: str
    changed: tuple[str, ...]
    notification: str = ""
    message: Mapping[str, Any] | None = None


Listener = Callable[[Told], None]


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """Every class and object of the discovery document by path segment."""
    found = {}
    for resource in document()["resources"].values():
        insert = resource.get("methods", {}).get("insert", {})
        segment = insert.get("path", "").rpartition("/")[2]
        if segment.endswith(("Class", "Object")):
            found[segment] = Kind(segment)
    return found


@dataclass(slots=True)
class Wallet:
    """All of it. ``issuers`` maps an issuer id to its name; ``testers`` names the accounts of issuers in demo mode."""

    issuers: dict[str, str] = field(default_factory=dict)
    testers: dict[str, set[str]] = field(default_factory=dict)
    messages: Ledger = field(default_factory=Ledger)
    updates: Ledger = field(default_factory=Ledger)
    _kept: dict[tuple[bool, str], Stored] = field(default_factory=dict)
    _listeners: dict[str, list[Listener]] = field(default_factory=dict)

    # What the API does.

    def insert(self, kind: Kind, body: Body) -> Stored:
        """POST: a new resource; 409 for an id that was ever used."""
        self._own(body.get("id"))
        if (kind.is_class, body["id"]) in self._kept:
            raise exists(body["id"])
        stored = Stored(kind, copy.deepcopy(body))
        self._review(stored, body, None)
        self._sound(stored)
        _forget_ephemeral(stored.body)
        self._kept[kind.is_class, stored.id] = stored
        return stored

    def get(self, kind: Kind, resource_id: str) -> Stored:
        """GET; 404 when there is none of this kind."""
        stored = self._kept.get((kind.is_class, resource_id))
        if stored is None or stored.kind != kind:
            if issuer_of(resource_id) is None:
                raise bad_request(f"Invalid resource ID: {resource_id}")
            raise missing(kind.is_class, resource_id)
        return stored

    def patch(self, kind: Kind, resource_id: str, changes: Body, now: float) -> Stored:
        """PATCH: objects are merged, arrays replaced, null clears."""
        return self._replace(self.get(kind, resource_id), changes, now, merged=True)

    def update(self, kind: Kind, resource_id: str, body: Body, now: float) -> Stored:
        """PUT: what is not sent is cleared."""
        return self._replace(self.get(kind, resource_id), body, now, merged=False)

    def add_message(self, kind: Kind, resource_id: str, message: Body, now: float) -> Stored:
        """POST addMessage: one more message; TEXT_AND_NOTIFY rings every holder, three times in 24 hours."""
        stored = self.get(kind, resource_id)
        wanted = copy.deepcopy(message)
        stops = broken("Message", wanted)
        if stops:
            raise bad_request(stops[0])
        if len(stored.body.get("messages", ())) >= MAX_MESSAGES:
            raise bad_request(f"messages: at most {MAX_MESSAGES}")
        notifies = wanted.get("messageType") == MESSAGE_AND_NOTIFY
        if notifies:
            self._spend(self.messages, stored, now, f"adding TEXT_AND_NOTIFY message to {_word(kind)}")
        stored.body.setdefault("messages", []).append(wanted)
        self._tell(stored, ("messages",), "message" if notifies else "", wanted)
        return stored

    def listing(self, kind: Kind, *, issuer: str | None = None, class_id: str | None = None) -> list[Stored]:
        """Every class of an issuer, or every object of a class, in the order they were made."""
        return [
            stored
            for stored in self._kept.values()
            if stored.kind == kind
            and (issuer is None or issuer_of(stored.id) == issuer)
            and (class_id is None or stored.body.get("classId") == class_id)
        ]

    def find(self, resource_id: str, *, is_class: bool = False) -> Stored | None:
        """A resource of any kind by its id."""
        return self._kept.get((is_class, resource_id))

    def restore(self, kept: Iterable[Stored]) -> None:
        """Hold these and nothing else."""
        self._kept = {(stored.kind.is_class, stored.id): stored for stored in kept}

    def class_of(self, stored: Stored) -> Stored | None:
        """The class of an object."""
        return self._kept.get((True, str(stored.body.get("classId"))))

    def view(self, stored: Stored) -> Body:
        """The resource as the API answers it: with what the platform sets itself."""
        body = copy.deepcopy(stored.body)
        if not stored.kind.is_class:
            body["hasUsers"] = bool(stored.holders)
        return body

    # What people do.

    def save(self, stored: Stored, account: str) -> None:
        """An object into an account's wallet; 403 when nobody else may have it, or its issuer is in demo mode for others."""
        testers = self.testers.get(issuer_of(stored.id) or "")
        if testers is not None and account not in testers:
            raise Refusal(403, "The issuer is in demo mode, and this account is none of its test accounts.")
        kind = self.class_of(stored)
        sharing = kind.body.get("multipleDevicesAndHoldersAllowedStatus") if kind else None
        if sharing in SINGLE_HOLDER and stored.holders - {account}:
            raise Refusal(403, "This pass has been saved by someone else.")
        stored.holders.add(account)

    def remove(self, stored: Stored, account: str) -> None:
        """Out of an account's wallet; the object stays."""
        stored.holders.discard(account)

    def listen(self, object_id: str, listener: Listener) -> Callable[[], None]:
        """Tell this phone of every change of an object or its class; the answer ends it."""
        self._listeners.setdefault(object_id, []).append(listener)
        return lambda: self._listeners[object_id].remove(listener)

    # How it is done.

    def _own(self, resource_id: object) -> None:
        issuer = issuer_of(resource_id)
        if issuer is None:
            raise bad_request(f"Invalid resource ID: {resource_id}")
        if issuer not in self.issuers:
            raise not_permitted(issuer)

    def _replace(self, stored: Stored, given: Body, now: float, *, merged: bool) -> Stored:
        if given.get("id") not in (None, stored.id):
            raise bad_request("The id in the body is another one than in the path.")
        body = merge(stored.body, given) if merged else merge({}, given) | {"id": stored.id}
        notifies = body.get("notifyPreference") == NOTIFY
        _forget_ephemeral(body)
        new = Stored(stored.kind, body)
        self._review(new, given, stored)
        self._sound(new)
        changed = tuple(
            sorted(key for key in stored.body.keys() | body.keys() if stored.body.get(key) != body.get(key))
        )
        announced = notifies and bool(announceable(stored.kind.segment, stored.body, body))
        if announced:
            self._spend(self.updates, stored, now, f"notifying of an update of {_word(stored.kind)}")
        stored.body = body
        self._tell(stored, changed, "update" if announced else "", None)
        return stored

    def _review(self, stored: Stored, given: Body, before: Stored | None) -> None:
        """DRAFT or UNDER_REVIEW is what a caller may say, each time anew; UNDER_REVIEW is approved at once."""
        if not stored.kind.is_class or "reviewStatus" not in document()["schemas"][stored.kind.schema]["properties"]:
            return
        wanted = given.get("reviewStatus")
        if wanted is None and before is None:
            return  # the schema says that it is required
        status = SETTABLE_REVIEW.get(wanted or "")
        was = before.body.get("reviewStatus") if before else None
        if status is None or (status == "DRAFT" and was == "APPROVED"):
            raise bad_request(f"Invalid review status Optional[{wanted or was}].")
        stored.body["reviewStatus"] = status

    def _sound(self, stored: Stored) -> None:
        found = problems(stored.kind.schema, stored.body) or broken(stored.kind.schema, stored.body)
        if found:
            raise bad_request(found[0])
        if not stored.kind.is_class:
            self._sound_object(stored)

    def _sound_object(self, stored: Stored) -> None:
        owner = self.class_of(stored)
        if owner is None or owner.kind.segment != stored.kind.class_kind:
            raise missing(True, stored.body["classId"])
        if issuer_of(owner.id) != issuer_of(stored.id):
            raise bad_request("The class belongs to another issuer.")
        if owner.body.get("reviewStatus") == "DRAFT":
            raise bad_request(f"Class {owner.id} is a draft and cannot have objects.")
        for key in ("linkedObjectIds", "linkedOfferIds"):
            for other in stored.body.get(key, ()):
                if (False, other) not in self._kept:
                    raise missing(False, other)

    def _spend(self, ledger: Ledger, stored: Stored, now: float, doing: str) -> None:
        if not ledger.has_room(stored.id, now):
            raise quota_exceeded(issuer_of(stored.id) or "", doing, stored.id)
        ledger.write(stored.id, now)

    def _tell(self, stored: Stored, changed: tuple[str, ...], notification: str, message: Body | None) -> None:
        if not changed and not notification:
            return
        told = Told(stored.id, changed, notification, message)
        for object_id in list(self._concerned(stored)):
            for listener in list(self._listeners.get(object_id, ())):
                listener(told)

    def _concerned(self, stored: Stored) -> Iterator[str]:
        if not stored.kind.is_class:
            yield stored.id
            return
        for object_id in self._listeners:
            known = self._kept.get((False, object_id))
            if known is not None and known.body.get("classId") == stored.id:
                yield object_id


def merge(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Body:
    """What a PATCH makes of a body: objects merged, arrays replaced, null clears; neither is touched."""
    made = copy.deepcopy(dict(body))
    for key, value in changes.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping):
            before = made.get(key)
            made[key] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            made[key] = copy.deepcopy(value)
    return made


def announceable(segment: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The allow-listed fields that differ."""
    return [path for path in ALLOW_LISTED.get(segment, ()) if _at(before, path) != _at(after, path)]


def legacy(schema_name: str, body: Mapping[str, Any]) -> Body:
    """The echo that was recorded in 2023: enum values by their old camelCase names, and ``kind`` on everything."""
    properties = document()["schemas"][schema_name].get("properties", {})
    made = {name: _legacy_value(properties.get(name, {}), value) for name, value in body.items()}
    if "kind" in properties:
        made["kind"] = f"walletobjects#{schema_name[0].lower()}{schema_name[1:]}"
    return made


def _legacy_value(schema: Mapping[str, Any], value: Any) -> Any:
    if "$ref" in schema and isinstance(value, Mapping):
        return legacy(schema["$ref"], value)
    if isinstance(value, list):
        return [_legacy_value(schema.get("items", {}), item) for item in value]
    if "enum" in schema:
        return next((old for old in schema["enum"] if old == _camel(str(value))), value)
    return value


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(itertools.chain.from_iterable(word.capitalize() for word in rest))


def _forget_ephemeral(body: Body) -> None:
    """A notifyPreference is for its own request; hasUsers is not for a caller to say."""
    for key in ("notifyPreference", "hasUsers"):
        body.pop(key, None)


def _at(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _word(kind: Kind) -> str:
    return "class" if kind.is_class else "object"
