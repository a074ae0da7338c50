"""What is wrong with a draft, and what a wallet cannot show of it, in the reader's own words."""

from __future__ import annotations

from handlers.studio import sentences
from passkit.errors import Problem
from passkit.google.loss import Loss


def problem_words(problem: Problem, language: str) -> tuple[str, str]:
    """(what is wrong, what to do)."""
    found = sentences.told(sentences.PROBLEMS, problem.detail, problem.fix, language)
    return found or (_sentence(problem.detail), problem.fix)


def loss_words(one: Loss, language: str) -> tuple[str, str]:
    """(what is lost, what stands there instead)."""
    found = sentences.told(sentences.LOSSES, one.lost, one.instead, language)
    return found or (_sentence(one.lost), one.instead)


def _sentence(clause: str) -> str:
    """A clause as a sentence."""
    return clause if not clause else clause[:1].upper() + clause[1:] + ("" if clause.endswith((".", "?", "!")) else ".")
