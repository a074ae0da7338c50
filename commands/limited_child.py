"""The limited process's own side: reads a task, does it with passkit, answers; see ``commands/limited.py``.

It takes its limits before the first task: memory is what it holds when warm plus 512 MB, each task has its own seconds of
processor time, no file can be written and no other program is worth starting: the environment is empty.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import resource
import signal
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from commands import looks, offline
from passkit import draft
from passkit.draft import Data, Drawn, Judged
from passkit.errors import ImageError, PasskitError
from passkit.images import intake
from passkit.model import CardState
from passkit.schema import Template, parse_template

Tasks = Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]
"""Name of a task -> what does it, from the request's JSON to the answer's."""
MEMORY = 512 * 1024 * 1024
"""How much a task may take beyond the warm process."""
REQUEST_BYTES = 256 * 1024 * 1024
KEPT_PICTURES = 16
"""Templates whose pictures are kept, some MB each at most."""
KEPT_DRAFTS = 2
"""States of drafts kept as judged: somebody's last one, and that of who edits beside them."""


def main(tasks: Tasks | None = None) -> None:
    """Serve tasks until the parent closes the pipe."""
    requests, answers = _private_pipes()
    offline.warm_up()
    _limit()
    signal.signal(signal.SIGPROF, _out_of_time)
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
        signal.setitimer(signal.ITIMER_PROF, float(request.get("cpu", 0)))
        return tasks[request["task"]](request)
    except _OutOfTime:
        return {"limit": f"It took longer than {float(request['cpu']):g} s and was stopped."}
    except MemoryError:
        return {"limit": "It needed more memory than is allowed and was stopped."}
    except RecursionError:
        return {"limit": "It is nested too deeply and was stopped."}
    except PasskitError as error:
        return {"error": str(error)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class _OutOfTime(BaseException):
    """The processor time of the task is up; no handler of ours takes it for an error of the template."""


def _out_of_time(number: int, frame: object) -> None:
    raise _OutOfTime


def _check(request: Mapping[str, Any]) -> dict[str, Any]:
    files = {name: base64.b64decode(text) for name, text in request["files"].items()}
    checked = offline.check(files, datetime.fromisoformat(request["now"]))
    return {
        "problems": [offline.problem_to_json(problem) for problem in checked.problems],
        "losses": checked.losses,
        "files": {name: base64.b64encode(content).decode() for name, content in checked.files.items()},
    }


def _image(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        content = intake(request["name"], base64.b64decode(request["content"]))
    except ImageError as error:
        return {"refused": str(error)}
    return {"content": base64.b64encode(content).decode()}


def _problems(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"problems": [looks.mendable_to_json(one) for one in _judged(request).problems]}


def _look(request: Mapping[str, Any]) -> dict[str, Any]:
    """A look with the pictures that are kept; ``{"draw": True}`` where they must be drawn first, which takes longer."""
    try:
        seen = draft.look(
            looks.decode(request["files"]),
            looks.brand_from_json(request["brand"]),
            show=Data(request["show"]),
            state=CardState(request["state"]),
            language=request["language"],
            now=datetime.fromisoformat(request["now"]),
            drawn=_kept,
            judged=_judged(request),
        )
    except _NotDrawn:
        return {"draw": True}
    return looks.seen_to_json(seen)


def _draw(request: Mapping[str, Any]) -> dict[str, Any]:
    """Draw what is missing; what cannot be drawn is told by the look."""
    template = parse_template(looks.decode(request["files"]))
    own, google = draft.keys(template)
    for key, make in ((own, draft.draw_pass), (google, draft.draw_google)):
        if key not in _PICTURES:
            try:
                _PICTURES[key] = make(template)
            except PasskitError as error:
                _PICTURES[key] = error
    while len(_PICTURES) > 2 * KEPT_PICTURES:
        _PICTURES.popitem(last=False)
    return {}


def _judged(request: Mapping[str, Any]) -> Judged:
    """A draft as it was judged a moment ago: its saving and every look at it ask the same."""
    digest = hashlib.sha256(orjson.dumps((request["files"], request["brand"]), option=orjson.OPT_SORT_KEYS)).digest()
    found = _JUDGED.pop(digest, None)
    if found is None:
        found = draft.judge(looks.decode(request["files"]), looks.brand_from_json(request["brand"]))
    _JUDGED[digest] = found
    while len(_JUDGED) > KEPT_DRAFTS:
        _JUDGED.popitem(last=False)
    return found


_JUDGED: OrderedDict[bytes, Judged] = OrderedDict()
"""By the bytes of the files and the brand."""
_PICTURES: OrderedDict[str, Any] = OrderedDict()
"""By ``draft.keys``: the pictures, or the error that kept them from being drawn."""


class _NotDrawn(Exception):
    """The pictures of this template are not kept here."""


def _kept(template: Template) -> Drawn:
    found = []
    for key in draft.keys(template):
        if key not in _PICTURES:
            raise _NotDrawn
        _PICTURES.move_to_end(key)
        found.append(_PICTURES[key])
    for one in found:
        if isinstance(one, Exception):
            raise one
    return Drawn(*found)


TASKS: Tasks = {"check": _check, "image": _image, "problems": _problems, "look": _look, "draw": _draw}


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
