"""What is new for a device: the hot read behind ``GET .../registrations/{pass type}``.

A serial is listed when the phone's update tag does not hold its (registration, edition), and while its current edition has had
fewer completed downloads than it has registrations, so that a fetch that failed after a list is not forgotten. One SELECT by
the device's index; no clock, no sequence, no counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passkit import change
from passkit.apple import webservice
from store import livenews, outlettexts
from store.dialect import Database
from store.registering import DEVICE_PURPOSE
from store.served import Listed

ATTEMPTS = 3
"""Reads for one list; past that a download may be counted nowhere, which costs a redundant fetch."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The serials to fetch (none: 204), and the tag that covers every registration of the device."""

    serial_numbers: tuple[str, ...]
    last_updated: str


async def changed(
    db: Database, pass_type: str, device: str, tag: str | None, now: datetime | None = None
) -> Listing | None:
    """The list for a device library identifier: without serials when nothing is new, None for an unknown device.

    That the device has asked is written later, by the database's clock; ``now`` is not needed.
    """
    digests = db.keyring.digests(DEVICE_PURPOSE, device)
    rows = await _read(db, _select(len(digests), db.engine.dialect.name), pass_type, *digests)
    if not rows:
        return None
    editions = [_edition(row) for row in rows]
    vector = webservice.vector([(row[1], edition) for row, edition in zip(rows, editions, strict=True)])
    wanted = [
        row
        for row, edition, is_stale in zip(rows, editions, webservice.stale(tag, vector), strict=True)
        if is_stale or _served(db, row, edition) < row[9]
    ]
    db.served.listed(Listed(rows[0][0], tuple(row[2] for row in wanted)))
    return Listing(tuple(row[3] for row in wanted), webservice.update_tag(vector))


async def _read(db: Database, sql: str, *parameters: str) -> Sequence[Sequence[Any]]:
    """The rows, read while no downloads moved from memory to the database: they would be counted nowhere."""
    for _ in range(ATTEMPTS):
        before = db.served.flushes
        rows = sorted(await db.fetch(sql, *parameters), key=lambda row: int(row[1]))  # ORDER BY would walk all by id
        if db.served.flushes == before:
            break
    return rows


def _edition(row: Sequence[Any]) -> str:
    news = livenews.stamps(livenews.shown(row[10], row[11], row[3], row[2]))
    return change.edition(row[5], row[4], (*news, *outlettexts.stamps({"outlet_text": row[12]})), row[6])


def _served(db: Database, row: Sequence[Any], edition: str) -> int:
    """Completed downloads of this edition, those included that are not written yet."""
    card_id, served_edition, served_count = row[2], row[7], row[8]
    return int(served_count if served_edition == edition else 0) + db.served.pending(card_id, edition)


def _select(secrets: int, dialect: str) -> str:
    """The list's SQL; a device may be stored under any of SECRET's ids.

    The empty text keeps a planner without statistics from walking the index of the pass type's devices.
    """
    hashes = ", ".join(f"?{number + 2}" for number in range(secrets))
    return f"""
        SELECT d.id, r.id, c.id, c.serial_number, c.stamp, v.stamp, b.stamp, c.served_edition, c.served_count,
               (SELECT count(*) FROM registrations o WHERE o.card_id = c.id), t.news, {livenews.listed_sql(dialect)},
               {outlettexts.SQL}
        FROM devices d
        JOIN registrations r ON r.device_id = d.id
        JOIN cards c ON c.id = r.card_id
        JOIN templates t ON t.id = c.template_id
        JOIN revisions v ON v.id = t.published_revision_id
        JOIN brands b ON b.id = c.brand_id
        WHERE d.device_hash IN ({hashes}) AND d.pass_type_identifier || '' = ?1 AND b.revoked_at IS NULL
    """  # noqa: S608 - made of placeholders
