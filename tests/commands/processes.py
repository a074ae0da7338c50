"""Real processes of server.py for the tests: started, read line by line, ended by signals."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """``python server.py WORDS`` with these settings and nothing else of ours in the environment."""

    def __init__(
        self,
        *words: str,
        environ: Mapping[str, str],
        cwd: Path = ROOT,
        around: Sequence[str] = (sys.executable,),
        passed: Sequence[int] = (),
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PASSBELL_")}
        self._process = subprocess.Popen(
            [*around, str(ROOT / "server.py"), *words],
            cwd=cwd,
            pass_fds=tuple(passed),
            env={**kept, **environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> str:
        """The first new line that has these words."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._fresh.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            if words in line:
                return line
        raise AssertionError(f"no line with {words!r}:\n{self.output}")

    def logged(self, event: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """The first new JSON log line of this event."""
        found: dict[str, Any] = json.loads(self.wait_for(f'"event":"{event}"', seconds))
        return found

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Send the signal and give the exit code."""
        self._process.send_signal(number)
        return self._process.wait(seconds)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        return self._process.wait(seconds)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(line.rstrip("\n"))
        self._fresh.put(None)
