"""A revision as Google sees it, compiled once: what stands on the class, what on each object, what in the rows of the front.

What no card's data can move is the class's (one PATCH for all holders), what moves is the object's. News are messages. A
``Plan`` holds parts: small functions that write their keys into a body from the evaluated leaves. ``kinds`` adds those of each
type; here are those that all types share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from passkit.apple import values as apple
from passkit.apple.barcodes import encoding
from passkit.apple.document import Choice
from passkit.apple.values import ABSENT
from passkit.expressions import NAMESPACES, Shape
from passkit.google import links
from passkit.google.datatypes import Speaker, hex_color, instant, is_empty
from passkit.google.leaves import Leaves
from passkit.google.types import GoogleType, type_of
from passkit.layout import PassFieldTemplate, RotatingBarcode
from passkit.model import Brand
from passkit.schema import Template

Body = dict[str, Any]
Part = Callable[[Body, Sequence[Any], Speaker], None]

MAX_MODULES = 10
"""Text modules and links that Google shows of a class, and again of an object (reference/rest/v1/loyaltyobject)."""
MAX_LOCATIONS = 10
MAX_ROWS = 3
ROW_ITEMS = 3
FRONT = (("header", "primary"), ("secondary",), ("auxiliary",), ("footer",))
"""Zones that share a row of the front."""
BARCODES = {
    "qr": "QR_CODE",
    "pdf417": "PDF_417",
    "aztec": "AZTEC",
    "code128": "CODE_128",
    "code39": "CODE_39",
    "codabar": "CODABAR",
    "ean13": "EAN_13",
    "i2of5": "ITF_14",
}
LENGTHS = {"ean13": 13, "i2of5": 14}
"""Google's ITF is the one of 14 digits."""
OBJECT_COLORS = frozenset({GoogleType.EVENT_TICKET, GoogleType.GENERIC, GoogleType.FLIGHT, GoogleType.TRANSIT})
"""Types whose objects have a colour of their own."""
CARD_NAMES = frozenset(f"card.{name}" for name in NAMESPACES["card"])
NEWS_NAMES = frozenset(f"_news_{name}" for name in NAMESPACES["news"])


