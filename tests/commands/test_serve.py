"""The production roles as processes: they start, answer, drain on SIGTERM and exit with 0."""

import signal
import time

import httpx
import pytest

from tests.commands.conftest import Shell
from tests.commands.processes import Process, free_port


@pytest.fixture
def settings(installed: Shell) -> dict[str, str]:
    return installed.environ | {"PASSBELL_BIND": "127.0.0.1:0", "PASSBELL_APNS_URL": f"https://127.0.0.1:{free_port()}"}


def test_serve_answers_drains_on_sigterm_and_exits_with_0(settings: dict[str, str]):
    with Process("serve", "--notice", "2", environ=settings) as process:
        url = process.logged("ready")["url"]
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 200
        process.signal(signal.SIGTERM)
        process.logged("draining")
        assert httpx.get(f"{url}/readyz").status_code == 503
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert process.wait() == 0
        assert "Traceback" not in process.output


def test_a_second_sigterm_does_not_wait_for_balancers(settings: dict[str, str]):
    with Process("serve", "--notice", "25", environ=settings) as process:
        process.logged("ready")
        process.signal(signal.SIGTERM)
        process.logged("draining")
        started = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - started < 15


def test_a_worker_alone_starts_and_stops(settings: dict[str, str]):
    with Process("worker", environ=settings) as process:
        assert process.logged("ready")["role"] == "worker"
        assert process.stop() == 0
        assert "Traceback" not in process.output


def test_a_taken_port_is_one_clear_line(settings: dict[str, str]):
    with Process("serve", environ=settings) as first:
        port = first.logged("ready")["url"].rpartition(":")[2]
        with Process("serve", environ=settings | {"PASSBELL_BIND": f"127.0.0.1:{port}"}) as second:
            assert second.wait() == 1
            assert "cannot be listened on" in second.output
            assert "Traceback" not in second.output


def test_a_certificate_laid_into_the_folder_is_used_without_a_restart(shell: Shell):
    """Started without any certificate the server is not ready; two seconds after one lies in CERTS_DIR it is."""
    shell.done("migrate")
    words = ("--name", "Coffee", "--pass-type", "pass.com.example.passbell", "--team", "PASSBELL01")
    shell.done("brand", "add", "coffee", *words)
    with Process("serve", "--no-worker", "--bind", "127.0.0.1:0", environ=shell.environ) as process:
        url = process.logged("ready")["url"]
        assert httpx.get(f"{url}/readyz").json()["checks"]["signer"] != "ok"
        shell.done("certs", "dev", str(shell.folder / "certs"))
        deadline = time.monotonic() + 20
        while httpx.get(f"{url}/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert process.stop() == 0
