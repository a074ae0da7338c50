"""passkit decides and does nothing else: no clock, dice, environment, files, sockets or event loop in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "passkit"
MODULES = sorted(ROOM.rglob("*.py"))

FORBIDDEN_MODULES = {
    "asyncio", "ftplib", "http", "importlib", "locale", "multiprocessing", "os", "pathlib", "platform", "random", "requests",
    "secrets", "select", "selectors", "shutil", "signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess",
    "sys", "tempfile", "threading", "time", "uuid", "aiohttp", "aioapns", "asyncpg", "firebase_admin", "httpx",
    "nats", "sqlalchemy",
}  # fmt: skip
FORBIDDEN_CALLS = {
    "open", "input", "exec", "eval", "__import__", "compile", "breakpoint", "print", "now", "utcnow", "today", "urandom",
    "getenv", "read_text", "read_bytes", "write_text", "write_bytes",
}  # fmt: skip
ALLOWED_ATTRIBUTE_CALLS = {
    "Image.open",
    "re.compile",
    "self._expressions.compile",
    "expressions.compile",
    "self.compile",
}
"""Pillow opens bytes in memory here; the others only share a name."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""


def called(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(last name, whole name) of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            whole = ast.unparse(node.func)
            yield whole.rsplit(".", 1)[-1], whole


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOM)))
def test_a_module_imports_nothing_that_acts(module: Path) -> None:
    found = {name.split(".")[0] for name in imported(ast.parse(module.read_text()))}
    assert not found & FORBIDDEN_MODULES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOM)))
def test_a_module_asks_no_clock_no_dice_and_no_file(module: Path) -> None:
    tree = ast.parse(module.read_text())
    assert not {
        whole for last, whole in called(tree) if last in FORBIDDEN_CALLS and whole not in ALLOWED_ATTRIBUTE_CALLS
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


@pytest.mark.parametrize(
    "source",
    ["import time", "from os import environ", "import asyncio.tasks", "datetime.now(UTC)", "date.today()", "open('x')"],
)
def test_the_check_itself_sees_what_is_forbidden(source: str) -> None:
    tree = ast.parse(source)
    modules = {name.split(".")[0] for name in imported(tree)} & FORBIDDEN_MODULES
    calls = {last for last, _ in called(tree)} & FORBIDDEN_CALLS
    assert modules or calls
