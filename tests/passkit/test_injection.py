"""A marketer who means harm: no expression reaches Python, none eats the machine (threats 12 and 13).

The payloads are those of public lists of template injections (PayloadsAllTheThings, HackTricks, the CVEs of Jinja's sandbox:
2016-10745, 2019-10906, 2024-56201, 2024-56326, 2025-27516) and of pretix' CVE-2026-2415, with our names where they need one.
"""

from __future__ import annotations

import resource
import time

import pytest

from passkit.errors import TemplateError
from passkit.render import compile_revision
from tests.passkit.building import BRAND, problems, template

READING = """
{{ ''.__class__ }}
{{ ''.__class__.__mro__ }}
{{ ''.__class__.__mro__[1].__subclasses__() }}
{{ ''.__class__.__mro__[2].__subclasses__()[40]('/etc/passwd').read() }}
{{ ''.__class__.__base__.__subclasses__() }}
{{ [].__class__.__base__.__subclasses__() }}
{{ {}.__class__.__bases__[0] }}
{{ ().__class__.__bases__[0].__subclasses__() }}
{{ (1).__class__ }}
{{ 1.__class__ }}
{{ name.__class__ }}
{{ name.__class__.__name__ }}
{{ name.__init__.__globals__ }}
{{ name.__init__.__code__.co_consts }}
{{ name.__doc__ }}
{{ name.__len__() }}
{{ points.__class__ }}
{{ points.real }}
{{ points.to_bytes(300000000, 'big') }}
{{ card.__class__ }}
{{ card.__init__ }}
{{ card.__dict__ }}
{{ card.authentication_token }}
{{ card.data }}
{{ card['number'] }}
{{ card|attr('number') }}
{{ brand.pass_type_identifier }}
{{ brand.__class__.__init__.__globals__ }}
{{ news.text.__class__ }}
{{ news.__class__ }}
{{ name|attr('__class__') }}
{{ name|attr('\\x5f\\x5fclass\\x5f\\x5f') }}
{{ name|attr(['__cl','ass__']|join) }}
{{ name|attr('for'~'mat')('x') }}
{{ ''|attr('__class__')|attr('__mro__')|attr('__getitem__')(1) }}
{{ name['__class__'] }}
{{ name['\\u005f\\u005fclass\\u005f\\u005f'] }}
{{ name[0] }}
{{ name[::-1] }}
{{ config }}
{{ config.items() }}
{{ config.SECRET_KEY }}
{{ config.__class__.__init__.__globals__['os'].popen('id').read() }}
{{ request }}
{{ request.application.__globals__ }}
{{ request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}
{{ request.args.x }}
{{ session }}
{{ g.pop.__globals__ }}
{{ app.__init__ }}
{{ url_for.__globals__ }}
{{ url_for.__globals__['current_app'].config }}
{{ get_flashed_messages.__globals__ }}
{{ self }}
{{ self.__init__.__globals__ }}
{{ self.__dict__ }}
{{ self._TemplateReference__context }}
{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}
{{ lipsum }}
{{ lipsum.__globals__ }}
{{ lipsum.__globals__['os'].popen('id').read() }}
{{ lipsum|attr('__globals__') }}
{{ lipsum(n=1000000) }}
{{ cycler }}
{{ cycler.__init__.__globals__.os.popen('id').read() }}
{{ cycler('a', 'b').next() }}
{{ joiner.__init__.__globals__.os }}
{{ namespace.__init__.__globals__.os.popen('id').read() }}
{{ namespace(x=1) }}
{{ dict }}
{{ dict(a=1) }}
{{ dict.mro() }}
{{ range }}
{{ range(10) }}
{{ range.__class__ }}
{{ open('/etc/passwd').read() }}
{{ eval('1') }}
{{ exec('import os') }}
{{ __import__('os').popen('id').read() }}
{{ __builtins__ }}
{{ __name__ }}
{{ _context }}
{{ _card_number }}
{{ _news_text }}
{{ context }}
{{ environment }}
{{ loop }}
{{ super() }}
{{ caller() }}
{{ varargs }}
{{ kwargs }}
{{ _('text') }}
{{ gettext('x') }}
{{ debug }}
{{ True.__class__ }}
{{ none.__class__ }}
{{ 'a'.upper() }}
{{ 'a'.join(['b', 'c']) }}
{{ 'x'.format() }}
{{ '{0.__class__}'.format(name) }}
{{ '{0.__class__.__init__.__globals__}'.format(name) }}
{{ '{x.__class__}'.format_map({'x': name}) }}
{{ '%s' % name.__class__ }}
{{ '%s' % name }}
{{ '%s'|format(name) }}
{{ '{}'|format(name) }}
{{ ['{0.__class__}']|map('format', name)|list }}
{{ [name]|map(attribute='__class__')|list }}
{{ [name]|map('upper')|list }}
{{ [name]|selectattr('__class__')|list }}
{{ [name]|groupby('__class__') }}
{{ [name]|sum(attribute='__class__') }}
{{ [3, 1]|sort }}
{{ name|list }}
{{ name|batch(2)|list }}
{{ name|reverse }}
{{ name|first }}
{{ name|join(',') }}
{{ name|replace('a', 'b') }}
{{ name|safe }}
{{ name|string }}
{{ name|tojson }}
{{ name|pprint }}
{{ name|xmlattr }}
{{ name|urlize }}
{{ name|e }}
{{ name|escape }}
{{ name|striptags }}
{{ name|wordcount }}
{{ name|filesizeformat }}
{{ {'a': name}|items }}
{{ {'a': name}|dictsort }}
{{ name|random }}
{{ name|_html }}
{{ name|_percent }}
{{ name is callable }}
{{ name is sameas none }}
{{ name is mapping }}
{{ name is filter }}
{{ 'upper' is filter }}
{{ name|upper(*name) }}
{{ name|upper(**name) }}
{{ name|upper() () }}
{{ (name|upper)() }}
{{ name() }}
{{ card.number() }}
{{ lambda: 1 }}
{{ [x for x in name] }}
{{ x := 1 }}
{{ name; name }}
{{ name }}{% import os %}
{% import 'os' as os %}
{% from 'x' import y %}
{% include '/etc/passwd' %}
{% extends name %}
{% block x %}{% endblock %}
{% set x = name.__class__ %}
{% set x %}text{% endset %}
{% for c in name %}{{ c }}{% endfor %}
{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}
{% if name.__class__ %}x{% endif %}
{% if true %}x{% endif %}
{% macro f() %}{% endmacro %}
{% call f() %}{% endcall %}
{% filter upper %}x{% endfilter %}
{% with a = name %}{{ a }}{% endwith %}
{% do name.append(1) %}
{% debug %}
{% autoescape false %}x{% endautoescape %}
{% trans %}x{% endtrans %}
{%- set x = 1 -%}
{{ name }}{% else %}
{% endfor %}
{{ name }
{{ {{ name }} }}
"""

