"""Files of untrusted origin are compiled and decoded here: in child processes with little memory, little time, no secrets.

``LimitedPool.run`` hands one task to a warm child and gets its answer, or raises ``LimitError`` when the child broke a
limit; a broken child is killed and another takes its place. ``look`` draws a draft for the studio: a broken limit is one of its
problems. The child's environment is empty, it may write no file, and
it speaks JSON over pipes, so that nothing it says can become code here. Its side is ``commands/limited_child.py``.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from commands import looks
from passkit.draft import Data, Mendable, Seen
from passkit.errors import ImageError
from passkit.model import Brand, CardState

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
"""A child imports Pillow, Jinja2 and pydantic first; on a busy machine that takes seconds."""
TASK_SECONDS = 1.0
"""Threat model, rows 13 and 15: each payload is refused or killed within one second of the processor's time."""
PATIENCE = 3
"""Times the processor's time that the clock may take: a machine with other work to do is no payload."""
LOOK_SECONDS = 0.25
"""Processor time of one look at a draft, pictures apart: a preview that takes longer is of no use while somebody types."""
REPLY_BYTES = 64 * 1024 * 1024
"""The largest answer: a template's pictures after normalisation."""
_CHILD = (
    "import gc, sys; gc.disable(); sys.path.insert(0, {root!r}); from {module} import main; "
    "gc.freeze(); gc.enable(); main()"
)
"""As in server.py: no garbage is looked for in what is imported."""


class LimitError(Exception):
    """The task needed too much time or memory; the message is one sentence for a person."""


class LimitedPool:
    """A few warm children; each does one task at a time."""

    def __init__(self, size: int = 1, module: str = "commands.limited_child") -> None:
        self._size = size
        self._module = module
        self._idle: list[_Child] = []
        self._room = asyncio.Semaphore(size)
        self._started = False
        self._warming: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Warm the children; ``run`` does it by itself when nobody has."""
        if not self._started:
            self._started = True
            children = [_Child(self._module) for _ in range(self._size)]
            self._idle += children
            await asyncio.gather(*(child.ready() for child in children))

    def warm(self) -> None:
        """Start in the background, if nobody has yet."""
        if not self._started:
            self._warming = asyncio.ensure_future(self.start())
            self._warming.add_done_callback(_ignore)

    async def check(
        self, files: Mapping[str, bytes], *, now: datetime, deadline: float | None = None
    ) -> dict[str, Any]:
        """Everything publishing would find: ``{"problems": [...], "losses": [...], "files": {name: bytes}}``.

        Pictures are normalised. Without a deadline it is one second for the text and one for each picture.
        """
        pictures = sum(not name.endswith(".yaml") for name in files)
        seconds = deadline if deadline is not None else TASK_SECONDS * (1 + pictures)
        answer = await self.run("check", {"files": looks.encode(files), "now": now.isoformat()}, deadline=seconds)
        return {**answer, "files": looks.decode(answer["files"])}

    async def run(
        self, task: str, payload: Mapping[str, Any], *, deadline: float = TASK_SECONDS, affinity: str = ""
    ) -> dict[str, Any]:
        """The child's answer to one task; raises LimitError when it breaks a limit."""
        async with self._turn(affinity) as child:
            return await child.ask({"task": task, "seconds": deadline, **payload}, deadline)

    async def look(
        self,
        files: Mapping[str, bytes],
        brand: Brand,
        *,
        show: Data = Data.SAMPLE,
        state: CardState = CardState.ACTIVE,
        language: str | None = None,
        now: datetime,
    ) -> Seen:
        """``passkit.draft.look`` in a child, the one that has this template's pictures if it is free."""
        request = {"seconds": TASK_SECONDS, "cpu": LOOK_SECONDS}
        request |= looks.asked(files, brand, show, state, language, now)
        try:
            async with self._turn(_affinity(files, brand)) as child:
                answer = await child.ask({"task": "look", **request}, TASK_SECONDS)
                if answer.get("draw"):
                    pictures = sum(not name.endswith(".yaml") for name in files)
                    seconds = TASK_SECONDS * (1 + pictures)
                    await child.ask({"task": "draw", "files": request["files"], "seconds": seconds}, seconds)
                    answer = await child.ask({"task": "look", **request}, TASK_SECONDS)
        except LimitError as error:
            return Seen((looks.stopped(str(error)),))
        if "problems" not in answer:
            return Seen((looks.stopped(str(answer.get("error", "The pictures could not be drawn."))),))
        return looks.seen_from_json(answer)

    async def problems(self, files: Mapping[str, bytes], brand: Brand) -> tuple[Mendable, ...]:
        """``passkit.draft.problems`` in the child that will be asked for a look next, which then need not compile it again."""
        request = {"files": looks.encode(files), "brand": looks.brand_to_json(brand), "cpu": LOOK_SECONDS}
        try:
            answer = await self.run("problems", request, affinity=_affinity(files, brand))
        except LimitError as error:
            return (looks.stopped(str(error)),)
        return tuple(looks.mendable_from_json(one) for one in answer["problems"])

    async def picture(self, name: str, content: bytes) -> bytes:
        """An upload as it is kept (``passkit.images.intake``); raises ImageError."""
        try:
            answer = await self.run("image", {"name": name, "content": base64.b64encode(content).decode()})
        except LimitError as error:
            raise ImageError(str(error)) from None
        if "refused" in answer:
            raise ImageError(answer["refused"])
        return base64.b64decode(answer["content"])

    async def close(self) -> None:
        """End the children; tasks under way must be over."""
        if self._warming is not None:
            await asyncio.wait([self._warming])
        while self._idle:
            await self._idle.pop().kill()
        self._started = False

    @asynccontextmanager
    async def _turn(self, affinity: str = "") -> AsyncIterator[_Child]:
        """A child for a while; one that breaks a limit, or is left in the middle of a task, is replaced."""
        await self.start()
        async with self._room:
            child = next((one for one in self._idle if affinity and one.affinity == affinity), self._idle[0])
            self._idle.remove(child)
            try:
                await child.ready()
                child.affinity = affinity or child.affinity
                yield child
            except BaseException:
                await child.kill()
                child = _Child(self._module)
                child.warm()
                raise
            finally:
                self._idle.append(child)


