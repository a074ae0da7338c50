"""Every style and every starter before judges that are not ours: openssl, passkit-generator's schema, KDE's reader.

What each proves and where it ends: openssl the detached signature and its chain over the exact bytes; passkit-generator the
schema up to iOS 27 (it tolerates unknown keys); KDE's library that an independent reader finds the fields, translated, with
their messages and barcodes (22.12 shows number values empty, leaves escaped keys of pass.strings untranslated, knows no
posterGeneric and checks no signature).
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commands.pki import DEFAULT_PASS_TYPE, LookAlike
from passkit.apple.signing import Identity
from passkit.model import Brand
from tests.judges import NODE_PROJECT, need
from tests.passkit.judged_styles import RU, STARTERS, STYLES, build, fields_of

NOW = datetime.now(UTC).replace(microsecond=0)
ALL = (*STYLES, *STARTERS)
LEGACY = tuple(name for name in ALL if name != "posterGeneric")
KDE_TYPES = {"boardingPass": 0, "coupon": 1, "eventTicket": 2, "generic": 3, "storeCard": 4}  # KPkPass::Pass::Type
KDE_FORMATS = {
    "PKBarcodeFormatQR": 1,
    "PKBarcodeFormatPDF417": 2,
    "PKBarcodeFormatAztec": 3,
    "PKBarcodeFormatCode128": 4,
}


@pytest.fixture(scope="module")
def passes(identity: Identity, brand: Brand) -> dict[str, bytes]:
    return {name: build(name, identity, brand, NOW) for name in ALL}


def document_in(pkpass: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(pkpass)) as archive:
        read: dict[str, Any] = json.loads(archive.read("pass.json"))
        return read


def styles_in(document: dict[str, Any]) -> list[str]:
    """The style, and the fallback of a poster after it."""
    return [style for style in ("posterGeneric", *KDE_TYPES) if style in document]


def unzipped(pkpass: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(pkpass)) as archive:
        archive.extractall(folder)
    return folder


# --- openssl ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_openssl_verifies_the_signature_of_every_style(
    name: str, passes: dict[str, bytes], pki: LookAlike, tmp_path: Path
) -> None:
    folder = unzipped(passes[name], tmp_path)
    (folder / "root.pem").write_bytes(pki.root.certificate_pem)
    command = (
        "cms -verify -binary -inform DER -in signature -content manifest.json -CAfile root.pem -purpose any -out told"
    )
    judged = subprocess.run([need("openssl"), *command.split()], cwd=folder, capture_output=True, check=False)
    assert judged.returncode == 0, judged.stderr
    assert (folder / "told").read_bytes() == (folder / "manifest.json").read_bytes()


# --- passkit-generator -----------------------------------------------------------------------------------------------


def ask_generator(folder: Path, pki: LookAlike, out: Path) -> dict[str, Any]:
    need("passkit-generator")
    certificates = out.parent / "certificates"
    certificates.mkdir()
    leaf = pki.passes[DEFAULT_PASS_TYPE]
    for file, content in (
        ("wwdr.pem", pki.wwdr.certificate_pem),
        ("leaf.pem", leaf.certificate_pem),
        ("key.pem", leaf.key_pem),
    ):
        (certificates / file).write_bytes(content)
    command = [need("node"), "passkit_generator.mjs", str(folder), str(certificates), str(out)]
    done = subprocess.run(command, cwd=NODE_PROJECT, capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("name", ALL)
def test_passkit_generator_has_nothing_to_say_against_any_style(
    name: str, passes: dict[str, bytes], pki: LookAlike, tmp_path: Path
) -> None:
    folder = unzipped(passes[name], tmp_path / "pass")
    told = ask_generator(folder, pki, tmp_path / "theirs.pkpass")
    assert told["complaints"] == []
    ours, theirs = document_in(passes[name]), document_in((tmp_path / "theirs.pkpass").read_bytes())
    styles = styles_in(ours)
    assert told["type"] in styles
    assert styles == (["posterGeneric", "storeCard"] if name == "posterGeneric" else styles[:1])
    for style in styles:
        kept = {key: one for key, one in fields_of(ours, style).items() if one not in ours[style].get(SILENT, [])}
        assert fields_of(theirs, style) == kept, "a field that their schema refuses is dropped by them"
    others = set(ours) - set(styles) - {"barcode"}  # they write the old single barcode only on request
    assert {key: dated(theirs.get(key)) for key in others} == {key: dated(ours[key]) for key in others}


SILENT = "additionalInfoFields"
"""Apple's page on posterGeneric names them; passkit-generator 3.6.1 writes them for event tickets only, without a word."""


def dated(value: Any) -> Any:
    """``value`` with its dates as instants: theirs are rewritten to UTC with milliseconds."""
    if isinstance(value, list):
        return [dated(one) for one in value]
    if isinstance(value, dict):
        return {key: dated(one) for key, one in value.items()}
    if isinstance(value, str) and "T" in value and value[:4].isdigit():
        return datetime.fromisoformat(value)
    return value


