"""doctor finds what is wrong before a customer does, and each line that is wrong ends with the fix."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from commands import certsdir, pki
from passkit.apple.signing import load_identity
from sandbox.apns import PushService, Rule
from sandbox.apns_rules import Action
from tests.commands.conftest import Shell
from tests.commands.processes import Process, free_port

Mangle = Callable[[web.Request, dict[str, str]], web.Response | None]


@asynccontextmanager
async def push_service(certs: Path) -> AsyncIterator[PushService]:
    service = PushService(
        certificate=(certs / "apns" / "server.pem").read_bytes(),
        key=(certs / "apns" / "server.key").read_bytes(),
        client_ca=(certs / "dev" / "root.pem").read_bytes(),
    )
    async with service:
        yield service


@asynccontextmanager
async def proxy(port: int, target: str, mangle: Mangle) -> AsyncIterator[None]:
    """A proxy in front of the server that an operator has set up badly."""

    async def forward(request: web.Request) -> web.StreamResponse:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in ("host", "content-length")
        }
        answer = mangle(request, headers)
        if answer is not None:
            return answer
        body = await request.read()
        async with session.request(
            request.method, target + request.raw_path, headers=headers, data=body, allow_redirects=False
        ) as got:
            kept = {name: value for name, value in got.headers.items() if name in KEPT and f"-{name}" not in headers}
            return web.Response(status=got.status, body=await got.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", forward)
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
        await runner.cleanup()


KEPT = ("Content-Type", "Last-Modified", "ETag", "Cache-Control")


def honest(request: web.Request, headers: dict[str, str]) -> web.Response | None:
    return None


def without_authorization(request: web.Request, headers: dict[str, str]) -> web.Response | None:
    headers.pop("Authorization", None)
    return None


def without_conditions(request: web.Request, headers: dict[str, str]) -> web.Response | None:
    headers.pop("If-Modified-Since", None)
    return None


def redirecting(request: web.Request, headers: dict[str, str]) -> web.Response | None:
    return web.Response(status=301, headers={"Location": "https://www.example.com/"})


def without_passkit(request: web.Request, headers: dict[str, str]) -> web.Response | None:
    return web.Response(status=404) if request.path.startswith("/passkit") else None


@pytest.fixture
def served(publishing: Shell) -> Iterator[tuple[Shell, int, str]]:
    """A published brand whose PUBLIC_URL is a port that a proxy may take, and the server behind it."""
    port = free_port()
    publishing.environ["PASSBELL_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    publishing.environ["PASSBELL_APNS_CA"] = str(publishing.folder / "certs" / "dev" / "root.pem")
    with Process("serve", "--no-worker", "--bind", "127.0.0.1:0", environ=publishing.environ) as process:
        yield publishing, port, process.logged("ready")["url"]


async def examined(shell: Shell, *words: str, **extra: str) -> tuple[int, dict[str, str]]:
    """Doctor's exit code and lines, by what was looked at."""
    code = await asyncio.to_thread(lambda: shell("doctor", *words, **extra))
    lines = [[*line.split(": ", 1)[0].split(None, 1), line] for line in shell.out.splitlines() if ": " in line]
    return code, {what: line for _, what, line in lines}


async def test_a_healthy_installation_passes_every_check_and_the_walk_of_a_phone(served: tuple[Shell, int, str]):
    shell, port, target = served
    async with push_service(shell.folder / "certs") as service, proxy(port, target, honest):
        service.add_rule(Rule(action=Action.ANSWER, status=400, reason="BadDeviceToken"))
        code, lines = await examined(shell, "--phone", APNS_URL=service.url)
    assert code == 0, shell.out
    assert "knows this certificate" in lines["push service, pass.com.example.passbell"]
    assert [line for line in lines.values() if line.startswith("FAIL")] == []
    walked = [what.removeprefix("phone, ") for what in lines if what.startswith("phone, ")]
    assert walked == [
        "install page",
        "download",
        "wrong token",
        "register",
        "list",
        "fetch",
        "unchanged",
        "log",
        "remove",
        "nothing left",
    ]


