"""Who may come into the studio: sign-in and its back-off, the second step, links, roles, the trail."""

from __future__ import annotations

import asyncio
import base64
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from store import audit, backoff, brands, passwords, people, sweeps, tables, totp
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.people import COMMAND_LINE, Filter, Refused, Role, SignedIn, User

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture
async def other(db: Database, now: datetime) -> brands.BrandRow:
    """Another brand."""
    return await brands.add(
        db, key="other", name="Other", pass_type_identifier="pass.other", team_identifier="T", now=now
    )


@pytest_asyncio.fixture
async def anna(db: Database, shop: brands.BrandRow, now: datetime) -> User:
    """An admin of the shop."""
    user = await people.users.add(db, email="Anna@Example.com ", name="Anna", password=PASSWORD, now=now)
    await people.users.grant(db, user.id, shop.id, Role.ADMIN, COMMAND_LINE, now)
    return user


async def person(db: Database, brand: brands.BrandRow, email: str, role: Role, now: datetime) -> User:
    user = await people.users.add(db, email=email, name=email.split("@")[0], password=None, now=now)
    await people.users.grant(db, user.id, brand.id, role, COMMAND_LINE, now)
    return user


async def enter(db: Database, now: datetime, email: str = "anna@example.com", password: str = PASSWORD, **given):
    return await people.studiosessions.sign_in(db, email, password, given.get("address"), now)


async def session(db: Database, outcome: SignedIn, now: datetime) -> people.Session:
    assert isinstance(outcome, SignedIn)
    found = await people.studiosessions.find(db, outcome.token, now)
    assert found is not None
    return found


async def with_second_step(db: Database, now: datetime) -> tuple[bytes, list[str], str]:
    """Set the second step up in a new session: (secret, recovery codes, the session's new token)."""
    mine = await session(db, await enter(db, now), now)
    secret = await people.studiosessions.pending_second_step(db, mine)
    done = await people.studiosessions.confirm_second_step(db, mine, totp.code(secret, totp.step_of(now)), now)
    assert done is not None
    return secret, done[1], done[0]


async def test_a_password_opens_a_session_that_knows_person_brand_and_role(db, shop, anna, now) -> None:
    mine = await session(db, await enter(db, now, "ANNA@example.com"), now)
    assert (mine.user.name, mine.brand.key, mine.role, mine.waits_for_code) == ("Anna", "shop", Role.ADMIN, False)
    assert [one.brand.key for one in mine.memberships] == ["shop"]
    assert await people.studiosessions.find(db, "made-up", now) is None


async def test_neither_password_nor_token_is_in_the_database(db, anna, now) -> None:
    outcome = await enter(db, now)
    async with db.reading() as conn:
        users = (await conn.execute(select(tables.users))).mappings().one()
        row = (await conn.execute(select(tables.studio_sessions))).mappings().one()
    assert users["password_hash"].startswith("$argon2id$")
    assert outcome.token not in str(dict(row))


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com"])
async def test_who_fails_too_often_waits_longer_each_time_known_or_not(db, anna, now, email) -> None:
    waits = []
    for _ in range(7):
        outcome = await enter(db, now, email, "wrong")
        assert isinstance(outcome, Refused)
        waits.append(outcome.wait)
        now += timedelta(seconds=outcome.wait)
    assert waits == [0, 0, 0, 5, 10, 20, 40]
    waiting = await enter(db, now - timedelta(seconds=1), email, PASSWORD)
    assert isinstance(waiting, Refused)
    assert waiting.wait == 1


def test_who_is_not_there_is_judged_with_the_parameters_of_who_is() -> None:
    hasher = passwords._HASHER
    assert not hasher.check_needs_rehash(passwords._NOBODY)
    assert not hasher.check_needs_rehash(hasher.hash("any password"))


async def test_a_right_password_ends_the_waiting(db, anna, now) -> None:
    for _ in range(3):
        await enter(db, now, password="wrong")
    assert isinstance(await enter(db, now), SignedIn)
    assert (await enter(db, now, password="wrong")).wait == 0


