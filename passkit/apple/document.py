"""Where each part of a template goes in pass.json.

``outline`` walks a template once and gives an ``Outline``: the leaves (texts with their pointers, in the template's own language)
and nodes that build JSON from the leaves' values. Nothing here evaluates an expression; ``render`` does, and hands the values
back as one list by leaf index. Apple's names are those of developer.apple.com/documentation/walletpasses/pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from passkit.apple import values as apple
from passkit.apple.barcodes import BARCODE_FORMATS, Barcodes, BarcodeSlots
from passkit.apple.values import ABSENT, Convert
from passkit.errors import Problem, Severity
from passkit.expressions import Shape
from passkit.layout import Barcode, PassFieldTemplate, Zones
from passkit.model import Brand, Look
from passkit.schema import Template
from passkit.schemacheck import pointer

ZONE_KEYS = {
    "header": "headerFields",
    "primary": "primaryFields",
    "secondary": "secondaryFields",
    "auxiliary": "auxiliaryFields",
    "footer": "footerFields",
    "additional": "additionalInfoFields",
    "back": "backFields",
}
LEGACY_ZONES = frozenset({"header", "primary", "secondary", "auxiliary", "back"})
STYLES = frozenset({"storeCard", "coupon", "generic", "eventTicket", "boardingPass", "posterGeneric"})
PER_CARD = frozenset({"serialNumber", "authenticationToken", "voided"})
RESERVED = STYLES | PER_CARD | {"webServiceURL", "barcodes", "barcode"}
"""Keys of pass.json that ``apple:`` may never write: they are the card's, or come from declared keys."""

_PLAIN = {  # template key -> Apple's key, values as they are
    "max_distance": "maxDistance",
    "logo_symbol_name": "logoSymbolName",
    "associated_store_identifiers": "associatedStoreIdentifiers",
    "auxiliary_store_identifiers": "auxiliaryStoreIdentifiers",
    "preferred_style_schemes": "preferredStyleSchemes",
    "use_automatic_colors": "useAutomaticColors",
    "suppress_header_darkening": "suppressHeaderDarkening",
    "suppress_strip_shine": "suppressStripShine",
}
_TEXTS = {  # template key -> (Apple's key, localizable)
    "logo_text": ("logoText", True),
    "event_logo_text": ("eventLogoText", True),
    "grouping_identifier": ("groupingIdentifier", False),
    "app_launch_url": ("appLaunchURL", False),
}
_COLORS = {
    "background": "backgroundColor",
    "foreground": "foregroundColor",
    "label": "labelColor",
    "strip": "stripColor",
    "footer_background": "footerBackgroundColor",
}
_DETECTORS = {"phone": "PhoneNumber", "link": "Link", "address": "Address", "calendar": "CalendarEvent"}


class Node(Protocol):
    """A part of pass.json that knows how to become JSON."""

    def make(self, values: Sequence[Any]) -> Any:
        """The JSON of this part, or ABSENT."""
        ...

    def leaves(self) -> Iterator[int]:
        """The leaves it reads."""
        ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text of the template that may hold expressions; ``words`` only for a link: the text around which ``<a>`` goes."""

    pointer: str
    source: str
    shape: Shape
    convert: Convert | None = None
    localizable: bool = False
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """JSON that is the same for every card."""

    value: Any

    def make(self, values: Sequence[Any]) -> Any:
        """The JSON itself, shared: nobody changes it."""
        return self.value

    def leaves(self) -> Iterator[int]:
        """None."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Slot:
    """The value of one leaf."""

    leaf: int

    def make(self, values: Sequence[Any]) -> Any:
        """The leaf's value."""
        return values[self.leaf]

    def leaves(self) -> Iterator[int]:
        """The one leaf."""
        yield self.leaf


@dataclass(frozen=True, slots=True)
class Chosen:
    """The part of the first option whose condition holds: (leaf of the condition, part); else the last part."""

    options: tuple[tuple[int, Node], ...]
    otherwise: Node

    def make(self, values: Sequence[Any]) -> Any:
        """The chosen part."""
        for condition, node in self.options:
            if values[condition]:
                return node.make(values)
        return self.otherwise.make(values)

    def leaves(self) -> Iterator[int]:
        """The conditions, and those of every part."""
        for condition, node in self.options:
            yield condition
            yield from node.leaves()
        yield from self.otherwise.leaves()


