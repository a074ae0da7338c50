"""Drafts being edited: autosave, undo and redo, two editors at once.

Every save is a numbered state in ``draft_history``; the newest is the draft, the last 100 are kept. Numbers only grow: undo is a
new state that equals an older one, so that a page which knows number 7 is never wrong about what 7 was. Two people may edit
one draft: a save says which number it is based on, and only where somebody else has touched the same place (or one above or
below it) since is it refused, with a value that says who, when and what stands there now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import edit, images
from passkit.edit import Edit, Edited, EditError
from passkit.errors import ImageError, Problem, Severity
from passkit.schemacheck import pointer
from store import assets, compiled, tables
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.tables import draft_history, templates

ATTEMPTS = 5
"""Times that a save starts over because another one came first."""
MAX_FILES = 200
EVERYWHERE = ("",)


KEPT = 100
"""States of one draft that undo reaches back to."""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered state: who made it, when, and where it differs from the one before (JSON pointers)."""

    number: int
    author: str
    at: datetime
    touched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it is now. ``others``: what somebody else has saved since the number that the caller knew.

    ``is_published``: the published revision has the same files; ``whose``: somebody else's name, whose step an undo or a redo
    has just taken.
    """

    template_id: int
    key: str
    number: int
    files: Mapping[str, bytes]
    author: str
    at: datetime
    can_undo: bool
    can_redo: bool
    is_published: bool
    others: tuple[Step, ...] = ()
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Not saved: ``who`` has changed the same places since. ``theirs``: what stands at each now (``edit.value_at``).

    To keep one's own anyway, send the edits again based on ``number``.
    """

    who: str
    at: datetime
    number: int
    pointers: tuple[str, ...]
    theirs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _State:
    """A row of the history; not ``is_stored``: the draft came by another way, an import, and its row is still to be written."""

    number: int
    names: Mapping[str, str]
    author: str
    user_id: int | None
    at: datetime
    touched: tuple[str, ...]
    step: tuple[str, ...]
    back: int | None
    forward: int | None
    is_stored: bool = True


async def get(db: Database, brand_id: int, key: str, number: int | None = None) -> Draft:
    """The draft, or one of its kept states; NotFound."""
    async with db.reading() as conn:
        template = await _template(conn, brand_id, key)
        state = await _current(conn, template)
        if number is not None and number != state.number:
            state = await _needed(conn, template.id, number)
        return await _draft(conn, template, state)


async def save_edits(
    db: Database, brand_id: int, key: str, *, base: int, edits: Sequence[Edit], by: Actor, now: datetime
) -> Draft | Overlap:
    """Apply edits that were made on the state ``base`` to the draft as it is now.

    Invalid (its problems' pointers are places of the template, or of a picture) where an edit cannot be made; edits that change
    nothing make no new state.
    """
    for _ in range(ATTEMPTS):
        async with db.reading() as conn:
            template = await _template(conn, brand_id, key)
            current = await _current(conn, template)
            since = await _since(conn, template.id, current, base, by)
            files = await compiled.files_of(conn, current.names)
            mine = files if not since else await _files_at(conn, template.id, base)
        clash = await _clash(mine, files, edits, since, current)
        if clash is not None:
            return clash
        edited = await asyncio.to_thread(_edited, files, edits, template.key)
        if not edited.touched:
            async with db.reading() as conn:
                return await _draft(conn, template, current, since)
        async with db.transaction() as conn:
            if not await _is_still(conn, template.id, current):
                continue
            names = await assets.keep(conn, edited.files, now)
            await _store_imported(conn, template, current)
            state = _State(
                current.number + 1,
                names,
                by.name,
                by.user_id,
                now,
                edited.touched,
                edited.touched,
                current.number,
                None,
            )
            await _append(conn, template, state, edited.files)
            return await _draft(conn, template, state, since)
    raise Conflict("The draft is being saved by many at once: try again.")


async def undo(db: Database, brand_id: int, key: str, *, base: int, by: Actor, now: datetime) -> Draft | Overlap:
    """Take the last step back, byte for byte; an Overlap when somebody else has moved the draft on from ``base``.

    With nothing to take back the draft comes as it is.
    """
    return await _travel(db, brand_id, key, base=base, by=by, now=now, is_undo=True)


async def redo(db: Database, brand_id: int, key: str, *, base: int, by: Actor, now: datetime) -> Draft | Overlap:
    """Take the last undo back; like ``undo``."""
    return await _travel(db, brand_id, key, base=base, by=by, now=now, is_undo=False)


async def history(db: Database, brand_id: int, key: str) -> list[Step]:
    """The kept states, newest first."""
    async with db.reading() as conn:
        template = await _template(conn, brand_id, key)
        current = await _current(conn, template)
        rows = await conn.execute(_rows(template.id).order_by(draft_history.c.number.desc()))
        found = [_step(_state(row)) for row in rows.mappings()]
    return found if current.is_stored else [_step(current), *found]


