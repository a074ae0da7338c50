"""``serve --workers N``: one socket, N web processes and one worker, watched and drained; renewed: journeys/test_renewal.py."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client import mmap_dict

from commands import sockets
from commands.settings import Bind
from commands.shell import CommandError
from handlers import multiprocess
from tests.commands.conftest import Shell
from tests.commands.processes import Process, free_port


@pytest.fixture
def settings(installed: Shell) -> dict[str, str]:
    port = free_port()
    apns = f"https://127.0.0.1:{free_port()}"
    return installed.environ | {"PASSBELL_BIND": f"127.0.0.1:{port}", "PASSBELL_APNS_URL": apns}


def children(process: Process) -> set[int]:
    pid = process.pid
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def total(text: str, start: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start))


def test_n_web_processes_and_one_worker_share_a_socket_count_together_and_are_started_again(
    settings: dict[str, str],
) -> None:
    url = f"http://{settings['PASSBELL_BIND']}"
    with Process("serve", "--workers", "2", "--notice", "0", environ=settings) as process:
        process.wait_for('"role":"supervisor"')
        first = children(process)
        roles = sorted("worker" if " worker " in command(pid) else "serve" for pid in first)
        assert roles == ["serve", "serve", "worker"]

        for _ in range(40):
            assert httpx.get(f"{url}/healthz").status_code == 200
        told = {total(httpx.get(f"{url}/metrics").text, COUNTED) for _ in range(6)}
        assert told == {40.0}  # whoever is asked tells of all

        victim = next(pid for pid in children(process) if " serve " in command(pid))
        os.kill(victim, signal.SIGKILL)
        assert process.logged("process_died")["pid"] == victim
        assert httpx.get(f"{url}/readyz").status_code == 200
        process.logged("ready")
        assert len(children(process)) == 3
        assert total(httpx.get(f"{url}/metrics").text, COUNTED) == 40.0  # the dead one's are not forgotten
        assert process.stop() == 0
        assert "Traceback" not in process.output


COUNTED = 'passbell_http_request_duration_seconds_count{code="2xx",method="GET",route="/healthz"}'


def test_what_cannot_start_is_told_once_a_generation_that_cannot_leaves_the_old_and_none_outlives_its_parent(
    settings: dict[str, str], tmp_path: Path
) -> None:
    empty = settings | {"PASSBELL_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    with Process("serve", "--workers", "3", environ=empty) as process:
        assert process.wait(60) == 1
        assert [line for line in process.lines if "migrate" in line] == [process.lines[-1]]
    with Process("serve", "--workers", "2", "--no-worker", "--notice", "0", environ=settings) as process:
        process.wait_for('"role":"supervisor"')
        before = children(process)
        for key in Path(settings["PASSBELL_CERTS_DIR"]).rglob("*.key"):
            key.chmod(0o644)  # a start refuses it
        process.signal(signal.SIGHUP)
        process.logged("not_renewed")
        assert children(process) == before
        assert httpx.get(f"http://{settings['PASSBELL_BIND']}/healthz").status_code == 200
        process.signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(state(pid) != "Z" for pid in before):  # nobody outlives the parent
            assert time.monotonic() < deadline
            time.sleep(0.1)


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_unix_socket_is_served_and_one_that_a_killed_process_left_is_taken_over(
    settings: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "passbell.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with Process(
        "serve", "--no-worker", "--notice", "0", environ=settings | {"PASSBELL_BIND": f"unix:{path}"}
    ) as process:
        assert process.logged("ready")["url"] == f"unix:{path}"
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://x") as client:
            assert client.get("/readyz").status_code == 200
            with pytest.raises(CommandError, match="another process has it"):
                sockets.opened(Bind("", 0, path))
        assert process.stop() == 0


def test_a_socket_of_systemd_s_is_taken_if_it_is_for_us(settings: dict[str, str]) -> None:
    program = "import os,sys; os.environ['LISTEN_PID']=str(os.getpid()); os.execv(sys.executable, sys.argv[1:])"
    with socket.create_server(("127.0.0.1", 0)) as made, Wrapped(settings, made, program) as process:
        port = made.getsockname()[1]
        assert process.logged("ready")["url"] == f"http://127.0.0.1:{port}"
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert process.stop() == 0
    assert sockets.passed({"LISTEN_FDS": "1", "LISTEN_PID": "1"}) is None
    with pytest.raises(CommandError, match="one socket"):
        sockets.passed({"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid())})


class Wrapped(Process):
    """``serve`` as systemd starts it: a listening socket is descriptor 3, and LISTEN_PID is its own."""

    def __init__(self, environ: dict[str, str], listening: socket.socket, program: str) -> None:
        shell = f'exec "$0" "$@" 3<&{listening.fileno()}'
        words = [sys.executable, "-c", program, sys.executable]
        self._around = ["bash", "-c", shell, *words]
        listening.set_inheritable(True)
        super().__init__(
            "serve",
            "--no-worker",
            "--notice",
            "0",
            environ=environ | {"LISTEN_FDS": "1"},
            around=self._around,
            passed=(listening.fileno(),),
        )


def test_what_the_dead_have_counted_stays_once(tmp_path: Path) -> None:
    key = mmap_dict.mmap_key("a_total", "a_total", [], [], "A.")
    for pid, value in ((11, 3.0), (12, 4.0)):
        file = multiprocess.Numbers(str(tmp_path / f"counter_{pid}.db"))
        file.write_value(key, value, 0.0)
        file.close()
        (tmp_path / f"gauge_livesum_{pid}.db").write_bytes(b"")
    (tmp_path / "gauge_livesum_11.db").unlink()
    (tmp_path / "gauge_livesum_12.db").unlink()
    for pid in (11, 11, 12):
        multiprocess.bury(tmp_path, pid)
        assert b"a_total 7.0" in multiprocess.exposition(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"counter_dead.db", "lock"}