def _ignore(warming: asyncio.Future[Any]) -> None:
    """A child that did not start is told by the first task."""
    if not warming.cancelled():
        warming.exception()


def _affinity(files: Mapping[str, bytes], brand: Brand) -> str:
    """The same for a draft's states one after the other."""
    return f"{brand.key} " + " ".join(sorted(name for name in files if not name.endswith(".yaml")))


class _Child:
    def __init__(self, module: str) -> None:
        self.affinity = ""
        self._module = module
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None

    def warm(self) -> asyncio.Task[asyncio.subprocess.Process]:
        """Start it, if nobody has; whoever comes first waits the less."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
            self._starting.add_done_callback(_ignore)
        return self._starting

    async def ready(self) -> asyncio.subprocess.Process:
        return await asyncio.shield(self.warm())

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _CHILD.format(root=str(ROOT), module=self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            greeting = await asyncio.wait_for(_receive(process), START_SECONDS)
        except (TimeoutError, EOFError):
            greeting = {}
        if greeting != {"ready": True}:
            await _end(process)
            raise LimitError("The limited process did not start.")
        return process

    async def ask(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        process = await self.ready()
        try:
            async with asyncio.timeout(deadline * PATIENCE):
                await _send(process, request)
                answer = await _receive(process)
        except TimeoutError:
            raise LimitError(f"It took longer than {deadline:g} s and was stopped.") from None
        except (EOFError, ConnectionError):  # the pipe ended: the system has killed it
            raise LimitError("It needed more memory or processor time than is allowed and was stopped.") from None
        if answer.get("limit"):
            raise LimitError(str(answer["limit"]))
        return answer

    async def kill(self) -> None:
        if self._starting is None:
            return
        try:
            process = await self.ready()
        except LimitError:
            return
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the child and close both pipes."""
    if process.returncode is None:
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.communicate()


async def _send(process: asyncio.subprocess.Process, message: Mapping[str, Any]) -> None:
    body = orjson.dumps(message)
    if process.stdin is None:
        raise EOFError
    process.stdin.write(len(body).to_bytes(4, "big") + body)
    await process.stdin.drain()


async def _receive(process: asyncio.subprocess.Process) -> dict[str, Any]:
    if process.stdout is None:
        raise EOFError
    size = int.from_bytes(await process.stdout.readexactly(4), "big")
    if size > REPLY_BYTES:
        raise LimitError("The answer is larger than is allowed.")
    answer = orjson.loads(await process.stdout.readexactly(size))
    if not isinstance(answer, dict):
        raise EOFError
    return answer
