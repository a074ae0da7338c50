"""Documents that cannot rot: what the program has, the documents have, and what they tell to type exists."""

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import handlers.metrics
import pushes.metrics
from commands import cli
from commands.settings import PREFIX, TABLE
from handlers.errors import CATALOGUE
from handlers.routes import apple_web_service

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ROUTE_PAGES = ("api", "hooks", "apple", "google", "operate", "start")

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SLASH = re.compile(r"\{slash\d+:[^}]*\}")


def text(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def headings(markdown: str) -> list[str]:
    return [line.lstrip("#").strip() for line in _FENCE.sub("", markdown).splitlines() if line.startswith("#")]


def anchor(heading: str) -> str:
    """How GitHub names a heading in a link."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")


def section(markdown: str, heading: str) -> str:
    """The words under a heading."""
    rest = re.split(rf"^#+ {re.escape(heading)}$", markdown, maxsplit=1, flags=re.MULTILINE)[-1]
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def commands() -> Iterator[tuple[str, ...]]:
    for name, parser in subcommands(cli.parser()).items():
        operations = subcommands(parser)
        yield from ((name, operation) for operation in operations) if operations else ((name,),)


def routes() -> list[str]:
    """Every path of the application, with ``{slash0:/*}`` taken out."""
    source = (ROOT / "handlers" / "routes.py").read_text(encoding="utf-8")
    plain = re.findall(r'web\.\w+\("(/[^"]*)"', source)
    return plain + [_SLASH.sub("", route.path) for route in apple_web_service()]


def metrics() -> set[str]:
    assert handlers.metrics
    assert pushes.metrics  # what was imported is in the registry
    return {family.name for family in REGISTRY.collect() if family.name.startswith("passbell_")}


@pytest.mark.parametrize("name", TABLE)
def test_every_setting_has_its_heading_and_its_default(name: str):
    page = text("config")
    assert PREFIX + name in headings(page)
    default = TABLE[name].default
    if default:
        assert f"`{default}`" in page


def test_config_names_no_setting_that_is_none():
    named = {heading for heading in headings(text("config")) if heading.startswith(PREFIX)}
    assert named == {PREFIX + name for name in TABLE}


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_its_heading_and_every_operation_is_told(command: tuple[str, ...]):
    page = text("operate")
    assert command[0] in headings(page)
    assert f"`{' '.join(command)}" in section(page, command[0])


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_error_has_its_heading(code: str):
    assert code in [heading.split()[0].strip("`") for heading in headings(text("errors"))]


@pytest.mark.parametrize("path", routes())
def test_every_route_has_its_heading(path: str):
    told = [heading.replace("`", "") for name in ROUTE_PAGES for heading in headings(text(name))]
    assert any(path in re.split(r"[\s·,]+", heading) for heading in told), path


def test_every_metric_has_its_heading():
    told = {heading.strip("`") for heading in headings(text("operate"))}
    assert {name for name in metrics() if name not in told and f"{name}_total" not in told} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    markdown = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(markdown):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if fragment:
            assert fragment in {anchor(heading) for heading in headings(file.read_text(encoding="utf-8"))}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_a_document_tells_to_type_exist(page: Path):
    words = re.findall(r"(?:\bpassbell|python server\.py) ([a-z]+)(?: ([a-z]+))?", page.read_text(encoding="utf-8"))
    known = subcommands(cli.parser())
    for name, operation in words:
        assert name in known, f"{page.name}: {name}"
        if operation and (operations := subcommands(known[name])):
            assert operation in operations, f"{page.name}: {name} {operation}"


def test_the_readme_shows_what_it_is_a_picture_and_the_two_commands_on_its_first_screen():
    first_screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:16])
    assert "make run" in first_screen
    assert "make test" in first_screen
    picture = re.search(r"!\[[^\]]+\]\(([^)]+\.png)\)", first_screen)
    assert picture is not None
    assert (ROOT / picture[1]).read_bytes().startswith(b"\x89PNG")


def test_make_knows_the_commands_of_the_documents():
    told = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+)\b", page.read_text(encoding="utf-8"))}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"run", "test"} <= told & targets
    dry = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "server.py demo" in dry.stdout
