"""Every URL of the studio on one page, each with the least role that may, or who else."""

from __future__ import annotations

from aiohttp import web

from handlers.keys import PAGES
from handlers.studio import (
    audit,
    cards,
    certificates,
    desk,
    drawing,
    editing,
    editor,
    exchange,
    googlepage,
    held,
    history,
    home,
    invite,
    linkletters,
    links,
    look,
    messages,
    news,
    newsapproval,
    newsreview,
    newsrules,
    newsrun,
    newsslots,
    newstest,
    outlets,
    page,
    patterns,
    people,
    place,
    reports,
    review,
    second_step,
    sign_in,
    templates,
    triggers,
    tryout,
)
from handlers.studio.access import Open, screen
from handlers.studio.me import Me, Refusal
from handlers.studio.walks import WALKS, Walks
from store.people import Role

ANYBODY, HALF_WAY, SIGNED_IN = Open.ANYBODY, Open.HALF_WAY, Open.SIGNED_IN
VIEWER, DESIGNER, PUBLISHER, ADMIN, DESK = Role.VIEWER, Role.DESIGNER, Role.PUBLISHER, Role.ADMIN, Role.DESK

SCREENS = (
    screen("GET", "/studio/", home.show, VIEWER),
    screen("GET", "/studio/patterns", patterns.show, SIGNED_IN),
    # who you are
    screen("GET", "/studio/sign-in", sign_in.form, ANYBODY),
    screen("POST", "/studio/sign-in", sign_in.enter, ANYBODY),
    screen("POST", "/studio/sign-out", sign_in.leave, ANYBODY),
    screen("GET", "/studio/totp", second_step.show, HALF_WAY),
    screen("POST", "/studio/totp", second_step.take, HALF_WAY),
    screen("GET", "/studio/totp/qr.svg", second_step.qr, HALF_WAY),
    screen("GET", "/studio/prove", second_step.ask_again, SIGNED_IN),
    screen("POST", "/studio/prove", second_step.prove, SIGNED_IN),
    screen("GET", "/studio/account", second_step.account, SIGNED_IN),
    screen("POST", "/studio/account/password", second_step.change_password, SIGNED_IN),
    screen("POST", "/studio/account/recovery-codes", second_step.new_recovery_codes, SIGNED_IN),
    screen("GET", "/studio/invite/{token}", invite.show, ANYBODY),
    screen("POST", "/studio/invite/{token}", invite.accept, ANYBODY),
    screen("POST", "/studio/look", look.choose, ANYBODY),
    screen("POST", "/studio/brand/{key}:switch", look.switch_brand, SIGNED_IN),
    # a workplace, where people switch by PIN
    screen("GET", "/studio/place", place.show, ANYBODY),
    screen("POST", "/studio/place:pair", place.pair, ANYBODY),
    screen("POST", "/studio/place:pin", place.enter, ANYBODY),
    # news
    screen("GET", "/studio/news", news.listing, VIEWER),
    screen("POST", "/studio/news", news.add, DESIGNER),
    screen("GET", "/studio/news/new", news.new, DESIGNER),
    screen("GET", "/studio/news/rules", newsrules.show, VIEWER),
    screen("POST", "/studio/news/rules/quiet", newsrules.quiet, ADMIN, second_step=True),
    screen("POST", "/studio/news/rules/cap", newsrules.cap, ADMIN, second_step=True),
    screen("POST", "/studio/news/rules/approval", newsrules.approval, ADMIN, second_step=True),
    screen("POST", "/studio/news/rules/undo", newsrules.undo, ADMIN, second_step=True),
    screen("GET", "/studio/news/slots", newsslots.listing, VIEWER),
    screen("POST", "/studio/news/slots", newsslots.add, PUBLISHER, second_step=True),
    screen("GET", "/studio/news/slots/{slot}", newsslots.show, VIEWER),
    screen("POST", "/studio/news/slots/{slot}:remove", newsslots.remove, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/slots/{slot}/texts", newsslots.put, PUBLISHER, second_step=True),
    screen("GET", "/studio/news/slots/{slot}/texts/{text}", newsslots.text, PUBLISHER),
    screen("POST", "/studio/news/slots/{slot}/texts/{text}", newsslots.rewrite, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/slots/{slot}/texts/{text}:move", newsslots.move, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/slots/{slot}/texts/{text}:remove", newsslots.take_out, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/slots/{slot}/texts/{text}:return", newsslots.put_back, PUBLISHER, second_step=True),
    screen("GET", "/studio/news/triggers", triggers.listing, VIEWER),
    screen("POST", "/studio/news/triggers", triggers.add, DESIGNER),
    screen("GET", "/studio/news/triggers/new", triggers.new, DESIGNER),
    screen("GET", "/studio/news/triggers/{trigger}", triggers.show, VIEWER),
    screen("POST", "/studio/news/triggers/{trigger}", triggers.save, DESIGNER),
    screen("POST", "/studio/news/triggers/{trigger}:change", triggers.change, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/triggers/{trigger}:on", triggers.switch_on, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/triggers/{trigger}:pause", triggers.pause, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/triggers/{trigger}:off", triggers.switch_off, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/triggers/{trigger}:remove", triggers.remove, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/triggers/{trigger}/preview", triggers.preview, VIEWER),
    screen("POST", "/studio/news/triggers/{trigger}/count", triggers.count, VIEWER),
    screen("GET", "/studio/news/triggers/{trigger}/test", triggers.test, DESIGNER),
    screen("GET", "/studio/news/{news}", news.show, VIEWER),
    screen("POST", "/studio/news/{news}:copy", news.copy, DESIGNER),
    screen("POST", "/studio/news/{news}:discard", news.discard, DESIGNER),
    screen("POST", "/studio/news/{news}/draft", news.save, DESIGNER),
    screen("POST", "/studio/news/{news}/picture", news.upload, DESIGNER),
    screen("GET", "/studio/news/{news}/preview", news.preview, DESIGNER),
    screen("GET", "/studio/news/{news}/count", news.count, DESIGNER),
    screen("GET", "/studio/news/{news}/review", newsreview.show, DESIGNER),
    screen("GET", "/studio/news/{news}/people", newsreview.people, DESIGNER),
    screen("GET", "/studio/news/{news}/test", newstest.show, DESIGNER),
    screen("GET", "/studio/news/{news}/test/qr.svg", newstest.qr, DESIGNER),
    screen("POST", "/studio/news/{news}:test-card", newstest.card, DESIGNER),
    screen("POST", "/studio/news/{news}:test", newstest.send, DESIGNER),
    screen("POST", "/studio/news/{news}:start", newsreview.start, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:undo", newsrun.undo, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:now", newsrun.at_once, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:pause", newsrun.pause, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:resume", newsrun.resume, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:stop", newsrun.stop, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:cancel", newsrun.cancel, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:correct", newsrun.correct, PUBLISHER, second_step=True),
    screen("POST", "/studio/news/{news}:withdraw", newsrun.withdraw, PUBLISHER, second_step=True),
    screen("GET", "/studio/news/{news}/approval", newsapproval.show, VIEWER),
    screen("POST", "/studio/news/{news}:approve", newsapproval.approve, VIEWER, second_step=True),
    screen("POST", "/studio/news/{news}:refuse", newsapproval.refuse, VIEWER, second_step=True),
    screen("POST", "/studio/news/{news}:take-back", newsapproval.take_back, PUBLISHER, second_step=True),
    screen("GET", "/studio/approve/{token}", newsapproval.by_link, ANYBODY),
    screen("POST", "/studio/approve/{token}", newsapproval.decide, ANYBODY),
    screen("GET", "/studio/news/{news}/progress", newsrun.progress, VIEWER),
    screen("GET", "/studio/news/{news}/events", newsrun.events, VIEWER),
    # cards
    screen("GET", "/studio/cards", cards.listing, VIEWER),
    screen("GET", "/studio/cards/{serial}", cards.show, VIEWER),
    screen("POST", "/studio/cards/{serial}/values", cards.change, PUBLISHER, second_step=True),
    screen("POST", "/studio/cards/{serial}:void", cards.void, PUBLISHER, second_step=True),
    screen("POST", "/studio/cards/{serial}:revive", cards.revive, PUBLISHER, second_step=True),
    screen("POST", "/studio/cards/{serial}:send", linkletters.from_card, PUBLISHER, second_step=True),
    screen("POST", "/studio/cards/{serial}/consents", cards.withdraw_consent, PUBLISHER, second_step=True),
    screen("GET", "/studio/corrections", cards.corrected, ADMIN),
    # what the brake keeps apart
    screen("GET", "/studio/held", held.listing, VIEWER),
    screen("GET", "/studio/held/{brake}", held.show, PUBLISHER, second_step=True),
    screen("POST", "/studio/held/{brake}:apply", held.apply, PUBLISHER, second_step=True),
    screen("POST", "/studio/held/{brake}:discard", held.discard, PUBLISHER, second_step=True),
    # Google Wallet
    screen("GET", "/studio/google", googlepage.show, ADMIN),
    screen("POST", "/studio/google", googlepage.change, ADMIN, second_step=True),
    screen("POST", "/studio/google:retry", googlepage.retry, ADMIN, second_step=True),
    screen("POST", "/studio/google/keys", googlepage.add_key, ADMIN, second_step=True),
    screen("POST", "/studio/google/keys/{fingerprint}:remove", googlepage.remove_key, ADMIN, second_step=True),
    # who gave cards out, and what counts
    screen("GET", "/studio/reports", reports.show, VIEWER),
    screen("GET", "/studio/reports.csv", reports.export, VIEWER),
    screen("GET", "/studio/reports/campaigns.csv", reports.export_campaigns, VIEWER),
    screen("GET", "/studio/reports/rules", reports.rules_form, ADMIN),
    screen("POST", "/studio/reports/rules", reports.change_rules, ADMIN),
    # the issue desk, and the screen that faces its clients
    screen("GET", "/studio/desk", desk.show, DESK),
    screen("POST", "/studio/desk:find", desk.find, DESK),
    screen("POST", "/studio/desk:give", desk.give, DESK),
    screen("POST", "/studio/desk/cards/{serial}:show", desk.again, DESK),
    screen("GET", "/studio/desk/codes/{showing}", desk.code, DESK),
    screen("GET", "/studio/desk/codes/{showing}/steps", desk.steps, DESK),
    screen("GET", "/studio/desk/codes/{showing}/qr.svg", desk.qr, DESK),
    screen("POST", "/studio/desk/codes/{showing}:send", linkletters.from_desk, DESK),
    screen("GET", "/studio/desk/letters/{letter}", linkletters.fate, DESK),
    screen("POST", "/studio/desk/codes/{showing}:hide", desk.hide, DESK),
    screen("GET", "/studio/desk/mine", desk.mine, DESK),
    screen("POST", "/studio/desk/display", desk.display, DESK),
    screen("POST", "/studio/desk/display:end", desk.end_displays, DESK),
    screen("GET", "/studio/display/{token}", desk.client_screen, ANYBODY),
    screen("GET", "/studio/display/{token}/now", desk.client_now, ANYBODY),
    screen("GET", "/studio/display/{token}/{code}.svg", desk.client_qr, ANYBODY),
    # templates: the gallery
    screen("GET", "/studio/templates", templates.listing, VIEWER),
    screen("POST", "/studio/templates", templates.add, DESIGNER),
    screen("GET", "/studio/starters", templates.new, DESIGNER),
    screen("GET", "/studio/starters/{starter}.svg", templates.starter_picture, VIEWER),
    screen("GET", "/studio/templates/{key}/card.svg", templates.picture, VIEWER),
    screen("POST", "/studio/templates/{key}:copy", templates.copy, DESIGNER),
    screen("POST", "/studio/templates/{key}:rename", templates.rename, DESIGNER),
    screen("POST", "/studio/templates/{key}:archive", templates.archive, DESIGNER),
    screen("POST", "/studio/templates/{key}:restore", templates.restore, DESIGNER),
    screen("POST", "/studio/starters:import", exchange.take_in, DESIGNER),
    screen("POST", "/studio/templates/{key}:replace", exchange.replace, DESIGNER),
    screen("GET", "/studio/templates/{key}/export.zip", exchange.export, DESIGNER),
    # the editor
    screen("GET", "/studio/templates/{key}", editor.show, VIEWER),
    screen("GET", "/studio/templates/{key}/form", editor.form, DESIGNER),
    screen("GET", "/studio/templates/{key}/preview", editor.preview, VIEWER),
    screen("POST", "/studio/templates/{key}/yaml", exchange.yaml, DESIGNER),
    screen("GET", "/studio/points", exchange.point, DESIGNER),
    # publishing, and the way back
    screen("GET", "/studio/templates/{key}/review", review.show, PUBLISHER, second_step=True),
    screen("POST", "/studio/templates/{key}:publish", review.publish, PUBLISHER, second_step=True),
    screen("POST", "/studio/templates/{key}:alias", review.alias, DESIGNER),
    screen("GET", "/studio/templates/{key}/revisions", history.listing, VIEWER),
    screen("GET", "/studio/templates/{key}/compare", history.compare, VIEWER),
    screen("GET", "/studio/templates/{key}/tryout", tryout.show, DESIGNER),
    screen("GET", "/studio/templates/{key}/tryout/qr.svg", tryout.qr, DESIGNER),
    screen("POST", "/studio/templates/{key}:try", tryout.start, DESIGNER),
    screen("POST", "/studio/templates/{key}:end-tryout", tryout.end, DESIGNER),
    # the editor's modules
    screen("GET", "/studio/templates/{key}/draft", editing.show, VIEWER),
    screen("POST", "/studio/templates/{key}/edits", editing.save, DESIGNER),
    screen("POST", "/studio/templates/{key}/pictures", editing.upload, DESIGNER),
    screen("POST", "/studio/templates/{key}/undo", editing.undo, DESIGNER),
    screen("POST", "/studio/templates/{key}/redo", editing.redo, DESIGNER),
    screen("GET", "/studio/templates/{key}/history", editing.history, VIEWER),
    screen("GET", "/studio/templates/{key}/file", editing.file, VIEWER),
    # people
    screen("GET", "/studio/people", people.listing, ADMIN),
    screen("GET", "/studio/people/invite", people.new, ADMIN),
    screen("POST", "/studio/people/invite", people.invite, ADMIN),
    screen("POST", "/studio/people/invitations/{invitation}:withdraw", people.withdraw, ADMIN),
    screen("GET", "/studio/people/{user}", people.show, ADMIN),
    screen("POST", "/studio/people/{user}:role", people.change_role, ADMIN, fresh=True),
    screen("POST", "/studio/people/{user}:reset", people.reset, ADMIN, fresh=True),
    screen("POST", "/studio/people/{user}:remove", people.remove, ADMIN, fresh=True),
    screen("GET", "/studio/audit", audit.show, ADMIN),
    # join links and their posters
    screen("GET", "/studio/links", links.listing, VIEWER),
    screen("POST", "/studio/links", links.add, PUBLISHER),
    screen("GET", "/studio/links/new", links.new, PUBLISHER),
    screen("GET", "/studio/links/{link}", links.show, VIEWER),
    screen("POST", "/studio/links/{link}", links.change, PUBLISHER),
    screen("POST", "/studio/links/{link}:archive", links.archive, PUBLISHER),
    screen("GET", "/studio/links/{link}/qr.svg", links.code, VIEWER),
    screen("GET", "/studio/links/{link}/poster.pdf", links.printed, VIEWER),
    # the certificate
    screen("GET", "/studio/certificates", certificates.show, VIEWER),
    screen("POST", "/studio/certificates", certificates.take_in, ADMIN, second_step=True),
    screen("POST", "/studio/certificates:request", certificates.ask, ADMIN, second_step=True),
    screen("POST", "/studio/certificates:card", certificates.add_card, ADMIN, second_step=True),
    screen("POST", "/studio/certificates:end-card", certificates.end_card, ADMIN),
    screen("GET", "/studio/certificates/card.svg", certificates.card_qr, ADMIN),
    screen("GET", "/studio/certificates/{request}.csr", certificates.download, ADMIN),
    # messages: alarms' contacts, the gateway, tests
    screen("GET", "/studio/messages", messages.show, ADMIN),
    screen("POST", "/studio/messages/contacts", messages.add_contact, ADMIN),
    screen("POST", "/studio/messages/contacts:remove", messages.remove_contact, ADMIN),
    screen("POST", "/studio/messages/gateway", messages.set_gateway, ADMIN, second_step=True),
    screen("POST", "/studio/messages/gateway:remove", messages.drop_gateway, ADMIN, second_step=True),
    screen("POST", "/studio/messages:test", messages.test, ADMIN),
    # outlets, who works there and on what
    screen("GET", "/studio/outlets", outlets.listing, VIEWER),
    screen("POST", "/studio/outlets", outlets.add, ADMIN),
    screen("GET", "/studio/outlets/new", outlets.new, ADMIN),
    screen("GET", "/studio/outlets/{outlet}", outlets.show, ADMIN),
    screen("POST", "/studio/outlets/{outlet}", outlets.change, ADMIN),
    screen("POST", "/studio/outlets/{outlet}:archive", outlets.archive, ADMIN),
    screen("POST", "/studio/outlets/{outlet}/employees", outlets.hire, ADMIN),
    screen("POST", "/studio/employees/{employee}", outlets.change_employee, ADMIN),
    screen("POST", "/studio/employees/{employee}:leave", outlets.let_go, ADMIN),
    screen("POST", "/studio/outlets/{outlet}/workplaces", outlets.add_workplace, ADMIN),
    screen("POST", "/studio/workplaces/{workplace}:code", outlets.new_code, ADMIN),
    screen("POST", "/studio/workplaces/{workplace}:unpair", outlets.unpair, ADMIN),
)
"""All of them; tests/handlers/test_studio_access.py walks them."""


def mount(app: web.Application) -> None:
    """Put the studio into the application."""
    page.prepare(app[PAGES])
    editor.prepare(app[PAGES])
    app[drawing.DRAWINGS] = drawing.Drawings()
    app[WALKS], app[newsrun.STREAMS] = Walks(), newsrun.Streams()
    app.on_shutdown.extend((app[WALKS].close, app[newsrun.STREAMS].close))
    app.router.add_get("/studio", to_home)
    ordered = sorted(SCREENS, key=lambda one: ":" not in one.path)  # {outlet} would take 5:archive for an id
    app.add_routes([one.route() for one in ordered])
    app.add_routes([screen("*", "/studio/{rest:.*}", lost, ANYBODY).route()])


async def to_home(request: web.Request) -> web.StreamResponse:
    """GET /studio."""
    return page.go("/studio/")


async def lost(request: web.Request, me: Me) -> web.StreamResponse:
    """Whatever else is asked of the studio."""
    raise Refusal("not_found", 404)
