"""The limited process's own side: reads a task, does it with passkit, answers; see ``commands/limited.py``.

It takes its limits before the first task: memory is what it holds when warm plus 512 MB, each task has its own seconds of
processor time, no file can be written and no other program is worth starting: the environment is empty.
"""

from __future__ import annotations

import base64
import math
import os
import resource
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from commands import offline
from passkit.errors import ImageError, PasskitError
from passkit.images import intake

Tasks = Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]
"""Name of a task -> what does it, from the request's JSON to the answer's."""
MEMORY = 512 * 1024 * 1024
"""How much a task may take beyond the warm process."""
REQUEST_BYTES = 256 * 1024 * 1024


def main(tasks: Tasks | None = None) -> None:
    """Serve tasks until the parent closes the pipe."""
    requests, answers = _private_pipes()
    offline.warm_up()
    _limit()
    _write(answers, {"ready": True})
    while request := _read(requests):
        _write(answers, _do(tasks or TASKS, request))


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes under numbers of their own, so that a stray print cannot mix into the answers."""
    requests, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            base = int(statm.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return  # no /proc, so not Linux: the deadline and the processor time still hold
    resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY, base + MEMORY))


def _do(tasks: Tasks, request: Mapping[str, Any]) -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = usage.ru_utime + usage.ru_stime
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(spent + float(request["seconds"])), resource.RLIM_INFINITY))
    try:
        return tasks[request["task"]](request)
    except MemoryError:
        return {"limit": "It needed more memory than is allowed and was stopped."}
    except RecursionError:
        return {"limit": "It is nested too deeply and was stopped."}
    except PasskitError as error:
        return {"error": str(error)}


def _check(request: Mapping[str, Any]) -> dict[str, Any]:
    files = {name: base64.b64decode(text) for name, text in request["files"].items()}
    checked = offline.check(files, datetime.fromisoformat(request["now"]))
    return {
        "problems": [offline.problem_to_json(problem) for problem in checked.problems],
        "files": {name: base64.b64encode(content).decode() for name, content in checked.files.items()},
    }


def _image(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        content = intake(request["name"], base64.b64decode(request["content"]))
    except ImageError as error:
        return {"refused": str(error)}
    return {"content": base64.b64encode(content).decode()}


TASKS: Tasks = {"check": _check, "image": _image}


def _read(pipe: BinaryIO) -> dict[str, Any] | None:
    head = pipe.read(4)
    size = int.from_bytes(head, "big")
    if len(head) < 4 or size > REQUEST_BYTES:
        return None
    request = orjson.loads(pipe.read(size))
    return request if isinstance(request, dict) else None


def _write(pipe: BinaryIO, answer: Mapping[str, Any]) -> None:
    body = orjson.dumps(answer)
    pipe.write(len(body).to_bytes(4, "big") + body)
    pipe.flush()
