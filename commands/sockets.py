"""The listening socket: opened once, by whoever starts the web processes, and inherited by all of them.

Several listeners with SO_REUSEPORT would each have a queue of their own, and what waits in the queue of one that closes
is reset. One socket has one queue: whoever is alive takes from it, also while generations change.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from commands.settings import Bind
from commands.shell import CommandError
from handlers.listener import BACKLOG

FIRST_PASSED = 3
"""https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html"""


def opened(bind: Bind, setting: str = "BIND") -> socket.socket:
    """A socket that listens where the setting says; CommandError says why it cannot be had."""
    try:
        return _unix(bind.path) if bind.path is not None else _tcp(bind)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(f"{bind} cannot be listened on: {reason}. Choose another {setting}.") from None


def passed(environ: Mapping[str, str]) -> socket.socket | None:
    """The socket that systemd (or another service manager) has opened for this process, if it has."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = environ.get("LISTEN_FDS", "0")
    if count != "1":
        raise CommandError(f"LISTEN_FDS is {count}: give the service one socket, so that all share its queue.")
    return inherited(FIRST_PASSED)


def inherited(number: int) -> socket.socket:
    """The listening socket behind a file descriptor that this process was started with."""
    try:
        found = socket.socket(fileno=number)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CommandError(f"The file descriptor {number} is no socket: {error.strerror}.") from None
    if not listens:
        raise CommandError(f"The socket {number} does not listen: it must be one of a stream, with Accept=no.")
    found.setblocking(False)
    return found


def address(listening: socket.socket) -> Bind:
    """Where it listens."""
    name = listening.getsockname()
    return Bind("", 0, Path(name)) if listening.family is socket.AF_UNIX else Bind(name[0], name[1])


def _tcp(bind: Bind) -> socket.socket:
    family, *_, where = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.create_server(where[:2], family=family, backlog=BACKLOG)
    made.setblocking(False)
    return made


def _unix(path: Path) -> socket.socket:
    if path.exists() and not _is_left(path):
        raise OSError(0, "another process has it, or it is another file")
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    path.chmod(0o660)
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


def _is_left(path: Path) -> bool:
    """Whether it is a socket that a killed process has left behind."""
    if not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False
