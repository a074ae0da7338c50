"""What holds for every answer: ids, headers, logs, problems; and whether the house is alive and ready."""

from __future__ import annotations

import io
import ipaddress
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp.http_parser
import pytest
import structlog
from aiohttp import web

from handlers import errors
from handlers.errors import CATALOGUE, ProblemError
from handlers.keys import LIFECYCLE, READINESS
from handlers.metrics import NAMES
from handlers.studio.texts import TEXTS
from passkit.apple.signing import Signers
from passkit.errors import CertificateError, DataError, ImageError, Problem, RenderError, Severity
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound, StoreError, Unavailable, VersionMismatch
from tests.conftest import PASS_TYPE
from tests.handlers.conftest import PUSH_TOKEN, House, event, opened

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines, the way production writes it."""
    written = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(written),
        cache_logger_on_first_use=False,
    )
    yield written
    structlog.configure(**before)


async def test_no_log_line_holds_a_token_a_device_or_a_person(
    log_lines: io.StringIO, small_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house, device, name = small_house, secrets.token_hex(16), "Anna Petrova"
    card = await house.issue(external_id="customer-7", data={"name": name})
    await card.register(device)
    listed = await card.listed(device)
    await card.fetch()
    await card.listed(device, listed.json["lastUpdated"])
    await house.hook(event(card="customer-7", set={"name": name + " II"}))
    await house.hook(event(card="customer-7", set={"name": 5}))
    await house.ask("GET", card.install_path + "/card.pkpass?from=" + name)
    await house.ask("GET", "/i/" + "wrong" * 6)
    await house.ask("POST", "/passkit/v1/log", json={"logs": [f"device {device} {card.token}"]})
    await house.ask("GET", card.path, headers={"Authorization": "ApplePass " + "wrong" * 9})
    await house.ask("GET", f"/nowhere/{card.serial}")
    await house.ask("DELETE", card.registration(device), headers=card.authorization)
    async with house.db.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE cards RENAME TO away")
    assert (await card.fetch()).status == 500
    logged = log_lines.getvalue() + caplog.text
    private = [device, name, "Petrova", "customer-7", card.serial, card.token, PUSH_TOKEN, house.api_key, PASS_TYPE]
    private += [house.hook_secret, card.install_path.removeprefix("/i/"), "wrongwrong", "127.0.0.1"]
    assert [secret for secret in private if secret in logged] == []
    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == 14
    assert all(line.keys() == {"event", "level", "method", "route", "status", "ms", "request_id"} for line in requests)
    assert {line["route"] for line in requests} >= {
        "/passkit/v1/devices/{device}/registrations/{pass_type}/{serial}",
        "/passkit/v1/passes/{pass_type}/{serial}",
        "/i/{token}/card.pkpass",
        "unmatched",
    }
    (failure,) = (line for line in lines if line["level"] == "error")
    assert "serving.py" in failure["place"]


async def test_every_answer_has_an_id_and_a_proxys_id_is_kept(
    local_db: Database, signers: Signers, lean: dict[str, bytes]
) -> None:
    proxies = (ipaddress.ip_network("127.0.0.1/32"),)
    async with opened(local_db, signers, lean, trusted_proxies=proxies) as house:
        given = await house.ask("GET", "/healthz", headers={"X-Request-Id": "abc-123.def_456"})
        assert given.headers["X-Request-Id"] == "abc-123.def_456"
        for wrong in ("short", "x" * 65, "a b c d e f", "<script>alert"):
            made = await house.ask("GET", "/healthz", headers={"X-Request-Id": wrong})
            assert re.fullmatch(r"[0-9a-f]{16}", made.headers["X-Request-Id"])


async def test_a_strangers_request_id_is_not_taken(small_house: House) -> None:
    answer = await small_house.ask("GET", "/healthz", headers={"X-Request-Id": "abc-123.def_456"})
    assert answer.headers["X-Request-Id"] != "abc-123.def_456"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in answer.headers["Server"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x", code="card_not_found"), "card_not_found"),
        (NotFound("x"), "not_found"),
        (Conflict("x", code="card_ambiguous"), "card_ambiguous"),
        (Conflict("x", code="no such code"), "conflict"),
        (VersionMismatch("x"), "version_mismatch"),
        (Invalid([Problem(Severity.ERROR, "/data/a", "no")]), "invalid"),
        (Unavailable("secret dsn"), "unavailable"),
        (StoreError("x"), "internal"),
        (DataError([Problem(Severity.ERROR, "/data/a", "no")]), "invalid"),
        (ImageError("no picture"), "invalid"),
        (RenderError("/fields", "Anna"), "pass_failed"),
        (CertificateError("expired"), "signing_unavailable"),
        (web.HTTPNotFound(), "not_found"),
        (web.HTTPRequestEntityTooLarge(1, 2), "body_too_large"),
        (web.HTTPTeapot() if hasattr(web, "HTTPTeapot") else web.HTTPGone(), "bad_request"),
        (KeyError("Anna"), "internal"),
        (ProblemError("conflict"), "conflict"),
    ],
)
def test_every_exception_is_a_row_of_the_catalogue(error: Exception, code: str) -> None:
    assert errors.from_exception(error).kind.code == code


def test_what_went_wrong_inside_stays_inside() -> None:
    for error in (Unavailable("postgresql://user:password@host"), KeyError("Anna"), RenderError("/fields", "Anna")):
        shown = json.dumps(errors.document(errors.from_exception(error), "https://docs"))
        assert "password" not in shown
        assert "Anna" not in shown


def test_every_code_that_the_store_names_is_in_the_catalogue_or_a_sentence_of_the_studio() -> None:
    named = set()
    for path in (ROOT / "store").rglob("*.py"):
        named |= set(re.findall(r'\bcode\s*=\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert len(named) >= 8
    for code in named - set(CATALOGUE):  # what a person of the studio is told, at a field or on a page
        assert any(key.endswith(f"_{code}") for key in TEXTS["en"]), code


async def test_a_problem_links_to_its_own_heading(small_house: House) -> None:
    answer = await small_house.ask("GET", "/nowhere")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"].endswith("/errors.md#not_found")
    assert answer.json["status"] == 404
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert all(f"### {code}\n" in page for code in CATALOGUE)


async def test_people_get_a_page_and_programs_a_problem(small_house: House) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml"}
    assert (await small_house.ask("GET", "/nowhere", headers=browser)).headers["Content-Type"].startswith("text/html")
    for path in ("/api/v1/nothing", "/passkit/v1/nothing", "/hooks/till"):
        answer = await small_house.ask("GET", path, headers=browser)
        assert answer.headers["Content-Type"] == "application/problem+json", path


async def test_healthz_touches_nothing(small_house: House) -> None:
    async with small_house.db.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE facts RENAME TO away")
    answer = await small_house.ask("GET", "/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")


async def test_readyz_is_200_when_everything_is_there(house: House) -> None:
    answer = await house.ask("GET", "/readyz")
    assert answer.status == 200, answer.body
    assert set(answer.json["checks"].values()) == {"ok"}


async def test_readyz_is_503_without_database_schema_signer_or_while_draining(small_house: House) -> None:
    house, app = small_house, small_house.listener.runner.app
    assert app is not None

    async def ready() -> Any:
        app[READINESS].at = float("-inf")
        answer = await house.ask("GET", "/readyz")
        return answer.status, answer.json["checks"]

    app[LIFECYCLE].draining = True
    assert await ready() == (503, {"database": "ok", "schema": "ok", "signer": "ok", "lifecycle": "draining"})
    app[LIFECYCLE].draining = False
    async with house.db.transaction() as conn:
        await conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'another'")
    assert (await ready())[1]["schema"] == "migrate"
    async with house.db.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE facts RENAME TO away")
    assert (await ready())[1]["database"] == "unavailable"


async def test_readyz_is_503_without_a_valid_certificate(local_db: Database, lean: dict[str, bytes]) -> None:
    async with opened(local_db, Signers([]), lean) as house:
        answer = await house.ask("GET", "/readyz")
        assert (answer.status, answer.json["checks"]["signer"]) == (503, "no valid certificate")


async def test_without_a_valid_certificate_a_fetch_is_503_and_may_be_tried_again(
    local_db: Database, lean: dict[str, bytes]
) -> None:
    async with opened(local_db, Signers([]), lean) as house:
        card = await house.issue()
        answer = await card.fetch()
        assert (answer.status, answer.json["code"]) == (503, "signing_unavailable")
        assert int(answer.headers["Retry-After"]) > 0


async def test_metrics_count_what_the_table_names(small_house: House) -> None:
    card = await small_house.issue()
    await card.fetch()
    answer = await small_house.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    assert all(f"# TYPE {name} " in text for name in NAMES)
    assert card.serial not in text
    route = 'route="/passkit/v1/passes/{pass_type}/{serial}"'
    assert re.search(r"passbell_http_request_duration_seconds_count\{.*" + re.escape(route), text)


async def test_a_database_that_is_locked_is_503_and_comes_back(small_house: House) -> None:
    card = await small_house.issue()
    async with small_house.db.transaction() as conn:
        answer = await small_house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 1}})
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert (await card.fetch()).status == 200, "reading goes on"
        await conn.rollback()
    assert (await small_house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 1}})).status == 200


async def test_a_page_that_cannot_be_shown_now_says_when_to_come_again(small_house: House) -> None:
    card = await small_house.issue()
    async with small_house.db.transaction() as conn:
        await conn.exec_driver_sql("UPDATE brands SET stamp = '0123456789abcdef'")  # its next reading is a write
    async with small_house.db.transaction():
        answer = await small_house.ask("GET", card.install_path, headers={"Accept": "text/html"})
    assert answer.status == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_c_parser_is_in_use_and_its_absence_stops_the_start() -> None:
    assert aiohttp.http_parser.HttpRequestParser is not aiohttp.http_parser.HttpRequestParserPy
    program = "from handlers.routes import require_c_parser; require_c_parser()"
    environment = {"AIOHTTP_NO_EXTENSIONS": "1", "PATH": "/usr/bin", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "C parser" in ended.stderr


@pytest.mark.parametrize(("package", "floor"), [("aiohttp", (3, 14, 4)), ("jinja2", (3, 1, 6)), ("pillow", (12, 3))])
def test_what_meets_strangers_is_no_older_than_its_floor(package: str, floor: tuple[int, ...]) -> None:
    from importlib.metadata import version

    assert tuple(int(part) for part in version(package).split(".")[:3]) >= floor
