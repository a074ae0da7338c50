"""``python -m benchmarks [NAME...]``: every figure of docs/performance.md, one process a file, one table at the end.

A benchmark is a file of this folder with ``figures()``, which gives a list of ``Figure`` or a coroutine of one.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.figure import Figure

HERE = Path(__file__).parent
CHILD = "--one"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks named, or all; exit code 1 when one breaks or misses its target."""
    if arguments[:1] == [CHILD]:
        print(json.dumps([asdict(figure) for figure in measured(arguments[1])]))
        return 0
    found: list[Figure] = []
    broken: list[str] = []
    for name in arguments or list(names()):
        print(f"{name} ...", file=sys.stderr, flush=True)
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks", CHILD, name], stdout=subprocess.PIPE, cwd=HERE.parent
        )
        if child.returncode:
            broken.append(name)
        else:
            found += [Figure(**row) for row in json.loads(child.stdout.splitlines()[-1])]
    show(found)
    for name in broken:
        print(f"{name}: BROKEN, see above")
    return 1 if broken or not all(figure.is_reached for figure in found) else 0


def names() -> Iterator[str]:
    """Every file that has figures."""
    for path in sorted(HERE.glob("*.py")):
        if "figures" in {getattr(node, "name", "") for node in ast.parse(path.read_text(encoding="utf-8")).body}:
            yield path.stem


def measured(name: str) -> list[Figure]:
    """The figures of one file."""
    outcome = importlib.import_module(f"benchmarks.{name}").figures()
    return list(asyncio.run(outcome) if inspect.iscoroutine(outcome) else outcome)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; read the ratios, absolute figures move")
    print(f"{'figure':<56} {'value':>10} {'unit':<17} {'ratio':>7} {'target':>10}")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.3g}"
        verdict = "" if figure.target is None else "pass" if figure.is_reached else "MISS"
        beside = f"to {figure.baseline}" if figure.baseline else ""
        value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
        row = f"{figure.name:<56} {value:>10} {figure.unit:<17} {ratio:>7} {figure.goal:>10} {verdict:<4}  {beside}"
        print(row.rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
