"""Who may know whom: what import-linter's contracts in pyproject.toml cannot say, read from the sources themselves."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("commands", "handlers", "passkit", "pushes", "sandbox", "store")
VENDORS = ("aioapns", "firebase_admin", "google", "googleapiclient", "nats")

NO_IMPORTS = {
    "asyncio", "fcntl", "glob", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "socket", "ssl",
    "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
"""Modules that read the clock, dice, files or the environment; passkit decides from its arguments alone."""
NO_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "io.open", "io.open_code"}
NO_NAMES = {"open", "input", "print", "eval", "exec", "__import__"}


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        yield from _parsed(room)


@functools.cache
def _parsed(room: str) -> list[tuple[str, ast.Module]]:
    paths = sorted((ROOT / room).rglob("*.py"))
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


@functools.cache
def imports(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and full dotted name of everything imported: ``from passkit import preview`` is ``passkit.preview``."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def impurities(tree: ast.AST) -> list[str]:
    """What in this source reads a clock, dice, a file or the environment, or speaks to a terminal."""
    found = [f"{line}: import {name}" for line, name in imports(tree) if name.split(".")[0] in NO_IMPORTS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in NO_NAMES or any(name == call or name.endswith(f".{call}") for call in NO_CALLS):
                found.append(f"{node.lineno}: {name}()")
    return found


def reads_environment(tree: ast.AST) -> list[str]:
    names = [(node.lineno, dotted(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names += list(imports(tree))
    return [f"{line}: {name}" for line, name in names if name in {"os.environ", "os.environb", "os.getenv"}]


def test_passkit_reads_no_clock_no_dice_no_file_and_no_environment():
    assert {name: found for name, tree in sources("passkit") if (found := impurities(tree))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from pathlib import Path",
        "import random",
        "x = datetime.now()",
        "x = datetime.datetime.now(UTC)",
        "open('f')",
    ],
)
def test_the_purity_check_bites(line: str):
    assert impurities(ast.parse(line))


def test_opening_a_picture_in_memory_is_no_file():
    assert impurities(ast.parse("import io\nImage.open(io.BytesIO(content))")) == []


def test_only_server_py_reads_the_environment():
    assert {name: found for name, tree in sources(*ROOMS) if (found := reads_environment(tree))} == {}
    assert reads_environment(ast.parse((ROOT / "server.py").read_text(encoding="utf-8")))


def test_server_py_is_imported_by_nobody():
    assert [name for name, tree in sources(*ROOMS) for _, what in imports(tree) if what.split(".")[0] == "server"] == []


def test_the_commands_are_imported_by_server_py_alone():
    rooms = [room for room in ROOMS if room != "commands"]
    assert [
        name for name, tree in sources(*rooms) for _, what in imports(tree) if what.split(".")[0] == "commands"
    ] == []


def test_each_vendors_library_is_known_to_one_file():
    for vendor in VENDORS:
        knowing = {
            name
            for name, tree in sources("commands", "handlers", "passkit", "pushes", "store")
            for _, what in imports(tree)
            if what.split(".")[0] == vendor
        }
        assert len(knowing) <= 1, f"{vendor} is imported by {sorted(knowing)}"
        assert all(name.startswith("pushes/") for name in knowing)


def test_the_sandbox_knows_of_ours_passkit_preview_alone():
    ours = set(ROOMS) - {"sandbox"}
    known = {what for _, tree in sources("sandbox") for _, what in imports(tree) if what.split(".")[0] in ours}
    assert {what for what in known if not what.startswith("passkit.preview")} == set()


def test_the_import_contracts_hold():
    lint = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert lint.returncode == 0, lint.stdout[-3000:]
