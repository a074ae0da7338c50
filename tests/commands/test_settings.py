"""The environment is read strictly: what is misspelt or cannot be right stops the start with one clear line."""

from pathlib import Path

import pytest

from commands.settings import TABLE, Bind, SettingsError, names, parse

GOOD_SECRET = "k1:" + "s" * 32


def no_file(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(environ, no_file)
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults():
    settings = parse({}, no_file)
    assert settings.bind == Bind("127.0.0.1", 8080)
    assert settings.apns_url == "https://api.push.apple.com"
    assert settings.certs_dir == Path("certs")
    assert settings.public_url is None
    assert settings.push_window == 200


def test_other_programs_variables_are_none_of_our_business():
    assert parse({"PATH": "/bin", "DATABASE_URL": "mysql://", "TEST_PASSBELL_FAST_APNS": "x"}, no_file)


def test_a_misspelt_name_stops_the_start_and_the_near_one_is_named():
    line = refused({"PASSBELL_PUBLIC_ULR": "https://cards.example.com"})
    assert "PASSBELL_PUBLIC_ULR" in line
    assert "did you mean PASSBELL_PUBLIC_URL?" in line


def test_an_empty_value_means_not_set():
    assert parse({"PASSBELL_PUBLIC_URL": "", "PASSBELL_LOG_FORMAT": ""}, no_file).log_format == "json"


@pytest.mark.parametrize("name", [row.name for row in TABLE.values() if row.secret])
def test_any_secret_may_stand_in_a_file(name: str):
    contents = {
        "SECRET": GOOD_SECRET,
        "DATABASE_URL": "postgresql://user:password@host/passbell",
        "RELAY_WALLETPASSES_KEY": "5d2c8fb3e1e34dab",
        "MAIL_URL": "smtp://cards:password@mail.example.com:587",
        "GATEWAY_URL": "https://sms.example.com/?to={phone}&text={text}",
        "GATEWAY_BODY": '{"to": "{phone}"}',
        "GATEWAY_HEADERS": '{"Authorization": "Bearer k"}',
        "NATS_URL": "nats://127.0.0.1:4222",
        "BACKUP_PASSPHRASE": "a passphrase of a test",
    }
    settings = parse({f"PASSBELL_{name}_FILE": "/run/secrets/it"}, lambda path: contents[name] + "\n")
    assert getattr(settings, name.lower()) == contents[name]


def test_a_secret_given_twice_is_refused():
    assert "both set" in refused({"PASSBELL_SECRET": GOOD_SECRET, "PASSBELL_SECRET_FILE": "/run/secret"})


def test_a_secret_file_that_is_not_there_is_named():
    line = refused({"PASSBELL_SECRET_FILE": "/run/secret"})
    assert "PASSBELL_SECRET_FILE" in line
    assert "/run/secret" in line


def test_a_setting_that_is_no_secret_has_no_file_variant():
    assert "is not a setting" in refused({"PASSBELL_LOG_FORMAT_FILE": "/etc/format"})


BAD_VALUES = [
    ("PUBLIC_URL", "cards.example.com"),
    ("PUBLIC_URL", "http://cards.example.com"),
    ("PUBLIC_URL", "https://cards.example.com/v1"),
    ("PUBLIC_URL", "https://cards.example.com/passkit/v1/"),
    ("PUBLIC_URL", "https://cards.example.com?x=1"),
    ("PUBLIC_URL", "https://user@cards.example.com"),
    ("PUBLIC_URL", "https://cards.example.com:port"),
    ("PUBLIC_URL", "ftp://cards.example.com"),
    ("BIND", "8080"),
    ("BIND", "127.0.0.1:http"),
    ("BIND", "127.0.0.1:70000"),
    ("BIND", "127.0.0.1:²"),
    ("TRUSTED_PROXIES", "10.0.0.0/40"),
    ("TRUSTED_PROXIES", "proxy.example.com"),
    ("DATABASE_URL", "mysql://host/passbell"),
    ("DATABASE_URL", "sqlite:///"),
    ("DATABASE_URL", "postgresql://host"),
    ("SECRET", "s" * 40),
    ("SECRET", "k1:short"),
    ("SECRET", f"k1:{'a' * 32},k1:{'b' * 32}"),
    ("SECRET", f":{'a' * 32}"),
    ("SECRET", ","),
    ("APNS_URL", "api.push.apple.com"),
    ("APNS_CLIENT", "httpx"),
    ("PUSH_WINDOW", "0"),
    ("PUSH_WINDOW", "many"),
    ("PUSH_WINDOW", "10001"),
    ("GOOGLE_URL", "walletobjects"),
    ("GOOGLE_ISSUER_ID", "my issuer"),
    ("NATS_URL", "http://broker:4222"),
    ("NATS_URL", "broker"),
    ("FCM_URL", "fcm"),
    ("RELAY_HOSTS", "https://relay.example.com"),
    ("LOG_FORMAT", "xml"),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_wrong_value_stops_the_start_with_one_line_that_names_it(name: str, value: str):
    line = refused({f"PASSBELL_{name}": value})
    assert f"PASSBELL_{name}" in line
    assert "\n" not in line


def test_a_wrong_secret_is_not_repeated_in_the_line():
    assert "hunter2" not in refused({"PASSBELL_SECRET": "k1:hunter2"})
    assert "hunter2" not in refused({"PASSBELL_DATABASE_URL": "mysql://root:hunter2@host/db"})


def test_secrets_do_not_show_when_settings_are_printed():
    settings = parse({"PASSBELL_SECRET": GOOD_SECRET, "PASSBELL_DATABASE_URL": "postgresql://u:hunter2@h/d"}, no_file)
    assert "hunter2" not in repr(settings)
    assert GOOD_SECRET not in repr(settings)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_plain_http_is_taken_for_this_machine_alone(host: str):
    assert parse({"PASSBELL_PUBLIC_URL": f"http://{host}/"}, no_file).public_url == f"http://{host}"


def test_a_needed_setting_that_is_not_set_says_what_it_is_for():
    with pytest.raises(SettingsError, match="PASSBELL_SECRET is not set"):
        parse({}, no_file).needed("SECRET")


def test_bind_reads_ipv6_and_an_empty_host():
    assert parse({"PASSBELL_BIND": "[::1]:80"}, no_file).bind == Bind("::1", 80)
    assert parse({"PASSBELL_BIND": ":80"}, no_file).bind == Bind("0.0.0.0", 80)


def test_metrics_are_told_nowhere_unless_asked_and_on_this_machine_unless_said_otherwise():
    assert parse({}, no_file).metrics_bind is None
    assert parse({"PASSBELL_METRICS_BIND": ":9464"}, no_file).metrics_bind == Bind("127.0.0.1", 9464)
    assert parse({"PASSBELL_METRICS_BIND": "[::1]:9464"}, no_file).metrics_bind == Bind("::1", 9464)
    assert parse({"PASSBELL_METRICS_BIND": "10.0.0.1:9464"}, no_file).metrics_bind == Bind("10.0.0.1", 9464)


def test_every_name_of_the_design_is_a_setting():
    promised = """PUBLIC_URL BIND TRUSTED_PROXIES DATABASE_URL SECRET CERTS_DIR APNS_URL APNS_CA APNS_CLIENT GOOGLE_URL
    GOOGLE_TOKEN_URL GOOGLE_CALLBACK_KEYS_URL GOOGLE_KEY_FILE GOOGLE_ISSUER_ID FCM_URL FCM_KEY_FILE
    RELAY_WALLETPASSES_URL RELAY_HOSTS NATS_URL LOG_FORMAT"""
    assert {f"PASSBELL_{name}" for name in promised.split()} <= set(names())


@pytest.mark.parametrize("value", ["0", "18.5", "many", "1001"])
def test_the_rate_of_an_issuer_is_a_number_that_can_be(value: str):
    assert "PASSBELL_GOOGLE_RATE" in refused({"PASSBELL_GOOGLE_RATE": value})
    assert parse({"PASSBELL_GOOGLE_RATE": "100"}, no_file).google_rate == 100
    assert parse({}, no_file).google_rate == 18


def test_relay_hosts_are_compared_in_one_spelling():
    assert parse({"PASSBELL_RELAY_HOSTS": "Push.Example.com, relay.example.org"}, no_file).relay_hosts == (
        "push.example.com",
        "relay.example.org",
    )


@pytest.mark.parametrize("key", ["two\nlines", " padded", "ключ"])
def test_a_relays_key_that_cannot_stand_in_a_header_stops_the_start(key: str):
    with pytest.raises(SettingsError, match="RELAY_WALLETPASSES_KEY: its value is wrong"):
        parse({"PASSBELL_RELAY_WALLETPASSES_KEY": key}, no_file)
