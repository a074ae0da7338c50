"""A start that cannot be right does not happen: exit code not 0, one clear line, and what to do (promise 15)."""

import shutil
from pathlib import Path

import pytest

from commands import pki
from tests.commands.conftest import SECRET, Shell

SERVE = ("serve", "--no-worker", "--bind", "127.0.0.1:0")


def pass_folder(shell: Shell) -> Path:
    return shell.folder / "certs" / pki.DEFAULT_PASS_TYPE


def test_a_private_key_that_others_can_read_stops_the_start(installed: Shell):
    key = next(pass_folder(installed).glob("*.key"))
    key.chmod(0o644)
    assert f"chmod 600 {key}" in installed.refused(*SERVE)


def test_a_certificate_without_its_key_stops_the_start(installed: Shell):
    next(pass_folder(installed).glob("*.key")).unlink()
    assert ".key is missing" in installed.refused(*SERVE)


def test_a_key_of_another_certificate_stops_the_start(installed: Shell):
    key = next(pass_folder(installed).glob("*.key"))
    key.write_bytes(pki.key_pem(pki.new_key()))
    assert "does not match" in installed.refused(*SERVE)


def test_a_damaged_certificate_stops_the_start(installed: Shell):
    next(pass_folder(installed).glob("*.pem")).write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    assert "damaged" in installed.refused(*SERVE)


def test_a_missing_intermediate_stops_the_start(installed: Shell):
    shutil.rmtree(installed.folder / "certs" / "intermediates")
    line = installed.refused(*SERVE)
    assert "intermediate" in line.lower() or "issued" in line


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SECRET": "k1:short"}, "shorter than 32"),
        ({"SECRET": "s" * 64}, "id:value"),
        ({"SECRET": "k 1:" + "s" * 40}, "SECRET"),
        ({"SECRET_FILE": "/nowhere/secret"}, "both set"),
        ({"PUBLIC_URL": "http://cards.example.com"}, "https"),
        ({"PUBLIC_URL": "https://cards.example.com/v1"}, "/v1"),
        ({"PUBLIC_URL": ""}, "PASSBELL_PUBLIC_URL is not set"),
        ({"BIND": "everywhere"}, "host:port"),
        ({"DATABASE_URL": "oracle://db/passbell"}, "sqlite:///"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/passbell.db"}, "/proc/nowhere"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/passbell"}, "database"),
        ({"LOG_FORMAT": "yaml"}, "json, text"),
        ({"APNS_URL": "http://api.push.apple.com"}, "https://"),
        ({"APNS_CLIENT": "curl"}, "own, aioapns"),
        ({"TRUSTED_PROXIES": "the proxy"}, "TRUSTED_PROXIES"),
        ({"PUSH_WINDOW": "-1"}, "1 to 10000"),
        ({"APNS_CA": "/nowhere/root.pem"}, "PASSBELL_APNS_CA"),
        ({"APNS_CA": __file__}, "no certificate"),
        ({"GOOGLE_KEY_FILE": "/nowhere/key.json"}, "PASSBELL_GOOGLE_KEY_FILE"),
        ({"FCM_KEY_FILE": __file__}, "service account"),
        ({"COLOUR": "red"}, "PASSBELL_COLOUR is not a setting"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_wrong_setting_stops_web_and_worker_with_one_line(
    installed: Shell, command: str, settings: dict[str, str], said: str
):
    line = installed.refused(command, **settings)
    assert said in line
    assert SECRET not in line


def test_an_old_schema_stops_the_start(shell: Shell):
    shell.done("certs", "dev", str(shell.folder / "certs"))
    assert "migrate" in shell.refused(*SERVE)


def test_a_file_that_is_no_database_stops_the_start(shell: Shell):
    (shell.folder / "data").mkdir()
    (shell.folder / "data" / "passbell.db").write_bytes(b"this is a letter, not a database" * 100)
    assert "database" in shell.refused(*SERVE).lower()
