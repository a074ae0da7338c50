"""Every setting in one table, and the pure function that reads them.

An unknown ``PASSBELL_`` name or a wrong value raises ``SettingsError`` with one line that names the setting and the
fix: a misspelt setting must never be a silent default.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from email.utils import formataddr, parseaddr
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

PREFIX = "PASSBELL_"
UNIX = "unix:"
"""How a BIND begins that names a socket's file."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ReadFile = Callable[[str], str]


class SettingsError(Exception):
    """A setting that stops the start; the message is one line."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Where the server listens: a port (0 takes a free one) or, where ``path`` is given, a Unix socket."""

    host: str
    port: int
    path: Path | None = None

    def __str__(self) -> str:
        """As it is written in BIND."""
        if self.path is not None:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, typed; secrets do not appear in ``repr``."""

    public_url: str | None
    bind: Bind
    metrics_bind: Bind | None
    trusted_proxies: tuple[Network, ...]
    database_url: str = field(repr=False)
    secret: str | None = field(repr=False)
    certs_dir: Path
    apns_url: str
    apns_ca: Path | None
    apns_client: str
    push_window: int
    google_url: str
    google_token_url: str
    google_callback_keys_url: str
    google_key_file: Path | None
    google_issuer_id: str | None
    google_rate: float
    fcm_url: str
    fcm_key_file: Path | None
    relay_walletpasses_url: str
    relay_walletpasses_key: str | None = field(repr=False)
    relay_hosts: tuple[str, ...]
    mail_url: str | None = field(repr=False)
    mail_from: str | None
    alarm_mail: tuple[str, ...] = field(repr=False)
    alarm_phones: tuple[str, ...] = field(repr=False)
    gateway_url: str | None = field(repr=False)
    gateway_body: str | None = field(repr=False)
    gateway_headers: str | None = field(repr=False)
    gateway_expect: str | None
    nats_url: str | None = field(repr=False)
    nats_credentials_file: Path | None
    nats_ca: Path | None
    backup_passphrase: str | None = field(repr=False)
    log_format: str
    notes: tuple[str, ...] = ()
    """What to tell the operator: settings under their old names."""

    def needed(self, name: str) -> Any:
        """The value of a setting that this command cannot do without."""
        value = getattr(self, name.lower())
        if value is None:
            raise SettingsError(
                f"{PREFIX}{name} is not set: {TABLE[name].help} Run `setup` to make the environment file."
            )
        return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: ``default`` is parsed like a given value; None means not set."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    help: str
    secret: bool = False


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write it as https://host[:port]")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("leave out user, query and fragment")
    parts.port  # noqa: B018  raises ValueError when it is no port
    return text.rstrip("/")


def _public_url(text: str) -> str:
    url = _url(text)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("phones refuse plain http: write https:// (http:// is for 127.0.0.1 alone)")
    if parts.path.endswith("/v1"):
        raise ValueError("leave out /v1: Apple's web service is served at {PUBLIC_URL}/passkit/v1 by itself")
    return url


def _push_url(text: str) -> str:
    url = _url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.path:
        raise ValueError("write it as https://host[:port]")
    return url


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, where plain http does no harm."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(text: str) -> Bind:
    if text.startswith(UNIX) and len(text) > len(UNIX):
        return Bind("", 0, Path(text.removeprefix(UNIX)))
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("write it as host:port, for example 127.0.0.1:8080, or unix:/path/to/socket")
    return Bind(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104  an empty host asks for every interface


def _metrics_bind(text: str) -> Bind:
    bind = _bind(text)
    return bind if text.startswith(UNIX) or text.rpartition(":")[0] else replace(bind, host="127.0.0.1")


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(item) for item in _items(text))


def _hosts(text: str) -> tuple[str, ...]:
    hosts = _items(text)
    for host in hosts:
        if "/" in host or ":" in host or " " in host:
            raise ValueError("write bare host names, separated by commas")
    return tuple(host.lower() for host in hosts)


def _header(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("write the key as it was given, in one line")
    return text


def _items(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _database_url(text: str) -> str:
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    parts = urlsplit(text)
    if parts.scheme == "postgresql" and parts.path.strip("/"):
        return text
    raise ValueError("write it as sqlite:///path/to/file.db or postgresql://user:password@host/database")


def _secret(text: str) -> str:
    names = []
    for item in _items(text):
        name, colon, value = item.partition(":")
        if not colon or not name:
            raise ValueError("write it as id:value, several separated by commas, the newest first")
        if len(value) < 32:
            raise ValueError(f"the value of {name!r} is shorter than 32 characters; `setup` makes a good one")
        names.append(name)
    if not names or len(names) != len(set(names)):
        raise ValueError("it needs at least one id:value, each id once")
    return text


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"choose one of {', '.join(words)}")
        return text

    return parse


def _window(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise ValueError("write a number from 1 to 10000")
    return int(text)


def _rate(text: str) -> float:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise ValueError("write a number from 1 to 1000")
    return float(text)


def _mail_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("write it as smtp://user:password@host:587 or smtps://user:password@host:465")
    parts.port  # noqa: B018  raises ValueError when it is no port
    return text


def _mail_from(text: str) -> str:
    name, address = parseaddr(text)
    if "@" not in address or not text.isprintable():
        raise ValueError("write it as cards@example.com or Passbell <cards@example.com>")
    return formataddr((name, address))


def _mails(text: str) -> tuple[str, ...]:
    items = _items(text)
    if not all("@" in item and item.isprintable() and " " not in item for item in items):
        raise ValueError("write e-mail addresses, separated by commas")
    return items


def _phones(text: str) -> tuple[str, ...]:
    items = tuple(re.sub(r"[ ()-]", "", item) for item in _items(text))
    if not all(re.fullmatch(r"\+[1-9][0-9]{6,14}", item) for item in items):
        raise ValueError("write phone numbers with their country, such as +79161234567, separated by commas")
    return items


def _issuer(text: str) -> str:
    if not text.isascii() or not text.isdigit():
        raise ValueError("write the number that Google's Pay & Wallet Console shows")
    return text


def _nats_url(text: str) -> str:
    for item in _items(text):
        parts = urlsplit(item)
        if parts.scheme not in {"nats", "tls"} or not parts.hostname:
            raise ValueError("write it as nats://user:password@host:4222, several servers separated by commas")
        parts.port  # noqa: B018  raises ValueError when it is no port
    return text


_ROWS = (
    Setting("PUBLIC_URL", _public_url, None, "The address at which phones reach this server."),
    Setting("BIND", _bind, "127.0.0.1:8080", "Where the server listens: host:port, or unix:/path."),
    Setting("METRICS_BIND", _metrics_bind, None, "Where a `worker` that stands alone answers /metrics and /healthz."),
    Setting("TRUSTED_PROXIES", _networks, "", "Networks of proxies whose X-Forwarded-For is believed."),
    Setting("DATABASE_URL", _database_url, "sqlite:///var/passbell.db", "The database.", secret=True),
    Setting("SECRET", _secret, None, "The list id:value,... that all tokens and encryption derive from.", secret=True),
    Setting("CERTS_DIR", Path, "certs", "The folder with the pass certificates and keys of the first brand."),
    Setting("APNS_URL", _push_url, "https://api.push.apple.com", "Apple's push service, or a stand-in for it."),
    Setting("APNS_CA", Path, None, "A PEM file to trust for APNS_URL instead of the system's list."),
    Setting("APNS_CLIENT", _choice("own", "aioapns"), "own", "Which client sends to Apple: own or aioapns."),
    Setting("PUSH_WINDOW", _window, "200", "How many pushes a killed worker may repeat, at most."),
    Setting("GOOGLE_URL", _url, "https://walletobjects.googleapis.com", "Google's Wallet API, or a stand-in."),
    Setting("GOOGLE_TOKEN_URL", _url, "https://oauth2.googleapis.com/token", "Where Google's access tokens are got."),
    Setting(
        "GOOGLE_CALLBACK_KEYS_URL",
        _url,
        "https://pay.google.com/gp/m/issuer/keys",
        "Where the root keys of Google's callbacks are published.",
    ),
    Setting("GOOGLE_KEY_FILE", Path, None, "The service account key (JSON) of the first brand."),
    Setting("GOOGLE_ISSUER_ID", _issuer, None, "The Google Wallet issuer id of the first brand."),
    Setting("GOOGLE_RATE", _rate, "18", "Requests a second to Google's Wallet API, for each issuer."),
    Setting("FCM_URL", _url, "https://fcm.googleapis.com", "Firebase Cloud Messaging, or a stand-in."),
    Setting("FCM_KEY_FILE", Path, None, "The service account key (JSON) of the company's own Android app."),
    Setting(
        "RELAY_WALLETPASSES_URL",
        _url,
        "https://walletpasses.appspot.com/api/v1/push",
        "The push relay of the WalletPasses app.",
    ),
    Setting(
        "RELAY_WALLETPASSES_KEY",
        _header,
        None,
        "The API key of WalletPasses' relay, which raises its rate limit.",
        secret=True,
    ),
    Setting("RELAY_HOSTS", _hosts, "", "Hosts of other push relays that may be called."),
    Setting("MAIL_URL", _mail_url, None, "The mail server that alarms are sent through.", secret=True),
    Setting("MAIL_FROM", _mail_from, None, "The sender of mails."),
    Setting("ALARM_MAIL", _mails, "", "Who else is told of certificates that end, besides each brand's admins."),
    Setting("ALARM_PHONES", _phones, "", "Phones that are told so by the message gateway."),
    Setting("GATEWAY_URL", str, None, "The message gateway, with {phone} and {text} in it.", secret=True),
    Setting("GATEWAY_BODY", str, None, "The JSON that is posted to the message gateway.", secret=True),
    Setting("GATEWAY_HEADERS", str, None, "Headers for the message gateway, a JSON object.", secret=True),
    Setting("GATEWAY_EXPECT", str, None, "What a good answer of the message gateway holds."),
    Setting("NATS_URL", _nats_url, None, "The servers of NATS JetStream that tell workers of work.", secret=True),
    Setting("NATS_CREDENTIALS_FILE", Path, None, "The file with which NATS lets us in, if it wants one."),
    Setting("NATS_CA", Path, None, "A PEM file to trust for NATS_URL instead of the system's list."),
    Setting("BACKUP_PASSPHRASE", str, None, "What `backup` encrypts with, and `restore` decrypts.", secret=True),
    Setting("LOG_FORMAT", _choice("json", "text"), "json", "How log lines look: json or text."),
)
TABLE: Mapping[str, Setting] = MappingProxyType({row.name: row for row in _ROWS})
"""Every setting by its name without the prefix, in the order of docs/config.md."""


RENAMED: Mapping[str, str] = MappingProxyType({})
"""Old name -> new one, without the prefix, for two releases: the old name works and is told of."""


def parse(environ: Mapping[str, str], read_file: ReadFile) -> Settings:
    """The settings of this environment; ``read_file`` reads the text of a ``..._FILE`` variant."""
    environ, notes = _renamed(environ)
    _refuse_unknown(environ)
    values = {row.name.lower(): _value(row, environ, read_file) for row in _ROWS}
    return Settings(**values, notes=notes)


def _renamed(environ: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The environment with old names replaced, and a sentence for each."""
    made, notes = dict(environ), []
    for old, new in RENAMED.items():
        for before, after in ((PREFIX + old, PREFIX + new), (f"{PREFIX}{old}_FILE", f"{PREFIX}{new}_FILE")):
            if before not in made:
                continue
            if after in made:
                raise SettingsError(f"{before} is the old name of {after}, and both are set: keep {after}.")
            made[after] = made.pop(before)
            notes.append(f"{before} is called {after} now: the old name works in this release and the next.")
    return made, tuple(notes)


