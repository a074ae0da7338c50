"""What a draft must pass to be published: a pure check of files against the revisions that cards have data of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from passkit import limits
from passkit.errors import Problem, Severity, TemplateError
from passkit.google.types import type_of
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
    problems += frozen([template for texts in earlier if (template := parsed(texts))], ready.template)
    if problems:
        raise Invalid(problems)
    return ready


def frozen(earlier: Sequence[Template], draft: Template) -> list[Problem]:
    """What publishing has fixed: the style and Google's type, the types of variables, and that every card has all it needs."""
    if not earlier:
        return []
    published = earlier[0]
    problems = []
    if draft.style != published.style:
        detail = f"the style was fixed as {published.style} by the first publish and cannot become {draft.style}"
        problems.append(_problem("/style", detail, "Make a new template for the new style."))
    if type_of(draft) != type_of(published):
        detail = f"the Google type was fixed as {type_of(published)} and cannot become {type_of(draft)}"
        problems.append(_problem("/google/type", detail, "Make a new template for the new type."))
    for name, variable in draft.variables.items():
        names = (name, *variable.alias)
        always = any(published.variables[one].required for one in names if one in published.variables)
        if variable.required and not always:
            detail = f"`{name}` would be missing on the cards that exist"
            problems.append(_problem(f"/variables/{name}", detail, "Give it a `default`, or `optional: true`."))
        held = (next((old.variables[one] for old in earlier if one in old.variables), None) for one in names)
        was = next((one for one in held if one is not None and not compatible(one, variable)), None)
        if was is not None:
            detail = f"`{name}` holds {_shown(was)} on the cards that exist and cannot become {_shown(variable)}"
            problems.append(_problem(f"/variables/{name}/type", detail, "Add a variable with another name."))
    return problems


def compatible(was: Variable, becomes: Variable) -> bool:
    """Whether what cards and sources say of the one is good for the other."""
    if was.is_text and becomes.is_text:
        return True
    return was.type == becomes.type and was.currency == becomes.currency


def _shown(variable: Variable) -> str:
    return f"{variable.type} {variable.currency}" if variable.currency else variable.type


def parsed(texts: Mapping[str, bytes]) -> Template | None:
    """None for a revision that an older program took and this one does not: a new one must be able to mend it."""
    try:
        return parse_template(texts)
    except TemplateError:
        return None


def _problem(pointer: str, detail: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, pointer, detail, fix)
