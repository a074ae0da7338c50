"""Coordinates out of what a person has: two numbers, or a link copied from a map."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

_NUMBER = r"(-?\d{1,3}(?:[.,]\d{1,12})?)"
_PLAIN = re.compile(rf"\s*{_NUMBER}\s*[;, ]\s*{_NUMBER}\s*")
_IN_GOOGLE_DATA = re.compile(r"!3d(-?\d{1,3}\.\d+)!4d(-?\d{1,3}\.\d+)")
_IN_GOOGLE_PATH = re.compile(r"@(-?\d{1,3}\.\d+),(-?\d{1,3}\.\d+)")
_LATITUDE_FIRST = ("q", "query", "destination", "daddr")
_LONGITUDE_FIRST = ("pt", "whatshere[point]", "ll", "m")
MAX_LENGTH = 2000


def coordinates(text: str) -> tuple[float, float] | None:
    """(latitude, longitude) in degrees out of two numbers or a link of Google Maps, Yandex Maps, 2GIS or OpenStreetMap."""
    text = text.strip()[:MAX_LENGTH]
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return _checked(plain[1], plain[2])
    return _of_link(text) if text.startswith(("https://", "http://", "geo:")) else None


def _of_link(text: str) -> tuple[float, float] | None:
    parts = urlsplit(text)
    if parts.scheme == "geo":  # https://www.rfc-editor.org/rfc/rfc5870
        return _pair(parts.path.split(";")[0])
    whole = unquote(text)
    for pattern in (_IN_GOOGLE_DATA, _IN_GOOGLE_PATH):  # the place itself before the middle of the map
        found = pattern.search(whole)
        if found is not None:
            return _checked(found[1], found[2])
    return _of_query(parse_qs(parts.query, max_num_fields=50)) or _of_2gis(parts.path)


def _of_query(query: dict[str, list[str]]) -> tuple[float, float] | None:
    if "mlat" in query and "mlon" in query:
        return _checked(query["mlat"][0], query["mlon"][0])
    for name in _LATITUDE_FIRST:
        if name in query and (found := _pair(query[name][0])) is not None:
            return found
    for name in _LONGITUDE_FIRST:
        if name in query and (found := _pair(query[name][0].split("/")[0].split("~")[0])) is not None:
            return _checked(str(found[1]), str(found[0]))
    return None


def _of_2gis(path: str) -> tuple[float, float] | None:
    """https://2gis.ru/moscow/geo/37.617698,55.755864: longitude first."""
    found = re.search(r"/geo/(?:\d+/)?(-?\d{1,3}\.\d+),(-?\d{1,3}\.\d+)", unquote(path))
    return _checked(found[2], found[1]) if found else None


def _pair(text: str) -> tuple[float, float] | None:
    found = re.fullmatch(r"\s*(-?\d{1,3}(?:\.\d{1,12})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,12})?)(?:,.*)?\s*", text)
    return (float(found[1]), float(found[2])) if found else None


def _checked(latitude: str, longitude: str) -> tuple[float, float] | None:
    north, east = float(latitude.replace(",", ".")), float(longitude.replace(",", "."))
    return (north, east) if abs(north) <= 90 and abs(east) <= 180 else None
