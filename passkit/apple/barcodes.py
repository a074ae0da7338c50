"""The barcodes of a pass: formats, encodings, fallbacks.

A phone shows the first entry of ``barcodes`` it can draw, so an iOS 27 format is followed by an old one; ``barcode`` is for
readers before iOS 9, which take QR, PDF417 and Aztec only
(developer.apple.com/documentation/walletpasses/pass/barcodes-data.dictionary).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from passkit.apple.values import ABSENT

if TYPE_CHECKING:
    from passkit.apple.document import Node

BARCODE_FORMATS = {
    "qr": "PKBarcodeFormatQR",
    "pdf417": "PKBarcodeFormatPDF417",
    "aztec": "PKBarcodeFormatAztec",
    "code128": "PKBarcodeFormatCode128",
    "code39": "PKBarcodeFormatCode39",
    "codabar": "PKBarcodeFormatCodabar",
    "ean13": "PKBarcodeFormatEAN13",
    "i2of5": "PKBarcodeFormatI2of5",
}
FIRST_FORMATS = frozenset({"PKBarcodeFormatQR", "PKBarcodeFormatPDF417", "PKBarcodeFormatAztec"})  # iOS 6
OLD_FORMATS = FIRST_FORMATS | {"PKBarcodeFormatCode128"}  # iOS 9
FALLBACK = "PKBarcodeFormatCode128"  # what a till's linear scanner reads as well


@dataclass(frozen=True, slots=True)
class BarcodeSlots:
    """One declared barcode: its format and the leaves of its message and its text below."""

    format: str
    message: int
    alt_text: int
    encoding: str | None
    passed: Node

    def make(self, values: Sequence[Any]) -> Any:
        """The entry of ``barcodes``; absent while the message is empty."""
        if not (message := values[self.message]):
            return ABSENT
        entry = {"format": self.format, "message": message, "messageEncoding": self.encoding or encoding(message)}
        if (text := values[self.alt_text]) is not ABSENT:
            entry["altText"] = text
        return entry | self.passed.make(values)

    def leaves(self) -> Iterator[int]:
        """Message, text, and what `apple:` holds."""
        yield from (self.message, self.alt_text)
        yield from self.passed.leaves()


@dataclass(frozen=True, slots=True)
class Barcodes:
    """All barcodes of a pass."""

    slots: tuple[BarcodeSlots, ...]

    def make(self, values: Sequence[Any]) -> Any:
        """``barcodes``: a new format without an old one behind it gets a Code 128 of the same message."""
        entries = [entry for slot in self.slots if (entry := slot.make(values)) is not ABSENT]
        if not entries:
            return ABSENT
        if entries[-1]["format"] not in OLD_FORMATS:
            entries.append({**entries[-1], "format": FALLBACK})
        return entries

    def leaves(self) -> Iterator[int]:
        """Those of all barcodes."""
        return (leaf for slot in self.slots for leaf in slot.leaves())


def first_barcode(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The deprecated ``barcode``: the first entry that iOS 6 knew, else the first message as QR."""
    known = (entry for entry in entries if entry["format"] in FIRST_FORMATS)
    return next(known, {**entries[0], "format": "PKBarcodeFormatQR"})


def encoding(message: str) -> str:
    """``iso-8859-1`` where the message fits, else ``utf-8``."""
    if message.isascii():
        return "iso-8859-1"
    try:
        message.encode("iso-8859-1")
    except UnicodeEncodeError:
        return "utf-8"
    return "iso-8859-1"
