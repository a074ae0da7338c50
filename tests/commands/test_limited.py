"""Files of unknown origin get a second and 512 MB; whatever they try, this process goes on (threat model rows 13 and 15)."""

import asyncio
import base64
import os
import resource
import struct
import time
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from commands.limited import PATIENCE, LimitedPool, LimitError

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEMPLATE = """
key: probe
style: generic
name: Probe
organization_name: "{{ brand.name }}"
description: Probe
languages: [en]
images: {icon: icon.png}
variables: {name: {type: text, label: Name, default: "", sample: Anna}}
fields: {primary: [{key: name, label: Name, value: %s}]}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[LimitedPool]:
    pool = LimitedPool()
    await pool.start()
    yield pool
    await pool.close()


def png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A grey picture of any size in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = zlib.compress(b"\0" * ((width + 1) * (height if rows is None else rows)), 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def files(value: str = '"{{ name }}"', icon: bytes | None = None) -> dict[str, bytes]:
    return {"template.yaml": (TEMPLATE % value).encode(), "icon.png": png(87, 87) if icon is None else icon}


async def refused(pool: LimitedPool, given: dict[str, bytes]) -> str:
    """Why a template is refused, and that it took no longer than a second."""
    started = time.monotonic()
    try:
        answer = await pool.check(given, now=NOW, deadline=1.0)
    except LimitError as error:
        return str(error)
    finally:
        assert time.monotonic() - started < 1.5  # a second, and a busy machine's patience
    problems = [problem for problem in answer["problems"] if problem["severity"] == "error"]
    assert problems
    return str(problems[0]["detail"])


async def test_an_honest_template_passes_with_its_pictures_normalised(pool: LimitedPool):
    answer = await pool.check(files(), now=NOW)
    assert [problem for problem in answer["problems"] if problem["severity"] == "error"] == []
    assert answer["files"]["icon.png"].startswith(b"\x89PNG")
    assert answer["files"]["template.yaml"] == files()["template.yaml"]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ 'a' * 300000000 }}",
        "{{ 'a' | center(300000000) }}",
        "{{ '{:300000000}'.format(1) }}",
        "{{ '%0300000000d' % 1 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}",
        "{{ name.__class__.__mro__ }}",
        "{{ ''.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__ }}",
        "{{ name | attr('__class__') }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "+".join(["name"] * 50_000) + " }}",
    ],
    ids=lambda expression: expression[:30],
)
async def test_a_hostile_expression_is_refused_or_killed_within_a_second(pool: LimitedPool, expression: str):
    assert await refused(pool, files("'" + expression.replace("'", "''") + "'"))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
        "!!python/object/apply:os.system ['id']",
        "[" * 100_000,
        "{" * 100_000,
        "x: " + "9" * 1_000_000,
    ],
    ids=["aliases", "python tag", "deep lists", "deep maps", "long number"],
)
async def test_hostile_yaml_is_refused_within_a_second(pool: LimitedPool, text: str):
    assert await refused(pool, {"template.yaml": text.encode(), "icon.png": png(87, 87)})


@pytest.mark.parametrize(
    "icon",
    [
        png(9000, 9000),
        png(40_000, 40_000, rows=1),
        png(2_000_000_000, 2_000_000_000, rows=0),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\nshowpage\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a" + b"\xff" * 64,
        b"8BPS\0\1" + b"\xff" * 64,
        b"SIMPLE  =                    T" + b" " * 100,
        b"",
        os.urandom(4096),
    ],
    ids=["81 Mpx", "1.6 Gpx", "4 Epx", "eps", "svg", "gif", "psd", "fits", "empty", "noise"],
)
async def test_a_hostile_picture_is_refused_within_a_second(pool: LimitedPool, icon: bytes):
    assert await refused(pool, files(icon=icon))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def misbehaving() -> AsyncIterator[LimitedPool]:
    """A child with more tasks: eat, spin, look."""
    pool = LimitedPool(module="tests.commands.misbehaving_child")
    await pool.start()
    yield pool
    await pool.close()


async def test_a_task_that_eats_memory_ends_and_the_next_one_is_served(misbehaving: LimitedPool):
    with pytest.raises(LimitError, match="memory"):
        await misbehaving.run("eat", {"bytes": 2 * 1024**3})
    assert (await misbehaving.check(files(), now=NOW))["problems"] is not None


async def test_a_task_that_never_ends_is_killed_at_its_deadline_and_another_child_takes_over(misbehaving: LimitedPool):
    started = time.monotonic()
    with pytest.raises(LimitError, match=r"longer|processor"):  # by the clock or by the system, whoever is first
        await misbehaving.run("spin", {}, deadline=0.3)
    assert time.monotonic() - started < 0.3 * PATIENCE + 1
    assert (await misbehaving.check(files(), now=NOW))["problems"] is not None


async def test_the_parents_loop_goes_on_while_a_child_is_busy(misbehaving: LimitedPool):
    spinning = asyncio.create_task(misbehaving.run("spin", {}, deadline=0.5))
    longest, last = 0.0, time.monotonic()
    while not spinning.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    with pytest.raises(LimitError):
        await spinning
    assert longest < 0.25


async def test_the_parents_memory_does_not_grow_with_a_bomb(misbehaving: LimitedPool):
    bomb = files(icon=png(9000, 9000))  # making it takes memory too
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await refused(misbehaving, bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # kilobytes


async def test_the_child_sees_no_secret_and_writes_no_file(
    misbehaving: LimitedPool, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    monkeypatch.setenv("PASSBELL_SECRET", "k1:hunter2")
    await misbehaving.close()
    seen = await misbehaving.run("look", {"write": str(tmp_path / "file")})
    assert "PASSBELL_SECRET" not in seen["environment"]
    assert seen["wrote"] is False
    assert not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size == 0


async def test_a_picture_alone_is_normalised_too(misbehaving: LimitedPool):
    answer = await misbehaving.run("image", {"name": "logo.png", "content": base64.b64encode(png(10, 10)).decode()})
    assert base64.b64decode(answer["content"]).startswith(b"\x89PNG")
