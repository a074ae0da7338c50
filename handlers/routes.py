"""Every URL on one page, and the application they belong to."""

from __future__ import annotations

import time

import aiohttp.http_parser
from aiohttp import web

from handlers import (
    addresses,
    api,
    google,
    health,
    hooks,
    install,
    join,
    look,
    metrics,
    middleware,
    news,
    newsslots,
    openapi,
    pages,
    triggers,
    wallet,
)
from handlers.body import API_LIMIT
from handlers.guard import IsExempt
from handlers.keys import (
    DATABASE,
    LIFECYCLE,
    LIMITER,
    LOG,
    OPTIONS,
    PAGES,
    READINESS,
    SIGNERS,
    STANDING,
    STATIC,
    HandlerOptions,
    Lifecycle,
    Readiness,
    StandingRead,
)
from handlers.limits import Limiter
from handlers.overload import LOAD, Load, keep_time
from handlers.signed import SIGNED, Signed
from handlers.studio import routes as studio
from handlers.studio.rendering import RENDERER, NoRenderer, Renderer
from passkit.apple.signing import Signers
from store.dialect import Database


def application(
    db: Database, signers: Signers, options: HandlerOptions, renderer: Renderer | None = None
) -> web.Application:
    """The whole web side; the caller owns the database and the renderer of drafts, and closes them after the application."""
    require_c_parser()
    app = web.Application(middlewares=[middleware.observe, middleware.answer_errors], client_max_size=API_LIMIT)
    app[DATABASE], app[SIGNERS], app[OPTIONS] = db, signers, options
    app[LIFECYCLE], app[READINESS], app[LIMITER] = Lifecycle(), Readiness(), Limiter(time.monotonic)
    app[STANDING] = StandingRead()
    db.served.on_waited.append(metrics.note_waits)
    app[google.WAITING] = google.Waiting()
    app[SIGNED], app[LOAD] = Signed(), Load(time.monotonic)
    app.cleanup_ctx.append(keep_time)
    app[LOG] = middleware.log.bind()
    app[RENDERER] = renderer or NoRenderer()
    app[STATIC], app[PAGES] = pages.static_files(), pages.environment()
    app.on_response_prepare.append(middleware.on_prepare)
    app.add_routes(
        [
            *apple_web_service(),
            web.get("/i/{token}", install.page),
            web.get("/i/{token}/card.pkpass", install.card),
            web.get("/i/{token}/card.svg", install.picture),
            web.get("/i/{token}/qr.svg", install.qr),
            web.get("/i/{token}/consents", install.consents_page),
            web.post("/i/{token}/consents", install.agree),
            web.post("/i/{token}/zone", install.note_zone),
            web.get("/i/{token}/google", google.save),
            web.get("/j/{slug}", join.page),
            web.post("/j/{slug}", join.join),
            web.post("/j/{slug}/code", join.code),
            web.get("/j/{slug}/card.svg", join.picture),
            web.get("/look/{colors}", look.stylesheet),
            web.post("/google/callback/{brand}", google.callback),
            web.get("/images/{hash}.png", google.image),
            web.get("/robots.txt", google.robots),
            web.post("/hooks/{source}", hooks.deliver),
            web.post("/api/v1/cards", api.issue),
            web.get("/api/v1/cards", api.listing),
            web.post("/api/v1/cards:batch", api.batch),
            web.get("/api/v1/cards/{serial}", api.show),
            web.patch("/api/v1/cards/{serial}", api.change),
            web.get("/api/v1/cards/{serial}/timeline", api.timeline),
            web.post("/api/v1/news", news.create),
            web.get("/api/v1/news", news.listing),
            web.get("/api/v1/news/{id}", news.show),
            web.post("/api/v1/news/{id}:dry-run", news.dry_run),
            web.post("/api/v1/news/{id}:start", news.start),
            web.post("/api/v1/news/{id}:pause", news.pause),
            web.post("/api/v1/news/{id}:resume", news.resume),
            web.post("/api/v1/news/{id}:stop", news.stop),
            web.post("/api/v1/news/{id}:cancel", news.cancel),
            web.post("/api/v1/news/{id}:correct", news.correct),
            web.post("/api/v1/news/{id}:withdraw", news.withdraw),
            web.post("/api/v1/news/{id}:approve", newsslots.approve),
            web.post("/api/v1/news/{id}:refuse", newsslots.refuse),
            web.get("/api/v1/news-approvals", newsslots.waiting),
            web.get("/api/v1/news-rules", news.rules),
            web.get("/api/v1/news-slots", newsslots.listing),
            web.post("/api/v1/news-slots", newsslots.add),
            web.get("/api/v1/news-slots/{id}", newsslots.show),
            web.post("/api/v1/news-slots/{id}:remove", newsslots.remove),
            web.post("/api/v1/news-slots/{id}/texts", newsslots.put),
            web.post("/api/v1/news-slots/{id}/texts/{text}:move", newsslots.move),
            web.post("/api/v1/news-slots/{id}/texts/{text}:remove", newsslots.take_out),
            web.get("/api/v1/triggers", triggers.listing),
            web.post("/api/v1/triggers", triggers.create),
            web.get("/api/v1/triggers/{id}", triggers.show),
            web.patch("/api/v1/triggers/{id}", triggers.change),
            web.get("/api/v1/triggers/{id}/today", triggers.today),
            web.get("/api/v1/triggers/{id}/history", triggers.history),
            web.post("/api/v1/triggers/{id}:on", triggers.switch_on),
            web.post("/api/v1/triggers/{id}:pause", triggers.pause),
            web.post("/api/v1/triggers/{id}:off", triggers.switch_off),
            web.post("/api/v1/triggers/{id}:remove", triggers.remove),
            web.get("/api/v1/templates", api.templates),
            web.get("/api/v1/templates/{key}/loss", api.losses),
            web.get("/api/v1/openapi.json", openapi.description),
            web.get("/api", openapi.page),
            web.get("/static/{name}", pages.static),
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/metrics", health.prometheus),
        ]
    )
    studio.mount(app)
    return app