@dataclass(frozen=True, slots=True)
class Branch:
    """An object; keys whose part is absent are left out, and all of it when a ``needs`` key is absent."""

    items: tuple[tuple[str, Node], ...]
    needs: frozenset[str] = frozenset()

    def make(self, values: Sequence[Any]) -> Any:
        """The object."""
        made = {key: part for key, node in self.items if (part := node.make(values)) is not ABSENT}
        return made if self.needs <= made.keys() else ABSENT

    def leaves(self) -> Iterator[int]:
        """Those of its parts."""
        return (leaf for _, node in self.items for leaf in node.leaves())


@dataclass(frozen=True, slots=True)
class Rows:
    """A list; absent parts are left out, and all of it when it stays empty and ``optional``."""

    nodes: tuple[Node, ...]
    optional: bool = True

    def make(self, values: Sequence[Any]) -> Any:
        """The list."""
        made = [part for node in self.nodes if (part := node.make(values)) is not ABSENT]
        return made if made or not self.optional else ABSENT

    def leaves(self) -> Iterator[int]:
        """Those of its parts."""
        return (leaf for node in self.nodes for leaf in node.leaves())


@dataclass(frozen=True, slots=True)
class FieldOutline:
    """A field: leaves of its parts, constant keys, and nodes for the rest."""

    template: PassFieldTemplate
    pointer: str
    zone: str
    value: int
    label: int
    when: int | None
    message: int | None
    constant: Mapping[str, Any]
    parts: tuple[tuple[str, Node], ...]

    def leaves(self) -> Iterator[int]:
        """All leaves of the field."""
        yield from (self.value, self.label)
        yield from (leaf for leaf in (self.when, self.message) if leaf is not None)
        yield from (leaf for _, node in self.parts for leaf in node.leaves())


@dataclass(frozen=True, slots=True)
class StyleOutline:
    """A style's dictionary: places in ``Outline.fields`` by Apple's list, and what else stands in it."""

    style: str
    zones: tuple[tuple[str, tuple[int, ...]], ...]
    constant: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a card's pictures are chosen by: the leaves of the variants' conditions, and of the number of stamps."""

    conditions: tuple[int, ...]
    count: int | None

    def look(self, values: Sequence[Any]) -> Look:
        """The look of a card with these values."""
        variant = next((place for place, leaf in enumerate(self.conditions) if values[leaf]), None)
        return Look(variant, None if self.count is None else values[self.count])


@dataclass(slots=True)
class Outline:
    """All of pass.json but what belongs to the card itself; ``choice`` only where its data chooses pictures."""

    leaves: list[Leaf] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    fields: list[FieldOutline] = field(default_factory=list)
    styles: list[StyleOutline] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    choice: Choice | None = None


def outline(template: Template, brand: Brand) -> Outline:
    """The outline of a template's pass.json; ``problems`` name keys under ``apple:`` that we write ourselves."""
    return _Builder(template, brand).build()


