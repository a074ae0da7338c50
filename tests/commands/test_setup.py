"""What ``setup`` tells to type next works in the plainest of shells."""

import re
import subprocess

import pytest

from tests.commands.conftest import Shell


def test_the_next_step_reads_the_environment_file_in_a_posix_shell(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(shell.folder)
    shell.environ = {}
    names = ("--brand", "coffee", "--name", "Coffee club", "--languages", "ru,en", "--time-zone", "Europe/Moscow")
    apple = ("--pass-type", "pass.com.example.club", "--team", "ABCDE12345")
    said = shell.done("setup", "--public-url", "https://cards.example.com", *names, *apple)
    step = re.search(r"Next: (set -a; .*; set \+a); then", said)
    assert step is not None
    printed = subprocess.run(
        ["sh", "-c", f"{step[1]}; echo $PASSBELL_PUBLIC_URL"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "https://cards.example.com\n"
