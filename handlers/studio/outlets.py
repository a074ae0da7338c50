"""Outlets of the brand, with who works there and on which devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import forms, page
from handlers.studio.me import Me, database, now
from handlers.studio.texts import TEXTS
from passkit.places import coordinates
from store import people
from store.errors import Invalid, StoreError
from store.people import NewOutlet, Outlet, Workplace


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/outlets."""
    db = database(request)
    staff = Counter(one.outlet_id for one in await people.workplaces.staff(db, me.brand.id))
    places = Counter(one.outlet_id for one in await people.workplaces.listing(db, me.brand.id))
    outlets = await people.outlets.listing(db, me.brand.id)
    return page.show(request, me, "outlets.html", outlets=outlets, staff=staff, places=places)


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/outlets/new."""
    return page.show(request, me, "outlet_new.html", form=forms.Form(), errors={})


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/outlets."""
    form = await forms.read(request, me)
    try:
        outlet = await people.outlets.add(database(request), me.brand.id, _given(form, me, {}), me.actor, now(request))
    except Invalid as error:
        errors = _errors(error, me)
        return page.show(request, me, "outlet_new.html", status=422, form=form, errors=errors)
    await page.say(request, me, "outlet_added", name=outlet.name)
    return page.go(f"/studio/outlets/{outlet.id}")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/outlets/{outlet}."""
    return await _page(request, me, await _outlet(request, me))


async def change(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/outlets/{outlet}."""
    form = await forms.read(request, me)
    outlet = await _outlet(request, me)
    try:
        given = _given(form, me, outlet.settings)
        await people.outlets.change(database(request), me.brand.id, outlet.id, given, me.actor, now(request))
    except Invalid as error:
        return await _page(request, me, outlet, errors=_errors(error, me), form=form)
    await page.say(request, me, "saved")
    return page.go(f"/studio/outlets/{outlet.id}")


async def archive(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/outlets/{outlet}:archive."""
    await forms.read(request, me)
    outlet = await _outlet(request, me)
    await people.outlets.archive(database(request), me.brand.id, outlet.id, me.actor, now(request))
    await page.say(request, me, "outlet_archived", name=outlet.name)
    return page.go("/studio/outlets")


async def hire(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/outlets/{outlet}/employees."""
    form = await forms.read(request, me)
    outlet = await _outlet(request, me)
    try:
        employee = await people.workplaces.hire(
            database(request), me.brand.id, outlet.id, form["name"], form["pin"], me.actor, now(request)
        )
    except Invalid as error:
        return await _page(request, me, outlet, hire_errors=_errors(error, me), form=form)
    await page.say(request, me, "employee_added", name=employee.name)
    return page.go(f"/studio/outlets/{outlet.id}#employees")


async def change_employee(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/employees/{employee}: another name, or another PIN."""
    form = await forms.read(request, me)
    number = forms.checked_id(request.match_info["employee"])
    try:
        employee = await people.workplaces.change_employee(
            database(request),
            me.brand.id,
            number,
            me.actor,
            now(request),
            name=form["name"] or None,
            pin=form["pin"] or None,
        )
    except Invalid as error:
        words = " ".join(_errors(error, me).values())
        await page.say(request, me, "employee_not_changed", "wrong", words=words)
        return page.go(forms.back(form, "/studio/outlets"))
    await page.say(request, me, "employee_changed", name=employee.name)
    return page.go(f"/studio/outlets/{employee.outlet_id}#employees")


async def let_go(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/employees/{employee}:leave."""
    await forms.read(request, me)
    number = forms.checked_id(request.match_info["employee"])
    employee = await people.workplaces.change_employee(
        database(request), me.brand.id, number, me.actor, now(request), active=False
    )
    await page.say(request, me, "employee_left", name=employee.name)
    return page.go(f"/studio/outlets/{employee.outlet_id}#employees")


async def add_workplace(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/outlets/{outlet}/workplaces: the pairing code, shown once."""
    form = await forms.read(request, me)
    outlet = await _outlet(request, me)
    try:
        workplace, code = await people.workplaces.add_workplace(
            database(request), me.brand.id, outlet.id, form["workplace"], me.actor, now(request)
        )
    except Invalid as error:
        return await _page(request, me, outlet, place_errors={"workplace": next(iter(_errors(error, me).values()))})
    return _code(request, me, workplace, code)


async def new_code(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/workplaces/{workplace}:code."""
    await forms.read(request, me)
    number = forms.checked_id(request.match_info["workplace"])
    workplace, code = await people.workplaces.new_code(database(request), me.brand.id, number, me.actor, now(request))
    return _code(request, me, workplace, code)


async def unpair(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/workplaces/{workplace}:unpair."""
    form = await forms.read(request, me)
    number = forms.checked_id(request.match_info["workplace"])
    await people.workplaces.unpair(database(request), me.brand.id, number, me.actor, now(request))
    await page.say(request, me, "workplace_removed")
    return page.go(forms.back(form, "/studio/outlets"))


def _code(request: web.Request, me: Me, workplace: Workplace, code: str) -> web.StreamResponse:
    address = f"{root(request)[OPTIONS].public_url}/studio/place"
    return page.show(request, me, "workplace_code.html", workplace=workplace, code=code, address=address)


async def _page(
    request: web.Request,
    me: Me,
    outlet: Outlet,
    *,
    errors: dict[str, str] | None = None,
    hire_errors: dict[str, str] | None = None,
    place_errors: dict[str, str] | None = None,
    form: forms.Form | None = None,
) -> web.StreamResponse:
    db = database(request)
    staff = await people.workplaces.staff(db, me.brand.id, outlet_id=outlet.id)
    places = [one for one in await people.workplaces.listing(db, me.brand.id) if one.outlet_id == outlet.id]
    refused = errors or hire_errors or place_errors
    return page.show(
        request,
        me,
        "outlet.html",
        status=422 if refused else 200,
        outlet=outlet,
        staff=staff,
        places=places,
        form=form,
        errors=errors or {},
        hire_errors=hire_errors or {},
        place_errors=place_errors or {},
    )


async def _outlet(request: web.Request, me: Me) -> Outlet:
    number = forms.checked_id(request.match_info["outlet"])
    return await people.outlets.get(database(request), me.brand.id, number)


def _given(form: forms.Form, me: Me, settings: Mapping[str, Any]) -> NewOutlet:
    """What the form says; ``settings`` are those that the outlet has, and those without a field stay."""
    place = coordinates(form["place"]) if form["place"].strip() else None
    if place is None and form["place"].strip():
        raise Invalid([people.problem("/place", TEXTS[me.language]["outlet_no_place"])])
    latitude, longitude = place or (None, None)
    contacts = {name: form[name].strip() for name in people.outlets.CONTACTS}
    return NewOutlet(
        name=form["name"],
        address=form["address"],
        latitude=latitude,
        longitude=longitude,
        opening=form["opening"],
        settings={**settings, **contacts},
    )


def _errors(error: StoreError, me: Me) -> dict[str, str]:
    return forms.problems(error, me.language)