def names() -> tuple[str, ...]:
    """Every name that may stand in the environment, with the prefix and the ``_FILE`` variants of secrets."""
    plain = [PREFIX + row.name for row in _ROWS]
    return (*plain, *(f"{PREFIX}{row.name}_FILE" for row in _ROWS if row.secret))


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = names()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/config.md lists all settings."
            raise SettingsError(f"{name} is not a setting: {hint}")


def _value(row: Setting, environ: Mapping[str, str], read_file: ReadFile) -> Any:
    name = PREFIX + row.name
    text = environ.get(name)
    if row.secret and f"{name}_FILE" in environ:
        if text is not None:
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one of them.")
        name, text = f"{name}_FILE", _from_file(f"{name}_FILE", environ[f"{name}_FILE"], read_file)
    if not text:  # an empty value in an environment file means: not set
        text = row.default
    if text is None:
        return None
    try:
        return row.parse(text)
    except ValueError as error:
        shown = "its value" if row.secret else repr(text)
        raise SettingsError(f"{name}: {shown} is wrong: {error}.") from None


def _from_file(name: str, path: str, read_file: ReadFile) -> str:
    try:
        return read_file(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise SettingsError(f"{name}: {path} cannot be read: {reason}.") from None


if {row.name.lower() for row in _ROWS} != {item.name for item in fields(Settings)} - {"notes"}:
    raise RuntimeError("the table of settings and the Settings class differ")
