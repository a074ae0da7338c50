"""``user``: the first admin, and the way back in."""

import re

from tests.commands.conftest import Shell


def set_up(shell: Shell) -> None:
    shell.done("migrate")
    given = ("--name", "Coffee club", "--pass-type", "pass.com.example.club", "--team", "ABCDE12345")
    shell.done("brand", "add", "coffee", *given)


def test_the_first_admin_is_made_listed_reset_and_revoked(shell: Shell):
    set_up(shell)
    said = shell.done("user", "add", "Anna@example.com", "--name", "Anna Petrova")
    assert "anna@example.com is admin of coffee." in said
    password = re.search(r"Password: (\S+)  \(shown this once\)", said)
    assert password is not None
    assert "/studio/" in said
    listed = shell.done("user", "list")
    assert re.search(r"anna@example\.com +Anna Petrova +coffee:admin +off", listed)
    assert password[1] not in listed
    again = shell.done("user", "add", "anna@example.com", "--role", "admin")
    assert "Password" not in again
    fresh = re.search(r"Password: (\S+)", shell.done("user", "add", "anna@example.com", "--reset"))
    assert fresh is not None
    assert fresh[1] != password[1]
    assert "signs in no more" in shell.done("user", "revoke", "anna@example.com")


def test_what_cannot_be_is_one_clear_line(shell: Shell):
    set_up(shell)
    assert "no e-mail address" in shell.refused("user", "add", "anna")
    assert "no user nobody@example.com" in shell.refused("user", "revoke", "nobody@example.com")
    shell.done("user", "add", "anna@example.com")
    assert "last admin" in shell.refused("user", "add", "anna@example.com", "--role", "viewer")
    shell.done("user", "revoke", "anna@example.com")
    assert "--reset" in shell.refused("user", "add", "anna@example.com")