async def replace_in(
    conn: AsyncConnection, template_id: int, names: Mapping[str, str], by: Actor, now: datetime
) -> None:
    """Make kept files the draft, as a state that can be undone; for a roll-back, in its transaction."""
    template = await _template_by_id(conn, template_id)
    current = await _current(conn, template)
    if dict(current.names) == dict(names):
        return
    await _store_imported(conn, template, current)
    state = _State(
        current.number + 1, dict(names), by.name, by.user_id, now, EVERYWHERE, EVERYWHERE, current.number, None
    )
    await _append(conn, template, state, await compiled.files_of(conn, names))


async def _travel(
    db: Database, brand_id: int, key: str, *, base: int, by: Actor, now: datetime, is_undo: bool
) -> Draft | Overlap:
    async with db.transaction() as conn:
        template = await _template(conn, brand_id, key, lock=True)
        current = await _current(conn, template)
        since = await _since(conn, template.id, current, base, by)
        if since:
            files = await compiled.files_of(conn, current.names)
            return _overlap(files, tuple(place for step in since for place in step.touched), since, current)
        target = await _find(conn, template.id, current.back if is_undo else current.forward)
        if target is None:
            return await _draft(conn, template, current)
        await _store_imported(conn, template, current)
        touched = current.step if is_undo else target.step
        forward = current.number if is_undo else target.forward
        state = _State(
            current.number + 1, target.names, by.name, by.user_id, now, touched, target.step, target.back, forward
        )
        taken = await _original(conn, template.id, current if is_undo else target)
        await _append(conn, template, state, await compiled.files_of(conn, target.names))
        return replace(await _draft(conn, template, state), whose="" if _is_by(taken, by) else taken.author)


async def _original(conn: AsyncConnection, template_id: int, state: _State) -> _State:
    """The save that first made this state: undo and redo come to it again under their own author's name."""
    same = _rows(template_id).where(draft_history.c.back == state.back).order_by(draft_history.c.number).limit(1)
    row = (await conn.execute(same)).mappings().first() if state.back is not None else None
    return state if row is None else _state(row)


# What the edits make, away from the event loop.


def _edited(files: Mapping[str, bytes], edits: Sequence[Edit], key: str) -> Edited:
    """The files after the edits, new pictures as they are kept; Invalid."""
    try:
        edited = edit.apply(files, edits)
    except EditError as error:
        raise Invalid(error.problems) from None
    if len(edited.files) > MAX_FILES:
        raise Invalid([Problem(Severity.ERROR, "", f"A template has at most {MAX_FILES} files.")])
    if edit.value_at(edited.files, "/key") != key:
        raise Invalid([Problem(Severity.ERROR, "/key", "The key names the template and stays.", "Make a copy.")])
    kept = dict(edited.files)
    for name, content in edited.files.items():
        if files.get(name) != content and not name.endswith(".yaml"):
            try:
                kept[name] = images.intake(name, content)
            except ImageError as error:
                problem = Problem(Severity.ERROR, pointer("files", name), str(error), "Choose another picture.")
                raise Invalid([problem]) from None
    return Edited(kept, edited.touched if kept != dict(files) else ())


async def _clash(
    mine: Mapping[str, bytes],
    files: Mapping[str, bytes],
    edits: Sequence[Edit],
    since: Sequence[Step],
    current: _State,
) -> Overlap | None:
    """Whether somebody else has been at the places of these edits: judged on the state that they were made on."""
    if not since:
        return None
    theirs = [place for step in since for place in step.touched]
    try:
        places = (await asyncio.to_thread(edit.apply, mine, edits)).touched
    except EditError as error:
        raise Invalid(error.problems) from None
    pointers = edit.overlap(places, theirs)
    return _overlap(files, pointers, since, current) if pointers else None


def _overlap(files: Mapping[str, bytes], pointers: Sequence[str], since: Sequence[Step], current: _State) -> Overlap:
    last = since[-1]
    theirs = {place: edit.value_at(files, place) if place else None for place in pointers}
    return Overlap(last.author, last.at, current.number, tuple(theirs), theirs)


# Rows.


async def _since(conn: AsyncConnection, template_id: int, current: _State, base: int, by: Actor) -> tuple[Step, ...]:
    """What others have saved since ``base``; one step everywhere where that is not known any more."""
    if base >= current.number:
        return ()
    columns = draft_history.c
    rows = await conn.execute(_rows(template_id).where(columns.number > base).order_by(columns.number))
    states = [_state(row) for row in rows.mappings()] + ([] if current.is_stored else [current])
    steps = [_step(state) for state in states if not _is_by(state, by)]
    if not states or states[0].number > base + 1:
        steps.insert(0, Step(base + 1, current.author, current.at, EVERYWHERE))
    return tuple(steps)


def _is_by(state: _State, by: Actor) -> bool:
    if state.user_id is not None or by.user_id is not None:
        return state.user_id == by.user_id
    return bool(state.author) and state.author == by.name


