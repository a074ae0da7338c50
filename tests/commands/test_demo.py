"""README's first command: the demo on a free port, its page, its file, and the next start where the last one ended."""

import json
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.commands.processes import Process

STARTERS = {"coffee", "salon", "clinic", "fitness", "retail", "offer", "gift", "event", "stamps", "business"}


@pytest.mark.timeout(180)
def test_the_demo_runs_prints_its_pages_and_starts_again_with_the_same_keys(tmp_path: Path):
    words = ("demo", "--port", "0", "--data-dir", str(tmp_path / "demo"))
    file = tmp_path / "demo" / "demo.json"
    with Process(*words, environ={}, cwd=tmp_path) as process:
        until(file.exists)
        demo = json.loads(file.read_text())
        assert (
            httpx.get(f"{demo['url']}/readyz").status_code == 200
        )  # whoever waits for the file finds a server that answers
        page = process.wait_for("/sandbox/").split()[1]
        assert demo["sandbox_url"] == page
        assert demo["url"].startswith("http://127.0.0.1:")
        with httpx.Client(base_url=demo["url"], headers={"Sec-Fetch-Site": "same-origin"}) as browser:
            given = {"email": demo["studio_user"], "password": demo["studio_password"]}
            assert browser.post("/studio/sign-in", data=given).headers["Location"] == "/studio/"
            assert "Passbell Demo" in browser.get("/studio/").text
        assert stat.S_IMODE((tmp_path / "demo" / "demo.json").stat().st_mode) == 0o600
        assert httpx.get(page).status_code == 200
        headers = {"Authorization": f"Bearer {demo['api_key']}"}
        assert published(demo["url"], headers) >= STARTERS
        assert 'class="phone is-android"' in httpx.get(page).text
        google = httpx.get(f"{page}google/requests", params={"method": "loyaltyobject.insert"}).json()
        assert [asked["status"] for asked in google["requests"]] == [200]
        assert process.stop(signal.SIGINT) == 0
        assert "Traceback" not in process.output
    with Process(*words, environ={}, cwd=tmp_path) as process:
        until(lambda: file.exists() and json.loads(file.read_text())["url"] != demo["url"])  # the last one's went first
        again = json.loads(file.read_text())
        assert httpx.get(f"{again['url']}/readyz").status_code == 200
        assert again["api_key"] == demo["api_key"]
        assert again["hook_secret"] == demo["hook_secret"]
        assert again["studio_password"] == demo["studio_password"]
        assert 'class="phone is-android"' in httpx.get(again["sandbox_url"]).text
        assert process.stop(signal.SIGTERM) == 0


def published(url: str, headers: dict[str, str]) -> set[str]:
    rows = httpx.get(f"{url}/api/v1/templates", headers=headers).json()["templates"]
    return {row["key"] for row in rows if row["published_revision"]}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with Process("demo", "--port", "0", "--data-dir", str(tmp_path / "file" / "demo"), environ={}) as process:
        assert process.wait() == 1
        assert "--data-dir" in process.output
        assert "Traceback" not in process.output


def test_a_taken_port_is_one_clear_line(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with Process("demo", "--port", port, "--data-dir", str(tmp_path), environ={}) as process:
            assert process.wait() == 1
            assert "choose another with --port" in process.output
