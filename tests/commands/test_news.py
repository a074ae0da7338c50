"""``news`` from a shell: the review, the number that confirms, the states."""

from __future__ import annotations

import io
import json
import re

import pytest

from tests.commands.conftest import Shell


@pytest.fixture
def shop(publishing: Shell) -> Shell:
    """A brand with the coffee card published, and two cards of it."""
    publishing.done("card", "issue", "coffee", "--external-id", "c-1")
    publishing.done("card", "issue", "coffee", "--external-id", "c-2")
    return publishing


def answer(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))


def test_a_news_is_reviewed_confirmed_and_taken_back(shop: Shell, monkeypatch: pytest.MonkeyPatch):
    answer(monkeypatch, "0")
    said = shop.done("news", "send", "coffee", "--text", "ru=Кофе даром", "--text", "en=Free coffee")
    assert "not reached" in said
    assert "not installed 2" in said
    assert '"Кофе даром"' in said
    assert "Nobody would get a push." in said
    found = re.search(r"(n_\w+) is running", said)
    assert found is not None
    assert found[1] in shop.done("news", "list")
    assert json.loads(shop.done("news", "pause", found[1]))["state"] == "paused"
    assert json.loads(shop.done("news", "resume", found[1]))["state"] == "running"
    assert json.loads(shop.done("news", "stop", found[1]))["state"] == "cancelled"  # nobody has it yet
    assert json.loads(shop.done("news", "cancel", found[1]))["state"] == "cancelled"
    assert "cannot be paused" in shop.refused("news", "pause", found[1])
    assert json.loads(shop.done("news", "show", found[1]))["progress"]["targets"] == 0


def test_another_number_keeps_the_draft(shop: Shell, monkeypatch: pytest.MonkeyPatch):
    answer(monkeypatch, "yes")
    assert shop("news", "send", "coffee", "--text", "Free coffee") == 1
    assert "Nobody was told" in shop.out
    assert "draft" in shop.done("news", "list")


def test_what_does_not_fit_is_said_in_one_line(shop: Shell):
    assert "/text/fr" in shop.refused("news", "send", "coffee", "--text", "fr=Du café", "--text", "en=x", "--yes")
    assert "no news by that id" in shop.refused("news", "show", "n_none")


def test_triggers_are_written_switched_and_looked_at(shop: Shell):
    said = shop.done(
        "news", "trigger-add", "coffee", "level", "--variable", "points", "--level", "100", "--text", "Free"
    )
    found = re.search(r"t_\w+", said)
    assert found is not None
    assert said.splitlines()[0].endswith("off")
    for name, state in (("on", "on"), ("pause", "paused"), ("off", "off")):
        assert shop.done("news", f"trigger-{name}", found[0]).splitlines()[0].endswith(state)
    assert found[0] in shop.done("news", "triggers")
    assert "told 0 today" in shop.done("news", "trigger-show", found[0])
    assert "0  looked at" in shop.done("news", "trigger-today", found[0])
    assert "/variable" in shop.refused(
        "news", "trigger-add", "coffee", "birthday", "--variable", "points", "--text", "x"
    )
    assert "is gone" in shop.done("news", "trigger-remove", found[0])
