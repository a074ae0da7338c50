"""What people agree to before they get a card, as a template writes it; and who may pass a card on."""

from __future__ import annotations

import pytest

from passkit import limits
from passkit.errors import Severity, TemplateError
from passkit.google import loss
from tests.passkit import building

NAME = {"name": {"type": "text", "default": "", "sample": "Anna", "personal": True}}


def test_a_consent_is_a_text_or_a_text_with_its_page():
    plain = building.template(
        consents={"processing": "I agree.", "marketing": {"text": "News", "link": "https://x.com/a"}}
    )
    assert plain.consents.processing is not None
    assert (plain.consents.processing.text, plain.consents.processing.link) == ("I agree.", None)
    assert plain.consents.marketing is not None
    assert plain.consents.marketing.link == "https://x.com/a"
    assert building.template().consents.processing is None


@pytest.mark.parametrize(
    ("consents", "pointer"),
    [
        ({"processing": "I agree, {{ name }}"}, "/consents/processing"),
        ({"processing": ""}, "/consents/processing"),
        ({"processing": {"text": "a", "link": "javascript:alert(1)"}}, "/consents/processing/link"),
        ({"profiling": "a"}, "/consents/profiling"),
        ({"marketing": "x" * 2001}, "/consents/marketing"),
    ],
)
def test_what_is_no_consent_is_refused_with_its_place(consents: dict[str, object], pointer: str):
    with pytest.raises(TemplateError) as refused:
        building.template(consents=consents)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_who_asks_for_personal_data_without_asking_for_consent_is_warned():
    asking = {"name": {**NAME["name"], "ask": True}}
    found = [problem for problem in limits.check(building.template(variables=asking)) if "agree" in problem.fix]
    assert [(problem.severity, problem.pointer) for problem in found] == [(Severity.WARNING, "/variables/name/ask")]
    agreed = building.template(variables=asking, consents={"processing": "I agree."})
    assert not [problem for problem in limits.check(agreed) if "agree" in problem.fix]


def shared(**document: object) -> object:
    """What pass.json says of the share button."""
    return building.document(building.filled(building.revision(**document))).get("sharingProhibited")


def test_a_card_with_personal_data_cannot_be_passed_on_unless_its_template_says_so():
    assert shared(variables=NAME) is True
    assert shared(variables=NAME, sharing_prohibited=False) is False
    assert shared(variables=NAME, apple={"sharingProhibited": False}) is False
    assert shared(variables={}) is None
    assert shared(variables={}, sharing_prohibited=True) is True


def test_the_loss_report_knows_which_cards_can_be_passed_on():
    def told(**document: object) -> bool:
        return any("passed on" in one.lost for one in loss.loss(building.template(**document)))

    assert told(variables={})
    assert not told(variables=NAME)
    assert told(variables=NAME, sharing_prohibited=False)
