"""The REST interface for the backend: ``/api/v1``. Each handler reads the request, calls one thing, writes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from handlers import body, errors, idempotency, models
from handlers.errors import Place, ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.middleware import refuse
from passkit import links
from passkit.change import FieldChange
from passkit.model import CardState
from store import cards, keys, newshistory
from store import templates as store_templates
from store import timeline as store_timeline
from store.cards import UNSET, CardFilter, CardRef, CardView, Change, Changed, Issued, NewCard, Patch
from store.errors import StoreError
from store.google import Mode
from store.keys import ApiKey

NO_STORE = {"Cache-Control": "no-store"}
NAMES = ("serial_number", "external_id", "number")
"""How a batch row names the card it changes; the first that is there counts."""


async def issue(request: web.Request) -> web.Response:
    """POST /api/v1/cards: 201 with a new card, 200 with the card that exists already."""
    key = await authorized(request, "cards:write")
    content = await body.read(request, body.API_LIMIT)
    return await idempotency.once(request, key, content, lambda: _issue(request, key, body.parse_json(content)))


async def batch(request: web.Request) -> web.Response:
    """POST /api/v1/cards:batch: every row with its own status, in the rows' order."""
    key = await authorized(request, "cards:write")
    content = await body.read(request, body.BATCH_LIMIT)
    run = lambda: _batch(request, key, body.parse_json(content))  # noqa: E731 - too long for one transaction
    return await idempotency.once(request, key, content, run, atomic=False)


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/cards/{serial}."""
    key = await authorized(request, "cards:read")
    card = await cards.view(request.app[DATABASE], key.brand_id, request.match_info["serial"])
    return respond(card_answer(request, card))


async def change(request: web.Request) -> web.Response:
    """PATCH /api/v1/cards/{serial}: the card after the merge patch, and what people see of it."""
    key = await authorized(request, "cards:write")
    patch = change_of(await body.read_json(request, body.API_LIMIT))
    now = request.app[OPTIONS].clock()
    changed = await cards.change(request.app[DATABASE], key.brand_id, request.match_info["serial"], patch, now)
    shown = card_answer(request, changed.card)
    return respond(models.ChangedCardAnswer(**dict(shown), visible=visible_rows(changed.visible)))


async def listing(request: web.Request) -> web.Response:
    """GET /api/v1/cards: a page in stable order; the cursor is opaque."""
    key = await authorized(request, "cards:read")
    filters, cursor, limit = listing_query(request.query)
    page = await cards.listing(request.app[DATABASE], key.brand_id, cursor=cursor, limit=limit, filters=filters)
    shown = [card_answer(request, card) for card in page.cards]
    return respond(models.CardListAnswer(cards=shown, next_cursor=page.next_cursor))


async def timeline(request: web.Request) -> web.Response:
    """GET /api/v1/cards/{serial}/timeline: everything about one card, ending in one sentence."""
    key = await authorized(request, "cards:read")
    serial = request.match_info["serial"]
    told = await store_timeline.read(request.app[DATABASE], key.brand_id, serial)
    heard = await newshistory.of_card(request.app[DATABASE], key.brand_id, serial)
    return respond(
        models.TimelineAnswer(
            serial_number=serial,
            entries=[
                models.TimelineEntry(at=e.at, kind=e.kind, detail=dict(e.detail), device=e.device) for e in told.entries
            ],
            news=[models.ToldNews.model_validate(asdict(one)) for one in heard],
            phones=[
                models.Phone(
                    device=holder.id,
                    platform=holder.platform,
                    state=holder.state,
                    state_reason=holder.state_reason,
                    since=holder.since,
                    accepted_at=holder.accepted_at,
                    listed_at=holder.listed_at,
                )
                for holder in told.holders
            ],
            diagnosis=models.DiagnosisAnswer(
                code=told.diagnosis.code,
                en=told.diagnosis.en,
                ru=told.diagnosis.ru,
                tell_client_en=told.diagnosis.tell_client_en,
                tell_client_ru=told.diagnosis.tell_client_ru,
            ),
        )
    )


async def templates(request: web.Request) -> web.Response:
    """GET /api/v1/templates."""
    key = await authorized(request, "templates:read")
    rows = await store_templates.listing(request.app[DATABASE], key.brand_id)
    shown = [
        models.TemplateAnswer(
            key=row.key,
            name=row.name,
            style=row.style,
            published_revision=row.published_revision,
            updated_at=row.updated_at,
            archived=row.archived_at is not None,
        )
        for row in rows
    ]
    return respond(models.TemplateListAnswer(templates=shown))


async def losses(request: web.Request) -> web.Response:
    """GET /api/v1/templates/{key}/loss."""
    key = await authorized(request, "templates:read")
    name = request.match_info["key"]
    number, found = await store_templates.losses(request.app[DATABASE], key.brand_id, name)
    shown = [models.LossAnswer(**one.to_json()) for one in found]
    return respond(models.LossListAnswer(template=name, revision=number, losses=shown))


async def authorized(request: web.Request, scope: str) -> ApiKey:
    """The key of ``Authorization: Bearer``; 401 without a living one, 403 without the scope."""
    values = request.headers.getall("Authorization", [])
    scheme, _, secret = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    key = None
    if scheme.lower() == "bearer" and secret.isascii():
        key = await keys.authenticate(request.app[DATABASE], secret.strip(), request.app[OPTIONS].clock())
    if key is None:
        problem = ProblemError("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="passbell"'})
        raise refuse(request, "api", problem)
    if not key.allows(scope):
        raise ProblemError("forbidden", f"This key lacks the scope {scope}.")
    return key


def respond(answer: BaseModel, status: int = 200) -> web.Response:
    """A model as JSON."""
    content = orjson.dumps(answer.model_dump(mode="json"))
    return web.Response(body=content, status=status, content_type="application/json", headers=NO_STORE)


def card_answer(request: web.Request, card: CardView) -> models.CardAnswer:
    """A card as every answer shows it."""
    public_url = request.app[OPTIONS].public_url
    return models.CardAnswer(
        serial_number=card.serial_number,
        template=card.template,
        revision=card.revision,
        number=card.number,
        external_id=card.external_id,
        version=card.version,
        state=card.state,
        language=card.language,
        data=dict(card.data),
        formatted=dict(card.formatted),
        expires_at=card.expires_at,
        tags=list(card.tags),
        outlet=card.outlet,
        issued_by=card.issued_by,
        channel=card.channel,
        time_zone=card.time_zone,
        install_url=links.install_url(public_url, card.install_token),
        apple_url=links.apple_url(public_url, card.install_token),
        google_url=None if card.google_mode == Mode.OFF else links.google_url(public_url, card.install_token),
        created_at=card.created_at,
        updated_at=card.updated_at,
    )


def visible_rows(visible: Sequence[FieldChange]) -> list[models.VisibleChange]:
    """What people see of a change."""
    return [models.VisibleChange(**row.to_json()) for row in visible]


def change_of(document: Any, at: str = "") -> Change:
    """A merge patch as a change: what is absent stays, null clears; ``state`` and ``data`` cannot be null."""
    patch = models.accept(models.CardPatch, document, at)
    given = patch.model_fields_set
    nulls = [name for name in ("state", "data") if name in given and getattr(patch, name) is None]
    if nulls:
        raise ProblemError("invalid", errors=[Place(f"{at}/{name}", "This cannot be null.") for name in nulls])
    return Change(
        data=patch.data or {},
        state=patch.state,
        language=patch.language if "language" in given else UNSET,
        external_id=patch.external_id if "external_id" in given else UNSET,
        expires_at=patch.expires_at if "expires_at" in given else UNSET,
        tags=tuple(patch.tags or ()) if "tags" in given else UNSET,
        time_zone=patch.time_zone if "time_zone" in given else UNSET,
        notify=patch.notify,
        version=patch.version,
    )


def new_card_of(document: Any, at: str = "") -> NewCard:
    """The body of an issue."""
    asked = models.accept(models.CardRequest, document, at)
    return NewCard(**{**dict(asked), "tags": tuple(asked.tags)})


def listing_query(query: Mapping[str, str]) -> tuple[CardFilter, str | None, int]:
    """Filters, cursor and limit; every parameter that we do not know is an error, so that a typing slip lists nothing."""
    filters = ("template", "external_id", "number", "state")
    misfits = [
        Place(f"/{name}", "There is no such parameter.") for name in query if name not in (*filters, "cursor", "limit")
    ]
    limit = query.get("limit", str(models.DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= models.MAX_LIMIT):
        misfits.append(Place("/limit", f"A whole number from 1 to {models.MAX_LIMIT}."))
    if query.get("state") not in (None, *(state.value for state in CardState)):
        misfits.append(Place("/state", "One of active, voided, expired, completed."))
    misfits += [Place(f"/{name}", "This cannot be in a name.") for name in filters if "\0" in query.get(name, "")]
    if misfits:
        raise ProblemError("invalid", errors=misfits)
    return CardFilter(**{name: query.get(name) for name in filters}), query.get("cursor"), int(limit)


async def _issue(request: web.Request, key: ApiKey, document: Any) -> web.Response:
    now = request.app[OPTIONS].clock()
    issued = await cards.issue(request.app[DATABASE], key.brand_id, new_card_of(document), now)
    shown = card_answer(request, issued.card)
    return respond(shown, 201 if issued.created else 200)


async def _batch(request: web.Request, key: ApiKey, document: Any) -> web.Response:
    asked = models.accept(models.BatchRequest, document)
    rows = [_row(row) for row in asked.rows]
    good = [row for row in rows if not isinstance(row, ProblemError)]
    done = iter(await cards.batch(request.app[DATABASE], key.brand_id, good, request.app[OPTIONS].clock()))
    docs_url = request.app[OPTIONS].docs_url
    results = [_result(row if isinstance(row, ProblemError) else next(done), docs_url) for row in rows]
    content = {"results": [result.model_dump(mode="json", exclude_unset=True) for result in results]}
    return web.Response(body=orjson.dumps(content), content_type="application/json", headers=NO_STORE)


def _row(document: Any) -> NewCard | Patch | ProblemError:
    """A row of a batch: a card to issue, or a change of the card it names."""
    try:
        if not isinstance(document, dict):
            raise ProblemError("invalid", "A row is an object.")
        if is_issue(document):
            return new_card_of(document)
        named = models.accept(models.RowName, document)
        name = next((name for name in NAMES if getattr(named, name) is not None), None)
        if name is None:
            raise ProblemError("invalid", "Name the card by serial_number, external_id or number, or give a template.")
        patch = {member: value for member, value in document.items() if member not in (name, "template")}
        return Patch(CardRef(template=named.template, **{name: getattr(named, name)}), change_of(patch))
    except ProblemError as problem:
        return problem


def is_issue(document: Mapping[str, Any]) -> bool:
    """A row with a template issues, unless it names a card by serial number or says what only a change can say."""
    return "template" in document and not {"serial_number", "state", "notify", "version"} & document.keys()


def _result(result: Issued | Changed | StoreError | ProblemError, docs_url: str) -> models.BatchResult:
    if isinstance(result, Issued):
        return models.BatchResult(status=201 if result.created else 200, serial_number=result.card.serial_number)
    if isinstance(result, Changed):
        return models.BatchResult(status=200, serial_number=result.card.serial_number)
    problem = errors.from_exception(result)
    told = models.ProblemAnswer(**errors.document(problem, docs_url))
    return models.BatchResult(status=problem.kind.status, problem=told)