async def test_attempts_at_the_same_time_are_all_counted(db, anna, now) -> None:
    outcomes = await asyncio.gather(*(enter(db, now, password="wrong") for _ in range(12)))
    assert all(isinstance(one, Refused) for one in outcomes)
    async with db.reading() as conn:
        failures = (await conn.execute(select(tables.failed_sign_ins.c.failures))).scalar_one()
    assert failures == 4  # the fifth and later were told to wait without being judged


async def test_an_address_that_tries_many_accounts_waits_too(db, anna, now) -> None:
    for number in range(30):
        await enter(db, now, f"u{number}@example.com", "wrong", address="203.0.113.9")
    refused = await enter(db, now, address="203.0.113.9")
    assert refused == Refused(5)
    assert isinstance(await enter(db, now, address="203.0.113.8"), SignedIn)


async def test_a_session_ends_by_silence_by_age_and_by_signing_out(db, anna, now) -> None:
    outcome = await enter(db, now)
    find = people.studiosessions.find
    assert await find(db, outcome.token, now + people.studiosessions.IDLE + timedelta(seconds=1)) is None
    at = now
    while at < now + people.studiosessions.LONGEST:
        assert await find(db, outcome.token, at) is not None
        at += timedelta(hours=11)
    assert await find(db, outcome.token, at) is None
    again = await enter(db, now)
    await people.studiosessions.end(db, await session(db, again, now))
    assert await find(db, again.token, now) is None


async def test_a_second_step_is_due_after_the_password_and_gives_a_new_token(db, anna, now) -> None:
    secret, _, _ = await with_second_step(db, now)
    later = now + timedelta(minutes=2)
    outcome = await enter(db, later)
    half = await session(db, outcome, later)
    assert outcome.waits_for_code
    assert half.waits_for_code
    take = people.studiosessions.take_second_step
    assert isinstance(await take(db, half, "000000", later), Refused)
    done = await take(db, half, totp.code(secret, totp.step_of(later)), later)
    assert isinstance(done, SignedIn)
    assert await people.studiosessions.find(db, outcome.token, later) is None
    whole = await session(db, done, later)
    assert (whole.waits_for_code, whole.is_verified) == (False, True)


async def test_a_code_is_taken_once(db, anna, now) -> None:
    secret, _, _ = await with_second_step(db, now)
    code = totp.code(secret, totp.step_of(now))
    half = await session(db, await enter(db, now), now)
    assert isinstance(await people.studiosessions.take_second_step(db, half, code, now), Refused)


async def test_codes_cannot_be_tried_in_peace(db, anna, now) -> None:
    await with_second_step(db, now)
    half = await session(db, await enter(db, now), now)
    waits = [(await people.studiosessions.take_second_step(db, half, f"{n:06}", now)).wait for n in range(5)]
    assert waits == [0, 0, 0, 5, 5]


async def test_a_recovery_code_opens_once(db, anna, now) -> None:
    _, codes, _ = await with_second_step(db, now)
    assert len(set(codes)) == 10
    take = people.studiosessions.take_second_step
    half = await session(db, await enter(db, now), now)
    assert isinstance(await take(db, half, f" {codes[3].upper()} ", now), SignedIn)
    half = await session(db, await enter(db, now), now)
    assert isinstance(await take(db, half, codes[3], now), Refused)
    assert await people.secondstep.recovery_codes_left(db, anna.id) == 9
    async with db.reading() as conn:
        stored = str((await conn.execute(select(tables.recovery_codes))).all())
    assert codes[5].replace("-", "") not in stored


async def test_setting_the_second_step_up_ends_other_sessions(db, anna, now) -> None:
    before = await enter(db, now)
    _, _, token = await with_second_step(db, now)
    assert await people.studiosessions.find(db, before.token, now) is None
    assert (await people.studiosessions.find(db, token, now)).is_verified


