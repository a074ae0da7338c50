"""The expressions in a template's texts: what is allowed, and how many become one.

``"{{ points }}"`` and ``"Hello, {{ name | upper }}"`` are Jinja expressions, checked node by node against an allow-list before
they run in an ImmutableSandboxedEnvironment without globals. There are no statements, no calls but filters, no attributes but
those of ``card``, ``brand``, ``outlet`` and ``news``, no subscripts. At run time an expression sees a flat dictionary of text,
numbers, instants and truth: not one object whose attributes could be read. Data is never parsed, so it is never rendered twice.

All expressions of a revision compile to one (a tuple), because entering Jinja costs more than most expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from functools import partial
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from passkit.filters import RESULT_KINDS, SPOKEN, calculate, filters, negate
from passkit.formats import Formats
from passkit.model import Brand
from passkit.money import MAX_INTEGER
from passkit.variables import Variable

MAX_SOURCE = 10_000  # characters of one text
MAX_EXPRESSIONS = 50  # in one text
MAX_NODES = 200  # in one expression
MAX_DEPTH = 20
MAX_RESULT = 50_000  # characters that one text may grow to with the longest data its variables take
NAME_LENGTH = 64  # of a number, an instant or a card's own names as text
OUTLET_LENGTH = 500
NEWS_LENGTH = 4_000
HISTORY_LENGTH = 12_000
"""Of ``news.history``: what is longer loses its oldest."""

NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "card": {
        "number": "text",
        "serial_number": "text",
        "external_id": "text",
        "state": "text",
        "expires_at": "datetime?",
        "created_at": "datetime?",
    },
    "brand": {"name": "text", "key": "text"},
    "outlet": {"name": "text", "address": "text", "phone": "text", "url": "text", "hours": "text"},
    "news": {"text": "text", "title": "text", "url": "text", "history": "text"},
}
"""The names with a dot and the kind of each; ``?`` marks what may be nothing."""

FILTERS = frozenset(name for name in RESULT_KINDS if not name.startswith("_")) | {"default"}
TESTS: Mapping[str, Callable[[Any], bool]] = {
    "none": lambda value: value is None,
    "defined": lambda value: value is not None,
    "even": lambda value: calculate("//", value, 2) * 2 == value,
    "odd": lambda value: calculate("//", value, 2) * 2 != value,
}

_LENGTHS = {"news": NEWS_LENGTH, "outlet": OUTLET_LENGTH}
_MARKS = ("{{", "{%", "{#")
_OPERATORS = {nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//"}
_COUNTABLE = {"integer", "money", "decimal", "number", "any"}


class Shape(Enum):
    """What a text becomes."""

    RAW = "raw"  # a lone expression keeps its type, anything else is text
    VALUE = "value"  # the same, but truth is spoken: Yes, No
    TEXT = "text"
    HTML = "html"  # attributedValue: data is escaped
    MESSAGE = "message"  # changeMessage: a % in data cannot make a second %@


class NotAllowed(ValueError):
    """An expression that a template may not hold; ``fix`` says what to write instead."""

    def __init__(self, detail: str, fix: str = "") -> None:
        super().__init__(detail)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked text: ``names`` it reads (empty: constant); ``varies``: it may differ from language to language."""

    node: nodes.Expr
    names: frozenset[str]
    varies: bool
    kind: str
    size: int


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculate(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return negate(operator, arg)


class Expressions:
    """The expressions of one template in one language."""

    def __init__(self, variables: Mapping[str, Variable], brand: Brand, written: Formats) -> None:
        self._variables = variables
        self._brand = {"name": brand.name, "key": brand.key}
        self.written = written
        self._environment = _Sandbox(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0
        )
        self._environment.globals.clear()
        self._environment.filters = dict(filters(written))
        self._environment.tests = dict(TESTS)

    def check(self, source: str, shape: Shape) -> Expression:
        """The text as one expression; raises NotAllowed with one sentence."""
        if not any(mark in source for mark in _MARKS):
            return Expression(nodes.Const(source), frozenset(), False, "text", len(source))
        if len(source) > MAX_SOURCE:
            raise NotAllowed(f"the text is longer than {MAX_SOURCE} characters", "Shorten it.")
        parts = self._parts(source)
        lone = [part for part in parts if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]
        checker = _Checker(self._variables, self._brand)
        if shape in (Shape.RAW, Shape.VALUE) and len(lone) == 1 and not isinstance(lone[0], nodes.TemplateData):
            node = checker.rewrite(lone[0])
            kind = checker.kind(node)
            node = checker.text(node) if kind == "boolean" and shape is Shape.VALUE else node
        else:
            node, kind = checker.joined(parts, shape), "text"
        if (size := checker.size + len(source)) > MAX_RESULT:
            fix = "Name long variables fewer times, or lower their max_length."
            raise NotAllowed(f"the text could grow to {size} characters", fix)
        return Expression(node, frozenset(checker.names), checker.varies, kind, size)

    def link(self, value: str, words: str) -> Expression:
        """``<a href="value">words</a>`` with both escaped."""
        address, text = self.check(value, Shape.TEXT), self.check(words, Shape.TEXT)
        pieces = [nodes.Const('<a href="'), _filter(address.node, "_html"), nodes.Const('">')]
        node = nodes.Concat([*pieces, _filter(text.node, "_html"), nodes.Const("</a>")])
        size = address.size + text.size
        return Expression(node, address.names | text.names, address.varies or text.varies, "text", size)

    def compile(self, expressions: Sequence[Expression]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
        """All of them as one function from names to values, in their order."""
        everything = nodes.Tuple([expression.node for expression in expressions], "load")
        body = nodes.Template([nodes.Assign(nodes.Name("result", "store"), everything)])
        body.set_lineno(1, override=True)
        body.set_environment(self._environment)
        try:
            template = self._environment.from_string(body)
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            raise NotAllowed("the expression is too complicated", "Make it simpler.") from error
        return partial(_evaluate, self._environment, template.root_render_func)

    def value(self, expression: Expression, names: Mapping[str, Any]) -> Any:
        """One of them by itself; plain text needs no compiling."""
        node = expression.node
        return node.value if isinstance(node, nodes.Const) else self.compile([expression])(names)[0]

    def _parts(self, source: str) -> list[nodes.Expr]:
        try:
            parsed = self._environment.parse(source)
        except TemplateError as error:
            raise NotAllowed(f"not an expression: {error.message}", "Write it as {{ name }}.") from error
        except (RecursionError, ValueError, OverflowError) as error:
            raise NotAllowed(
                "the expression is nested too deeply or holds too long a number", "Simplify it."
            ) from error
        parts: list[nodes.Expr] = []
        for node in parsed.body:
            if not isinstance(node, nodes.Output):
                fix = "Only {{ ... }} is: write {{ a if b else c }} for a choice."
                raise NotAllowed(f"`{{% {type(node).__name__.lower()} %}}` is not allowed in a template", fix)
            parts += node.nodes
        if sum(not isinstance(part, nodes.TemplateData) for part in parts) > MAX_EXPRESSIONS:
            raise NotAllowed(f"more than {MAX_EXPRESSIONS} expressions in one text", "Split the text.")
        return parts


@dataclass
class _Checker:
    """Walks one text's nodes: refuses what is not on the list, writes names flat, and notes what the text reads."""

    variables: Mapping[str, Variable]
    brand: Mapping[str, str]
    names: set[str] = field(default_factory=set)
    varies: bool = False
    size: int = 0
    _depth: int = 0
    _count: int = 0

    def joined(self, parts: Iterable[nodes.Expr], shape: Shape) -> nodes.Expr:
        """Data and expressions as one text."""
        pieces: list[nodes.Expr] = []
        for part in parts:
            if isinstance(part, nodes.TemplateData):
                pieces.append(nodes.Const(part.data))
                continue
            self._count = 0
            piece = self.text(self.rewrite(part))
            escape = {Shape.HTML: "_html", Shape.MESSAGE: "_percent"}.get(shape)
            pieces.append(_filter(piece, escape) if escape else piece)
        return pieces[0] if len(pieces) == 1 else nodes.Concat(pieces)

    def text(self, node: nodes.Expr) -> nodes.Expr:
        """The node as text; what is text already stays as it is."""
        kind = self.kind(node)
        if kind == "text":
            return node
        self.varies |= kind.rstrip("?") not in ("text", "integer")
        return _filter(node, "text")

    def rewrite(self, node: nodes.Node) -> Any:
        """The node checked and rewritten, with everything below it."""
        handler = _HANDLERS.get(type(node))
        self._count += 1
        if self._depth >= MAX_DEPTH or self._count > MAX_NODES:
            raise NotAllowed("the expression is too complicated", "Make it simpler.")
        if handler is None:
            raise NotAllowed(
                f"{_spelled(node)} not allowed in an expression", "Use variables, comparisons and filters."
            )
        self._depth += 1
        try:
            return handler(self, node)
        finally:
            self._depth -= 1

    def kind(self, node: nodes.Node) -> str:
        """What the (rewritten) node gives, as far as one can tell before any data: a variable's type, ``any`` if unsure."""
        if isinstance(node, nodes.Const):
            return _const_kind(node.value)
        if isinstance(node, nodes.Name):
            return self._name_kind(node.name)
        if isinstance(node, nodes.Concat):
            return "text"
        if isinstance(node, nodes.Compare | nodes.Not | nodes.Test):
            return "boolean"
        if isinstance(node, nodes.Filter):
            return RESULT_KINDS.get(node.name) or self._same(node.node, *node.args)
        if isinstance(node, nodes.CondExpr):
            return self._same(node.expr1, node.expr2)
        if isinstance(node, nodes.Or | nodes.And):
            return self._same(node.left, node.right)
        return "number"

    def _same(self, *parts: nodes.Node | None) -> str:
        kinds = {self.kind(part) for part in parts if part is not None}
        return kinds.pop() if len(kinds) == 1 else "any"

    def _name_kind(self, name: str) -> str:
        if name.startswith("_"):
            space, _, attribute = name[1:].partition("_")
            return NAMESPACES[space][attribute]
        variable = self.variables[name]
        kind = "text" if variable.is_text else variable.type
        return f"{kind}?" if variable.optional and variable.default is None else kind

    # One method for each node that is allowed.

    def on_name(self, node: nodes.Name) -> nodes.Expr:
        if node.name in NAMESPACES and node.name not in self.variables:
            known = ", ".join(f"{node.name}.{name}" for name in NAMESPACES[node.name])
            raise NotAllowed(f"`{node.name}` alone is not a value", f"Use one of: {known}.")
        if node.name not in self.variables:
            close = get_close_matches(node.name, self.variables, n=1)
            declared = f"Declared: {', '.join(self.variables) or 'none'}."
            raise NotAllowed(
                f"there is no variable `{node.name}`", f"Did you mean `{close[0]}`?" if close else declared
            )
        self.names.add(node.name)
        variable = self.variables[node.name]
        self.size += variable.max_length if variable.is_text else NAME_LENGTH
        return nodes.Name(node.name, "load")

    def on_attribute(self, node: nodes.Getattr) -> nodes.Expr:
        space = node.node.name if isinstance(node.node, nodes.Name) else ""
        if space not in NAMESPACES:
            raise NotAllowed(
                "a dot is allowed only after card, brand, outlet and news", "Use a filter instead: {{ name | upper }}."
            )
        if node.attr not in NAMESPACES[space]:
            known = ", ".join(f"{space}.{name}" for name in NAMESPACES[space])
            raise NotAllowed(f"there is no `{space}.{node.attr}`", f"Use one of: {known}.")
        if space == "brand":
            return nodes.Const(self.brand[node.attr])
        self.varies |= space == "news"
        self.size += _LENGTHS.get(space, NAME_LENGTH) if node.attr != "history" else HISTORY_LENGTH
        self.names.add(f"_{space}_{node.attr}")
        return nodes.Name(f"_{space}_{node.attr}", "load")

    def on_const(self, node: nodes.Const) -> nodes.Expr:
        if node.value is not None and not isinstance(node.value, str | int | float | bool):
            raise NotAllowed("this constant is not allowed", "Use text, numbers, true, false or none.")
        if isinstance(node.value, int | float) and abs(node.value) > MAX_INTEGER:
            raise NotAllowed("the number is too large", f"Stay within {MAX_INTEGER}.")
        return nodes.Const(node.value)

    def on_filter(self, node: nodes.Filter) -> nodes.Expr:
        if node.name not in FILTERS:
            close = get_close_matches(node.name, FILTERS, n=1)
            known = f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(sorted(FILTERS))}."
            raise NotAllowed(f"there is no filter `{node.name}`", known)
        if node.dyn_args or node.dyn_kwargs or node.node is None:
            raise NotAllowed("a filter takes plain arguments only", "Write them one by one.")
        self.varies |= node.name in SPOKEN
        arguments = [self.rewrite(argument) for argument in node.args]
        named = [nodes.Keyword(pair.key, self.rewrite(pair.value)) for pair in node.kwargs]
        inner = self.rewrite(node.node)
        if node.name not in SPOKEN and RESULT_KINDS.get(node.name) == "text":
            inner = self.text(inner)
        return nodes.Filter(inner, node.name, arguments, named, None, None)

    def on_test(self, node: nodes.Test) -> nodes.Expr:
        if node.name not in TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise NotAllowed(f"`is {node.name}` is not allowed", f"There are: {', '.join(TESTS)}.")
        return nodes.Test(self.rewrite(node.node), node.name, [], [], None, None)

    def on_choice(self, node: nodes.CondExpr) -> nodes.Expr:
        other = self.rewrite(node.expr2) if node.expr2 is not None else nodes.Const("")
        return nodes.CondExpr(self.rewrite(node.test), self.rewrite(node.expr1), other)

    def on_compare(self, node: nodes.Compare) -> nodes.Expr:
        operands = [nodes.Operand(operand.op, self.rewrite(operand.expr)) for operand in node.ops]
        return nodes.Compare(self.rewrite(node.expr), operands)

    def on_pair(self, node: nodes.BinExpr) -> nodes.Expr:
        return type(node)(self.rewrite(node.left), self.rewrite(node.right))

    def on_arithmetic(self, node: nodes.BinExpr) -> nodes.Expr:
        operator = _OPERATORS[type(node)]
        sides = [self.rewrite(node.left), self.rewrite(node.right)]
        for side in sides:
            if self.kind(side).rstrip("?") not in _COUNTABLE:
                fix = "Join texts with ~, or with several {{ }}." if operator == "+" else "Use numbers."
                raise NotAllowed(f"`{operator}` works on numbers only", fix)
        return type(node)(*sides)

    def on_sign(self, node: nodes.UnaryExpr) -> nodes.Expr:
        inner = self.rewrite(node.node)
        if self.kind(inner).rstrip("?") not in _COUNTABLE:
            raise NotAllowed("a sign works on numbers only", "Use a number.")
        return type(node)(inner)

    def on_not(self, node: nodes.Not) -> nodes.Expr:
        return nodes.Not(self.rewrite(node.node))

    def on_concat(self, node: nodes.Concat) -> nodes.Expr:
        return nodes.Concat([self.text(self.rewrite(part)) for part in node.nodes])


def _evaluate(
    environment: _Sandbox, run: Callable[[Context], Iterable[str]], names: Mapping[str, Any]
) -> tuple[Any, ...]:
    """What Jinja's TemplateExpression does, without copying the names: they are its context as they are."""
    context = Context(environment, cast("dict[str, Any]", names), None, {})
    try:
        for _ in run(context):
            pass
    except Exception:
        environment.handle_exception()
    result: tuple[Any, ...] = context.vars["result"]
    return result


_HANDLERS: Mapping[type[nodes.Node], Callable[[_Checker, Any], nodes.Expr]] = {
    nodes.Name: _Checker.on_name,
    nodes.Getattr: _Checker.on_attribute,
    nodes.Const: _Checker.on_const,
    nodes.Filter: _Checker.on_filter,
    nodes.Test: _Checker.on_test,
    nodes.CondExpr: _Checker.on_choice,
    nodes.Compare: _Checker.on_compare,
    nodes.And: _Checker.on_pair,
    nodes.Or: _Checker.on_pair,
    nodes.Not: _Checker.on_not,
    nodes.Neg: _Checker.on_sign,
    nodes.Pos: _Checker.on_sign,
    nodes.Concat: _Checker.on_concat,
    **dict.fromkeys(_OPERATORS, _Checker.on_arithmetic),
}
"""The allow-list of node types: what is not here is refused."""


def _filter(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None)


def _const_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "integer" if isinstance(value, int) else "number" if value else "any"


def _spelled(node: nodes.Node) -> str:
    names: dict[type[nodes.Node], str] = {
        nodes.Call: "a call is",
        nodes.Getitem: "a subscript is",
        nodes.Mod: "`%` is",
        nodes.Pow: "`**` is",
        nodes.List: "a list is",
        nodes.Tuple: "a tuple is",
        nodes.Dict: "a dictionary is",
    }
    return names.get(type(node), f"{type(node).__name__} is")
