"""Templates without a database: read from a folder, checked as publishing would, filled with samples, built and signed.

Needs no SECRET, no PUBLIC_URL and no brand: what they would give is a stand-in of the right shape. Only the folder
functions touch files; the rest is passkit's and runs in the limited process too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passkit import archive, draft, images, limits
from passkit.apple import bundle, passjson
from passkit.apple.signing import Identity
from passkit.data import accept, sample
from passkit.errors import ImageError, Problem, RenderError, Severity, TemplateError
from passkit.google.loss import loss
from passkit.google.objects import Address, GooglePictures, class_body, object_body
from passkit.google.pictures import Drawings
from passkit.google.types import type_of
from passkit.model import SAMPLE_OUTLET, Brand, Card, CardState, News
from passkit.render import Revision, compile_revision, fill
from passkit.schema import TEMPLATE_FILE, Template, parse_template
from passkit.smallpng import quick_png

SAMPLE_SERIAL = "Sample00000000000000000000000000"
SAMPLE_NUMBER = "1234567812345670"
"""A card number whose check digit holds, like the real ones."""
SAMPLE_TOKEN = "SampleTokenOfACardThatNobodyHolds"  # noqa: S105
SAMPLE_WEB_SERVICE = "https://passbell.invalid/passkit"
"""A name that never resolves (RFC 2606): a sample card on a phone asks nobody."""
SAMPLE_URL = "https://passbell.invalid"
SAMPLE_ISSUER = "3388000000000000000"
SAMPLE_PASS_TYPE = "pass.com.example.sample"  # noqa: S105
TEXTS = (".yaml", ".yml")
ZIP = ".zip"
FOLDER_FILES = 200
"""A template has a few dozen files; a folder with more was not meant."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, the files with pictures as they would be stored, and what differs between the wallets."""

    problems: tuple[Problem, ...]
    files: Mapping[str, bytes]
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A card for both wallets: the signed file, and ``{"loyaltyClass": {...}, "loyaltyObject": {...}}``."""

    pkpass: bytes
    google: Mapping[str, Any]


def read(path: Path) -> dict[str, bytes]:
    """The files of a template's folder, or of a zip of it; TemplateError when there is no template in it."""
    if path.suffix.lower() != ZIP or not path.is_file():
        return read_folder(path)
    if path.stat().st_size > archive.MAX_ARCHIVE:
        raise TemplateError([_error("", f"{path} is too large.", f"At most {archive.MAX_ARCHIVE:,} bytes are taken.")])
    return archive.unpack(path.read_bytes())


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a template's files into a folder, or as a zip where the path ends so."""
    if path.suffix.lower() == ZIP:
        path.write_bytes(archive.pack(files))
    else:
        write_folder(path, files)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a template's folder; TemplateError when there is no template in it."""
    if not (folder / TEMPLATE_FILE).is_file():
        raise TemplateError([_error("", f"{folder} holds no {TEMPLATE_FILE}.", "Name the template's own folder.")])
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path.relative_to(folder))]
    if len(paths) > FOLDER_FILES:
        raise TemplateError([_error("", f"{folder} holds {len(paths)} files.", "Name the template's own folder.")])
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a template's files; names that would leave the folder are refused."""
    root = folder.resolve()
    for name, content in files.items():
        path = (root / name).resolve()
        if root not in path.parents:
            raise TemplateError(
                [_error("", f"The file name {name!r} leaves the folder.", "Rename it in the template.")]
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check(files: Mapping[str, bytes], now: datetime) -> Checked:
    """Everything that importing and publishing would find: pictures, form, expressions, both platforms' limits."""
    stored, problems = _pictures(files)
    if problems:
        return Checked(tuple(problems), stored)
    try:
        template = parse_template(stored)
        revision = compile_revision(template, sample_brand(template))
    except TemplateError as error:
        return Checked(error.problems, stored)
    losses = tuple(str(one) for one in loss(template))
    return Checked((*limits.check(template), *_filled(revision, now)), stored, losses)


def build(
    files: Mapping[str, bytes],
    identity: Identity,
    given: Mapping[str, Any],
    *,
    language: str | None,
    with_google: bool = False,
    now: datetime,
) -> Built:
    """This template's card with the given data, each variable's sample where none is given; Google's part when asked."""
    stored, problems = _pictures(files)
    if problems:
        raise TemplateError(problems)
    template = parse_template(stored)
    data = {**sample(template), **accept(template, given, partial=True)}
    revision = compile_revision(template, sample_brand(template, identity))
    card = Card(
        SAMPLE_SERIAL,
        SAMPLE_NUMBER,
        SAMPLE_TOKEN,
        data,
        language=language,
        created_at=now,
        ring=None,
        outlet=SAMPLE_OUTLET,
    )
    signed = b"".join(bundle.pkpass(fill(revision, card, None, language, now), identity))
    return Built(signed, _google(revision, card, now) if with_google else {})


def _google(revision: Revision, card: Card, now: datetime) -> dict[str, Any]:
    """The class and the object by their own names, with ids and addresses that are nowhere."""
    kind = type_of(revision.template)
    address = Address(SAMPLE_ISSUER, f"{SAMPLE_ISSUER}.{revision.template.key}", SAMPLE_URL)
    made = Drawings(revision.template, quick_png)
    shown = GooglePictures.of({slot: f"{SAMPLE_URL}/images/{slot}.png" for slot in made})
    object_id = f"{SAMPLE_ISSUER}.{card.serial_number}"
    return {
        kind.class_kind: class_body(revision, address, shown, now),
        kind.object_kind: object_body(revision, card, None, address, object_id, shown, now),
    }


def sample_brand(template: Template, identity: Identity | None = None) -> Brand:
    """A brand of the right shape: the certificate's pass type and team, and a web service that is nowhere."""
    return Brand(
        key="sample",
        name=template.name,
        pass_type_identifier=identity.pass_type_identifier if identity else SAMPLE_PASS_TYPE,
        team_identifier=identity.team_identifier if identity else "SAMPLE0001",
        languages=tuple(template.languages),
        web_service_url=SAMPLE_WEB_SERVICE,
    )


def warm_up() -> None:
    """Load what the first check would load, locale data included, before a process takes its limits."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    files = {TEMPLATE_FILE: _WARM, "icon.png": _DOT}
    check(files, now)
    brand = sample_brand(parse_template(files))
    for language in ("en", "ru"):
        draft.look(files, brand, show=draft.Data.LONG, state=CardState.ACTIVE, language=language, now=now)


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """A problem as JSON values."""
    return {
        "severity": str(problem.severity),
        "pointer": problem.pointer,
        "detail": problem.detail,
        "fix": problem.fix,
        "log_line": problem.log_line,
    }


def problem_from_json(row: Mapping[str, Any]) -> Problem:
    """And back."""
    return Problem(Severity(row["severity"]), row["pointer"], row["detail"], row["fix"], row["log_line"])


def _pictures(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[Problem]]:
    stored, problems = {}, []
    for name, content in files.items():
        try:
            stored[name] = content if name.endswith(TEXTS) else images.intake(name, content)
        except ImageError as error:
            stored[name] = content
            problems.append(_error(f"/images/{name}", str(error), "Put another picture in its place."))
    return stored, problems


def _filled(revision: Revision, now: datetime) -> list[Problem]:
    """What goes wrong when cards with samples and with nothing but defaults are filled, in every language."""
    template = revision.template
    problems: dict[Problem, None] = {}
    news = News(dict.fromkeys(template.languages, "News"))
    for data in (sample(template), accept(template, {}, partial=True)):
        for language in template.languages:
            card = Card(
                SAMPLE_SERIAL,
                SAMPLE_NUMBER,
                SAMPLE_TOKEN,
                data,
                language=language,
                created_at=now,
                ring=None,
                outlet=SAMPLE_OUTLET,
            )
            try:
                passjson.files(fill(revision, card, news, language, now))
            except RenderError as error:
                problems[
                    _error(error.pointer, error.detail, "Mend the expression, or give the variable a default.")
                ] = None
    return list(problems)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _error(pointer: str, detail: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, pointer, detail, fix)


_WARM = b"""
key: warm
style: generic
name: Warm
organization_name: "{{ brand.name }}"
description: Warm
languages: [en, ru]
images: {icon: icon.png}
variables:
  n: {type: money, currency: EUR, label: N, default: 0, sample: 100}
  d: {type: datetime, label: D, default: "2026-12-01T18:30:00+03:00"}
fields:
  primary: [{key: n, label: N, value: "{{ n }}", format: money}]
  back: [{key: d, label: D, value: "{{ d | date }} {{ n | plural('a', 'b', 'c') }}"}]
"""
_DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
