"""Our URLs."""

from __future__ import annotations

import pytest

from passkit import links


@pytest.mark.parametrize("public_url", ["https://cards.example", "https://cards.example/"])
def test_the_web_service_has_no_v1_and_no_trailing_slash(public_url: str) -> None:
    assert links.web_service_url(public_url) == "https://cards.example/passkit"


@pytest.mark.parametrize("public_url", ["https://cards.example/v1", "https://cards.example/a/v1/"])
def test_an_address_that_ends_in_v1_is_refused_because_phones_add_it(public_url: str) -> None:
    with pytest.raises(ValueError, match="/v1"):
        links.web_service_url(public_url)


def test_the_links_of_a_card_are_those_of_the_contract() -> None:
    base = "https://cards.example/i/Abc_-9"
    assert links.install_url("https://cards.example/", "Abc_-9") == base
    assert links.apple_url("https://cards.example", "Abc_-9") == base + "/card.pkpass"
    assert links.google_url("https://cards.example", "Abc_-9") == base + "/google"
    assert links.qr_url("https://cards.example", "Abc_-9") == base + "/qr.svg"