def metrics_application(db: Database, signers: Signers, options: HandlerOptions) -> web.Application:
    """What a worker that stands alone answers: that it lives and what it counts, and nothing of anybody's."""
    require_c_parser()
    app = web.Application(middlewares=[middleware.observe])
    app[DATABASE], app[SIGNERS], app[OPTIONS] = db, signers, options
    app[LIFECYCLE], app[STANDING], app[LOAD] = Lifecycle(), StandingRead(), Load(time.monotonic)
    app[LOG] = middleware.log.bind()
    app.cleanup_ctx.append(keep_time)
    app.on_response_prepare.append(middleware.on_prepare)
    app.add_routes([web.get("/healthz", health.healthz), web.get("/metrics", health.prometheus)])
    return app


def apple_web_service() -> list[web.RouteDef]:
    """Apple's five endpoints under ``/passkit`` and PassWallet's own; slashes may be doubled, as PassAndroid doubles them."""
    registration = _tolerant("passkit", "v1", "devices", "{device}", "registrations", "{pass_type}", "{serial}")
    attido = _tolerant("passkit", "v1", "devices", "{device}", "registrations_attido", "{pass_type}", "{serial}")
    listing = _tolerant("passkit", "v1", "devices", "{device}", "registrations", "{pass_type}")
    card = _tolerant("passkit", "v1", "passes", "{pass_type}", "{serial}")
    return [
        web.post(registration, wallet.register),
        web.delete(registration, wallet.unregister),
        web.post(attido, wallet.register),
        web.delete(attido, wallet.unregister),
        web.get(listing, wallet.changed),
        web.get(card, wallet.fetch),
        web.post(_tolerant("passkit", "v1", "log"), wallet.log),
    ]


def is_exempt(options: HandlerOptions) -> IsExempt:
    """For the guard: trusted proxies and this machine have no limit of connections."""
    return lambda peer: addresses.is_unlimited(peer, options.trusted_proxies)


def require_c_parser() -> None:
    """Refuse to run on aiohttp's pure-Python parser, where request smuggling was found again and again."""
    if aiohttp.http_parser.HttpRequestParser is aiohttp.http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp runs without its C parser: unset AIOHTTP_NO_EXTENSIONS and install a binary wheel.")


def _tolerant(*parts: str) -> str:
    """A path in which every slash may stand more than once."""
    return "/" + "/".join(f"{{slash{number}:/*}}{part}" for number, part in enumerate(parts))
