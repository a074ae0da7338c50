"""What passkit finds is said in people's words, in both languages."""

from __future__ import annotations

import re

import pytest

from handlers.studio import sentences, starters
from handlers.studio.problems import loss_words, problem_words
from passkit import draft
from passkit.errors import Problem, Severity
from passkit.google.loss import loss
from passkit.model import Brand
from passkit.schema import parse_template

BRAND = Brand("b", "B", "pass.b", "T", ("ru", "en"))
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@pytest.mark.parametrize("key", starters.every())
def test_all_that_is_found_in_a_starter_is_said_in_russian_and_without_code(key: str) -> None:
    files = starters.every()[key].files
    found = [problem_words(one.problem, "ru") for one in draft.problems(files, BRAND)]
    found += [loss_words(one, "ru") for one in loss(parse_template(files))]
    for sentence, fix in found:
        assert CYRILLIC.search(sentence), sentence
        assert CYRILLIC.search(fix), fix
        assert "`" not in sentence + fix


@pytest.mark.parametrize("rows", [sentences.PROBLEMS, sentences.LOSSES])
def test_both_languages_have_the_same_blanks(rows: tuple[sentences.Row, ...]) -> None:
    for pattern, english, russian in rows:
        groups = re.compile(pattern).groups
        for pair in zip(english, russian, strict=True):
            blanks = [set(re.findall(r"\{(\d)\}", text)) for text in pair]
            assert blanks[0] == blanks[1], pair
            assert all(int(blank) <= groups for blank in blanks[0]), pair


def test_what_has_no_row_is_said_as_it_is() -> None:
    problem = Problem(Severity.ERROR, "/x", "something quite new", "Do something.")
    assert problem_words(problem, "ru") == ("Something quite new.", "Do something.")


def test_a_row_takes_what_the_finding_names() -> None:
    problem = Problem(Severity.WARNING, "/images/icon", "20 x 30 pixels are too few for `icon`: it will look soft", "")
    assert problem_words(problem, "en")[0] == "20 × 30 pixels are too few: it will look soft."
