"""A limited process that can be asked to misbehave: what its limits are good for."""

import os
from collections.abc import Mapping
from typing import Any

from commands import limited_child


def eat(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"size": len(bytearray(request["bytes"]))}


def spin(request: Mapping[str, Any]) -> dict[str, Any]:
    while True:
        pass


def look(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a task can see of the outside, and whether it can write."""
    try:
        with open(request["write"], "wb") as file:
            file.write(b"x")
        wrote = True
    except OSError:
        wrote = False
    return {"environment": dict(os.environ), "wrote": wrote}


def main() -> None:
    limited_child.main({**limited_child.TASKS, "eat": eat, "spin": spin, "look": look})
