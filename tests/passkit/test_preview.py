"""A face shows what Wallet would: the language's texts, formatted values, the sharpest images, a barcode that scans."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from passkit.errors import BundleError
from passkit.preview import Span, faces, faces_of, strings_table, unpack
from passkit.preview_barcode import picture
from tests.judges import need

PASS = {
    "formatVersion": 1,
    "passTypeIdentifier": "pass.com.example.coffee",
    "serialNumber": "S1",
    "teamIdentifier": "A1B2C3D4E5",
    "organizationName": "Coffee club",
    "description": "Loyalty card",
    "backgroundColor": "rgb(58, 42, 30)",
    "foregroundColor": "rgb(255, 255, 255)",
    "labelColor": "rgb(232, 213, 181)",
    "storeCard": {
        "headerFields": [{"key": "points", "label": "Points", "value": 120, "changeMessage": "You have %@ points now"}],
        "primaryFields": [{"key": "holder", "label": "", "value": "Anna Petrova"}],
        "secondaryFields": [{"key": "balance", "label": "Deposit", "value": Decimal("450.00"), "currencyCode": "RUB"}],
        "auxiliaryFields": [
            {
                "key": "visit",
                "label": "Next visit",
                "value": "2026-12-01T18:30:00+03:00",
                "dateStyle": "PKDateStyleMedium",
                "timeStyle": "PKDateStyleShort",
            }
        ],
        "backFields": [
            {"key": "site", "label": "Site", "value": "See https://example.com/book. Or +7 495 123-45-67"},
            {
                "key": "book",
                "value": "x",
                "attributedValue": "<a href='https://example.com'>Book &amp; go</a> <b>now</b>",
            },
            {"key": "plain", "value": "https://example.com", "dataDetectorTypes": []},
        ],
    },
    "barcodes": [
        {"format": "PKBarcodeFormatQR", "message": "4242", "messageEncoding": "iso-8859-1", "altText": "4242"}
    ],
}
RUSSIAN = """/* names */
"Points" = "Баллы";
"You have %@ points now" = "Теперь у вас %@ баллов";
"Next visit" = "Следующий \\"визит\\"\\nскоро";
"Coffee club" = "Кофейный клуб";
"""


def packed(document: Any = PASS, **files: bytes) -> dict[str, bytes]:
    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, Decimal) else str(value)

    names = {name.replace("__", "/").replace("_at_", "@"): content for name, content in files.items()}
    return {"pass.json": json.dumps(document, default=plain).encode(), **names}


def zipped(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return memory.getvalue()


def with_style(style: str, **members: Any) -> dict[str, Any]:
    return {key: value for key, value in PASS.items() if key != "storeCard"} | {style: members}


def test_the_phones_language_chooses_the_texts():
    files = packed(**{"ru.lproj/pass.strings": RUSSIAN.encode()})
    face = faces(zipped(files), "ru")
    assert face.organization_name == "Кофейный клуб"
    points = face.by_key()["points"]
    assert (points.label, points.text, points.change_message) == ("Баллы", "120", "Теперь у вас %@ баллов")
    assert face.by_key()["visit"].label == 'Следующий "визит"\nскоро'
    english = faces(zipped(files), "en")
    assert english.by_key()["points"].label == "Points"


def test_a_regional_language_falls_back_to_its_base():
    files = packed(**{"pt.lproj/pass.strings": b'"Points" = "Pontos";', "pt-BR.lproj/pass.strings": b'"Points" = "P";'})
    assert [strings_table(files, name).get("Points") for name in ("pt-BR", "pt_PT", "fr")] == ["P", "Pontos", None]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_strings_are_read_in_every_encoding_wallet_reads(encoding: str):
    content = RUSSIAN.encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    assert strings_table({"ru.lproj/pass.strings": content}, "ru")["Points"] == "Баллы"


def test_values_are_formatted_for_the_language():
    ru = faces_of(packed(), "ru", time_zone="Europe/Moscow").by_key()
    en = faces_of(packed(), "en", time_zone="UTC").by_key()
    # CLDR: Russian puts the sign after with a no-break space, English before.
    assert (ru["balance"].text, en["balance"].text) == ("450,00\u00a0₽", "RUB\u00a0450.00")
    assert ru["visit"].text == "1 дек. 2026\u202fг., 18:30"
    assert en["visit"].text == "Dec 1, 2026, 3:30\u202fPM"


FORMATS = {
    "plain number": (1234, {}, "1234"),
    "decimal": (1234.5, {"numberStyle": "PKNumberStyleDecimal"}, "1,234.5"),
    "percent": (0.25, {"numberStyle": "PKNumberStylePercent"}, "25%"),
    "scientific": (1200, {"numberStyle": "PKNumberStyleScientific"}, "1.2E3"),
    "date only": ("2026-12-01T18:30:00+03:00", {"dateStyle": "PKDateStyleShort"}, "12/1/26"),
    "time only": ("2026-12-01T18:30:00Z", {"timeStyle": "PKDateStyleShort"}, "6:30\u202fPM"),
    "its own zone": (
        "2026-12-01T18:30:00+03:00",
        {"timeStyle": "PKDateStyleShort", "ignoresTimeZone": True},
        "6:30\u202fPM",
    ),
    "no date": ("soon", {"dateStyle": "PKDateStyleShort"}, "soon"),
    "text": ("Anna", {}, "Anna"),
}


@pytest.mark.parametrize(("value", "keys", "text"), FORMATS.values(), ids=FORMATS.keys())
def test_a_fields_own_keys_format_it(value, keys, text):
    document = with_style("generic", primaryFields=[{"key": "it", "value": value, **keys}])
    assert faces_of(packed(document), "en").by_key()["it"].text == text


def test_zones_keep_their_fields_and_order():
    document = with_style(
        "eventTicket",
        auxiliaryFields=[{"key": "a", "value": "1"}, {"key": "b", "value": "2", "row": 1}],
        headerFields=[{"key": "c", "value": "3", "textAlignment": "PKTextAlignmentRight"}],
        additionalInfoFields=[{"key": "d", "value": "4"}],
    )
    face = faces_of(packed(document), "en")
    assert [(item.key, item.row) for item in face.zone("auxiliary")] == [("a", 0), ("b", 1)]
    assert face.zone("header")[0].alignment == "right"
    assert face.zone("additionalInfo")[0].text == "4"
    assert face.zone("back") == ()


def test_links_on_the_back_are_found():
    back = faces_of(packed(), "en").by_key()
    assert back["site"].spans == (
        Span("See "),
        Span("https://example.com/book", "https://example.com/book"),
        Span(". Or "),
        Span("+7 495 123-45-67", "tel:+74951234567"),
    )
    assert back["book"].spans == (Span("Book & go", "https://example.com"), Span(" "), Span("now"))
    assert back["plain"].spans == (Span("https://example.com"),)


def test_an_unsafe_link_is_only_text():
    fields = [{"key": "x", "value": "x", "attributedValue": '<a href="javascript:alert(1)">press</a>'}]
    face = faces_of(packed(with_style("generic", backFields=fields)), "en")
    assert face.by_key()["x"].spans == (Span("press"),)


def test_the_sharpest_image_is_taken_and_a_top_level_one_wins():
    files = {
        "logo.png": b"1",
        "logo@2x.png": b"2",
        "ru.lproj/logo@3x.png": b"3",
        "ru.lproj/strip.png": b"4",
        "primary@logo.png": b"5",
    }
    images = faces_of(packed(**files), "ru").images
    assert images == {"logo": b"2", "strip": b"4"}
    assert faces_of(packed(**files), "en").images == {"logo": b"2"}


def test_missing_colours_are_chosen_to_be_readable():
    light = faces_of(packed({"generic": {}}), "en")
    assert (light.background, light.foreground) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")
    dark = faces_of(packed({"generic": {}, "backgroundColor": "#102030"}), "en")
    assert (dark.background, dark.foreground) == ("rgb(16, 32, 48)", "rgb(255, 255, 255)")


def test_a_pass_with_two_styles_shows_the_poster_and_to_old_phones_the_other():
    document = with_style("posterGeneric", primaryFields=[{"key": "p", "value": "poster"}])
    document["generic"] = {"primaryFields": [{"key": "p", "value": "old"}]}
    assert faces_of(packed(document), "en").style == "posterGeneric"
    old = faces_of(packed(document), "en", legacy=True)
    assert (old.style, old.by_key()["p"].text) == ("generic", "old")


def test_a_voided_pass_and_a_transit_type_are_told():
    document = with_style("boardingPass", transitType="PKTransitTypeTrain") | {"voided": True}
    face = faces_of(packed(document), "en")
    assert (face.transit, face.voided) == ("train", True)


def test_the_first_displayable_barcode_is_shown():
    new = {"format": "PKBarcodeFormatEAN13", "message": "4006381333931", "messageEncoding": "iso-8859-1"}
    old = {"format": "PKBarcodeFormatCode128", "message": "4242", "messageEncoding": "iso-8859-1"}
    shown = faces_of(packed({"generic": {}, "barcodes": [new, old]}), "en").barcode
    assert shown is not None
    assert (shown.format, shown.message) == ("Code128", "4242")
    only = faces_of(packed({"generic": {}, "barcodes": [new]}), "en").barcode
    assert only is not None
    assert (only.format, only.picture) == ("EAN13", None)
    legacy = faces_of(packed({"generic": {}, "barcode": old}), "en").barcode
    assert legacy is not None
    assert legacy.format == "Code128"


def photograph(svg: str, folder: Path) -> str:
    """The one-path picture as a PNG with a quiet zone, 4 pixels to the unit."""
    width, height = (int(part) for part in svg.split('viewBox="0 0 ')[1].split('"')[0].split())
    image = Image.new("L", ((width + 20) * 4, (height + 20) * 4), 255)
    draw = ImageDraw.Draw(image)
    for x, y, dx, dy in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", svg):
        left, top = (int(x) + 10) * 4, (int(y) + 10) * 4
        draw.rectangle((left, top, left + int(dx) * 4 - 1, top + int(dy) * 4 - 1), fill=0)
    path = folder / "code.png"
    image.save(path)
    return str(path)


MESSAGES = ("4242", "7003000412345", "Wikipedia", "AB-12 34~", "12345x")


@pytest.mark.parametrize("format_", ["QR", "Code128"])
@pytest.mark.parametrize("message", MESSAGES)
def test_a_scanner_not_ours_reads_what_is_drawn(format_: str, message: str, tmp_path: Path):
    drawn = picture(f"PKBarcodeFormat{format_}", message)
    assert drawn is not None
    assert (drawn.exact, drawn.square) == (True, format_ == "QR")
    command = [need("zbarimg"), "--quiet", "--nodbus", "-Sdisable", "-Sqrcode.enable", "-Scode128.enable"]
    read = subprocess.run([*command, photograph(drawn.svg, tmp_path)], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == f"{'QR-Code' if format_ == 'QR' else 'CODE-128'}:{message}"


def test_a_russian_qr_code_is_read_too(tmp_path: Path):
    drawn = picture("PKBarcodeFormatQR", "Карта 5", "utf-8")
    assert drawn is not None
    command = [need("zbarimg"), "--quiet", "--nodbus", "--raw", photograph(drawn.svg, tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "Карта 5"


@pytest.mark.parametrize("format_", ["PDF417", "Aztec"])
def test_symbols_that_only_look_the_part_say_so_and_never_change(format_: str):
    drawn = picture(f"PKBarcodeFormat{format_}", "M1PETROVA/ANNA")
    assert drawn is not None
    assert not drawn.exact
    assert drawn == picture(f"PKBarcodeFormat{format_}", "M1PETROVA/ANNA")
    assert drawn != picture(f"PKBarcodeFormat{format_}", "M1PETROVA/ANNB")


def test_what_does_not_fit_a_code_is_shown_as_text():
    assert picture("PKBarcodeFormatQR", "x" * 5000) is None
    assert picture("PKBarcodeFormatCode128", "Карта") is None
    assert picture("PKBarcodeFormatCodabar", "A1B") is None


BROKEN = {
    "no zip": b"<html>",
    "cut": zipped({"pass.json": b"{}" * 1000})[:-40],
    "no pass.json": zipped({"icon.png": b""}),
    "no JSON": zipped({"pass.json": b"\xef\xbb\xbf{"}),
    "no object": zipped({"pass.json": b"[]"}),
    "no style": zipped({"pass.json": b"{}"}),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_a_pass_is_a_clear_error(content: bytes):
    with pytest.raises(BundleError, match=r"^(The pass|pass\.json)"):
        faces(content, "en")


def test_a_zip_bomb_is_not_unpacked():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("pass.json", b"0" * (65 * 1024 * 1024))
    with pytest.raises(BundleError, match="more than a phone"):
        unpack(memory.getvalue())