async def test_a_half_way_session_ends_after_ten_minutes(db, anna, now) -> None:
    await with_second_step(db, now)
    outcome = await enter(db, now)
    assert await people.studiosessions.find(db, outcome.token, now + timedelta(minutes=11)) is None


async def test_a_new_password_ends_every_other_session(db, anna, now) -> None:
    elsewhere, here = await enter(db, now), await enter(db, now)
    mine = await session(db, here, now)
    change = people.users.change_password
    with pytest.raises(Invalid) as refused:
        await change(db, anna, "wrong", "another good one", keep=mine.hash, now=now)
    assert refused.value.code == "wrong_password"
    assert await change(db, anna, PASSWORD, "another good one", keep=mine.hash, now=now) == 0
    assert await people.studiosessions.find(db, elsewhere.token, now) is None
    assert await people.studiosessions.find(db, here.token, now) is not None
    assert isinstance(await enter(db, now), Refused)
    assert isinstance(await enter(db, now, password="another good one"), SignedIn)


@pytest.mark.parametrize("password", ["short", "1234567890", "aaaaaaaaaaaa", "anna@example.com", "x" * 201])
async def test_a_password_that_is_easy_to_guess_is_refused(db, now, password) -> None:
    with pytest.raises(Invalid) as refused:
        await people.users.add(db, email="anna@example.com", name="Anna", password=password, now=now)
    assert refused.value.code == "weak_password"


async def test_an_invitation_is_good_once_and_gives_its_role(db, shop, anna, now) -> None:
    invite = people.invitations.invite
    token = await invite(db, shop.id, email="bob@example.com", name="Bob", role=Role.DESIGNER, by=anna.actor, now=now)
    link = await people.invitations.open_link(db, token, now)
    assert (link.brand.key, link.role, link.user, link.invited_by) == ("shop", Role.DESIGNER, None, "Anna")
    accept = people.invitations.accept_new
    signed_in = await accept(db, link, name="Bob B.", password=PASSWORD, language="ru", now=now)
    mine = await session(db, signed_in, now)
    assert (mine.user.name, mine.role, mine.user.language) == ("Bob B.", Role.DESIGNER, "ru")
    assert await people.invitations.open_link(db, token, now) is None
    with pytest.raises((NotFound, Conflict)):
        await accept(db, link, name="Eve", password=PASSWORD, language="ru", now=now)


async def test_an_invitation_ends_by_time_by_withdrawing_and_by_a_newer_one(db, shop, anna, now) -> None:
    async def invite() -> str:
        given = {"email": "bob@example.com", "name": "Bob", "role": Role.DESK}
        return await people.invitations.invite(db, shop.id, **given, by=anna.actor, now=now)

    open_link = people.invitations.open_link
    first, second = await invite(), await invite()
    assert await open_link(db, first, now) is None
    assert await open_link(db, second, now + timedelta(days=8)) is None
    (waiting,) = await people.invitations.waiting(db, shop.id, now)
    await people.invitations.withdraw(db, shop.id, waiting.id, anna.actor, now)
    assert await open_link(db, second, now) is None
    with pytest.raises(NotFound):
        await people.invitations.withdraw(db, shop.id, waiting.id, anna.actor, now)


async def test_an_invitation_gives_nobody_the_account_that_exists(db, shop, other, anna, now) -> None:
    bob = await person(db, other, "bob@example.com", Role.ADMIN, now)
    given = {"email": "bob@example.com", "name": "Bob", "role": Role.ADMIN}
    token = await people.invitations.invite(db, shop.id, **given, by=anna.actor, now=now)
    link = await people.invitations.open_link(db, token, now)
    with pytest.raises(Conflict):
        await people.invitations.accept_new(db, link, name="Eve", password=PASSWORD, language="en", now=now)
    with pytest.raises(NotFound):
        await people.invitations.accept_known(db, link, anna, now)
    await people.invitations.accept_known(db, link, bob, now)
    assert {one.brand.key for one in await people.users.memberships(db, bob.id)} == {"shop", "other"}


