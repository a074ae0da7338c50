"""Counting in several processes: each writes its numbers to files of one folder, and any of them tells the sum.

prometheus_client does that where ``PROMETHEUS_MULTIPROC_DIR`` is set before it is imported. What a dead process has counted
must not be lost (a counter that falls looks like a restart) nor leave a file for each process that ever lived, so it is
added to one file for all the dead, under a lock that a reader shares.

https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, mmap_dict
from prometheus_client import multiprocess as prometheus

Numbers: Any = mmap_dict.MmapedDict  # the library has no types here
Collector: Any = prometheus.MultiProcessCollector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
DEAD = "dead"
SUMMED = ("counter", "histogram", "gauge_sum")
"""What goes on counting after a process is gone; the other files say how things stand, and go with it."""


def exposition(folder: Path) -> bytes:
    """Prometheus' text over all processes."""
    registry = CollectorRegistry()
    Collector(registry, path=str(folder))
    with _locked(folder, fcntl.LOCK_SH):
        text: bytes = generate_latest(registry)
    return text


def bury(folder: Path, pid: int) -> None:
    """Add what a dead process has counted to what all the dead have, and remove its files."""
    with _locked(folder, fcntl.LOCK_EX):
        for kind in SUMMED:
            file = folder / f"{kind}_{pid}.db"
            if file.exists():
                _add(file, folder / f"{kind}_{DEAD}.db")
        for file in folder.glob(f"*_{pid}.db"):
            file.unlink()


def _add(file: Path, to: Path) -> None:
    total = Numbers(str(to))
    try:
        for key, value, stamp, _ in Numbers.read_all_values_from_file(str(file)):
            before, _ = total.read_value(key)
            total.write_value(key, before + value, stamp)
    finally:
        total.close()


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)