class _Builder:
    def __init__(self, template: Template, brand: Brand) -> None:
        self._template = template
        self._brand = brand
        self._zone = ZoneInfo(brand.time_zone)
        self._outline = Outline()

    def build(self) -> Outline:
        nodes = self._outline.nodes
        self._choice()
        for part in (self._identity(), self._settings(), self._looks(), self._relevance(), self._extras()):
            nodes.update(part)
        self._styles()
        self._passthrough()
        return self._outline

    def _leaf(
        self,
        place: str,
        source: str,
        shape: Shape = Shape.TEXT,
        convert: Convert | None = None,
        *,
        localizable: bool = False,
        words: str | None = None,
    ) -> int:
        self._outline.leaves.append(Leaf(place, source, shape, convert, localizable, words))
        return len(self._outline.leaves) - 1

    def _text(self, place: str, source: str, *, localizable: bool = True) -> Slot:
        return Slot(self._leaf(place, source, convert=apple.words, localizable=localizable))

    def _number(self, place: str, value: str | int | float) -> Node:
        if isinstance(value, str):
            return Slot(self._leaf(place, value, Shape.RAW, apple.number))
        return Constant(value)

    def _moment(self, place: str, source: str, *, end: bool = False) -> Slot:
        return Slot(self._leaf(place, source, Shape.RAW, apple.moment_in(self._zone, end=end)))

    def _json(self, place: str, value: Any) -> Node:
        """Any JSON with expressions in its texts."""
        if isinstance(value, str):
            return Slot(self._leaf(place, value, Shape.RAW, apple.plain(self._zone), localizable=True))
        if isinstance(value, Mapping):
            return Branch(tuple((str(key), self._json(place + pointer(key), part)) for key, part in value.items()))
        if isinstance(value, list | tuple):
            rows = tuple(self._json(f"{place}/{index}", part) for index, part in enumerate(value))
            return Rows(rows, optional=False)
        return Constant(value)

    def _identity(self) -> Iterator[tuple[str, Node]]:
        template, brand = self._template, self._brand
        yield "formatVersion", Constant(1)
        yield "passTypeIdentifier", Constant(brand.pass_type_identifier)
        yield "teamIdentifier", Constant(brand.team_identifier)
        name = self._leaf("/organization_name", template.organization_name, localizable=True)
        yield "organizationName", Slot(name)
        place, text = ("/description", template.description) if template.description else ("/name", template.name)
        yield "description", Slot(self._leaf(place, text, localizable=True))
        if brand.web_service_url is not None:
            yield "webServiceURL", Constant(brand.web_service_url)

    def _settings(self) -> Iterator[tuple[str, Node]]:
        for key, name in _PLAIN.items():
            value = getattr(self._template, key)
            if value not in (None, ()):
                yield name, Constant(list(value) if isinstance(value, tuple) else value)
        said = self._template.sharing_prohibited
        if said is not None or (self._template.hides_sharing and "sharingProhibited" not in self._template.apple):
            yield "sharingProhibited", Constant(self._template.hides_sharing)
        for key, (name, localizable) in _TEXTS.items():
            if (text := getattr(self._template, key)) is not None:
                yield name, self._text(f"/{key}", text, localizable=localizable)
        if self._template.expires is not None:
            yield "expirationDate", self._moment("/expires", self._template.expires, end=True)
        if self._template.user_info is not None:
            yield "userInfo", self._json("/user_info", self._template.user_info)

    def _choice(self) -> None:
        variants, stamps = self._template.variants, self._template.stamps
        self._conditions = [
            self._leaf(f"/variants/{index}/when", variant.when, Shape.RAW, bool)
            for index, variant in enumerate(variants)
        ]
        if variants or stamps:
            count = (
                None
                if stamps is None
                else self._leaf("/stamps/count", _written(stamps.count), Shape.RAW, apple.stamps_of(stamps.of))
            )
            self._outline.choice = Choice(tuple(self._conditions), count)

    def _looks(self) -> Iterator[tuple[str, Node]]:
        for key, name in _COLORS.items():
            if (node := self._color(key)) is not None:
                yield name, node
        if self._template.barcode:
            slots = [self._barcode(index, code) for index, code in enumerate(self._template.barcode)]
            yield "barcodes", Barcodes(tuple(slots))

    def _color(self, key: str) -> Node | None:
        """The template's colour, or that of the first variant that holds; None where no card has one."""

        def slot(place: str, text: str | None) -> Node:
            if text is None:
                return Constant(ABSENT)
            return Slot(self._leaf(f"{place}/colors/{key}", text, Shape.RAW, apple.color))

        base = slot("", getattr(self._template.colors, key))
        own = [getattr(variant.colors, key) for variant in self._template.variants]
        if all(text is None for text in own):
            return None if base == Constant(ABSENT) else base
        nodes = [base if text is None else slot(f"/variants/{index}", text) for index, text in enumerate(own)]
        return Chosen(tuple(zip(self._conditions, nodes, strict=True)), base)

    def _barcode(self, index: int, code: Barcode) -> BarcodeSlots:
        place = self._template.place("barcode", index)
        self._refuse_clash(place, code.apple, {"format", "message", "messageEncoding", "altText"})
        return BarcodeSlots(
            BARCODE_FORMATS[code.format],
            self._leaf(f"{place}/message", code.message),
            self._leaf(f"{place}/alt_text", code.alt_text, convert=apple.words, localizable=True),
            code.encoding,
            Branch(tuple((key, self._json(place + pointer("apple", key), part)) for key, part in code.apple.items())),
        )

    def _relevance(self) -> Iterator[tuple[str, Node]]:
        if self._template.locations:
            yield "locations", Rows(tuple(self._locations()))
        if self._template.beacons:
            yield "beacons", Rows(tuple(self._beacons()))
        if self._template.relevant_dates:
            entries = tuple(self._relevant_dates())
            yield "relevantDates", Rows(entries)
            first = dict(entries[0].items)
            yield "relevantDate", first.get("date") or first["startDate"]

    def _locations(self) -> Iterator[Branch]:
        for index, location in enumerate(self._template.locations):
            place = f"/locations/{index}"
            items: list[tuple[str, Node]] = [
                ("latitude", self._number(f"{place}/latitude", location.latitude)),
                ("longitude", self._number(f"{place}/longitude", location.longitude)),
            ]
            if location.altitude is not None:
                items.append(("altitude", self._number(f"{place}/altitude", location.altitude)))
            items.append(("relevantText", self._text(f"{place}/text", location.text)))
            yield Branch(tuple(items), frozenset({"latitude", "longitude"}))

    def _beacons(self) -> Iterator[Branch]:
        for index, beacon in enumerate(self._template.beacons):
            numbers = [("major", beacon.major), ("minor", beacon.minor)]
            items: list[tuple[str, Node]] = [("proximityUUID", Constant(beacon.uuid.upper()))]
            items += [(key, Constant(value)) for key, value in numbers if value is not None]
            yield Branch((*items, ("relevantText", self._text(f"/beacons/{index}/text", beacon.text))))

    def _relevant_dates(self) -> Iterator[Branch]:
        """``date`` is iOS 26's name and ``relevantDate`` iOS 18's: both are written."""
        for index, entry in enumerate(self._template.relevant_dates):
            place = self._template.place("relevant_dates", index)
            if entry.date is not None:
                moment = self._moment(f"{place}/date", entry.date)
                yield Branch((("date", moment), ("relevantDate", moment)), frozenset({"date"}))
            else:
                start, end = (
                    self._moment(f"{place}/start", entry.start or ""),
                    self._moment(f"{place}/end", entry.end or "", end=True),
                )
                yield Branch((("startDate", start), ("endDate", end)), frozenset({"startDate", "endDate"}))

    def _extras(self) -> Iterator[tuple[str, Node]]:
        template = self._template
        if nfc := template.nfc:
            items: list[tuple[str, Node]] = [
                ("message", self._text("/nfc/message", nfc.message, localizable=False)),
                ("encryptionPublicKey", Constant(nfc.encryption_public_key)),
            ]
            if nfc.requires_authentication is not None:
                items.append(("requiresAuthentication", Constant(nfc.requires_authentication)))
            yield "nfc", Branch(tuple(items), frozenset({"message"}))
        if template.semantics is not None:
            yield "semantics", self._json("/semantics", template.semantics)
        if template.featured_actions:
            yield "featuredActions", Rows(tuple(self._actions()))
        if template.upcoming_pass_information:
            yield (
                "upcomingPassInformation",
                self._json("/upcoming_pass_information", template.upcoming_pass_information),
            )

    def _actions(self) -> Iterator[Branch]:
        for index, action in enumerate(self._template.featured_actions):
            items: list[tuple[str, Node]] = [
                ("identifier", Constant(action.identifier)),
                ("type", Constant(action.type)),
            ]
            if action.url is not None:
                items.append(("url", self._text(f"/featured_actions/{index}/url", action.url, localizable=False)))
            if action.place_identifier is not None:
                items.append(("placeIdentifier", Constant(action.place_identifier)))
            yield Branch(tuple(items), frozenset({"url"}) if action.url is not None else frozenset())

    def _styles(self) -> None:
        template, fallback = self._template, self._template.fallback
        own = self._zones("/fields", template.fields)
        self._style(template.style, template.transit_type, own)
        if fallback and fallback.fields is not None:
            self._style(fallback.style, fallback.transit_type, self._zones("/fallback/fields", fallback.fields))
        elif fallback:
            legacy = [(zone, places) for zone, places in own if zone in LEGACY_ZONES]
            self._style(fallback.style, fallback.transit_type, legacy)

    def _style(self, style: str, transit: str | None, zones: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        constant = (
            {"transitType": f"PKTransitType{transit.capitalize()}"} if transit and style == "boardingPass" else {}
        )
        filled = tuple((ZONE_KEYS[zone], places) for zone, places in zones if places)
        self._outline.styles.append(StyleOutline(style, filled, constant))

    def _zones(self, place: str, zones: Zones) -> list[tuple[str, tuple[int, ...]]]:
        made = []
        for zone, fields in zones.items():
            first = len(self._outline.fields)
            for index, one in enumerate(fields):
                self._outline.fields.append(self._field(f"{place}/{zone}/{index}", zone, one))
            made.append((zone, tuple(range(first, len(self._outline.fields)))))
        return made

    def _field(self, place: str, zone: str, one: PassFieldTemplate) -> FieldOutline:
        value = _written(one.value)
        constant = {"key": one.key, **_field_constants(one)}
        parts = tuple(self._field_parts(place, one))
        when = None if one.when is None else self._leaf(f"{place}/when", one.when, Shape.RAW, bool)
        message = one.change_message
        taken = {"label", "value", *constant, *(key for key, _ in parts)} | ({"changeMessage"} if message else set())
        self._refuse_clash(place, one.apple, taken)
        passed = tuple((key, self._json(place + pointer("apple", key), part)) for key, part in one.apple.items())
        return FieldOutline(
            template=one,
            pointer=place,
            zone=zone,
            value=self._leaf(f"{place}/value", value, Shape.VALUE, localizable=True),
            label=self._leaf(f"{place}/label", one.label, localizable=True),
            when=when,
            message=None
            if message is None
            else self._leaf(f"{place}/change_message", message, Shape.MESSAGE, localizable=True),
            constant=constant,
            parts=parts + passed,
        )

    def _field_parts(self, place: str, one: PassFieldTemplate) -> Iterator[tuple[str, Node]]:
        if one.link is not None:
            leaf = self._leaf(f"{place}/link", str(one.value), localizable=True, words=one.link)
            yield "attributedValue", Slot(leaf)
        if one.attributed_value is not None:
            leaf = self._leaf(
                f"{place}/attributed_value", one.attributed_value, Shape.HTML, apple.words, localizable=True
            )
            yield "attributedValue", Slot(leaf)
        if one.semantics is not None:
            yield "semantics", self._json(f"{place}/semantics", one.semantics)

    def _passthrough(self) -> None:
        taken = RESERVED | set(self._outline.nodes)
        self._refuse_clash("", self._template.apple, taken)
        for key, value in self._template.apple.items():
            if key not in taken:
                self._outline.nodes[key] = self._json(pointer("apple", key), value)

    def _refuse_clash(self, place: str, given: Mapping[str, Any], taken: set[str] | frozenset[str]) -> None:
        for key in sorted(set(given) & taken):
            detail = f"`{key}` is written already"
            fix = "Remove it here and use the template's own key."
            self._outline.problems.append(Problem(Severity.ERROR, place + pointer("apple", key), detail, fix))


def _written(value: str | int | float) -> str:
    """A number as the expression that gives it."""
    return value if isinstance(value, str) else f"{{{{ {value} }}}}"


def _field_constants(one: PassFieldTemplate) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.text_alignment is not None:
        made["textAlignment"] = f"PKTextAlignment{one.text_alignment.capitalize()}"
    if one.data_detectors is not None:
        made["dataDetectorTypes"] = [f"PKDataDetectorType{_DETECTORS[name]}" for name in one.data_detectors]
    if one.row is not None:
        made["row"] = one.row
    return made