EATING = """
{{ 'a' * 300000000 }}
{{ name * 300000000 }}
{{ 300000000 * 'a' }}
{{ [0] * 300000000 }}
{{ (name ~ name) * 300000000 }}
{{ (name|upper) * 9 }}
{{ 'a'|center(300000000) }}
{{ 'a'|indent(300000000) }}
{{ 'a'|wordwrap(1) }}
{{ 'a'.ljust(300000000) }}
{{ 'a'.zfill(300000000) }}
{{ '{:300000000}'.format('a') }}
{{ '{:300000000}'|format('a') }}
{{ '%0300000000d' % 1 }}
{{ '%*d' % (300000000, 1) }}
{{ '%300000000s'|format('a') }}
{{ 9 ** 9 ** 9 ** 9 }}
{{ 2 ** 1000000000 }}
{{ points ** points }}
{{ points % 2 }}
{{ 1e308 * 10 }}
{{ 999999999999999999999999 }}
{{ range(1000000000)|list }}
{{ range(1000000000)|sum }}
{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}
{% for a in 'aaaaaaaaaa' %}{% for b in 'aaaaaaaaaa' %}{% endfor %}{% endfor %}
{{ lipsum(n=100000, max=1000000) }}
{{ 'a'|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa') }}
{{ name|truncate(300000000) }}
{{ points|number(300000000) }}
{{ points|round(300000000) }}
{{ visit|date('yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy') }}
{{ 9007199254740991 * 9007199254740991 }}
"""

