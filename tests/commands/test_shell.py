"""The command line as an operator types it: brands, keys, sources, cards, webhooks, and one line for every mistake."""

import contextlib
import itertools
import json
import os
import pty
import re
import shlex
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from passkit.hooks import Verified, verify
from tests.commands.conftest import ROOT, SECRET, Shell


def test_a_misspelt_setting_stops_every_command_with_one_line(shell: Shell):
    assert "did you mean PASSBELL_SECRET?" in shell.refused("brand", "list", SECRRET="x")
    assert shell("brand", "list", SECRRET="x") == 2


def test_a_database_without_schema_says_what_to_run(shell: Shell):
    assert "run `migrate`" in shell.refused("brand", "list").replace("Run", "run")


def test_without_a_secret_a_command_says_what_it_is_for(shell: Shell):
    del shell.environ["PASSBELL_SECRET"]
    assert "PASSBELL_SECRET is not set" in shell.refused("brand", "list")


def test_a_secret_file_that_everybody_can_read_is_refused(shell: Shell):
    file = shell.folder / "secret"
    file.write_text(SECRET)
    file.chmod(0o644)
    del shell.environ["PASSBELL_SECRET"]
    assert f"chmod 600 {file}" in shell.refused("migrate", SECRET_FILE=str(file))
    file.chmod(0o600)
    shell.done("migrate", SECRET_FILE=str(file))


def test_migrate_is_repeatable(shell: Shell):
    assert "was empty" in shell.done("migrate")
    assert "already" in shell.done("migrate")


def test_brands_are_added_listed_and_revoked(installed: Shell):
    assert "Coffee club" in installed.done("brand", "list")
    installed.done("brand", "revoke", "coffee")
    assert "There is no brand 'tea'" in installed.refused("brand", "revoke", "tea")
    assert "none yet" in installed.refused("key", "add", "backend")


@pytest.mark.parametrize(
    ("flag", "value", "word"),
    [
        ("--pass-type", "com.example.club", "pass.com.example.club"),
        ("--languages", "ru,klingonish", "klingonish"),
        ("--languages", ",", "ru,en"),
        ("--time-zone", "Mars/Olympus", "Mars/Olympus"),
    ],
)
def test_a_brand_that_cannot_be_is_refused_with_the_way_to_write_it(installed: Shell, flag: str, value: str, word: str):
    given = {"--name": "Tea", "--pass-type": "pass.com.example.tea", "--team": "TEAM", flag: value}
    words = [word for pair in given.items() for word in pair]
    assert word in installed.refused("brand", "add", "tea", *words)


def test_two_brands_cannot_share_a_pass_type(installed: Shell):
    line = installed.refused(
        "brand", "add", "tea", "--name", "T", "--pass-type", "pass.com.example.passbell", "--team", "T"
    )
    assert "pass.com.example.passbell already" in line


def test_with_two_brands_a_command_asks_which_one(installed: Shell):
    installed.done("brand", "add", "tea", "--name", "Tea", "--pass-type", "pass.com.example.tea", "--team", "T")
    assert "coffee, tea" in installed.refused("key", "add", "backend")
    installed.done("key", "add", "backend", "--brand", "tea")


def test_a_key_is_printed_once_and_listed_without_its_secret(installed: Shell):
    key = installed.done("key", "add", "backend").strip()
    assert key.startswith("pb_live_")
    listed = installed.done("key", "list")
    assert key not in listed
    assert key[:16] in listed
    installed.done("key", "revoke", "backend")
    assert "no key named" in installed.refused("key", "revoke", "backend")


def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(installed: Shell):
    assert "cards:read" in installed.refused("key", "add", "backend", "--scopes", "cards:burn")


def test_a_source_is_added_rotated_and_revoked(installed: Shell):
    first = installed.done("source", "add", "till").strip()
    second = installed.done("source", "rotate", "till").strip()
    assert first.startswith("whsec_")
    assert second.startswith("whsec_")
    assert first != second
    assert "https://cards.example.com/hooks/till" in installed.done("source", "list")
    installed.done("source", "revoke", "till")
    assert "no hook source" in installed.refused("source", "revoke", "till")


def test_a_card_is_issued_shown_and_changed(publishing: Shell):
    issued = json.loads(
        publishing.done(
            "card", "issue", "coffee", "--external-id", "42", "--data", '{"name": "Anna"}', "--set", "points=7"
        )
    )
    assert issued["created"] is True
    assert issued["data"]["points"] == 7
    assert issued["install_url"].startswith("https://cards.example.com/i/")
    changed = publishing.done("card", "change", "42", "--set", "points=9")
    assert {"field": "points", "old": "7", "new": "9"}.items() <= json.loads(changed)["visible"][0].items()
    shown = publishing.done("card", "show", issued["number"])
    assert "Tell the client" in shown
    assert "changed" in shown