WRONG: dict[str, dict[str, Any]] = {
    "a short token": {"authenticationToken": "short"},
    "a colour in words": {"backgroundColor": "brown"},
    "another protocol": {"webServiceURL": "ftp://example.com"},
    "an unknown barcode": {"barcodes": [{"format": "PKBarcodeFormatITF", "message": "1", "messageEncoding": "utf-8"}]},
    "a field without value": {"storeCard": {"headerFields": [{"key": "a"}]}},
    "an action without address": {"featuredActions": [{"identifier": "a", "type": "shop"}]},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_passkit_generator_is_a_judge_that_can_say_no(
    wrong: str, passes: dict[str, bytes], pki: LookAlike, tmp_path: Path
) -> None:
    folder = unzipped(passes["coffee"], tmp_path / "pass")
    (folder / "pass.json").write_text(json.dumps(document_in(passes["coffee"]) | WRONG[wrong]))
    told = ask_generator(folder, pki, tmp_path / "theirs.pkpass")
    out = tmp_path / "theirs.pkpass"
    dropped = document_in(out.read_bytes()) if out.exists() else {}
    key = next(iter(WRONG[wrong]))
    assert told["complaints"] or dropped.get(key) != WRONG[wrong][key]


# --- KDE -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kde_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KDE's library behind a few lines of C++, compiled once."""
    headers = Path(need("kde"))
    program = tmp_path_factory.mktemp("kde") / "kde_reader"
    told = subprocess.run(["pkg-config", "--cflags", "--libs", "Qt5Gui"], capture_output=True, text=True, check=True)
    source = Path(__file__).with_name("kde_reader.cpp")
    command = [
        "g++",
        "-std=c++17",
        "-fPIC",
        "-O0",
        str(source),
        "-o",
        str(program),
        f"-I{headers.parent}",
        f"-I{headers}",
    ]
    subprocess.run([*command, *told.stdout.split(), "-lKPimPkPass"], check=True, capture_output=True, timeout=55)
    return program


def read_by_kde(reader: Path, pkpass: bytes, language: str, folder: Path) -> dict[str, Any]:
    file = folder / f"{language}.pkpass"
    file.write_bytes(pkpass)
    locale = {"ru": "ru_RU.UTF-8", "en": "en_US.UTF-8"}[language]
    environment = {**os.environ, "LANG": locale, "LC_ALL": locale, "LANGUAGE": language, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([reader, file], env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def rows_by_key(read: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {row["key"]: row for zone in ("header", "primary", "secondary", "auxiliary", "back") for row in read[zone]}


@pytest.mark.parametrize("name", LEGACY)
def test_kde_reads_every_field_barcode_and_picture_of_every_legacy_style(
    name: str, kde_reader: Path, passes: dict[str, bytes], tmp_path: Path
) -> None:
    document = document_in(passes[name])
    (style,) = styles_in(document)
    read = read_by_kde(kde_reader, passes[name], "ru", tmp_path)
    assert read["type"] == KDE_TYPES[style]
    for key in ("organizationName", "description", "serialNumber", "passTypeIdentifier", "authenticationToken"):
        assert read[key] == document[key]
    assert read["webServiceUrl"] == document["webServiceURL"]
    own_end = {"offer": "2027-03-09T20:59:59Z", "gift": "2027-12-31T20:59:59Z"}  # a day's last second in Moscow
    assert read["expirationDate"] == own_end.get(name, "2027-06-30T20:59:59Z")
    fields, rows = fields_of(document, style), rows_by_key(read)
    assert set(rows) == set(fields)
    for key, field in fields.items():
        assert rows[key]["label"] == field.get("label", "")
        assert rows[key]["changeMessage"] == field.get("changeMessage", "").replace("%@", rows[key]["value"])
        if isinstance(field["value"], str) and "dateStyle" not in field and "timeStyle" not in field:
            assert rows[key]["value"] == field.get("attributedValue", field["value"])
    codes = [(KDE_FORMATS[code["format"]], code["message"], code.get("altText", "")) for code in document["barcodes"]]
    assert [(code["format"], code["message"], code["altText"]) for code in read["barcodes"]] == codes
    assert [place["text"] for place in read["locations"]] == [place["relevantText"] for place in document["locations"]]
    assert read["icon"] > 0
    assert read["logo"] > 0


@pytest.mark.parametrize("name", [name for name in LEGACY if name in STYLES])
def test_kde_shows_another_language_where_the_phone_speaks_it(
    name: str, kde_reader: Path, passes: dict[str, bytes], tmp_path: Path
) -> None:
    """The card is Russian; an English phone sees template.yaml's own words, and the holder's name untouched by both."""
    russian = rows_by_key(read_by_kde(kde_reader, passes[name], "ru", tmp_path))
    english = rows_by_key(read_by_kde(kde_reader, passes[name], "en", tmp_path))
    labels = {"points": "Points", "balance": "Balance", "day": "Until", "terms": "Terms"}
    for key, label in labels.items():
        assert (russian[key]["label"], english[key]["label"]) == (RU[label], label)
    assert english["points"]["changeMessage"] == "You have  points now", "22.12 shows numbers empty"
    assert russian["points"]["changeMessage"] == "Теперь баллов: "
    assert english["news"]["changeMessage"] == english["news"]["value"] == "20% off until Friday"
    assert russian["news"]["changeMessage"] == russian["news"]["value"] == "Скидка 20 % до пятницы"
    assert english["terms"]["value"] == "Be kind.\nSay please."
    assert russian["terms"]["value"] == "Будьте добры, говорите «пожалуйста»."
    if "holder" in russian:
        assert russian["holder"]["value"] == english["holder"]["value"] == 'Анна "Нюта" Петрова \\ сын'
