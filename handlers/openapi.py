"""The description of the REST interface, OpenAPI 3.1, made from the models and one table of operations.

``OPERATIONS`` names every route under ``/api/v1`` and every hook; a test holds it against the router, and the answers
against the schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers import models, newsmodels, pages, slotmodels, triggermodels
from handlers.errors import CATALOGUE, MEDIA_TYPE
from handlers.keys import OPTIONS
from passkit.model import CardState
from store.newscorrections import NewsCorrection
from store.newsrequests import NewsRequest
from store.triggerrows import TriggerRequest, TriggerSettings

VERSION = "1.0.0"
_PROBLEM = {"$ref": "#/components/schemas/ProblemAnswer"}
_HEADERS_OF_HOOKS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path, the query or the headers."""

    name: str
    place: str
    description: str
    schema: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        required = self.place == "path" or self.name in _HEADERS_OF_HOOKS
        return {
            "name": self.name,
            "in": self.place,
            "required": required,
            "description": self.description,
            "schema": dict(self.schema),
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: what it takes, what it answers, and the codes of the catalogue that it may end in."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, type[BaseModel]]
    problems: tuple[str, ...]
    scope: str | None = None
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    description: str = ""
    needs_body: bool = True


def _text(name: str, place: str, description: str, **schema: Any) -> Parameter:
    return Parameter(name, place, description, {"type": "string", **schema})


_SERIAL = _text("serial", "path", "The card's serial number.")
_IDEMPOTENCY = _text(
    "Idempotency-Key", "header", "Any text of yours: the same key gives the same answer.", maxLength=200
)
_NEWS = _text("id", "path", "The news's id.")
_SLOT = _text("id", "path", "The slot's id.")
_TRIGGER = _text("id", "path", "The trigger's id.")
_SLOT_TEXT = Parameter("text", "path", "The text's id.", {"type": "integer"})
_COMMON = ("unauthorized", "forbidden", "rate_limited", "internal", "unavailable", "overloaded")
_BODIES = ("bad_json", "too_slow", "body_too_large", "unsupported_body", "invalid")
_EVENTS = (
    "webhook_refused",
    "card_ambiguous",
    "conflict",
    "already_exists",
    "not_published",
    "rate_limited",
    "internal",
    "unavailable",
    "overloaded",
)
_ONCE = ("bad_request", "idempotency_running", "idempotency_reused")

OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/cards",
        "issueCard",
        "Issue a card",
        {201: models.CardAnswer, 200: models.CardAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "not_published", "already_exists", "conflict"),
        "cards:write",
        models.CardRequest,
        (_IDEMPOTENCY,),
        "201 with the new card; 200 with the card that exists for this (template, external_id), its data untouched.",
    ),
    Operation(
        "GET",
        "/api/v1/cards",
        "listCards",
        "List cards",
        {200: models.CardListAnswer},
        (*_COMMON, "bad_cursor", "invalid"),
        "cards:read",
        parameters=(
            _text("cursor", "query", "`next_cursor` of the last answer."),
            Parameter(
                "limit", "query", "Cards a page.", {"type": "integer", "minimum": 1, "maximum": models.MAX_LIMIT}
            ),
            _text("template", "query", "Only cards of this template."),
            _text("external_id", "query", "Only cards with this external id."),
            _text("number", "query", "Only cards with this number."),
            _text("state", "query", "Only cards in this state.", enum=[state.value for state in CardState]),
        ),
    ),
    Operation(
        "POST",
        "/api/v1/cards:batch",
        "batchCards",
        "Issue and change many cards",
        {200: models.BatchAnswer},
        (*_COMMON, *_BODIES, *_ONCE),
        "cards:write",
        models.BatchRequest,
        (_IDEMPOTENCY,),
        "A row with `template` issues a card and takes what `POST /api/v1/cards` takes. A row that names a card by "
        "`serial_number`, or without `template` by `external_id` or `number`, changes it and takes what `PATCH` takes "
        "(with `template` where it says `state`, `notify` or `version`). Every row has its own status.",
    ),
    Operation(
        "GET",
        "/api/v1/cards/{serial}",
        "getCard",
        "Read a card",
        {200: models.CardAnswer},
        (*_COMMON, "card_not_found"),
        "cards:read",
        parameters=(_SERIAL,),
    ),
    Operation(
        "PATCH",
        "/api/v1/cards/{serial}",
        "changeCard",
        "Change a card",
        {200: models.ChangedCardAnswer},
        (*_COMMON, *_BODIES, "card_not_found", "version_mismatch", "conflict", "already_exists"),
        "cards:write",
        models.CardPatch,
        (_SERIAL,),
        "A JSON merge patch. Phones are pushed only when something visible has changed.",
    ),
    Operation(
        "GET",
        "/api/v1/cards/{serial}/timeline",
        "getTimeline",
        "Everything that happened to a card",
        {200: models.TimelineAnswer},
        (*_COMMON, "card_not_found"),
        "cards:read",
        parameters=(_SERIAL,),
    ),
    Operation(
        "POST",
        "/api/v1/news",
        "createNews",
        "Write a news",
        {201: newsmodels.NewsAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "not_published"),
        "news:write",
        NewsRequest,
        (_IDEMPOTENCY,),
        "A draft: nobody is told before it is started. 422 on a template that shows no `news.*`.",
    ),
    Operation(
        "GET",
        "/api/v1/news",
        "listNews",
        "List news",
        {200: newsmodels.NewsListAnswer},
        (*_COMMON, "bad_cursor", "invalid"),
        "news:read",
        parameters=(
            _text("cursor", "query", "`next_cursor` of the last answer."),
            Parameter("limit", "query", "News a page.", {"type": "integer", "minimum": 1, "maximum": models.MAX_LIMIT}),
            _text("template", "query", "Only news on this template."),
        ),
    ),
    Operation(
        "GET",
        "/api/v1/news/{id}",
        "getNews",
        "Read a news, and how far it is",
        {200: newsmodels.NewsAnswer},
        (*_COMMON, "news_not_found"),
        "news:read",
        parameters=(_NEWS,),
    ),
    Operation(
        "POST",
        "/api/v1/news/{id}:dry-run",
        "dryRunNews",
        "See what starting it would do",
        {200: newsmodels.DryRunAnswer},
        (*_COMMON, "news_not_found", "conflict", "invalid", "not_published"),
        "news:write",
        parameters=(_NEWS,),
        description="Counts the audience and draws samples. Nobody is told.",
    ),
    Operation(
        "POST",
        "/api/v1/news/{id}:start",
        "startNews",
        "Send a news, or schedule it",
        {200: newsmodels.NewsAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "news_not_found", "conflict", "plan_changed", "not_published"),
        "news:write",
        newsmodels.NewsStart,
        (_NEWS, _IDEMPOTENCY),
        "With the `plan` of a dry run it starts only what was seen. Started already, it stays as it is.",
        needs_body=False,
    ),
    *(
        Operation(
            "POST",
            f"/api/v1/news/{{id}}:{name}",
            f"{name}News",
            summary,
            {200: newsmodels.NewsAnswer},
            (*_COMMON, "news_not_found", "conflict"),
            "news:write",
            parameters=(_NEWS,),
            description=description,
        )
        for name, summary, description in (
            ("pause", "Push a news to nobody more", "Who has it keeps it; a phone that asks by itself gets it."),
            ("resume", "Go on with a paused news", "It goes on where it was paused."),
            (
                "stop",
                "Stop a news",
                "Nobody more is rung; who has it keeps it, the others see it when they come, silently.",
            ),
            ("cancel", "Take a news back", "Over now, silently: cards show what they showed before."),
            ("withdraw", "Withdraw a news", "Over now, silently, and out of the message history too."),
        )
    ),
    Operation(
        "POST",
        "/api/v1/news/{id}:correct",
        "correctNews",
        "Put a news right, silently",
        {200: newsmodels.NewsAnswer},
        (*_COMMON, *_BODIES, "news_not_found", "conflict", "not_published"),
        "news:write",
        NewsCorrection,
        (_NEWS,),
        "Cards, the history and Google's message say the new words; nobody is notified again.",
    ),
    Operation(
        "POST",
        "/api/v1/news/{id}:approve",
        "approveNews",
        "Approve a news that waits for it",
        {200: newsmodels.NewsAnswer},
        (*_COMMON, "news_not_found", "conflict", "plan_changed", "invalid", "not_published"),
        "news:approve",
        parameters=(_NEWS,),
        description="It is sent, or scheduled, if it is still what was asked for. Not by the key that has started it.",
    ),
    Operation(
        "POST",
        "/api/v1/news/{id}:refuse",
        "refuseNews",
        "Refuse a news that waits for approval",
        {200: newsmodels.NewsAnswer},
        (*_COMMON, *_BODIES, "news_not_found", "conflict"),
        "news:approve",
        slotmodels.NewsRefusal,
        (_NEWS,),
        "It is a draft again, with the reason. Not by the key that has started it.",
        needs_body=False,
    ),
    Operation(
        "GET",
        "/api/v1/news-approvals",
        "listApprovals",
        "List news that wait for a second person",
        {200: slotmodels.ApprovalListAnswer},
        _COMMON,
        "news:read",
    ),
    Operation(
        "GET",
        "/api/v1/news-rules",
        "getNewsRules",
        "Read what the brand asks of its news",
        {200: newsmodels.NewsRulesAnswer},
        _COMMON,
        "news:read",
    ),
    Operation(
        "GET",
        "/api/v1/news-slots",
        "listSlots",
        "List weekly slots",
        {200: slotmodels.SlotListAnswer},
        _COMMON,
        "news:read",
    ),
    Operation(
        "POST",
        "/api/v1/news-slots",
        "addSlot",
        "Make a weekly slot",
        {201: slotmodels.SlotAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "conflict", "not_published"),
        "news:write",
        slotmodels.SlotRequest,
        (_IDEMPOTENCY,),
        "Its queue is empty, and an empty slot sends nothing.",
    ),
    Operation(
        "GET",
        "/api/v1/news-slots/{id}",
        "getSlot",
        "Read a weekly slot and its queue",
        {200: slotmodels.SlotAnswer},
        (*_COMMON, "slot_not_found"),
        "news:read",
        parameters=(_SLOT,),
    ),
    Operation(
        "POST",
        "/api/v1/news-slots/{id}:remove",
        "removeSlot",
        "Remove a weekly slot",
        {200: slotmodels.SlotRemoved},
        (*_COMMON, "slot_not_found"),
        "news:write",
        parameters=(_SLOT,),
        description="With what waits in it; news that it has made stay.",
    ),
    Operation(
        "POST",
        "/api/v1/news-slots/{id}/texts",
        "addSlotText",
        "Put a text into a weekly slot",
        {201: slotmodels.SlotAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "slot_not_found", "conflict", "not_published"),
        "news:write",
        slotmodels.SlotTextRequest,
        (_SLOT, _IDEMPOTENCY),
        "Behind those that wait.",
    ),
    Operation(
        "POST",
        "/api/v1/news-slots/{id}/texts/{text}:move",
        "moveSlotText",
        "Give a text another place in its queue",
        {200: slotmodels.SlotAnswer},
        (*_COMMON, *_BODIES, "slot_not_found"),
        "news:write",
        slotmodels.SlotMove,
        (_SLOT, _SLOT_TEXT),
    ),
    Operation(
        "POST",
        "/api/v1/news-slots/{id}/texts/{text}:remove",
        "removeSlotText",
        "Take a text out of its queue",
        {200: slotmodels.SlotAnswer},
        (*_COMMON, "slot_not_found"),
        "news:write",
        parameters=(_SLOT, _SLOT_TEXT),
    ),
    Operation(
        "GET",
        "/api/v1/triggers",
        "listTriggers",
        "List triggers",
        {200: triggermodels.TriggerListAnswer},
        _COMMON,
        "news:read",
    ),
    Operation(
        "POST",
        "/api/v1/triggers",
        "createTrigger",
        "Write a trigger",
        {201: triggermodels.TriggerAnswer},
        (*_COMMON, *_BODIES, *_ONCE, "conflict", "not_published"),
        "news:write",
        TriggerRequest,
        (_IDEMPOTENCY,),
        description="It is off until it is switched on.",
    ),
    Operation(
        "GET",
        "/api/v1/triggers/{id}",
        "getTrigger",
        "Read a trigger and its figures",
        {200: triggermodels.TriggerAnswer},
        (*_COMMON, "trigger_not_found"),
        "news:read",
        parameters=(_TRIGGER,),
    ),
    Operation(
        "PATCH",
        "/api/v1/triggers/{id}",
        "changeTrigger",
        "Change a trigger",
        {200: triggermodels.TriggerAnswer},
        (*_COMMON, *_BODIES, "trigger_not_found", "conflict", "not_published"),
        "news:write",
        TriggerSettings,
        (_TRIGGER,),
        description="Other words are for those who are told from now on; cards that show the old ones keep them.",
    ),
    Operation(
        "GET",
        "/api/v1/triggers/{id}/today",
        "countTrigger",
        "Count whom a trigger would tell today",
        {200: triggermodels.TriggerTodayAnswer},
        (*_COMMON, "trigger_not_found", "conflict"),
        "news:read",
        parameters=(_TRIGGER,),
    ),
    Operation(
        "GET",
        "/api/v1/triggers/{id}/history",
        "getTriggerHistory",
        "Read the last days and firings of a trigger",
        {200: triggermodels.TriggerHistoryAnswer},
        (*_COMMON, "trigger_not_found"),
        "news:read",
        parameters=(_TRIGGER,),
    ),
    Operation(
        "POST",
        "/api/v1/triggers/{id}:on",
        "switchTriggerOn",
        "Switch a trigger on",
        {200: triggermodels.TriggerAnswer},
        (*_COMMON, "trigger_not_found", "conflict"),
        "news:write",
        parameters=(_TRIGGER,),
        description="What is true of a card already sets nothing off.",
    ),
    Operation(
        "POST",
        "/api/v1/triggers/{id}:pause",
        "pauseTrigger",
        "Pause a trigger",
        {200: triggermodels.TriggerAnswer},
        (*_COMMON, "trigger_not_found", "conflict"),
        "news:write",
        parameters=(_TRIGGER,),
    ),
    Operation(
        "POST",
        "/api/v1/triggers/{id}:off",
        "switchTriggerOff",
        "Switch a trigger off",
        {200: triggermodels.TriggerAnswer},
        (*_COMMON, *_BODIES, "trigger_not_found"),
        "news:write",
        triggermodels.TriggerOff,
        (_TRIGGER,),
        description="Texts stay on cards until their time is over, unless they are taken off.",
        needs_body=False,
    ),
    Operation(
        "POST",
        "/api/v1/triggers/{id}:remove",
        "removeTrigger",
        "Throw a trigger away that is off",
        {200: triggermodels.TriggerRemoved},
        (*_COMMON, "trigger_not_found", "conflict"),
        "news:write",
        parameters=(_TRIGGER,),
    ),
    Operation(
        "GET",
        "/api/v1/templates",
        "listTemplates",
        "List templates",
        {200: models.TemplateListAnswer},
        _COMMON,
        "templates:read",
    ),
    Operation(
        "GET",
        "/api/v1/templates/{key}/loss",
        "getTemplateLoss",
        "What either wallet cannot show of a template",
        {200: models.LossListAnswer},
        (*_COMMON, "template_not_found", "not_published"),
        "templates:read",
        parameters=(_text("key", "path", "The template's key."),),
    ),
    Operation(
        "POST",
        "/hooks/{source}",
        "deliverEvent",
        "Tell about a change",
        {200: models.HookAnswer, 202: models.HookAnswer},
        (*_BODIES, *_EVENTS),
        None,
        models.Event,
        (
            _text("source", "path", "The hook source's name."),
            _text(
                "webhook-id", "header", "The event's id, the same on every attempt.", pattern="^[A-Za-z0-9_-]{1,128}$"
            ),
            _text("webhook-timestamp", "header", "Unix time of this attempt.", pattern="^[0-9]{10}$"),
            _text("webhook-signature", "header", "`v1,` and base64 of the HMAC-SHA256."),
        ),
        "Standard Webhooks 1.0.0. 202 with `no_card` when the card does not exist yet: its newest state is kept 90 days; 202 "
        "with `held` when the brake keeps the change apart until a person decides.",
    ),
)


