"""A command line to type into, with a folder and settings of its own."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from commands import cli
from tests.conftest import PASS_TYPE, TEAM

ROOT = Path(__file__).parent.parent.parent
SECRET = "k1:" + "an excellent secret of many characters"


@dataclass
class Shell:
    """Types commands: ``shell("brand", "list")`` gives the exit code; ``out`` and ``err`` what was printed by the last."""

    folder: Path
    environ: dict[str, str]
    capture: pytest.CaptureFixture[str] = field(repr=False)
    out: str = ""
    err: str = ""

    def __call__(self, *words: str, **extra: str) -> int:
        self.capture.readouterr()
        try:
            code = cli.main(list(words), self.environ | {f"PASSBELL_{name}": value for name, value in extra.items()})
        except SystemExit as usage:
            code = int(usage.code or 0)
        self.out, self.err = self.capture.readouterr()
        return code

    def done(self, *words: str, **extra: str) -> str:
        """The command's output; it must succeed."""
        code = self(*words, **extra)
        assert code == 0, f"{words}: {code}\n{self.out}\n{self.err}"
        return self.out

    def refused(self, *words: str, **extra: str) -> str:
        """The one line that says why not; it must fail without a traceback."""
        code = self(*words, **extra)
        assert code in (1, 2), f"{words}: {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        assert len(self.err.strip().splitlines()) == 1, self.err
        return self.err


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command in this process sets up logging for good: take it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def settings_of(folder: Path) -> dict[str, str]:
    """Settings of an installation that lies in one folder."""
    return {
        "PASSBELL_PUBLIC_URL": "https://cards.example.com",
        "PASSBELL_DATABASE_URL": f"sqlite:///{folder / 'data' / 'passbell.db'}",
        "PASSBELL_SECRET": SECRET,
        "PASSBELL_CERTS_DIR": str(folder / "certs"),
    }


def typed(folder: Path, *words: str) -> None:
    """One command while nobody looks."""
    assert cli.main(list(words), settings_of(folder)) == 0


@pytest.fixture(scope="session")
def installed_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Look-alike certificates, a schema and the brand coffee, to copy."""
    folder = tmp_path_factory.mktemp("installed")
    typed(folder, "certs", "dev", str(folder / "certs"))
    typed(folder, "migrate")
    names = ("--name", "Coffee club", "--languages", "ru,en", "--time-zone", "Europe/Moscow")
    typed(folder, "brand", "add", "coffee", *names, "--pass-type", PASS_TYPE, "--team", TEAM)
    return folder


@pytest.fixture(scope="session")
def publishing_model(tmp_path_factory: pytest.TempPathFactory, installed_model: Path) -> Path:
    """The same with the coffee template published, to copy."""
    folder = shutil.copytree(installed_model, tmp_path_factory.mktemp("publishing") / "model")
    typed(folder, "template", "import", str(ROOT / "templates" / "passes" / "coffee"))
    typed(folder, "template", "publish", "coffee")
    return folder


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell on an empty machine."""
    return Shell(tmp_path, settings_of(tmp_path), capsys)


@pytest.fixture
def installed(shell: Shell, installed_model: Path) -> Shell:
    """A shell where there are look-alike certificates, a schema and the brand coffee."""
    shutil.copytree(installed_model, shell.folder, dirs_exist_ok=True)
    return shell


@pytest.fixture
def publishing(shell: Shell, publishing_model: Path) -> Shell:
    """The same with the coffee template published."""
    shutil.copytree(publishing_model, shell.folder, dirs_exist_ok=True)
    return shell
