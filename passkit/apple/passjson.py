r"""A filled pass as the files that belong to the card alone: pass.json and each language's pass.strings.

pass.strings is UTF-8 without a byte order mark and starts with a quote: the one form that iOS, FossWallet and KDE's reader
all take. Keys are the literals of pass.json, ``\``, ``"`` and newlines are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from passkit.localise import Table
from passkit.model import Pass

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def files(pass_: Pass) -> dict[str, bytes]:
    """``{"pass.json": ..., "<lang>.lproj/pass.strings": ...}``: what goes beside the revision's images."""
    return {"pass.json": pass_json(pass_.document), **strings_files(pass_.strings)}


def pass_json(document: Mapping[str, Any]) -> bytes:
    """pass.json alone."""
    return orjson.dumps(document, default=_exact)


def strings_files(tables: Mapping[str, Mapping[str, str]]) -> dict[str, bytes]:
    """``{"<lang>.lproj/pass.strings": ...}``; a language without texts has no file."""
    return {f"{language}.lproj/pass.strings": strings(table) for language, table in tables.items() if table}


def _exact(value: Any) -> Any:
    """A Decimal as the JSON number with the same digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{type(value).__name__} does not belong into pass.json")


def strings(table: Mapping[str, str]) -> bytes:
    """One pass.strings: a line ``"literal" = "translation";`` for each."""
    if isinstance(table, Table) and table.encoded is not None:
        return table.encoded
    lines = [f'"{key.translate(_ESCAPES)}" = "{text.translate(_ESCAPES)}";\n' for key, text in table.items()]
    encoded = "".join(lines).encode()
    if isinstance(table, Table):
        table.encoded = encoded
    return encoded
