"""What a draft must pass to be published: a pure check of files against the revisions that cards have data of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from passkit import limits
from passkit.errors import Problem, Severity, TemplateError
from passkit.model import Brand
from passkit.render import Revision
from passkit.schema import Template, parse_template
from passkit.variables import Variable
from store import compiled
from store.errors import Invalid


def checked(files: Mapping[str, bytes], brand: Brand, earlier: Sequence[Mapping[str, bytes]]) -> Revision:
    """The compiled revision; raises Invalid with what stops the publish.

    ``earlier`` are the template's revisions, newest first, images without their content: variables taken out keep their
    data, so a name that comes back must come back with its type.
    """
    try:
        ready = compiled.compiled(files, brand)
    except TemplateError as error:
        raise Invalid(error.problems) from None
    problems = [problem for problem in limits.check(ready.template) if problem.severity is Severity.ERROR]
    problems += frozen([template for texts in earlier if (template := _parsed(texts))], ready.template)
    if problems:
        raise Invalid(problems)
    return ready


def frozen(earlier: Sequence[Template], draft: Template) -> list[Problem]:
    """What publishing has fixed: the style, the types of variables, and that every card has all it needs."""
    if not earlier:
        return []
    published = earlier[0]
    problems = []
    if draft.style != published.style:
        detail = f"the style was fixed as {published.style} by the first publish and cannot become {draft.style}"
        problems.append(_problem("/style", detail, "Make a new template for the new style."))
    for name, variable in draft.variables.items():
        if variable.required and (name not in published.variables or not published.variables[name].required):
            detail = f"`{name}` would be missing on the cards that exist"
            problems.append(_problem(f"/variables/{name}", detail, "Give it a `default`, or `optional: true`."))
        was = next((old.variables[name] for old in earlier if name in old.variables), None)
        if was is not None and not _compatible(was, variable):
            detail = f"`{name}` holds {_shown(was)} on the cards that exist and cannot become {_shown(variable)}"
            problems.append(_problem(f"/variables/{name}/type", detail, "Add a variable with another name."))
    return problems


def _compatible(was: Variable, becomes: Variable) -> bool:
    if was.is_text and becomes.is_text:
        return True
    return was.type == becomes.type and was.currency == becomes.currency


def _shown(variable: Variable) -> str:
    return f"{variable.type} {variable.currency}" if variable.currency else variable.type


def _parsed(texts: Mapping[str, bytes]) -> Template | None:
    """None for a revision that an older program took and this one does not: a new one must be able to mend it."""
    try:
        return parse_template(texts)
    except TemplateError:
        return None


def _problem(pointer: str, detail: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, pointer, detail, fix)
