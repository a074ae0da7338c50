"""Processes of the program that cost no start of Python: one has imported it, and each worker is a fork of that one.

Run as a program it obeys lines of JSON: ``{"start": words, "environ": ...}`` is answered with a process id, ``{"wait": id}`` with
its exit code. It is forked before any thread, loop or database is there.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Worker:
    """One that was started; as ``asyncio.subprocess.Process`` has it."""

    pid: int
    returncode: int | None = None

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)

    async def wait(self) -> int:
        """Its exit code, as soon as it has ended."""
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        watched = os.pidfd_open(self.pid)
        loop.add_reader(watched, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        self.returncode = _ask({"wait": self.pid})
        return self.returncode


def start(words: list[str], environ: Mapping[str, str]) -> Worker:
    """``python server.py WORDS`` with this environment and no other."""
    return Worker(_ask({"start": words, "environ": dict(environ)}))


def _ask(order: dict[str, Any]) -> int:
    mother = _mother()
    assert mother.stdin is not None
    assert mother.stdout is not None
    mother.stdin.write(json.dumps(order) + "\n")
    mother.stdin.flush()
    return int(mother.stdout.readline())


@cache
def _mother() -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "tests.journeys.nursery")
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    made = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=quiet, text=True)
    atexit.register(_end, made)
    return made


def _end(mother: subprocess.Popen[str]) -> None:
    with mother:
        mother.kill()


def main() -> None:
    """Obey until nobody asks any more."""
    import server

    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork() or _become(server, order["start"], order["environ"])
        print(answer, flush=True)


def _become(server: Any, words: list[str], environ: dict[str, str]) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = words
    os._exit(server.main())


if __name__ == "__main__":
    main()
