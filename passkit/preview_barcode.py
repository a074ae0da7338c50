"""Barcodes as SVG for previews.

QR (through segno) and Code 128 are drawn exactly and scan; PDF417 and Aztec are drawn to look like themselves and do
not scan, which ``BarcodePicture.exact`` says. Anything else is shown as text. The phone itself draws the real symbol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby

import segno

Rows = Sequence[Sequence[bool]]


@dataclass(frozen=True, slots=True)
class BarcodePicture:
    """``svg`` is one path on a transparent ground, to be scaled by its box; ``square`` says which box."""

    svg: str
    square: bool
    exact: bool


def picture(format_: str, message: str, encoding: str = "iso-8859-1") -> BarcodePicture | None:
    """The picture for a ``PKBarcodeFormat…``; None for formats that are shown as text or messages that do not fit."""
    match format_:
        case "PKBarcodeFormatQR":
            return _qr(message, encoding)
        case "PKBarcodeFormatCode128":
            return _code128(message)
        case "PKBarcodeFormatPDF417":
            return BarcodePicture(_svg(_pdf417_like(message), row_height=3), square=False, exact=False)
        case "PKBarcodeFormatAztec":
            return BarcodePicture(_svg(_aztec_like(message)), square=True, exact=False)
        case _:
            return None


def _qr(message: str, encoding: str) -> BarcodePicture | None:
    try:
        code = segno.make(message, error="m", micro=False, encoding=encoding)
    except (LookupError, UnicodeError):
        code = segno.make(message, error="m", micro=False)
    except segno.DataOverflowError:
        return None
    rows = [[bool(module) for module in row] for row in code.matrix]
    return BarcodePicture(_svg(rows), square=True, exact=True)


def _svg(rows: Rows, row_height: int = 1) -> str:
    width, height = len(rows[0]), len(rows) * row_height
    path = "".join(_runs(rows, row_height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'shape-rendering="crispEdges" aria-hidden="true"><path fill="currentColor" d="{path}"/></svg>'
    )


def _runs(rows: Rows, row_height: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        column = 0
        for dark, modules in groupby(row):
            length = len(list(modules))
            if dark:
                yield f"M{column} {number * row_height}h{length}v{row_height}h-{length}z"
            column += length


# Code 128, ISO/IEC 15417: element widths of symbol characters 0-105 and the stop character.
_CHARACTERS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122"
    "123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323"
    "131123131321112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131"
    "213113213311213131311123311321331121312113312311332111314111221411431111111224111422121124121421141122"
    "141221112214112412122114122411142112142211241211221114413111241112134111111242121142121241114212124112"
    "124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141114131311141"
    "411131211412211214211232"
)
_WIDTHS = [_CHARACTERS[start : start + 6] for start in range(0, len(_CHARACTERS), 6)]
_STOP = "2331112"
_START_B, _START_C, _CODE_B = 104, 105, 100


def _code128(message: str) -> BarcodePicture | None:
    values = _code128_values(message)
    if values is None:
        return None
    check = (values[0] + sum(position * value for position, value in enumerate(values))) % 103
    row = [*_elements("".join(_WIDTHS[value] for value in [*values, check])), *_elements(_STOP)]
    return BarcodePicture(_svg([row], row_height=30), square=False, exact=True)


def _code128_values(message: str) -> list[int] | None:
    """Code set C for an even run of digits from the start (what card numbers are), then B; None outside ASCII text."""
    if not message or not all(" " <= character <= "~" for character in message):
        return None
    digits = len(message) - len(message.lstrip("0123456789"))
    pairs = digits - digits % 2 if digits >= 4 else 0
    in_c = [int(message[index : index + 2]) for index in range(0, pairs, 2)]
    in_b = [ord(character) - 32 for character in message[pairs:]]
    if not pairs:
        return [_START_B, *in_b]
    return [_START_C, *in_c, *([_CODE_B, *in_b] if in_b else [])]


def _elements(widths: str) -> Iterator[bool]:
    for position, width in enumerate(widths):
        yield from [position % 2 == 0] * int(width)


# PDF417, ISO/IEC 15438: start and stop patterns are true, the codewords only have the true shape (17 modules, 4 bars).
_PDF417_START, _PDF417_STOP = "81111113", "711311121"


def _pdf417_like(message: str) -> Rows:
    words = max(len(message) // 2 + 10, 24)
    columns = 4 if words <= 80 else 8
    noise = _noise(message)
    rows: list[list[bool]] = []
    for _ in range(max(words // columns + 1, 10)):
        middle = "".join(_codeword(noise) for _ in range(columns + 2))
        rows.append([*_elements(_PDF417_START), *_elements(middle), *_elements(_PDF417_STOP)])
    return rows


def _codeword(noise: Iterator[int]) -> str:
    """Eight element widths from 1 to 6 that add up to 17."""
    widths = [1] * 8
    for _ in range(9):
        open_ = [index for index, width in enumerate(widths) if width < 6]
        widths[open_[next(noise) % len(open_)]] += 1
    return "".join(map(str, widths))


_AZTEC_SIZE = 27
_AZTEC_CORE = 5


def _aztec_like(message: str) -> Rows:
    """Aztec's bull's-eye with modules around it that follow the message but encode nothing."""
    noise, centre = _noise(message), _AZTEC_SIZE // 2
    rows = [[next(noise) % 2 == 0 for _ in range(_AZTEC_SIZE)] for _ in range(_AZTEC_SIZE)]
    for row in range(centre - _AZTEC_CORE, centre + _AZTEC_CORE + 1):
        for column in range(centre - _AZTEC_CORE, centre + _AZTEC_CORE + 1):
            rows[row][column] = max(abs(row - centre), abs(column - centre)) % 2 == 0
    return rows


def _noise(message: str) -> Iterator[int]:
    """Bytes that depend on the message alone."""
    for block in count():
        yield from hashlib.sha256(f"{block}:{message}".encode()).digest()
