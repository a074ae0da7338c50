"""A news's picture: in place of the strip and of Google's hero while it is live, and gone with it."""

from __future__ import annotations

import io
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from store import assets, brands, cards, google, news, newscorrections, templates
from store.cards import CardView
from store.dialect import Database
from store.errors import Invalid
from store.newscorrections import NewsCorrection
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW, PASS_TYPE, SMALL
from tests.store.google import ISSUER, Worker
from tests.store.news import end_now, send, with_news, work_off

SOON = "2999-01-01T00:00:00Z"
STRIP = {"strip.png": (375, 144), "strip@2x.png": (750, 288), "strip@3x.png": (1125, 432)}


def picture(color: str = "#3355aa") -> str:
    content = io.BytesIO()
    Image.new("RGB", (1200, 500), color).save(content, "JPEG")
    return b64encode(content.getvalue()).decode()


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_news(icon)


async def pictures(db: Database, serial: str) -> dict[str, Image.Image]:
    """The strip that a phone is given now."""
    serving = await cards.serve(db, PASS_TYPE, serial, 0, NOW)
    assert serving is not None
    files = serving.fill(NOW).images.files
    return {name: Image.open(io.BytesIO(files[name])).convert("RGB") for name in files if name.startswith("strip")}


async def test_it_stands_in_place_of_the_strip_until_the_news_is_over(
    db: Database, card: CardView, published: brands.BrandRow
) -> None:
    assert await pictures(db, card.serial_number) == {}
    sent = await send(db, published.id, image=picture(), ends_at=SOON)
    assert {name: one.size for name, one in (await pictures(db, card.serial_number)).items()} == STRIP
    other = NewsCorrection.model_validate({"image": picture("red")})
    await newscorrections.correct(db, published.id, sent.id, other, NOW)
    red = (await pictures(db, card.serial_number))["strip.png"].getpixel((10, 10))
    assert isinstance(red, tuple)
    assert red[0] > 200 > red[2]
    await end_now(db, sent.id)
    assert await pictures(db, card.serial_number) == {}


@pytest.mark.parametrize("audience", [None, {"field": "data.points", "op": "gte", "value": 1}], ids=["class", "object"])
async def test_google_shows_it_as_the_hero(
    db: Database, card: CardView, published: brands.BrandRow, audience: dict[str, object] | None
) -> None:
    worker = Worker(db)
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    await google.open_object(db, card.card_id, NOW)
    await worker.run()
    sent = await send(db, published.id, image=picture(), ends_at=SOON, audience=audience)
    works = [work for work in await worker.run() if work.send_body]
    assert [work.kind for work in works] == ["class" if audience is None else "object"]
    assert works[0].patch["heroImage"]["sourceUri"]["uri"].endswith(f"/images/{sent.image}.png")
    assert sent.image is not None
    content = await assets.picture(db, sent.image)
    assert content is not None
    assert Image.open(io.BytesIO(content)).size == (1032, 336)
    await end_now(db, sent.id)
    works = [work for work in await worker.run() if work.send_body]
    assert [work.patch["heroImage"] for work in works] == [None]


async def test_where_there_is_no_strip_it_is_refused_with_a_way_out(
    db: Database, published: brands.BrandRow, icon: bytes
) -> None:
    text = SMALL.replace("style: storeCard", "style: generic").replace("key: small", "key: plain")
    await templates.import_files(db, published.id, with_news(icon, text), NOW)
    await templates.publish(db, published.id, "plain", now=NOW)
    for template, image in (("plain", picture()), ("small", b64encode(b"no picture").decode())):
        asked = NewsRequest.model_validate({"template": template, "text": "x", "image": image})
        with pytest.raises(Invalid) as refused:
            await news.create(db, published.id, asked, by="test", now=NOW)
        assert [problem.pointer for problem in refused.value.problems] == ["/image"]
        assert refused.value.problems[0].fix


async def test_the_sweep_leaves_it(db: Database, published: brands.BrandRow) -> None:
    sent = await send(db, published.id, image=picture())
    assert sent.image is not None
    await assets.sweep(db, datetime.now(UTC) + timedelta(days=30))
    assert await assets.picture(db, sent.image) is not None
    await work_off(db)
