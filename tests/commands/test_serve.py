"""The production roles as processes: they start, answer, drain on SIGTERM and exit with 0."""

import signal
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from commands import serve
from passkit import hooks
from pushes.h2pool import Options
from pushes.h2push import CLOSE_TIMEOUT
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


def test_the_parts_of_a_drain_come_to_less_than_30_seconds():
    goodbye = Options().grace + CLOSE_TIMEOUT
    ours = serve.NOTICE_SECONDS + serve.LINGER_SECONDS + serve.FINISH_SECONDS + serve.SETTLE_SECONDS
    assert ours + goodbye < 30


def test_a_second_sigterm_does_not_wait_for_balancers(settings: dict[str, str]):
    with Process("serve", "--notice", "25", environ=settings) as process:
        process.logged("ready")
        process.signal(signal.SIGTERM)
        process.logged("draining")
        started = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - started < 15


def test_a_worker_alone_starts_counts_and_stops(settings: dict[str, str]):
    with Process("worker", environ=settings | {"PASSBELL_METRICS_BIND": "127.0.0.1:0"}) as process:
        ready = process.logged("ready")
        assert ready["role"] == "worker"
        assert "passbell_push_age_seconds_count" in httpx.get(f"{ready['metrics']}/metrics").text
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


def test_the_log_of_hooks_tells_the_operator_what_the_sender_is_not_told(settings: dict[str, str], installed: Shell):
    secret = installed.done("source", "add", "till").strip()
    now, early = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=1)
    other = hooks.new_secret(b"x" * 32)
    body = b'{"type": "card.changed", "data": {}}'
    with Process("serve", "--no-worker", "--notice", "0", environ=settings) as process:
        url = process.logged("ready")["url"]
        answers = {
            httpx.post(f"{url}/hooks/till", headers=signed(event, moment, key, body), content=sent).text
            for event, moment, key, sent in [
                ("evt_clock", early, secret, body),
                ("evt_secret", now, other, body),
                ("evt_body", now, secret, body.replace(b": ", b":")),
            ]
        }
        assert process.stop() == 0
    lines = {line.split()[5]: line for line in installed.done("hooks", "log").splitlines()[1:]}
    assert "clock: " in lines["evt_clock"]
    assert "secret: " in lines["evt_secret"]
    assert "body: " in lines["evt_body"]
    assert not any(word in answer for answer in answers for word in ("clock", "body altered", "another secret"))


def signed(event: str, moment: datetime, secret: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": hooks.sign(secret, event, moment, body),
    }
