"""A draft drawn in the limited process: quick, like in this process, and a payload is an error within a second."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from commands import limited_child, looks
from commands.limited import LimitedPool, _affinity
from passkit import draft, preview
from passkit.draft import Data
from passkit.errors import ImageError
from passkit.model import Brand, CardState
from tests.passkit.test_draft import card, png, starter
from tests.passkit.test_injection import EATING, GENERATED, READING

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 11, 22, tzinfo=UTC)
JUDGE = draft.judge
PAYLOADS = [*READING.strip().splitlines(), *EATING.strip().splitlines(), *GENERATED]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[LimitedPool]:
    pool = LimitedPool(2)
    await pool.start()
    yield pool
    await pool.close()


async def test_a_look_in_the_limited_process_is_the_look_here(pool: LimitedPool, brand: Brand):
    files = starter("coffee")
    there = await pool.look(files, brand, show=Data.LONG, state=CardState.VOIDED, language="ru", now=NOW)
    here = draft.look(files, brand, show=Data.LONG, state=CardState.VOIDED, language="ru", now=NOW)
    assert there.files == here.files
    assert there.google == here.google
    assert there.google_pictures == here.google_pictures
    assert (there.problems, there.losses) == (here.problems, here.losses)
    assert preview.faces_of(there.files, "ru").voided


async def test_problems_come_with_their_fixes(pool: LimitedPool, brand: Brand):
    files = {**starter("coffee"), "old.png": png()}
    assert await pool.problems(files, brand) == draft.problems(files, brand)
    assert [one.edits for one in await pool.problems(files, brand) if one.code == "unused_files"] != [()]


async def test_payloads_end_as_errors_within_a_second(pool: LimitedPool, brand: Brand):
    assert len(PAYLOADS) >= 200
    for payload in PAYLOADS:
        text = card()["template.yaml"].decode().replace('"{{ name }}"', f"'{payload.replace(chr(39), chr(39) * 2)}'")
        await asyncio.gather(*(child.ready() for child in pool._idle))  # the last payload's child may have been killed
        started = time.monotonic()
        seen = await pool.look({**card(), "template.yaml": text.encode()}, brand, now=NOW)
        assert time.monotonic() - started < 4, payload  # a second, and a busy machine's patience
        assert not seen.is_built, payload
        assert seen.problems[0].problem.severity == "error"


async def test_an_upload_is_taken_and_a_bomb_is_not(pool: LimitedPool):
    assert (await pool.picture("a.png", png())).startswith(b"\x89PNG")
    bomb = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAA//8AAP//CAAAAAD/////AAAAAElFTkSuQmCC")
    for content in (b"<svg onload=alert(1)/>", bomb, b"GIF89a", b""):
        with pytest.raises(ImageError):
            await pool.picture("a.png", content)


async def test_a_save_and_the_looks_after_it_judge_a_draft_once(pool: LimitedPool, brand: Brand, monkeypatch):
    judged: list[str] = []

    def judge(files: Mapping[str, bytes], of: Brand) -> draft.Judged:
        judged.append(of.name)
        return JUDGE(files, of)

    monkeypatch.setattr(draft, "judge", judge)
    monkeypatch.setattr(limited_child, "_JUDGED", OrderedDict())
    files = starter("coffee")
    request = looks.asked(files, brand, Data.SAMPLE, CardState.ACTIVE, "ru", NOW)
    limited_child.TASKS["problems"](request)
    for asked in (request, {**request, "language": "en"}, {**request, "show": "long"}):
        limited_child.TASKS["draw"](asked)
        assert limited_child.TASKS["look"](asked)["files"]
    assert judged == [brand.name]
    renamed = {**request, "brand": looks.brand_to_json(replace(brand, name="Another"))}
    limited_child.TASKS["problems"](renamed)
    for name in "abc":
        limited_child.TASKS["problems"]({**request, "files": looks.encode({**files, f"strings/{name}.yaml": b"x: y"})})
    assert judged == [brand.name, "Another", *[brand.name] * 3], "another brand or text is another draft"
    assert len(limited_child._JUDGED) == limited_child.KEPT_DRAFTS


async def test_a_look_goes_where_the_save_was(pool: LimitedPool, brand: Brand):
    files = starter("event")
    await pool.problems(files, brand)
    (there,) = [child for child in pool._idle if child.affinity == _affinity(files, brand)]
    await pool.look(files, brand, now=NOW)
    assert [child for child in pool._idle if child.affinity == _affinity(files, brand)] == [there]
