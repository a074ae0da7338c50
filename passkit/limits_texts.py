"""The rules of ``limits`` about translations and variables."""

from __future__ import annotations

from collections.abc import Iterator

from passkit.limits_reading import Found, names_in, needs_words, spoken_texts, written_texts
from passkit.schema import Template
from passkit.schemacheck import pointer


def _without_table(template: Template) -> list[str]:
    """Languages without strings: the one that template.yaml itself is written in, and forgotten ones."""
    return [language for language in template.languages if not template.strings.get(language)]


def no_table(template: Template) -> Iterator[Found]:
    """template.yaml is written in one language; every other one needs a table."""
    missing = _without_table(template)
    if len(missing) > 1 and any(needs_words(text) for _, text in spoken_texts(template)):
        for language in missing[1:]:
            detail = f"there is no translation to `{language}`"
            yield pointer("languages", template.languages.index(language)), detail, f"Add strings/{language}.yaml."


def untranslated(template: Template) -> Iterator[Found]:
    """A text that one language lacks: its reader sees template.yaml's own words."""
    somewhere = {text for table in template.strings.values() for text in table}
    every_language_has_one = not _without_table(template)
    for language, table in template.strings.items():
        if not table:
            continue
        for place, text in spoken_texts(template):
            expected = text in somewhere if every_language_has_one else needs_words(text)
            if expected and text not in table:
                yield place, f"{text[:60]!r} has no translation to `{language}`", f"Add it to strings/{language}.yaml."


def translations_of_nothing(template: Template) -> Iterator[Found]:
    """A key that is no text of template.yaml, most often an old wording; people read the labels of variables in the studio."""
    known = {*written_texts(template), *(variable.label for variable in template.variables.values())}
    for language, table in template.strings.items():
        for text in table:
            if text not in known:
                detail = f"{text[:60]!r} is translated to `{language}` but stands nowhere in template.yaml"
                yield pointer("strings", language, text), detail, "Correct the wording, or remove the line."


def unused_variables(template: Template) -> Iterator[Found]:
    """A variable that no text reads and nobody is asked for: the backend sends it, nobody sees it."""
    texts = [*written_texts(template), *(text for table in template.strings.values() for text in table.values())]
    used = {name for text in texts for name in names_in(text)} | {text for text in texts if text in template.variables}
    for name, variable in template.variables.items():
        if name not in used and variable.ask is None:
            detail = f"no text of the card uses `{name}`"
            yield pointer("variables", name), detail, f"Show it as {{{{ {name} }}}}, or remove it."


def asks_without_consent(template: Template) -> Iterator[Found]:
    """Whoever asks people for their data has to ask whether they agree."""
    for name, variable in template.variables.items():
        if variable.ask and variable.personal and template.consents.processing is None:
            detail = f"people are asked for `{name}`, and not whether you may keep it"
            yield (
                pointer("variables", name, "ask"),
                detail,
                "Write what they agree to under `consents: {processing: ...}`.",
            )
            return


def no_samples(template: Template) -> Iterator[Found]:
    """Previews, lint and the studio need something to show."""
    for name, variable in template.variables.items():
        if variable.sample is None and variable.default is None:
            yield pointer("variables", name), f"`{name}` has no sample: previews show it empty", "Add `sample:`."
