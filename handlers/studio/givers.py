"""Names for what cards say of those who gave them out: employees, users, outlets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.studio.me import Me
from handlers.studio.texts import TEXTS
from store import people
from store.dialect import Database


@dataclass(frozen=True, slots=True)
class Names:
    """``people`` by ``cards.issued_by``, ``outlets`` by ``cards.outlet``; what is not in them is said as it is."""

    people: Mapping[str, str] = field(default_factory=dict)
    outlets: Mapping[str, str] = field(default_factory=dict)
    nobody: str = "—"

    def person(self, key: str | None) -> str:
        """Who gave it out."""
        return self.people.get(key, key) if key else self.nobody

    def outlet(self, key: str | None) -> str:
        """Where."""
        return self.outlets.get(key, key) if key else self.nobody


async def names(db: Database, me: Me) -> Names:
    """The brand's, those who have left included."""
    staff = await people.workplaces.staff(db, me.brand.id, active=None)
    members = await people.users.members(db, me.brand.id)
    by_key = {one.key: one.name for one in staff} | {f"user:{one.user.id}": one.user.name for one in members}
    outlets = {one.key: one.name for one in await people.outlets.listing(db, me.brand.id, archived=True)}
    return Names(by_key, outlets, TEXTS[me.language]["givers_nobody"])
