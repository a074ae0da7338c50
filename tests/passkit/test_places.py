"""Coordinates out of what a person copies from a map."""

from __future__ import annotations

import pytest

from passkit.places import coordinates


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("55.7558, 37.6173", (55.7558, 37.6173)),
        (" 55,7558; 37,6173 ", (55.7558, 37.6173)),
        ("-33.8688 151.2093", (-33.8688, 151.2093)),
        ("https://yandex.ru/maps/213/moscow/?ll=37.617698%2C55.755864&z=16", (55.755864, 37.617698)),
        ("https://yandex.ru/maps/?ll=30.1,59.1&pt=37.61,55.75&z=12", (55.75, 37.61)),
        ("https://www.google.com/maps/@55.7512419,37.6184217,15z", (55.7512419, 37.6184217)),
        (
            "https://www.google.com/maps/place/X/@55.1,37.1,17z/data=!3m1!4b1!4m5!8m2!3d55.7539!4d37.6208",
            (55.7539, 37.6208),
        ),
        ("https://maps.google.com/?q=55.7539,37.6208", (55.7539, 37.6208)),
        ("https://2gis.ru/moscow/geo/4504127908538375/37.620070,55.753630", (55.75363, 37.62007)),
        ("https://2gis.ru/moscow?m=37.62007%2C55.75363%2F16", (55.75363, 37.62007)),
        ("https://www.openstreetmap.org/?mlat=55.75&mlon=37.62#map=15/55.1/37.1", (55.75, 37.62)),
        ("geo:55.75,37.62;u=35", (55.75, 37.62)),
    ],
)
def test_a_place_is_read(text: str, place: tuple[float, float]) -> None:
    assert coordinates(text) == place


@pytest.mark.parametrize(
    "text",
    ["", "Tverskaya 12", "91, 10", "10, 181", "https://goo.gl/maps/abc", "https://yandex.ru/maps/-/CDabc", "55.75",
     "https://example.com/?q=no,place", "javascript:55.75,37.62", "https://x/?" + "a=1&" * 40, "1e3, 5", "9" * 3000],
)  # fmt: skip
def test_what_is_no_place_is_none(text: str) -> None:
    assert coordinates(text) is None