class Home(Enum):
    """Where something stands: ``MESSAGE`` comes as a message, ``HIDDEN`` is personal and stays with us."""

    CLASS = "class"
    OBJECT = "object"
    MESSAGE = "message"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the template: its leaves, its home, and the id of its text module or link."""

    template: PassFieldTemplate
    pointer: str
    zone: str
    id: str
    label: int
    text: int
    when: int | None
    home: Home
    address: links.Address | None


@dataclass(frozen=True, slots=True)
class Source:
    """What a hint names: a text, its label where it has one, and the field where it is one."""

    value: str
    place: str
    text: int
    label: int | None
    when: int | None
    home: Home
    field: Field | None = None
    currency: str | None = None


@dataclass
class Plan:
    """A compiled revision; ``paths``: the field path by field id for those that have a place of their own.

    ``choice``: of a card's look, where its data may choose one; ``withheld``: what it may not choose by, because that is
    personal; ``silent``: conditions that ask for news, which no object knows.
    """

    type: GoogleType
    leaves: Leaves
    speakers: Mapping[str, Speaker]
    class_parts: list[Part] = field(default_factory=list)
    object_parts: list[Part] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    cut: list[tuple[Field, str]] = field(default_factory=list)
    unmoved: list[tuple[str, str]] = field(default_factory=list)
    choice: Choice | None = None
    withheld: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def class_part(self) -> Body:
        """What the template says of the class."""
        body: Body = {}
        for part in self.class_parts:
            part(body, self.leaves.still, next(iter(self.speakers.values())))
        return body


class Builder:
    """Makes the plan of a template; ``kinds`` calls what it offers."""

    def __init__(self, template: Template, brand: Brand) -> None:
        self.template, self.brand, self.hints = template, brand, template.google
        self.leaves = Leaves(template, brand)
        speakers = {language: Speaker(template.languages, place) for place, language in enumerate(template.languages)}
        self.plan = Plan(type_of(template), self.leaves, speakers)
        personal = {name for name, variable in template.variables.items() if variable.personal}
        self._hidden = frozenset(personal) if self.hints.private else frozenset()
        self.plan.fields = list(self._fields())
        self._by_key = {one.template.key: one for one in self.plan.fields}
        self.taken: set[str] = set()

    # What the template says.

    def _fields(self) -> Iterator[Field]:
        ids: set[str] = set()
        for zone, fields in self.template.fields.items():
            for index, one in enumerate(fields):
                place = f"/fields/{zone}/{index}"
                name = one.key.replace(".", "_")
                while name in ids:
                    name += "_"
                ids.add(name)
                yield self._field(place, zone, name, one)

    def _field(self, place: str, zone: str, name: str, one: PassFieldTemplate) -> Field:
        leaves = self.leaves
        label, text = leaves.text(f"{place}/label", one.label), leaves.shown(f"{place}/value", one)
        when = None if one.when is None else leaves.fact(f"{place}/when", one.when, Shape.RAW, bool)
        home = self.home(label, text, when)
        address = links.address_of(one, self.template.variables) if zone in ("back", "additional") else None
        return Field(one, place, zone, name, label, text, when, home, address)

    def home(self, *leaves: int | None) -> Home:
        """Where something stands that is made of these leaves."""
        names = frozenset().union(*(self.leaves.names(leaf) for leaf in leaves if leaf is not None))
        if names & self._hidden:
            return Home.HIDDEN
        if not names:
            return Home.CLASS
        return Home.MESSAGE if names <= NEWS_NAMES else Home.OBJECT

    def source(self, hint: str | None, place: str) -> Source | None:
        """What a hint names: a field by its key, a variable, ``card.number`` and the like, or a text with expressions."""
        if hint is None:
            return None
        if hint in self._by_key:
            return self.of_field(self._by_key[hint])
        label = None
        if variable := self.template.variables.get(hint):
            label = self.leaves.text(f"/variables/{hint}/label", variable.label)
        written = f"{{{{ {hint} }}}}" if variable or hint in CARD_NAMES else hint
        shown = PassFieldTemplate(key="hint", value=written)
        text = self.leaves.shown(place, shown)
        return Source(written, place, text, label, None, self.home(text))

    def of_field(self, one: Field) -> Source:
        """A field as a source."""
        value = one.template.value if isinstance(one.template.value, str) else f"{{{{ {one.template.value} }}}}"
        currency = one.template.currency
        return Source(value, f"{one.pointer}/value", one.text, one.label, one.when, one.home, one, currency)

    def hint(self, name: str, default: str | None = None) -> Source | None:
        """The source of ``google.<name>``, else of ``default``; nothing where it may not leave us."""
        given: str | None = getattr(self.hints, name)
        found = self.source(given if given is not None else default, f"/google/{name}")
        return found if found and found.home not in (Home.HIDDEN, Home.MESSAGE) else None

    def raw(self, source: Source) -> int:
        """The source's value with its type."""
        return self.leaves.fact(source.place, source.value)

    def field_called(self, key: str) -> str | None:
        """The key itself where a field has it: what a hint of this name means when it is left out."""
        return key if key in self._by_key else None

    def front(self) -> Iterator[Field]:
        """The fields of the front that may be shown, most important first."""
        for zones in FRONT:
            for one in self.plan.fields:
                if one.zone in zones and one.home in (Home.CLASS, Home.OBJECT) and one.id not in self.taken:
                    yield one

    def still(self, *candidates: Source | None) -> Source | None:
        """The first of them that no card can move and that says something."""
        for one in candidates:
            if one and one.home is Home.CLASS and not is_empty(self.leaves.still[one.text]):
                return one
        return None

    def literal(self, place: str, text: str | None) -> Source | None:
        """A text of the template as a source."""
        if not text:
            return None
        leaf = self.leaves.text(place, text)
        return Source(text, place, leaf, None, None, self.home(leaf))

    def title(self, *candidates: Source | None) -> int:
        """The leaf of the title that all holders share: ``google.title``, else a candidate, else the template's name."""
        hint = self.hint("title")
        if hint and hint.home is not Home.CLASS:
            self.plan.unmoved.append(("/google/title", "the title is the same for all holders"))
        name = self.literal("/name", self.template.name)
        found = self.still(hint, *candidates, name)
        if found is None:
            return self.leaves.text("", self.brand.name)
        if found.field:
            self.take(found.field)
        return found.text

    def take(self, one: Field, path: str | None = None) -> None:
        """The field has a place of its own, ``path`` in the rows; it is no text module."""
        self.taken.add(one.id)
        if path is not None:
            self.plan.paths[one.id] = path

    # What is written.

    def on_class(self, part: Part) -> None:
        """Add a part of the class."""
        self.plan.class_parts.append(part)

    def on_object(self, part: Part) -> None:
        """Add a part of each object."""
        self.plan.object_parts.append(part)

    def shared(self) -> Plan:
        """Add what all types have, after the type's own parts, and compile."""
        self._modules()
        self._links()
        self._rows()
        self._locations()
        self._choice()
        self._color()
        self._switches()
        self._barcode()
        self._times()
        self._grouping()
        self.leaves.settle()
        return self.plan

    def _modules(self) -> None:
        rest = [one for one in self.plan.fields if one.id not in self.taken and not self._is_link(one)]
        for home, add in ((Home.CLASS, self.on_class), (Home.OBJECT, self.on_object)):
            own = [one for one in rest if one.home is home]
            always = [one for one in own if one.when is None]
            self.plan.cut += [(one, "module") for one in always[MAX_MODULES:]]
            if own:
                add(_modules_part(own))

    def _is_link(self, one: Field) -> bool:
        """A link with a constant address that Google does not take stays text."""
        if one.address is None:
            return False
        return one.home is not Home.CLASS or bool(one.address(str(_first(self.leaves.still[one.text]))))

    def _links(self) -> None:
        rest = [one for one in self.plan.fields if one.id not in self.taken]
        for home, add in ((Home.CLASS, self.on_class), (Home.OBJECT, self.on_object)):
            rows = [self._link(one) for one in rest if one.home is home and self._is_link(one)]
            rows += [self._anchors(one) for one in rest if one.home is home and one.template.attributed_value]
            if rows:
                add(_links_part(rows))
            self.plan.cut += [(one, "link") for one in [o for o in rest if o.home is home and self._is_link(o)][10:]]

    def _link(self, one: Field) -> tuple[Field, Callable[..., Iterator[tuple[str, int | str]]]]:
        words = one.template.link
        told = self.leaves.text(f"{one.pointer}/link", words) if words else None
        empty = is_empty(self.leaves.still[one.label]) if not self.leaves.names(one.label) else False
        if told is None:
            told = one.text if one.address is links.place or empty else one.label

        def found(values: Sequence[Any], speak: Speaker) -> Iterator[tuple[str, int | str]]:
            if one.address and (address := one.address(speak.plain(values[one.text]))):
                yield address, told

        return one, found

    def _anchors(self, one: Field) -> tuple[Field, Callable[..., Iterator[tuple[str, int | str]]]]:
        markup = one.template.attributed_value or ""
        leaf = self.leaves.text(f"{one.pointer}/attributed_value", markup, Shape.HTML)
        if self.home(leaf) not in (one.home, Home.CLASS):
            return one, lambda values, speak: iter(())

        def found(values: Sequence[Any], speak: Speaker) -> Iterator[tuple[str, int | str]]:
            yield from links.anchors(speak.plain(values[leaf]))

        return one, found

    def _rows(self) -> None:
        groups = []
        for zones in FRONT:
            group = [path for one in self.plan.fields if one.zone in zones and (path := self._path(one))]
            groups += [group[first : first + ROW_ITEMS] for first in range(0, len(group), ROW_ITEMS)]
        if len(groups) > MAX_ROWS:
            every = [item for group in groups for item in group]
            groups = [every[first : first + ROW_ITEMS] for first in range(0, len(every), ROW_ITEMS)]
            inside = {item for group in groups[:MAX_ROWS] for item in group}
            self.plan.cut += [
                (one, "row") for one in self.plan.fields if (path := self._path(one)) and path not in inside
            ]
        self.plan.rows = groups[:MAX_ROWS]
        if self.plan.rows:
            template = class_template(self.plan.rows)
            self.on_class(lambda body, values, speak: body.update(classTemplateInfo=template))

    def _path(self, one: Field) -> str | None:
        """Where a row finds the field; None for one that is no item of the front."""
        if one.zone not in {zone for zones in FRONT for zone in zones}:
            return None
        if one.id in self.taken:
            return self.plan.paths.get(one.id)
        return f"{one.home.value}.textModulesData['{one.id}']" if one.home in (Home.CLASS, Home.OBJECT) else None

    def _locations(self) -> None:
        pairs = []
        for index, place in enumerate(self.template.locations):
            both = [self._number(f"/locations/{index}/{key}", getattr(place, key)) for key in ("latitude", "longitude")]
            pairs.append((both[0], both[1], self.home(*both)))
        for home, add in ((Home.CLASS, self.on_class), (Home.OBJECT, self.on_object)):
            if own := [(latitude, longitude) for latitude, longitude, where in pairs if where is home]:
                add(_locations_part(own))

    def _number(self, place: str, value: str | int | float) -> int:
        source = value if isinstance(value, str) else f"{{{{ {value} }}}}"
        return self.leaves.fact(place, source, Shape.RAW, apple.number)

    def _choice(self) -> None:
        template, place = self.template, "/variants/{}/when".format
        leaves = [self.leaves.fact(place(n), one.when, Shape.RAW, bool) for n, one in enumerate(template.variants)]
        self.plan.silent = [place(n) for n, leaf in enumerate(leaves) if self.leaves.names(leaf) & NEWS_NAMES]
        if leaves and self.home(*leaves) is Home.HIDDEN:
            self.plan.withheld.append("/variants")
            leaves = []
        count = None
        if (stamps := template.stamps) is not None:
            written = stamps.count if isinstance(stamps.count, str) else f"{{{{ {stamps.count} }}}}"
            count = self.leaves.fact("/stamps/count", written, Shape.RAW, apple.stamps_of(stamps.of))
            if self.home(count) is Home.HIDDEN:
                self.plan.withheld.append("/stamps")
                count = None
        if leaves or count is not None:
            self.plan.choice = Choice(tuple(leaves), count)

    def _color(self) -> None:
        self._shared_color()
        if (choice := self.plan.choice) is None or self.plan.type not in OBJECT_COLORS:
            return
        own: dict[int, int] = {}
        for index, _ in enumerate(choice.conditions):
            if (text := self.template.variants[index].colors.background) is not None:
                leaf = self.leaves.fact(f"/variants/{index}/colors/background", text, Shape.RAW, hex_color)
                if self.home(leaf) is not Home.HIDDEN:
                    own[index] = leaf
        if own:
            self.on_object(_chosen_color_part(choice, own))

    def _shared_color(self) -> None:
        if (text := self.template.colors.background) is None:
            return
        leaf = self.leaves.fact("/colors/background", text, Shape.RAW, hex_color)
        home = self.home(leaf)
        if self.plan.type is GoogleType.GENERIC:
            home = Home.OBJECT if home is Home.CLASS else home
        if home is Home.OBJECT and self.plan.type not in OBJECT_COLORS:
            self.plan.unmoved.append(("/colors/background", "the colour is the same for all holders"))
            return
        if home in (Home.CLASS, Home.OBJECT):
            (self.on_class if home is Home.CLASS else self.on_object)(_present_part("hexBackgroundColor", leaf))

    def _switches(self) -> None:
        """What the hints switch on, the same for every card but what is tapped."""
        hints = self.hints
        body: Body = {}
        many = hints.multiple_holders
        body["multipleDevicesAndHoldersAllowedStatus"] = "MULTIPLE_HOLDERS" if many else "ONE_USER_ALL_DEVICES"
        if hints.security_animation:
            body["securityAnimation"] = {"animationType": "FOIL_SHIMMER"}
        if hints.unlock_to_view:
            body["viewUnlockRequirement"] = "UNLOCK_REQUIRED_TO_VIEW"
        if hints.smart_tap:
            body |= {"enableSmartTap": True, "redemptionIssuers": list(hints.smart_tap.redemption_issuers)}
            source = self.source(hints.smart_tap.value, "/google/smart_tap/value")
            if source and source.home is not Home.HIDDEN:
                self.on_object(_plain_part("smartTapRedemptionValue", source.text))
        self.on_class(lambda made, values, speak: made.update(body))
        self._app_link()
        if constraints := hints.pass_constraints:
            made: Body = {} if constraints.screenshots else {"screenshotEligibility": "INELIGIBLE"}
            if constraints.nfc:
                made["nfcConstraint"] = [name.upper() for name in constraints.nfc]
            if made:
                self.on_object(lambda body, values, speak: body.update(passConstraints=made))

    def _app_link(self) -> None:
        if (link := self.hints.app_link) is None:
            return
        text = self.leaves.text("/google/app_link/text", link.text)
        url = None if link.url is None else self.leaves.text("/google/app_link/url", link.url)
        home = self.home(text, url)
        package = link.package

        def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
            words = speak.plain(values[text])
            address = speak.plain(values[url]) if url is not None else ""
            target = {"targetUri": {"uri": address, "description": words}}
            made: Body = {"displayText": speak.localized(values[text])}
            if package:
                made["androidAppLinkInfo"] = {"appTarget": {"packageName": package}}
            if address:
                made["webAppLinkInfo"] = {"appTarget": target}
            if words and len(made) > 1:
                body["appLinkData"] = made

        if home in (Home.CLASS, Home.OBJECT):
            (self.on_class if home is Home.CLASS else self.on_object)(part)

    def _barcode(self) -> None:
        rotating = self.hints.rotating_barcode
        kept = rotating is None or rotating.keep_static
        codes = []
        for index, code in enumerate(self.template.barcode):
            place = self.template.place("barcode", index)
            message = self.leaves.fact(f"{place}/message", code.message, Shape.TEXT)
            alt = self.leaves.text(f"{place}/alt_text", code.alt_text)
            if self.home(message) is not Home.HIDDEN:
                shown = alt if self.home(alt) is not Home.HIDDEN else None
                codes.append((code.format, message, shown, code.encoding))
        secret = self._rotating(rotating) if rotating else None
        if codes and (kept or secret is None):
            self.on_object(_barcode_part(codes))
        if secret is not None and codes and not kept:
            self.on_object(_unless_rotating(_barcode_part(codes)))

    def _rotating(self, code: RotatingBarcode) -> Part | None:
        key = self.source(code.key, "/google/rotating_barcode/key")
        pattern = self.leaves.text("/google/rotating_barcode/pattern", code.pattern)
        alt = self.leaves.text("/google/rotating_barcode/alt_text", code.alt_text)
        if key is None or Home.HIDDEN in (key.home, self.home(pattern), self.home(alt)):
            return None
        part = _rotating_part(code, key.text, pattern, alt)
        self.on_object(part)
        return part

    def _times(self) -> None:
        zone = self.leaves.zone
        end = start = None
        if (text := self.template.expires) is not None:
            end = self.leaves.fact("/expires", text, Shape.RAW, apple.moment_in(zone, end=True))
        if source := self.hint("valid_from"):
            start = self.leaves.fact(source.place, source.value, Shape.RAW, apple.moment_in(zone))
        ends = [("start", start), ("end", end)]
        there = [(key, leaf) for key, leaf in ends if leaf is not None and self.home(leaf) is not Home.HIDDEN]

        def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
            made = {key: values[leaf] for key, leaf in there if values[leaf] is not ABSENT}
            if len(made) == 2 and datetime.fromisoformat(made["start"]) >= datetime.fromisoformat(made["end"]):
                del made["start"]  # Google takes no interval that ends before it starts
            if made:
                body["validTimeInterval"] = {key: instant(moment) for key, moment in made.items()}

        if there:
            self.on_object(part)

    def _grouping(self) -> None:
        if text := self.template.grouping_identifier:
            leaf = self.leaves.text("/grouping_identifier", text)

            def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
                if group := speak.plain(values[leaf]):
                    body["groupingInfo"] = {"groupingId": group}

            if self.home(leaf) is not Home.HIDDEN:
                self.on_object(part)


