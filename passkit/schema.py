"""template.yaml as a checked value.

``parse_template`` takes the files of a template's folder (name -> bytes) and gives a ``Template``, or raises
TemplateError with every problem at once, each with its JSON pointer and the fix. It looks at form and references;
whether an expression works is ``render.compile_revision``'s to say, whether a wallet shows it well ``limits.check``'s.

Keys of template.yaml (each text may hold expressions; ``strings/<lang>.yaml`` maps a text to its translation)::

    key style name organization_name description languages variables fields images barcode colors google
    locations beacons max_distance relevant_dates expires nfc semantics featured_actions transit_type
    logo_text event_logo_text logo_symbol_name grouping_identifier sharing_prohibited user_info
    app_launch_url associated_store_identifiers auxiliary_store_identifiers preferred_style_schemes
    use_automatic_colors suppress_header_darkening suppress_strip_shine upcoming_pass_information
    image_focus       slot -> [x, y] from 0 to 1: what to keep when a picture is cropped
    localized_images  lang -> slot -> file, for pictures with words in them
    variants          colours and pictures by condition: [{when: "{{ level == 'gold' }}", colors: {...}, images: {...}}]
    stamps            n of m stamps drawn into a picture: {count: "{{ stamps }}", of: 10, icon: stamp.png}
    fallback          posterGeneric only: {style: storeCard, fields: {...}} for phones before iOS 27; without ``fields``
                      it shows the poster's own; a boardingPass needs its transit_type
    apple             further keys of pass.json, written as they are; a key that we write already is refused
    consents          what people agree to before they get a card: {processing: ..., marketing: ...}
    google            how the card becomes Google's; sensible without
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from passkit import schemacheck, yamlsafe
from passkit.errors import Problem, Severity, TemplateError
from passkit.layout import (
    Barcodes,
    Beacon,
    Colors,
    Consents,
    Fallback,
    FeaturedAction,
    Fields,
    Focus,
    GoogleHints,
    Json,
    Location,
    Nfc,
    Part,
    RelevantDates,
    Slot,
    Stamps,
    Style,
    Text,
    TransitType,
    Variant,
    Zones,
)
from passkit.variables import Variable

TEMPLATE_FILE = "template.yaml"
STRINGS_FOLDER = "strings/"


def locale_of(language: str) -> Locale:
    """Babel's locale for ``ru``, ``pt-BR``, ``zh-Hans``; ValueError when there is none."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError(f"{language!r} is not a language we know") from error


def _known_language(language: str) -> str:
    try:
        locale_of(language)
    except ValueError as error:
        raise PydanticCustomError("language", "{detail}", {"detail": str(error)}) from error
    return language


Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"), AfterValidator(_known_language)
]
StoreIdentifiers = Annotated[tuple[int, ...], Field(max_length=50)]