@pytest.mark.parametrize(
    ("mangle", "step", "fix"),
    [
        (without_authorization, "register", "Authorization"),
        (without_conditions, "unchanged", "If-Modified-Since"),
        (redirecting, "install page", "redirect"),
        (without_passkit, "wrong token", "every path"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_a_proxy_spoils_is_found_at_its_step(
    served: tuple[Shell, int, str], mangle: Mangle, step: str, fix: str
):
    shell, port, target = served
    async with push_service(shell.folder / "certs") as service, proxy(port, target, mangle):
        code, lines = await examined(shell, "--phone", APNS_URL=service.url)
    assert code == 1
    assert lines[f"phone, {step}"].startswith("FAIL")
    assert fix in lines[f"phone, {step}"]


async def test_an_apple_that_refuses_the_topic_is_told_with_the_fix(publishing: Shell):
    async with push_service(publishing.folder / "certs") as service:
        service.add_rule(Rule(action=Action.ANSWER, status=400, reason="TopicDisallowed"))
        ca = str(publishing.folder / "certs" / "dev" / "root.pem")
        code, lines = await examined(publishing, APNS_URL=service.url, APNS_CA=ca)
    line = lines["push service, pass.com.example.passbell"]
    assert code == 1
    assert "TopicDisallowed" in line
    assert "certs list" in line


async def test_a_push_service_that_is_not_there_is_told_with_the_fix(publishing: Shell):
    _, lines = await examined(publishing, APNS_URL=f"https://127.0.0.1:{free_port()}")
    assert "NoConnection" in lines["push service, pass.com.example.passbell"]


def test_a_server_that_nobody_reaches_is_told_with_the_fix(publishing: Shell):
    url = f"http://127.0.0.1:{free_port()}"
    publishing.done("migrate", "--accept-changes", PUBLIC_URL=url)
    assert publishing("doctor", PUBLIC_URL=url, APNS_URL=f"https://127.0.0.1:{free_port()}") == 1
    line = next(line for line in publishing.out.splitlines() if "PUBLIC_URL from here" in line)
    assert "Start `serve`" in line


def test_an_empty_machine_is_told_what_to_do_first(shell: Shell):
    del shell.environ["PASSBELL_SECRET"]
    assert shell("doctor") == 1
    assert "FAIL SECRET: not set. Fix: `setup` makes it." in shell.out


def test_a_schema_that_is_not_there_is_told_with_the_fix(shell: Shell):
    assert shell("doctor") == 1
    assert "Fix: Run `migrate`." in shell.out
    (shell.folder / "data").mkdir()
    (shell.folder / "data" / "passbell.db").touch()
    assert shell("doctor", PUBLIC_URL=f"http://127.0.0.1:{free_port()}") == 1
    assert "FAIL schema: none" in shell.out


def test_a_missing_certificate_is_a_failure_with_the_fix(publishing: Shell):
    shutil.rmtree(publishing.folder / "certs")
    assert publishing("doctor", PUBLIC_URL=f"http://127.0.0.1:{free_port()}") == 1
    line = next(line for line in publishing.out.splitlines() if "certificate of coffee" in line)
    assert line.startswith("FAIL")
    assert "certs csr" in line


def test_a_certificate_that_ends_soon_is_a_warning_with_the_fix(publishing: Shell):
    folder = publishing.folder / "certs"
    shutil.rmtree(folder)
    now = datetime.now(UTC)
    world = pki.look_alike((), now=now - timedelta(days=360))
    pair = pki.pass_certificate(world.wwdr, pki.DEFAULT_PASS_TYPE, now=now - timedelta(days=360))
    own = load_identity(pair.certificate_pem, pair.key_pem, intermediates=[world.wwdr.certificate_pem])
    certsdir.keep_identity(folder, own)
    nowhere = f"127.0.0.1:{free_port()}"
    publishing("doctor", PUBLIC_URL=f"http://{nowhere}", APNS_URL=f"https://{nowhere}")
    line = next(line for line in publishing.out.splitlines() if "certificate of coffee" in line)
    assert line.startswith("WARN")
    assert "certs renew" in line
    assert "never press Revoke" in line