def test_a_change_that_nobody_could_see_says_so(publishing: Shell):
    publishing.done("card", "issue", "coffee", "--external-id", "42")
    assert "nothing is pushed" in publishing.done("card", "change", "42", "--tags", "vip")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("card", "issue", "tea"), "tea"),
        (("card", "issue", "coffee", "--set", "points=many"), "points"),
        (("card", "issue", "coffee", "--set", "colour=red"), "colour"),
        (("card", "issue", "coffee", "--set", "points"), "name=value"),
        (("card", "issue", "coffee", "--data", "[1]"), "JSON object"),
        (("card", "issue", "coffee", "--data", "{points: 1}"), "not JSON"),
        (("card", "show", "nobody"), "no card"),
        (("card", "change", "nobody", "--set", "points=1"), "no card"),
        (("template", "publish", "tea"), "tea"),
        (("template", "export", "tea", "out"), "tea"),
        (("hooks", "sign", "till", "--card", "42"), "no hook source"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(publishing: Shell, words: tuple[str, ...], said: str):
    assert said in publishing.refused(*words)


def test_hooks_sign_prints_a_curl_whose_signature_holds(publishing: Shell):
    secret = publishing.done("source", "add", "till").strip()
    printed = publishing.done("hooks", "sign", "till", "--card", "42", "--set", "points=130", "--version", "3")
    words = shlex.split(printed.replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", "https://cards.example.com/hooks/till"]
    body = words[words.index("--data-binary") + 1]
    headers = [tuple(word.split(": ", 1)) for flag, word in itertools.pairwise(words) if flag == "-H"]
    assert json.loads(body)["data"] == {"card": "42", "version": 3, "set": {"points": 130}}
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert isinstance(verify(raw, body.encode(), [secret], datetime.now(UTC)), Verified)


def test_hooks_log_is_empty_at_first(installed: Shell):
    assert installed.done("hooks", "log").strip() == "none"


def test_setup_makes_an_installation_and_may_be_repeated(shell: Shell):
    env_file = shell.folder / "passbell.env"
    shell.done("certs", "dev", str(shell.folder / "certs"))
    del shell.environ["PASSBELL_SECRET"]
    words = ("setup", "--env-file", str(env_file), "--brand", "coffee", "--name", "Coffee club", "--languages", "ru,en")
    first = shell.done(*words)
    assert re.search(r"API key backend: pb_live_\S+", first)
    assert re.search(r"Hook source backend: whsec_\S+", first)
    assert "OK   certificate of coffee" in first
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    written = env_file.read_text()
    again = shell.done(*words)
    assert "pb_live_" not in again
    assert "there already" in again
    assert env_file.read_text() == written


def test_the_environment_file_works_for_the_next_command(shell: Shell):
    env_file = shell.folder / "passbell.env"
    shell.done("certs", "dev", str(shell.folder / "certs"))
    shell.done("setup", "--env-file", str(env_file), "--name", "Coffee club")
    lines = [line for line in env_file.read_text().splitlines() if not line.startswith("#")]
    pairs = [shlex.split(line)[0].partition("=") for line in lines]
    shell.environ = {name: value for name, _, value in pairs}
    assert "Coffee club" in shell.done("brand", "list")


def test_setup_without_a_terminal_names_the_flag_that_is_missing(shell: Shell):
    assert "--name" in shell.refused("setup", "--env-file", str(shell.folder / "passbell.env"))


def test_an_unknown_command_shows_how_to_use_it(shell: Shell):
    assert shell("paint") == 2
    assert "invalid choice" in shell.err


def test_every_command_has_a_help(shell: Shell):
    for command in ("demo", "serve", "worker", "migrate", "doctor", "setup", "certs", "template", "card", "hooks"):
        assert shell(command, "--help") == 0
        assert "usage:" in shell.out


def test_changed_settings_under_living_cards_stop_the_start_and_say_how_many(publishing: Shell, tmp_path: Path):
    publishing.done("card", "issue", "coffee")
    line = publishing.refused("serve", PUBLIC_URL="https://other.example.com", BIND="127.0.0.1:0")
    assert "1 card would stop updating" in line
    assert "migrate --accept-changes" in line
    line = publishing.refused("worker", SECRET="k2:" + "another secret of more than enough letters")
    assert "1 card would stop updating" in line
    assert "Put it back into the list" in line
    assert "--accept-changes" not in line
    del tmp_path


def test_a_secret_that_cards_need_cannot_be_let_go_by_insisting(publishing: Shell):
    publishing.done("card", "issue", "coffee")
    other = "k2:" + "another secret of more than enough letters"
    assert "Put it back into the list" in publishing.refused("migrate", "--accept-changes", SECRET=other)
    publishing.done("migrate", "--accept-changes", PUBLIC_URL="https://other.example.com")


def test_setup_asks_in_a_terminal(shell: Shell):
    """What is not given by flags is asked; an empty answer takes what stands in brackets."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "server.py", "setup", "--env-file", str(shell.folder / "passbell.env")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PASSBELL_DATABASE_URL": shell.environ["PASSBELL_DATABASE_URL"]},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    answers = "https://cards.example.com\n\nCoffee club\npass.com.example.club\nTEAM123456\nru,en\nEurope/Moscow\n"
    os.write(master, answers.encode())
    said = b""
    with contextlib.suppress(OSError):  # the terminal ends with its program
        while chunk := os.read(master, 4096):
            said += chunk
    os.close(master)
    assert process.wait(30) == 0, said.decode()
    assert b"The https address at which phones will reach this server (--public-url): " in said
    assert b"Brand main (Coffee club) issues pass.com.example.club." in said
