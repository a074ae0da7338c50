"""Google's pictures of a revision: made by the publish of a brand that is on Google, or once when first needed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from store import assets, brands, googlepictures, templates
from store.dialect import Database
from store.tables import brands as brand_table
from store.tables import revisions
from tests.conftest import PASS_TYPE, TEAM

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def published(db: Database, coffee: dict[str, bytes], mode: str) -> int:
    """A brand whose Google is in this mode, and its first revision."""
    brand = await brands.add(
        db, key="coffee", name="Coffee", pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOW
    )
    async with db.transaction() as conn:
        await conn.execute(update(brand_table).values(google_mode=mode))
    await templates.import_files(db, brand.id, coffee, NOW)
    return (await templates.publish(db, brand.id, "coffee", now=NOW)).id


async def kept(db: Database, revision_id: int) -> dict[str, str] | None:
    async with db.reading() as conn:
        return (await conn.execute(select(revisions.c.google_pictures).where(revisions.c.id == revision_id))).scalar()


async def test_a_publish_keeps_googles_pictures_by_content(db: Database, coffee: dict[str, bytes]) -> None:
    names = await kept(db, await published(db, coffee, "test"))
    assert names is not None
    assert names.keys() == {"logo", "wide_logo", "hero"}
    for digest in names.values():
        content = await assets.picture(db, digest)
        assert content is not None
        assert hashlib.sha256(content).hexdigest() == digest


async def test_a_brand_that_is_not_on_google_makes_none_until_they_are_needed(
    db: Database, coffee: dict[str, bytes]
) -> None:
    revision_id = await published(db, coffee, "off")
    assert await kept(db, revision_id) is None
    async with db.transaction() as conn:
        made = await googlepictures.ensure(conn, revision_id, NOW)
        assert await googlepictures.ensure(conn, revision_id, NOW) == made
    assert await kept(db, revision_id) == made
    assert made.keys() == {"logo", "wide_logo", "hero"}


@pytest.mark.parametrize("digest", ["", "x", "0" * 64, "A" * 64, "../" * 20])
async def test_there_is_no_picture_by_another_name(db: Database, digest: str) -> None:
    assert await assets.picture(db, digest) is None


async def test_a_text_is_no_picture_whoever_knows_its_hash(db: Database, coffee: dict[str, bytes]) -> None:
    await published(db, coffee, "off")
    assert await assets.picture(db, hashlib.sha256(coffee["template.yaml"]).hexdigest()) is None
    assert await assets.picture(db, hashlib.sha256(coffee["icon.png"]).hexdigest()) is not None