def class_template(rows: Sequence[Sequence[str]]) -> Body:
    """A classTemplateInfo: rows of the front by field path, exactly one of one, two and three items each."""
    made: list[Body] = []
    for row in rows:
        items = [{"firstValue": {"fields": [{"fieldPath": path}]}} for path in row]
        if len(items) == 1:
            made.append({"oneItem": {"item": items[0]}})
        elif len(items) == 2:
            made.append({"twoItems": {"startItem": items[0], "endItem": items[1]}})
        else:
            made.append({"threeItems": {"startItem": items[0], "middleItem": items[1], "endItem": items[2]}})
    return {"cardTemplateOverride": {"cardRowTemplateInfos": made}}


def _first(text: Any) -> Any:
    return text if isinstance(text, str) else next(filter(None, text or ()), "")


def _plain_part(key: str, leaf: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if text := speak.plain(values[leaf]):
            body[key] = text

    return part


def _present_part(key: str, leaf: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if (value := values[leaf]) is not ABSENT:
            body[key] = value

    return part


def _chosen_color_part(choice: Choice, own: Mapping[int, int]) -> Part:
    """The colour of the variant that a card is, by the variant's place; else what stands there already."""

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        leaf = own.get(-1 if (variant := choice.look(values).variant) is None else variant)
        if leaf is not None and values[leaf] is not ABSENT:
            body["hexBackgroundColor"] = values[leaf]

    return part


def _modules_part(fields: Sequence[Field]) -> Part:
    rows = [(one.id, one.when, one.label, one.text) for one in fields]

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        made: list[Body] = []
        for name, when, label, text in rows:
            if (when is not None and not values[when]) or is_empty(values[text]):
                continue
            module: Body = {"id": name}
            speak.twin(module, "header", values[label])
            speak.twin(module, "body", values[text])
            made.append(module)
        if made:
            body["textModulesData"] = made[:MAX_MODULES]

    return part


def _links_part(rows: Sequence[tuple[Field, Callable[..., Iterator[tuple[str, int | str]]]]]) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        made: list[Body] = []
        for one, found in rows:
            if one.when is not None and not values[one.when]:
                continue
            for number, (address, told) in enumerate(found(values, speak)):
                uri: Body = {"id": one.id if not number else f"{one.id}-{number + 1}", "uri": address}
                speak.twin(uri, "description", told if isinstance(told, str) else values[told])
                made.append(uri)
        if made:
            body["linksModuleData"] = {"uris": made[:MAX_MODULES]}

    return part


def _locations_part(pairs: Sequence[tuple[int, int]]) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        made = []
        for latitude, longitude in pairs:
            if values[latitude] is ABSENT or values[longitude] is ABSENT:
                continue
            north, east = float(values[latitude]), float(values[longitude])
            if abs(north) <= 90 and abs(east) <= 180:
                made.append({"latitude": north, "longitude": east})
        if made:
            body["merchantLocations"] = made[:MAX_LOCATIONS]

    return part


def _barcode_part(codes: Sequence[tuple[str, int, int | None, str | None]]) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        for kind, message, alt, wanted in codes:
            value = str(values[message])
            if not value or (kind in LENGTHS and not (value.isdigit() and len(value) == LENGTHS[kind])):
                continue
            made: Body = {"type": BARCODES[kind], "value": value}
            if (wanted or encoding(value)) == "utf-8":
                made["renderEncoding"] = "UTF_8"
            if alt is not None and (text := speak.plain(values[alt])):
                made["alternateText"] = text
            body["barcode"] = made
            return

    return part


def _unless_rotating(part: Part) -> Part:
    def otherwise(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if "rotatingBarcode" not in body:
            part(body, values, speak)

    return otherwise


def _rotating_part(code: RotatingBarcode, key: int, pattern: int, alt: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        secret = speak.plain(values[key]).strip().upper()
        if not secret or len(secret) % 2 or set(secret) - set("0123456789ABCDEF"):
            return
        made: Body = {
            "type": BARCODES[code.format],
            "valuePattern": speak.plain(values[pattern]),
            "totpDetails": {
                "algorithm": "TOTP_SHA1",
                "periodMillis": str(code.period * 1000),
                "parameters": [{"key": secret, "valueLength": code.digits}],
            },
        }
        if text := speak.plain(values[alt]):
            made["alternateText"] = text
        body["rotatingBarcode"] = made

    return part