GENERATED = [
    "{{ " + "9" * 5000 + " }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 3000 + "name }}",
    "{{ " + "-" * 3000 + "1 }}",
    "{{ 1" + " + 1" * 3000 + " }}",
    "{{ name" + "|upper" * 3000 + " }}",
    "{{ name" + " ~ name" * 500 + " }}",
    "{{ 1" + " if name else 1" * 3000 + " }}",
    "{{ 1" + " < 2" * 3000 + " }}",
    "{{ name }}" * 60,
    "{{ name" + " or name" * 3000 + " }}",
    "{{ '" + "\\x41" * 5000 + "' }}",
    "{{ name|default(" * 500 + "1" + ")" * 500 + " }}",
    "{# " + "x" * 20_000,
    "{{ news.text ~ news.text ~ news.text ~ news.text ~ news.text ~ news.text ~ news.text }}" * 3,
]

VARIABLES = {
    "name": {"default": "", "sample": "anna", "max_length": 2000},
    "points": {"type": "integer", "default": 3},
    "visit": {"type": "datetime", "optional": True, "sample": "2026-12-01T18:30:00+03:00"},
}


def refused(payload: str, **where: object) -> None:
    given = where or {"fields": {"back": [{"key": "it", "value": payload}]}}
    with pytest.raises(TemplateError) as caught:
        compile_revision(template(variables=VARIABLES, **given), BRAND)
    for problem in caught.value.problems:
        told = problem.detail + problem.fix
        assert not any(mark in told for mark in ("0x", "<class", "site-packages", "root:")), told


@pytest.mark.parametrize("payload", READING.strip().splitlines())
def test_no_expression_reaches_beyond_its_plain_values(payload: str) -> None:
    refused(payload)


def test_the_corpus_is_as_wide_as_promised() -> None:
    assert len(set(READING.strip().splitlines())) >= 150


@pytest.mark.parametrize("payload", EATING.strip().splitlines())
def test_no_expression_can_eat_memory_or_time(payload: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refused(payload)
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize("payload", GENERATED, ids=range(len(GENERATED)))
def test_no_expression_can_overwhelm_by_its_size(payload: str) -> None:
    started = time.process_time()
    refused(payload)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "where",
    [
        {"name": "{{ lipsum }}"},
        {"organization_name": "{{ lipsum }}"},
        {"description": "{{ lipsum }}"},
        {"logo_text": "{{ lipsum }}"},
        {"expires": "{{ lipsum }}"},
        {"colors": {"label": "{{ lipsum }}"}},
        {"barcode": {"message": "{{ lipsum }}"}},
        {"barcode": {"message": "1", "alt_text": "{{ lipsum }}"}},
        {"locations": [{"latitude": "{{ lipsum }}", "longitude": 1}]},
        {"locations": [{"latitude": 1, "longitude": 1, "text": "{{ lipsum }}"}]},
        {"relevant_dates": ["{{ lipsum }}"]},
        {"semantics": {"seats": [{"seatRow": "{{ lipsum }}"}]}},
        {"user_info": ["{{ lipsum }}"]},
        {"apple": {"sellURL": "https://example.com/{{ lipsum }}"}},
        {"featured_actions": [{"identifier": "a", "type": "shop", "url": "{{ lipsum }}"}]},
        {"fields": {"back": [{"key": "a", "value": "", "label": "{{ lipsum }}"}]}},
        {"fields": {"back": [{"key": "a", "value": "", "when": "{{ lipsum }}"}]}},
        {"fields": {"back": [{"key": "a", "value": "", "link": "{{ lipsum }}"}]}},
        {"fields": {"back": [{"key": "a", "value": "", "attributed_value": "{{ lipsum }}"}]}},
        {"fields": {"back": [{"key": "a", "value": "", "change_message": "%@ {{ lipsum }}"}]}},
        {"fields": {"back": [{"key": "a", "value": "", "semantics": {"a": "{{ lipsum }}"}}]}},
        {"fields": {"back": [{"key": "a", "value": "", "apple": {"a": "{{ lipsum }}"}}]}},
    ],
)
def test_every_text_of_a_template_is_checked(where: dict[str, object]) -> None:
    refused("", **where)


def test_all_texts_together_are_bounded() -> None:
    long = {"name": {"default": "", "max_length": 10_000}}
    back = [{"key": f"k{number}", "value": "{{ name }}{{ name }}{{ name }}"} for number in range(60)]
    assert "could grow" in problems(variables=long, fields={"back": back})[""].detail
