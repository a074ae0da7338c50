"""The tables "Numbers and limits" and the programs in the documents: they say and do what ours does."""

import base64
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from annotated_types import MaxLen

from commands.hooks import SHOWN
from commands.pki import LookAlike
from commands.settings import TABLE
from handlers import body, google, guard, limits, models, signed
from handlers.keys import HandlerOptions
from passkit import hooks
from pushes.google import Options as Patience
from pushes.googleworker import GoogleOptions
from pushes.worker import WorkerOptions
from store import dialect, idempotency, joining, processes, requests, sources, sweeps
from tests.judges import need

DOCS = Path(__file__).parent.parent / "docs"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def numbers(name: str) -> dict[str, tuple[int, ...]]:
    """The rows of a page's table: what -> the numbers beside it."""
    table = page(name).split("## Numbers and limits\n\n", 1)[1].split("\n\n", 1)[0]
    lines = (line.strip("|").split(" | ") for line in table.splitlines()[2:])
    return {what.strip(): tuple(int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", said)) for what, said in lines}


def longest(annotated: object) -> int:
    """The most characters that an annotated text may have."""
    return next(rule.max_length for rule in annotated.__metadata__ if getattr(rule, "max_length", None))


def allowance(kind: limits.Kind) -> tuple[int, ...]:
    one = limits.ALLOWANCES[kind]
    return (int(one.burst), *((1,) if one.per_second == 1 else (1, round(1 / one.per_second))))


def test_operate_tells_the_server_s_own_numbers():
    own = guard.GuardOptions()
    assert numbers("operate") == {
        "a request's head must arrive within": (own.header_seconds,),
        "a request's body must arrive within": (HandlerOptions(public_url="https://cards.example.com").body_seconds,),
        "a connection may be idle": (own.idle_seconds,),
        "a phone may stop reading its download": (own.stall_seconds,),
        "connections of one address, of all": (own.per_address, own.total),
        "failures to prove oneself, by address": allowance(limits.Kind.FAILURE),
        "the way to Google's save link waits for a worker": (google.WAIT_SECONDS,),
        "lines that phones log, by address": allowance(limits.Kind.LOG),
        "forms of join links, by address": allowance(limits.Kind.JOIN),
        "codes for one phone, for one brand, in an hour": (joining.A_PHONE_AN_HOUR, joining.A_BRAND_AN_HOUR),
        "a code is good for": (joining.GOOD_FOR.seconds // 60, joining.ATTEMPTS),
        "signed passes kept for whoever asks again, by process": (signed.KEPT_BYTES // 1024**2,),
        "a process that says nothing is taken for gone after": (processes.GONE.seconds,),
        "two processes may differ in certificate or program for": (processes.DIFFER.seconds // 60,),
        "a card's timeline is kept": (sweeps.TIMELINE.days, sweeps.LINES_A_CARD),
        "ids of webhooks, for telling duplicates": (sweeps.SEEN_EVENTS.days,),
        "the newest state for a card that is not issued yet": (sweeps.WAITING_CHANGES.days,),
        "pushes under way, and repeated after a kill": (int(TABLE["PUSH_WINDOW"].default or 0),),
        "requests to Google's Wallet API, by issuer": (int(TABLE["GOOGLE_RATE"].default or 0),),
        "classes and objects on their way to Google, and repeated after a kill": (GoogleOptions().window,),
        "an answer of Google's is waited for": (int(Patience().read),),
        "a dead worker's pushes are taken over after": (WorkerOptions().lease.total_seconds(),),
        "PostgreSQL ends a transaction whose process is silent for": (dialect.IDLE_SECONDS,),
        "workers look at the database, with NATS well and without": (
            1000 * WorkerOptions().rung_poll,
            1000 * WorkerOptions().poll,
        ),
        "held pushes are tried again every": (WorkerOptions().probe_after.total_seconds(),),
    }


def test_the_api_page_tells_the_api_s_own_numbers():
    tags = next(rule for rule in models.CardRequest.model_fields["tags"].metadata if isinstance(rule, MaxLen))
    assert numbers("api") == {
        "a body": (body.API_LIMIT // 1024**2, body.BATCH_LIMIT // 1024**2),
        "rows of a batch": (models.MAX_ROWS,),
        "cards on a page of the list": (models.DEFAULT_LIMIT, models.MAX_LIMIT),
        "`external_id`": (longest(requests.Name),),
        "`number` `outlet` `issued_by` `channel`": (longest(requests.Short),),
        "`tags`": (tags.max_length, longest(requests.Tag)),
        "an `Idempotency-Key`": (idempotency.MAX_KEY, idempotency.KEPT.days),
    }


def test_the_webhooks_page_tells_the_webhooks_own_numbers():
    assert numbers("hooks") == {
        "a body": (body.HOOK_LIMIT // 1024**2,),
        "the timestamp may differ from our clock by": (hooks.TOLERANCE.total_seconds() // 60,),
        "`webhook-id`": (128, sweeps.SEEN_EVENTS.days),
        "signatures in one header": (hooks.MAX_SIGNATURES,),
        "state for a card that is not issued yet is kept": (sweeps.WAITING_CHANGES.days,),
        "deliveries that `hooks log` shows": (SHOWN,),
        "an old secret works on after a rotation": (sources.OVERLAP.days,),
    }


def test_the_python_of_the_webhooks_page_signs_what_we_take():
    source = re.search(r"```python\n(.*?)```", page("hooks"), re.DOTALL)
    assert source is not None
    names: dict[str, object] = {}
    exec(source[1], names)
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    content, stamp = b'{"type":"card.changed"}', str(int(now.timestamp()))
    signed = names["signature"](secret, "evt_1", int(stamp), content)  # type: ignore[operator]
    headers = [("webhook-id", "evt_1"), ("webhook-timestamp", stamp), ("webhook-signature", signed)]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert isinstance(hooks.verify(raw, content, [secret], now), hooks.Verified)


@pytest.mark.parametrize("length", [128, 129])
def test_a_webhook_id_is_as_long_as_the_page_says(length: int):
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    signed = hooks.sign(secret, "a" * length, now, b"{}")
    headers = [
        ("webhook-id", "a" * length),
        ("webhook-timestamp", str(int(now.timestamp()))),
        ("webhook-signature", signed),
    ]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert isinstance(hooks.verify(raw, b"{}", [secret], now), hooks.Verified) is (length == 128)


def test_nginx_takes_the_configuration_that_is_shipped(tmp_path: Path, pki: LookAlike):
    nginx = need("nginx")
    (tmp_path / "cards.example.com.pem").write_bytes(pki.apns.certificate_pem)
    (tmp_path / "cards.example.com.key").write_bytes(pki.apns.key_pem)
    shipped = (DOCS.parent / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    server = shipped.replace("/etc/ssl", str(tmp_path))
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{server}}}\n")
    judged = subprocess.run([nginx, "-t", "-c", str(config), "-p", str(tmp_path)], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stderr