async def _files_at(conn: AsyncConnection, template_id: int, number: int) -> dict[str, bytes]:
    """The files of a state that edits were made on; where it is gone, everything overlaps anyway."""
    state = await _find(conn, template_id, number)
    if state is None:
        current = await _current(conn, await _template_by_id(conn, template_id))
        return await compiled.files_of(conn, current.names)
    return await compiled.files_of(conn, state.names)


async def _is_still(conn: AsyncConnection, template_id: int, seen: _State) -> bool:
    """Whether the draft is what it was when the edits were applied; the template is locked from here on."""
    template = await _template_by_id(conn, template_id, lock=True)
    current = await _current(conn, template)
    return current.number == seen.number and dict(current.names) == dict(seen.names)


async def _store_imported(conn: AsyncConnection, template: Any, current: _State) -> None:
    """The row of a draft that did not come from the editor."""
    if not current.is_stored:
        await conn.execute(insert(draft_history).values(**_values(template, current)))


async def _append(conn: AsyncConnection, template: Any, state: _State, files: Mapping[str, bytes]) -> None:
    """The newest state is the draft; the oldest ones go."""
    await conn.execute(insert(draft_history).values(**_values(template, state)))
    shown = {"name": edit.value_at(files, "/name"), "style": edit.value_at(files, "/style")}
    if template.published_revision_id is not None:
        del shown["style"]  # fixed by the first publish
    await conn.execute(
        update(templates)
        .where(templates.c.id == template.id)
        .values(draft=dict(state.names), updated_at=state.at, **shown)
    )
    old = draft_history.c.number <= state.number - KEPT
    await conn.execute(delete(draft_history).where(draft_history.c.template_id == template.id, old))


def _values(template: Any, state: _State) -> dict[str, Any]:
    return {
        "brand_id": template.brand_id,
        "template_id": template.id,
        "number": state.number,
        "files": dict(state.names),
        "author": state.author[:200],
        "user_id": state.user_id,
        "at": state.at,
        "touched": list(state.touched),
        "step": list(state.step),
        "back": state.back,
        "forward": state.forward,
    }


async def _template(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any:
    wanted = select(templates).where(templates.c.brand_id == brand_id, templates.c.key == key)
    wanted = wanted.where(templates.c.tryout_of.is_(None))
    row = (await conn.execute(wanted.with_for_update() if lock else wanted)).first()
    if row is None:
        raise NotFound(f"There is no template {key!r}.", code="template_not_found")
    return row


async def _template_by_id(conn: AsyncConnection, template_id: int, *, lock: bool = False) -> Any:
    wanted = select(templates).where(templates.c.id == template_id)
    return (await conn.execute(wanted.with_for_update() if lock else wanted)).one()


async def _current(conn: AsyncConnection, template: Any) -> _State:
    """The state that the draft is in: the newest row, or one more where the draft was imported since."""
    newest = (
        await conn.execute(_rows(template.id).order_by(draft_history.c.number.desc()).limit(1))
    ).mappings().first()  # fmt: skip
    if newest is not None and newest["files"] == template.draft:
        return _state(newest)
    number = newest["number"] if newest is not None else 0
    return _State(
        number=number + 1,
        names=dict(template.draft),
        author="",
        user_id=None,
        at=template.updated_at,
        touched=EVERYWHERE,
        step=EVERYWHERE,
        back=number or None,
        forward=None,
        is_stored=False,
    )


def _rows(template_id: int) -> Any:
    return select(draft_history).where(draft_history.c.template_id == template_id)


def _state(row: Any) -> _State:
    return _State(
        number=row["number"],
        names=dict(row["files"]),
        author=row["author"],
        user_id=row["user_id"],
        at=row["at"],
        touched=tuple(row["touched"]),
        step=tuple(row["step"]),
        back=row["back"],
        forward=row["forward"],
    )


def _step(state: _State) -> Step:
    return Step(state.number, state.author, state.at, state.touched)


async def _find(conn: AsyncConnection, template_id: int, number: int | None) -> _State | None:
    if number is None:
        return None
    row = (await conn.execute(_rows(template_id).where(draft_history.c.number == number))).mappings().first()
    return None if row is None else _state(row)


async def _needed(conn: AsyncConnection, template_id: int, number: int) -> _State:
    state = await _find(conn, template_id, number)
    if state is None:
        raise NotFound(f"The draft's state {number} is not kept any more.")
    return state


async def _draft(conn: AsyncConnection, template: Any, state: _State, others: Sequence[Step] = ()) -> Draft:
    numbers = [number for number in (state.back, state.forward) if number is not None]
    kept = select(draft_history.c.number).where(draft_history.c.template_id == template.id)
    there = set((await conn.execute(kept.where(draft_history.c.number.in_(numbers)))).scalars()) if numbers else set()
    revisions = tables.revisions.c
    published = select(revisions.files).where(revisions.id == template.published_revision_id)
    return Draft(
        template_id=template.id,
        key=template.key,
        number=state.number,
        files=await compiled.files_of(conn, state.names),
        author=state.author,
        at=state.at,
        can_undo=state.back in there,
        can_redo=state.forward in there,
        is_published=(await conn.execute(published)).scalar() == state.names,
        others=tuple(others),
    )