def document(public_url: str) -> dict[str, Any]:
    """The whole description for a server at ``public_url``."""
    return {**_document(), "servers": [{"url": public_url}]}


async def description(request: web.Request) -> web.Response:
    """GET /api/v1/openapi.json."""
    body = orjson.dumps(document(request.app[OPTIONS].public_url))
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "public, max-age=300"})


async def page(request: web.Request) -> web.Response:
    """GET /api: the same for people."""
    described = document(request.app[OPTIONS].public_url)
    return pages.render(request, "api.html", "en", api=described, operations=OPERATIONS, catalogue=CATALOGUE)


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Passbell",
            "version": VERSION,
            "description": "Issue wallet cards and ring them when something changes.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `pb_live_...`."}
            },
        },
    }


def _schemas() -> dict[str, Any]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {(models.ProblemAnswer, "serialization"): None}
    wanted |= dict.fromkeys((model, "validation") for model in (models.CardPatch, models.CardRequest))
    for operation in OPERATIONS:
        wanted |= dict.fromkeys((model, "serialization") for model in operation.answers.values())
        if operation.body is not None:
            wanted[operation.body, "validation"] = None
    _, schemas = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = schemas["$defs"]
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(status): _answer(model) for status, model in operation.answers.items()},
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [parameter.to_json() for parameter in operation.parameters]
    if operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": {"application/json": {"schema": schema}},
        }
    if operation.scope is not None:
        described["security"] = [{"key": []}]
        described["x-scope"] = operation.scope
    described["responses"] |= _problems(operation.problems)
    return described


def _answer(model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    description = (model.__doc__ or "").strip().split("\n")[0]
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in found),
            "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
        }
        for status, found in sorted(by_status.items())
    }
