"""The studio: where people make, try, publish and hand out cards, without a developer.

- ``routes``   every URL of the studio on one page, each with what it needs
- ``access``   who may (roles, second step), where a request must come from (CSRF); ``me`` who asks (``Me``), ``Refusal``
- ``page``     ``show`` puts user, brand, language, navigation and messages into every page; ``go`` leads on
- ``forms``    what a form sent, bounded; problems of the store as sentences beside their fields
- ``texts``    one module for each screen, English and Russian side by side
- one module for each screen: ``home`` ``sign_in`` ``second_step`` ``invite`` ``people`` ``outlets`` ``workplaces`` ...

How a screen is added:

1. ``handlers/studio/<screen>.py``: ``async def page(request, me) -> web.StreamResponse``. Read the form
   (``await forms.read(request, me)``), call one thing of the store with ``me.brand.id``, answer with
   ``page.show(request, me, "<screen>.html", ...)`` or, after a change, ``await page.say(request, me, "saved")`` and
   ``page.go("/studio/...")``. A row of another brand is ``store.errors.NotFound``: ask for it with ``me.brand.id``.
2. A line in ``routes.SCREENS`` with the role it needs; ``second_step=True`` for what publishes or pushes. The test that
   walks every route (tests/handlers/test_studio_access.py) then tries it with every role and another brand's ids: a new
   name in a path (``{serial}``) needs a row in its table ``FOREIGN``.
3. ``templates/pages/studio/<screen>.html``: ``{% extends "studio/layout.html" %}``, macros from ``studio/macros.html``. No
   inline style or script: classes of ``studio.css``, modules ``static/studio_<screen>.js``.
4. ``texts/<screen>.py`` with ``TEXTS``; a row in ``page.NAVIGATION`` if it has a place in the side bar.
5. What it does goes to the audit trail: ``async with db.joined(): ...; await people.record(db, me.brand.id, me.actor,
   ACTION, subject, now=...)`` with ``thing.done`` for ACTION, and the sentences ``audit_thing_done`` (and ``..._short``, for
   the filter) in the screen's texts.

What a page refuses is an exception: ``Refusal`` (a sentence of ours), a ``StoreError`` or a ``ProblemError``; the frame
makes a page of it, or a toast where htmx or a module asked.
"""
