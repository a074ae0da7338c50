"""Texts of people who mean harm: each would run ``__pwn()`` in a page that did not take it for text.

Collected by what they break out of: an element, an attribute, an address, a script, a drawing, a template language, a parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

ADDRESSES = (
    "javascript:__pwn()",
    "JaVaScRiPt:__pwn()//https://x.example",
    "java\nscript:__pwn()",
    "data:text/html,<script>__pwn()</script>",
    "vbscript:__pwn()",
    "//evil.example/%22onload=__pwn()",
    'https://x.example/"onmouseover="__pwn()',
)
"""These stand first in their field, or they are no addresses."""

STRINGS = (
    *ADDRESSES,
    # elements
    "<script>__pwn()</script>",
    "<ScRiPt >__pwn()</ScRiPt>",
    "<script/src=data:,__pwn()></script>",
    "</title><script>__pwn()</script>",
    "</textarea><script>__pwn()</script>",
    "</script><script>__pwn()</script>",
    "</style><script>__pwn()</script>",
    "--><script>__pwn()</script><!--",
    "]]><script>__pwn()</script>",
    "<scr<script>ipt>__pwn()</scr</script>ipt>",
    "<img src=x onerror=__pwn()>",
    "<img/src=x/onerror=__pwn()//",
    "<img src=`x`onerror=__pwn()>",
    "<body onload=__pwn()>",
    "<details open ontoggle=__pwn()>",
    "<video><source onerror=__pwn()>",
    "<iframe srcdoc='<script>parent.__pwn()</script>'>",
    "<input autofocus onfocus=__pwn()>",
    "<p style=animation-name:x onanimationstart=__pwn()>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:__pwn()'>",
    "<form action=javascript:__pwn()><button>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<template><script>__pwn()</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=__pwn()>'>",
    # attributes
    '"><img src=x onerror=__pwn()>',
    "'><img src=x onerror=__pwn()>",
    '" autofocus onfocus=__pwn() x="',
    "' onmouseover=__pwn() '",
    "` onmouseover=__pwn() `",
    " onclick=__pwn() ",
    "x\nonpointerenter=__pwn()",
    '" hx-get=/studio/sign-out hx-trigger=load x="',
    '" hx-on:htmx:load=__pwn() data-hx-on-load=__pwn() x="',
    '" formaction=javascript:__pwn() x="',
    '" data-confirm-answer="<img src=x onerror=__pwn()>',
    # drawings
    "<svg onload=__pwn()>",
    "<svg><script href=data:,__pwn() />",
    "<svg><animate onbegin=__pwn() attributeName=x dur=1s>",
    "</text></g></svg><script>__pwn()</script>",
    "<svg><a xlink:href=javascript:__pwn()><text>x",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=__pwn()&gt;">',
    # template languages and formats
    "${__pwn()} #{__pwn()} <%= __pwn() %> [[__pwn()]]",
    "{name.__class__} {0} %s %(x)s {",
    "&lt;script&gt;__pwn()&lt;/script&gt;",
    "&#60;script&#62;__pwn()&#60;/script&#62;",
    "\\x3cscript\\x3e__pwn() \\u003cimg src=x onerror=__pwn()\\u003e",
    # what parsers and fonts make of it
    "\uff1cscript\uff1e__pwn()\uff1c/script\uff1e",
    "\u202e>tpircs/<)(nwp__>tpircs<\u202c",
    "<\u200bscript>__pwn()</script> \ufeff<img src=x onerror=__pwn()>",
    "x\u2028__pwn()\u2029y",
    "%3Cscript%3E__pwn()%3C/script%3E",
    "+ADw-script+AD4-__pwn()+ADw-/script+AD4-",
    "<\u0131mg src=x onerror=__pwn()> <\u017fcript>__pwn()</\u017fcript>",
)

BRACES = ("{{7*7}} {{constructor.constructor('__pwn()')()}}", "{% set x = 1 %}{# x #}")
"""The same for fields that are no expressions: a template's texts take them for its own language and refuse them."""


def bundles(length: int) -> list[str]:
    """All of them in few texts, each within ``length`` characters."""
    made = list(ADDRESSES)
    for text in STRINGS[len(ADDRESSES) :]:
        place = next((at for at, one in enumerate(made) if len(one) + 1 + len(text) <= length), None)
        if place is None:
            made.append(text)
        else:
            made[place] += f" {text}"
    return made


def template(marked: Callable[[str], str], icon: bytes) -> dict[str, bytes]:
    """A template whose every text is ``marked(place)``."""

    def field(key: str, **more: Any) -> Mapping[str, Any]:
        return {"key": key, "label": marked(f"{key} label"), "value": marked(f"{key} value"), **more}

    document = {
        "key": "hostile",
        "style": "storeCard",
        "name": marked("name"),
        "organization_name": marked("organization_name"),
        "description": marked("description"),
        "logo_text": marked("logo_text"),
        "languages": ["en", "ru"],
        "images": {"icon": "icon.png"},
        "variables": {
            "name": {
                "label": marked("variable label"),
                "sample": marked("sample"),
                "default": "",
                "personal": True,
                "ask": marked("question"),
            },
            "phone": {
                "type": "phone",
                "label": marked("phone label"),
                "sample": "+7 916 123-45-67",
                "optional": True,
                "personal": True,
            },
            "site": {"type": "url", "label": marked("site label"), "sample": "javascript:__pwn()", "optional": True},
            "level": {"label": marked("level label"), "default": "", "owner": "backend"},
            "choice": {
                "label": marked("choice label"),
                "choices": [marked("choice"), "b"],
                "default": "b",
                "ask": True,
            },
        },
        "variants": [{"when": "{{ choice == 'c' }}", "name": marked("variant"), "colors": {"background": "#000000"}}],
        "fields": {
            "header": [field("a")],
            "primary": [
                {
                    "key": "b",
                    "label": marked("b label"),
                    "value": "{{ name }}",
                    "change_message": f"{marked('change message')} %@",
                }
            ],
            "secondary": [field("c")],
            "auxiliary": [field("d")],
            "back": [
                field("e", link=marked("link")),
                {"key": "f", "label": "", "value": "{{ site }}", "link": "{{ site }}"},
                field("g", attributed_value=f"<a href='javascript:__pwn()'>x</a>{marked('attributed')}"),
                {"key": "h", "label": "", "value": "{{ news.text }}", "change_message": "%@"},
            ],
        },
        "barcode": {"format": "qr", "message": "{{ card.number }}", "alt_text": marked("alt_text")},
        "locations": [{"latitude": 55.75, "longitude": 37.61, "text": marked("location")}],
        "consents": {
            "processing": {"text": marked("text"), "link": "https://x.example/?a='b&<c"[:-2]},
            "marketing": marked("marketing"),
        },
    }
    return {
        "template.yaml": json.dumps(document).encode(),
        "strings/ru.yaml": json.dumps({document["description"]: marked("translation")}).encode(),
        "icon.png": icon,
    }