class Template(Part):
    """A checked template. ``files``: its other files by name (images); ``strings``: language -> text -> translation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    style: Style
    name: Annotated[Text, Field(min_length=1, max_length=200)]
    organization_name: Text = "{{ brand.name }}"
    description: Text = ""
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=40)] = ("en",)
    variables: Annotated[dict[str, Variable], Field(max_length=200)] = Field(default_factory=dict)
    fields: Zones = Field(default_factory=Zones)
    fallback: Fallback | None = None
    transit_type: TransitType | None = None
    images: dict[Slot, str] = Field(default_factory=dict)
    image_focus: dict[Slot, Focus] = Field(default_factory=dict)
    localized_images: dict[Language, dict[Slot, str]] = Field(default_factory=dict)
    barcode: Barcodes = ()
    colors: Colors = Field(default_factory=Colors)
    variants: Annotated[tuple[Variant, ...], Field(max_length=20)] = ()
    stamps: Stamps | None = None
    locations: Annotated[tuple[Location, ...], Field(max_length=100)] = ()
    beacons: Annotated[tuple[Beacon, ...], Field(max_length=100)] = ()
    max_distance: Annotated[int | float, Field(gt=0)] | None = None
    relevant_dates: RelevantDates = ()
    expires: Text | None = None
    nfc: Nfc | None = None
    semantics: Json | None = None
    featured_actions: Annotated[tuple[FeaturedAction, ...], Field(max_length=20)] = ()
    logo_text: Text | None = None
    event_logo_text: Text | None = None
    logo_symbol_name: str | None = None
    grouping_identifier: Text | None = None
    sharing_prohibited: bool | None = None
    associated_store_identifiers: StoreIdentifiers = ()
    auxiliary_store_identifiers: StoreIdentifiers = ()
    app_launch_url: Text | None = None
    user_info: Any = None
    preferred_style_schemes: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    use_automatic_colors: bool | None = None
    suppress_header_darkening: bool | None = None
    suppress_strip_shine: bool | None = None
    upcoming_pass_information: tuple[Json, ...] = ()
    consents: Consents = Field(default_factory=Consents)
    apple: Json = Field(default_factory=dict)
    google: GoogleHints = Field(default_factory=GoogleHints)

    @property
    def default_language(self) -> str:
        """The language of a card that names none, or one the template does not have."""
        return self.languages[0]

    @property
    def files(self) -> Mapping[str, bytes]:
        """The template's other files by name: the images."""
        return self._files

    @property
    def strings(self) -> Mapping[str, Mapping[str, str]]:
        """By language: a text of template.yaml -> its translation."""
        return self._strings

    @property
    def aliases(self) -> Mapping[str, str]:
        """A variable's former name -> its present one."""
        return self._aliases

    @property
    def hides_sharing(self) -> bool:
        """Whether Wallet shows no share button: as the template says, else where a card holds personal data."""
        if self.sharing_prohibited is not None:
            return self.sharing_prohibited
        return any(variable.personal for variable in self.variables.values())

    _aliases: Mapping[str, str] = {}
    _files: Mapping[str, bytes] = {}
    _strings: Mapping[str, Mapping[str, str]] = {}
    _lone: frozenset[str] = frozenset()
    _google_plan: Any = None

    def place(self, key: str, index: int) -> str:
        """The JSON pointer of an entry of ``barcode`` or ``relevant_dates``, which may be written without a list."""
        return f"/{key}" if key in self._lone else f"/{key}/{index}"

    def language(self, wanted: str | None) -> str:
        """The template's language closest to ``wanted``: the same, the same without region, else the default."""
        if wanted in self.languages:
            return str(wanted)
        base = (wanted or "").split("-")[0].lower()
        return next((have for have in self.languages if have.split("-")[0].lower() == base), self.default_language)

    def zones(self) -> Iterator[tuple[str, str, Fields]]:
        """(JSON pointer, zone, fields) of the style and then of the fallback, most important first."""
        for zone, fields in self.fields.items():
            yield f"/fields/{zone}", zone, fields
        if self.fallback and self.fallback.fields:
            for zone, fields in self.fallback.fields.items():
                yield f"/fallback/fields/{zone}", zone, fields


def parse_template(files: Mapping[str, bytes]) -> Template:
    """The template in these files: ``template.yaml``, ``strings/<lang>.yaml`` and images; raises TemplateError."""
    if TEMPLATE_FILE not in files:
        problem = Problem(Severity.ERROR, "", "template.yaml is missing", "Put it at the top of the template's folder.")
        raise TemplateError([problem])
    raw = yamlsafe.load(TEMPLATE_FILE, files[TEMPLATE_FILE])
    template = _validated(raw)
    strings, problems = _strings(template, files)
    template._files = {name: content for name, content in files.items() if not name.endswith(".yaml")}
    template._strings = strings
    template._aliases = {former: name for name, one in template.variables.items() for former in one.alias}
    template._lone = frozenset(key for key, value in raw.items() if not isinstance(value, list))
    problems += schemacheck.check(template)
    if problems:
        raise TemplateError(problems)
    return template


def _validated(raw: Mapping[str, Any]) -> Template:
    try:
        return Template.model_validate(raw)
    except ValidationError as error:
        raise TemplateError(schemacheck.from_pydantic(error, raw, Template)) from None


def _strings(template: Template, files: Mapping[str, bytes]) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    tables: dict[str, dict[str, str]] = {}
    problems: list[Problem] = []
    for name in sorted(files):
        if name.startswith(STRINGS_FOLDER) and name.endswith(".yaml"):
            language = name.removeprefix(STRINGS_FOLDER).removesuffix(".yaml")
            try:
                tables[language] = schemacheck.table(template, language, yamlsafe.load(name, files[name]))
            except TemplateError as error:
                problems += error.problems
    return tables, problems
