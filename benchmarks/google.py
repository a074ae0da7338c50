"""Google objects built a second, beside the filling of the same card's Apple pass.

An object says everything in each of the template's languages, with dates and amounts written by the server, so it costs more
than a fill, which leaves both to the phone. Google takes 18 requests a second of an issuer: what counts is that a publish, which
builds every card's object once more to see whether it reads differently, is done in minutes for a million cards.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from benchmarks.build_sign import BRAND, COFFEE, card, prepared_images, template_files
from benchmarks.figure import Figure, interleaved, median_ratio, settle_memory
from passkit.google.objects import Address, GooglePictures, class_body, object_body, patch_body
from passkit.render import Revision, compile_revision, fill
from passkit.schema import parse_template

FILL, OBJECT, PATCH, CLASS = "fill (Apple)", "build an object", "build an object and its PATCH", "build a class"
ISSUER = "3388000000000000001"
ADDRESS = Address(ISSUER, f"{ISSUER}.coffee", "https://cards.example.com")
PICTURES = GooglePictures(*(f"https://cards.example.com/images/{slot}.png" for slot in ("logo", "wide", "hero")))


def figures() -> list[Figure]:
    """Objects, with and without their PATCH, and classes a second."""
    revision = compile_revision(parse_template(template_files(COFFEE)), BRAND, prepared_images())
    now = datetime.now(UTC)
    work: dict[str, Callable[[], object]] = {
        FILL: filling(revision, now),
        OBJECT: building(revision, now),
        PATCH: patching(revision, now),
        CLASS: lambda: class_body(revision, ADDRESS, PICTURES, now),
    }
    settle_memory()
    rates = interleaved(work)
    return [
        Figure(FILL, statistics.median(rates[FILL]), "cards/s/core"),
        Figure(OBJECT, statistics.median(rates[OBJECT]), "objects/s/core", median_ratio(rates, OBJECT, FILL), FILL),
        Figure(PATCH, statistics.median(rates[PATCH]), "objects/s/core", median_ratio(rates, PATCH, FILL), FILL),
        Figure(CLASS, statistics.median(rates[CLASS]), "classes/s/core"),
    ]


def filling(revision: Revision, now: datetime) -> Callable[[], object]:
    """Another customer's pass each time, unbuilt."""
    numbers = count(1)
    return lambda: fill(revision, card(next(numbers), now), None, None, now)


def building(revision: Revision, now: datetime) -> Callable[[], dict[str, object]]:
    """Another customer's object each time."""
    numbers = count(1)
    return lambda: object_body(
        revision, card(next(numbers), now), None, ADDRESS, f"{ISSUER}.{next(numbers)}", PICTURES, now
    )


def patching(revision: Revision, now: datetime) -> Callable[[], object]:
    """The same and the nulls that a PATCH clears with."""
    build = building(revision, now)
    return lambda: patch_body("loyaltyObject", build())


if __name__ == "__main__":
    for figure in figures():
        print(figure)
