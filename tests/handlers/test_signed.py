"""Signed passes that are kept: one signature for the same pass, another for whatever differs, and never too many bytes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from commands import certsdev
from commands.certsdir import load_directory
from handlers.signed import Signed
from passkit.apple.signing import Signers
from tests.conftest import PASS_TYPE, TEAM
from tests.handlers.conftest import House
from tests.handlers.test_wallet import pass_json


def signatures() -> float:
    return REGISTRY.get_sample_value("passbell_signed_passes_total", {"source": "made"}) or 0.0


async def test_a_pass_asked_for_again_or_by_many_at_once_costs_one_signature(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    before = signatures()
    answers = await asyncio.gather(*(card.fetch() for _ in range(10)))
    answers += [await house.ask("GET", f"{card.install_path}/card.pkpass")]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert signatures() - before == 1


async def test_whatever_changes_is_signed_anew_and_never_stale(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    other = await house.issue(external_id="b", data={"points": 5})
    assert (await card.fetch()).body != (await other.fetch()).body
    for body in (
        {"data": {"points": 6}},
        {"language": "en"},
        {"expires_at": "2030-01-01T00:00:00Z"},
        {"state": "voided"},
        {"state": "active"},
        {"data": {"points": 5}},
    ):
        before, old = signatures(), (await card.fetch()).body
        assert signatures() == before
        assert (await house.api("PATCH", f"/cards/{card.serial}", body)).status == 200
        fresh = (await card.fetch()).body
        assert fresh != old, body
        assert signatures() - before == 1
    assert pass_json(fresh).get("voided") in (None, False)


async def test_another_certificate_signs_anew(
    house: House, signers: Signers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    card = await house.issue(external_id="a")
    first = (await card.fetch()).body
    mine, folder = signers.all(), tmp_path_factory.mktemp("renewed")
    certsdev.dev(folder, [PASS_TYPE], team=TEAM, now=datetime.now(UTC) + timedelta(seconds=-1))
    try:
        signers.replace(one for one in load_directory(folder) if one.pass_type_identifier == PASS_TYPE)
        assert (await card.fetch()).body != first
    finally:
        signers.replace(mine)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_bytes_are_those_that_were_made_and_never_more_than_the_limit(asked: list[tuple[int, int]]) -> None:
    kept = Signed(limit=100)
    for key in asked:
        made = b"%d" % key[0] + b"." * key[1]
        was_kept = key in kept
        assert kept.get(key, lambda: fail() if was_kept else made) == made  # noqa: B023
        assert kept.size <= 100
    assert kept.size == sum(len(kept.get(key, fail)) for key in set(asked) if key in kept)


def fail() -> bytes:
    raise AssertionError("made again")


def test_what_cannot_be_made_is_not_kept_and_too_large_a_pass_throws_nobody_out() -> None:
    kept = Signed(limit=10)
    with pytest.raises(AssertionError):
        kept.get("a", fail)
    assert "a" not in kept
    kept.get("b", lambda: b"12345")
    assert kept.get("c", lambda: b"." * 11) == b"." * 11
    assert ("b" in kept, "c" in kept, len(kept)) == (True, False, 1)