async def test_a_reset_takes_password_second_step_and_sessions_and_gives_a_link(db, shop, anna, now) -> None:
    _, _, token = await with_second_step(db, now)
    boss = await person(db, shop, "boss@example.com", Role.ADMIN, now)
    link_token = await people.invitations.reset(db, shop.id, anna.id, boss.actor, now)
    assert await people.studiosessions.find(db, token, now) is None
    assert isinstance(await enter(db, now), Refused)
    link = await people.invitations.open_link(db, link_token, now)
    signed_in = await people.invitations.accept_reset(db, link, password="quite another one", now=now)
    assert not signed_in.waits_for_code
    assert isinstance(await enter(db, now, password="quite another one"), SignedIn)


async def test_an_admin_does_not_come_into_another_brand_by_resetting_its_people(db, shop, other, anna, now) -> None:
    bob = await person(db, shop, "bob@example.com", Role.VIEWER, now)
    await people.users.grant(db, bob.id, other.id, Role.ADMIN, COMMAND_LINE, now)
    with pytest.raises(Conflict) as refused:
        await people.invitations.reset(db, shop.id, bob.id, anna.actor, now)
    assert refused.value.code == "reset_elsewhere"
    eve = await person(db, shop, "eve@example.com", Role.VIEWER, now)
    link = await people.invitations.reset(db, shop.id, eve.id, anna.actor, now)
    await people.users.grant(db, eve.id, other.id, Role.ADMIN, COMMAND_LINE, now)
    assert await people.invitations.open_link(db, link, now) is None


