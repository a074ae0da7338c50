"""Files of untrusted origin are compiled and decoded here: in child processes with little memory, little time, no secrets.

``LimitedPool.run`` hands one task to a warm child and gets its answer, or raises ``LimitError`` when the child broke a
limit; a broken child is killed and another takes its place. The child's environment is empty, it may write no file, and
it speaks JSON over pipes, so that nothing it says can become code here. Its side is ``commands/limited_child.py``.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
"""A child imports Pillow, Jinja2 and pydantic first; on a busy machine that takes seconds."""
TASK_SECONDS = 1.0
"""Threat model, rows 13 and 15: each payload is refused or killed within one second."""
REPLY_BYTES = 64 * 1024 * 1024
"""The largest answer: a template's pictures after normalisation."""
_CHILD = "import sys; sys.path.insert(0, {root!r}); from {module} import main; main()"


class LimitError(Exception):
    """The task needed too much time or memory; the message is one sentence for a person."""


class LimitedPool:
    """A few warm children; each does one task at a time."""

    def __init__(self, size: int = 1, module: str = "commands.limited_child") -> None:
        self._size = size
        self._module = module
        self._idle: asyncio.Queue[_Child] = asyncio.Queue()
        self._started = False

    async def start(self) -> None:
        """Warm the children; ``run`` does it by itself when nobody has."""
        if not self._started:
            self._started = True
            children = [_Child(self._module) for _ in range(self._size)]
            for child in children:
                self._idle.put_nowait(child)
            await asyncio.gather(*(child.ready() for child in children))

    async def check(
        self, files: Mapping[str, bytes], *, now: datetime, deadline: float | None = None
    ) -> dict[str, Any]:
        """Everything publishing would find: ``{"problems": [...], "files": {name: bytes}}``, pictures normalised.

        Without a deadline it is one second for the text and one for each picture.
        """
        pictures = sum(not name.endswith(".yaml") for name in files)
        seconds = deadline if deadline is not None else TASK_SECONDS * (1 + pictures)
        answer = await self.run("check", {"files": _encode(files), "now": now.isoformat()}, deadline=seconds)
        return {**answer, "files": {name: base64.b64decode(text) for name, text in answer["files"].items()}}

    async def run(self, task: str, payload: Mapping[str, Any], *, deadline: float = TASK_SECONDS) -> dict[str, Any]:
        """The child's answer to one task; raises LimitError when it breaks a limit."""
        await self.start()
        child = await self._idle.get()
        try:
            await child.ready()
            return await child.ask({"task": task, "seconds": deadline, **payload}, deadline)
        except (LimitError, asyncio.CancelledError):
            await child.kill()
            child = _Child(self._module)
            raise
        finally:
            self._idle.put_nowait(child)

    async def close(self) -> None:
        """End the children; tasks under way must be over."""
        while not self._idle.empty():
            await self._idle.get_nowait().kill()
        self._started = False


def _encode(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


class _Child:
    def __init__(self, module: str) -> None:
        self._module = module
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None

    async def ready(self) -> asyncio.subprocess.Process:
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        return await asyncio.shield(self._starting)

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
            async with asyncio.timeout(deadline):
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
