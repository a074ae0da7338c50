"""The names of the queues that work is put into, for whoever wakes the workers that look at them.

A place names no person and holds no secret: a pass type, or which of the other queues. One place may be leased in parts
(a pass type's platforms, Google's issuers): ``concerns`` says which leases those are.
"""

from __future__ import annotations

GOOGLE = "google"
LETTERS = "letters"
PUSH = "push"


def push(pass_type_identifier: str) -> str:
    """The push intents of a pass type, for phones of every platform."""
    return f"{PUSH}:{pass_type_identifier}"


def concerns(place: str, lease: str) -> bool:
    """Whether the holder of this lease (``store.leases``) is who works at the place."""
    platform, _, name = lease.partition(":")
    if kind(place) == PUSH:
        return platform != GOOGLE and name == place.removeprefix(f"{PUSH}:")
    return place == GOOGLE and platform == GOOGLE


def kind(place: str) -> str:
    """``push``, ``google`` or ``letters``."""
    return place.partition(":")[0]
