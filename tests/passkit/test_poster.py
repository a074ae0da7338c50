"""A poster: its code says the link's address to a scanner of somebody else's, whatever the brand is called."""

from __future__ import annotations

import io
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from passkit import poster
from passkit.poster import Fonts, Poster
from tests.judges import need

FOLDER = Path(__file__).parent.parent.parent / "templates"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LONG = "Сеть салонов красоты и здоровья «Очень длинное название» на Большой Конюшенной улице " * 2


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    read = [(FOLDER / "fonts" / f"PTSans-{name}.ttf").read_bytes() for name in ("Regular", "Bold")]
    return Fonts(*read)


def made(**more: object) -> Poster:
    given = {"organization": "Кофейня", "title": "Карта гостя", "address": "https://cards.example.com/j/nevsky-12"}
    return Poster(**{**given, "language": "ru", **more})  # type: ignore[arg-type]


def test_it_is_one_page_of_a4_and_the_same_each_time(fonts: Fonts) -> None:
    content = poster.pdf(made(), fonts, NOW)
    assert content.startswith(b"%PDF-")
    assert content == poster.pdf(made(), fonts, NOW)
    assert b"/MediaBox [ 0 0 595.2 841.92 ]" in content
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 1
    assert len(content) < 2_000_000


def test_the_picture_has_the_brand_s_colours_and_logo(fonts: Fonts) -> None:
    logo = (FOLDER / "passes" / "coffee" / "logo.png").read_bytes()
    picture = poster.draw(made(background="rgb(58, 42, 30)", logo=logo), fonts)
    assert picture.size == (2480, 3508)
    assert picture.getpixel((5, 5)) == (58, 42, 30)
    assert picture.getpixel((5, 3000)) == (255, 255, 255)


@pytest.mark.parametrize("words", [LONG, "", "Донаудампфшиффартсгезельшафтскапитэн" * 4, "A"])
def test_any_name_leaves_the_code_alone(fonts: Fonts, words: str) -> None:
    plain = poster.draw(made(), fonts)
    picture = poster.draw(made(organization=words, title=words), fonts)
    box = (400, poster.BAND + 190, 2080, poster.BAND + 190 + 1500)
    assert picture.crop(box).tobytes() == plain.crop(box).tobytes()


@pytest.mark.parametrize(
    "address", ["https://cards.example.com/j/nevsky-12", "https://xn--80ak6aa92e.com/j/" + "a" * 40]
)
def test_a_scanner_of_somebody_else_s_reads_the_address(fonts: Fonts, address: str, tmp_path: Path) -> None:
    zbar = need("zbarimg")
    file = tmp_path / "poster.png"
    small = Image.open(io.BytesIO(poster.png(made(address=address), fonts)))
    small.resize((620, 877)).save(file)  # from across the room
    read = subprocess.run([zbar, "--raw", "-q", "--nodbus", str(file)], capture_output=True, check=True)
    assert read.stdout.decode().strip() == address
