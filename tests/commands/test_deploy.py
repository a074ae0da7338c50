"""The files of deploy/ name commands and settings that exist; containers are built nowhere here."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from commands import cli
from commands.settings import names

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def test_units_and_containers_run_commands_that_exist() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    ours = [one["command"] for one in compose["services"].values() if one.get("image") == "passbell"]
    units = [
        line.split()[1:]
        for unit in DEPLOY.glob("*.service")
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=")
    ]
    assert len(ours) == 2
    assert len(units) == 2
    for words in (*ours, *units):
        cli.parser().parse_args(words)


def test_every_setting_that_is_named_exists() -> None:
    for file in DEPLOY.iterdir():
        assert set(re.findall(r"PASSBELL_[A-Z_]+", file.read_text())) <= set(names()), file.name
