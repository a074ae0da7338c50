"""``serve --workers N``: a parent that opens the socket and keeps N web processes and one delivery worker alive.

The parent answers nobody and opens no database. It starts each child as a program of its own, so that a new generation
is the code that is installed now, and hands it the listening socket, a pipe to say "ready" by, and a pipe whose end tells
that the parent is gone.

SIGHUP starts a new generation on the same socket; when all of it is ready the old one is told (SIGHUP) to take no more
connections and to finish. If the new one does not come up, the old one stays. SIGTERM drains all and exits with 0. A child
that dies is started again, after a pause that grows while it keeps dying.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from handlers import multiprocess

START_SECONDS = 60.0
"""How long a child may take from its start to being ready."""
STOP_SECONDS = 29.0
"""How long a child may take to end; its own parts come to less."""
PAUSES = (0.5, 30.0)
"""Seconds before a dead child is started again: the first pause, which doubles, and the longest."""
SETTLED_SECONDS = 60.0
"""A child that lived so long begins with the first pause again."""

log = structlog.get_logger("passbell.start")


class NotReady(Exception):
    """A child has ended, or has not said that it is ready; ``code`` is its exit code."""

    def __init__(self, role: str, code: int) -> None:
        super().__init__(role)
        self.role, self.code = role, code


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started: the words of the command line by role, and how many of each."""

    program: tuple[str, ...]
    web: tuple[str, ...]
    worker: tuple[str, ...] | None
    workers: int

    @property
    def roles(self) -> list[tuple[str, tuple[str, ...]]]:
        """One entry for each child, the first web process first: it alone is started until it is ready."""
        webs = [(f"web {number + 1}", self.web) for number in range(self.workers)]
        return webs if self.worker is None else [*webs, ("worker", self.worker)]


@dataclass(slots=True, eq=False)
class Child:
    """One process, and the pipe on which it says that it is ready."""

    role: str
    words: tuple[str, ...]
    process: asyncio.subprocess.Process
    started: float
    said: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, number: int) -> None:
        """Signal it, unless it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class Supervisor:
    """Keeps the children of one listening socket."""

    def __init__(self, plan: Plan, listening: socket.socket, environ: Mapping[str, str]) -> None:
        self._plan = plan
        self._socket = listening
        self._metrics = Path(tempfile.mkdtemp(prefix="passbell-metrics-"))
        unwanted = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
        kept = {name: value for name, value in environ.items() if name not in unwanted}
        self._environ = {**kept, multiprocess.VARIABLE: str(self._metrics)}
        self._alive, self._mine = os.pipe()
        self._children: list[Child] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._leaving: set[Child] = set()
        self._stopping = asyncio.Event()
        self._again = asyncio.Event()

    async def run(self) -> int:
        """Until SIGTERM; the exit code, which is a child's where the first generation does not come up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._again.set)
        try:
            return await self._run()
        finally:
            await self._end(self._children, signal.SIGTERM)
            for watcher in self._watchers:
                watcher.cancel()
            await asyncio.gather(*self._watchers, return_exceptions=True)
            os.close(self._alive)
            os.close(self._mine)
            shutil.rmtree(self._metrics, ignore_errors=True)

    async def _run(self) -> int:
        try:
            self._children = await self._until_stopped(self._generation())
        except NotReady as error:
            return error.code or 1
        log.info("ready", role="supervisor", workers=self._plan.workers)
        while not self._stopping.is_set():
            await self._either(self._stopping, self._again)
            if self._again.is_set() and not self._stopping.is_set():
                self._again.clear()
                await self._renew()
        log.info("stopping", children=len(self._children))
        return 0

    async def _renew(self) -> None:
        """Another generation; the old one goes when all of the new one is ready."""
        log.info("renewing")
        try:
            fresh = await self._until_stopped(self._generation())
        except NotReady as error:
            log.error("not_renewed", role=error.role, code=error.code)
            return
        old, self._children = self._children, fresh
        self._leaving.update(old)
        log.info("renewed", children=[child.process.pid for child in fresh])
        self._watch(self._end(old, signal.SIGHUP))

    async def _until_stopped(self, starting: Coroutine[Any, Any, list[Child]]) -> list[Child]:
        """A generation, given up as soon as SIGTERM comes."""
        task = asyncio.create_task(starting)
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise NotReady("supervisor", 0)

    async def _generation(self) -> list[Child]:
        """Every role once; what cannot start is told once, because the first is alone until it is ready."""
        children: list[Child] = []
        try:
            (role, words), *others = self._plan.roles
            children.append(await self._start(role, words))
            await self._ready(children[0])
            for role, words in others:
                children.append(await self._start(role, words))
            await asyncio.gather(*(self._ready(child) for child in children[1:]))
        except BaseException:
            self._leaving.update(children)
            await asyncio.shield(self._end(children, signal.SIGTERM))
            raise
        for child in children:
            self._watch(self._look_after(child))
        return children

    async def _start(self, role: str, words: Sequence[str]) -> Child:
        theirs, said = os.pipe()
        passed = {"--ready-fd": said, "--alive-fd": self._alive}
        if role != "worker":
            passed["--socket-fd"] = self._socket.fileno()
        flags = [word for name, number in passed.items() for word in (name, str(number))]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._plan.program, *words, *flags, env=self._environ, pass_fds=tuple(passed.values())
            )
        finally:
            os.close(said)  # the child has its own: the pipe ends with it
        child = Child(role, tuple(words), process, asyncio.get_running_loop().time())
        asyncio.get_running_loop().add_reader(theirs, self._hear, child, theirs)
        return child

    def _hear(self, child: Child, pipe: int) -> None:
        if os.read(pipe, 1):
            child.said.set()
        asyncio.get_running_loop().remove_reader(pipe)
        os.close(pipe)

    async def _ready(self, child: Child) -> None:
        said, ended = asyncio.create_task(child.said.wait()), asyncio.create_task(child.process.wait())
        await asyncio.wait([said, ended], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        is_ready = said.done()
        for task in (said, ended):
            task.cancel()
        if not is_ready:
            raise NotReady(child.role, child.process.returncode or 0)

    async def _look_after(self, child: Child) -> None:
        """Start it again whenever it dies, in its place."""
        pause = PAUSES[0]
        while True:
            code = await child.process.wait()
            multiprocess.bury(self._metrics, child.process.pid)
            if child in self._leaving or self._stopping.is_set():
                return
            lived = asyncio.get_running_loop().time() - child.started
            pause = PAUSES[0] if lived > SETTLED_SECONDS else pause
            log.error("process_died", role=child.role, pid=child.process.pid, code=code, again_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSES[1])
            if child in self._leaving or self._stopping.is_set():
                return
            fresh = await self._start(child.role, child.words)
            self._children[self._children.index(child)] = fresh
            child = fresh

    async def _end(self, children: Sequence[Child], number: int) -> None:
        """Tell them to finish; whoever takes too long is killed."""
        waiting = [child for child in children if child.process.returncode is None]
        for child in waiting:
            child.send(number)
        if not waiting:
            return
        ends = [asyncio.create_task(child.process.wait()) for child in waiting]
        _, late = await asyncio.wait(ends, timeout=STOP_SECONDS)
        if late:
            log.error("processes_killed", count=len(late))
        for child in waiting:
            if child.process.returncode is None:
                child.send(signal.SIGKILL)
        await asyncio.wait(ends)
        self._leaving.difference_update(children)

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _either(self, *events: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def program() -> tuple[str, ...]:
    """How this program was started: a new generation is what lies there then."""
    return (sys.executable, sys.argv[0])