async def test_a_brand_keeps_its_last_admin(db, shop, anna, now) -> None:
    for attempt in (
        people.users.grant(db, anna.id, shop.id, Role.VIEWER, anna.actor, now),
        people.users.dismiss(db, anna.id, shop.id, anna.actor, now),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "last_admin"


async def test_two_admins_cannot_dismiss_each_other_at_once(db, shop, anna, now) -> None:
    boss = await person(db, shop, "boss@example.com", Role.ADMIN, now)
    outcomes = await asyncio.gather(
        people.users.dismiss(db, anna.id, shop.id, boss.actor, now),
        people.users.dismiss(db, boss.id, shop.id, anna.actor, now),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "NoneType"]


async def test_what_an_admin_takes_away_is_gone_at_once(db, shop, anna, now) -> None:
    await person(db, shop, "boss@example.com", Role.ADMIN, now)
    mine = await enter(db, now)
    await people.users.dismiss(db, anna.id, shop.id, COMMAND_LINE, now)
    found = await people.studiosessions.find(db, mine.token, now)
    assert (found.brand, found.role, found.memberships) == (None, None, ())
    await people.users.revoke(db, "anna@example.com", now)
    assert await people.studiosessions.find(db, mine.token, now) is None
    assert isinstance(await enter(db, now), Refused)


async def test_the_brand_on_the_screen_is_one_of_the_users(db, shop, other, anna, now) -> None:
    mine = await session(db, outcome := await enter(db, now), now)
    assert not await people.studiosessions.switch_brand(db, mine, "other")
    await people.users.grant(db, anna.id, other.id, Role.VIEWER, COMMAND_LINE, now)
    mine = await people.studiosessions.find(db, outcome.token, now)
    assert await people.studiosessions.switch_brand(db, mine, "other")
    mine = await people.studiosessions.find(db, outcome.token, now)
    assert (mine.brand.key, mine.role) == ("other", Role.VIEWER)


def test_roles_are_a_ladder_and_the_desk_stands_apart() -> None:
    allowed = {role: {needed for needed in Role if people.may(role, needed)} for role in Role}
    assert allowed == {
        Role.VIEWER: {Role.VIEWER},
        Role.DESIGNER: {Role.VIEWER, Role.DESIGNER},
        Role.PUBLISHER: {Role.VIEWER, Role.DESIGNER, Role.PUBLISHER, Role.DESK},
        Role.ADMIN: set(Role),
        Role.DESK: {Role.DESK},
    }
    assert not any(people.may(None, needed) for needed in Role)


async def test_messages_wait_for_the_next_page(db, anna, now) -> None:
    outcome = await enter(db, now)
    mine = await session(db, outcome, now)
    await people.say(db, mine, "saved")
    await people.say(db, mine, "people_removed", name="Bob")
    mine = await session(db, outcome, now)
    assert [(line["key"], line["values"]) for line in mine.flash] == [
        ("saved", {}),
        ("people_removed", {"name": "Bob"}),
    ]
    await people.studiosessions.said(db, mine)
    assert (await session(db, outcome, now)).flash == ()


async def test_the_trail_is_the_brands_own_and_can_be_filtered(db, shop, other, anna, now) -> None:
    for number in range(3):
        await people.record(
            db, shop.id, anna.actor, "template.published", f"t{number}", now=now + timedelta(hours=number)
        )
    await people.record(db, other.id, COMMAND_LINE, "template.published", "theirs", now=now)
    lines = await people.lines(db, shop.id, Filter(action="template.published"))
    assert [line.subject for line in lines] == ["t2", "t1", "t0"]
    assert [line.subject for line in await people.lines(db, shop.id, Filter(actor="Anna", before=lines[1].id))] == [
        "t0"
    ]
    since = Filter(since=now + timedelta(hours=1), until=now + timedelta(hours=2))
    assert [line.subject for line in await people.lines(db, shop.id, since)] == ["t1"]
    assert set((await people.words(db, shop.id))[0]) == {"Anna", COMMAND_LINE.name}


async def test_a_line_stands_or_falls_with_what_it_tells(db, shop, anna, now) -> None:
    async def half() -> None:
        async with db.joined():
            await people.record(db, shop.id, anna.actor, "template.published", "never", now=now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    assert await people.lines(db, shop.id, Filter(action="template.published")) == []


async def test_what_is_over_goes_away_by_the_daily_sweep(db, shop, anna, now) -> None:
    await enter(db, now)
    await enter(db, now, password="wrong")
    given = {"email": "bob@example.com", "name": "Bob", "role": Role.DESK}
    await people.invitations.invite(db, shop.id, **given, by=anna.actor, now=now)
    await sweeps.daily(db, now)
    async with db.reading() as conn:
        for table in (tables.studio_sessions, tables.failed_sign_ins, tables.invitations, tables.audit):
            assert (await conn.execute(select(table))).first() is not None
    await sweeps.daily(db, now + audit.KEPT + timedelta(days=1))
    async with db.reading() as conn:
        for table in (tables.studio_sessions, tables.failed_sign_ins, tables.invitations, tables.audit):
            assert (await conn.execute(select(table))).first() is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds: int, expected: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc6238#appendix-B, of whose eight digits an app shows six."""
    assert totp.code(b"12345678901234567890", seconds // 30) == expected[2:]


def test_the_apps_link_holds_the_secret_as_base32() -> None:
    secret = bytes(range(20))
    text = totp.address(secret, "anna@example.com", "Passbell")
    assert text.startswith("otpauth://totp/Passbell%3Aanna%40example.com?")
    key = text.split("secret=")[1].split("&")[0]
    assert base64.b32decode(key + "=" * (-len(key) % 8)) == secret


@pytest.mark.parametrize("given", ["", "12345", "1234567", "abcdef", "１２３４５６", "0x1234"])
def test_no_other_text_is_a_code(given: str, now: datetime) -> None:
    assert totp.check(b"x" * 20, given, now) is None


async def test_forgiving_takes_back_one_failure_of_the_address(db, now) -> None:
    counted = [backoff.account("a"), *backoff.address("203.0.113.1")]
    for _ in range(3):
        assert await backoff.begin(db, counted, now) == 0
    async with db.transaction() as conn:
        await backoff.forgive(conn, db, counted, now)
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.failed_sign_ins.c.failures))).scalars().all() == [2]
