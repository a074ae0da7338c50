"""people: users, roles, sessions, invitations, recovery, the audit trail, outlets, employees and workplaces.

This is what the studio's handlers import; it is made of small modules:

- ``users``           people with an e-mail, and their role in each brand
- ``studiosessions``  who is at the other end of a cookie: sign in, second step, messages, sign out
- ``secondstep``      authenticator codes (``totp``) and recovery codes; ``passwords`` argon2id; ``backoff`` failures
- ``invitations``     links that are good once: into a brand, or to a new password
- ``outlets``         places; ``workplaces`` tablets paired once, and employees who switch on them by PIN
- ``audit``           who did what: ``async with db.joined(): ...; await people.record(...)`` makes a line of any operation
"""

from __future__ import annotations

from store import invitations, outlets, secondstep, studiosessions, users, workplaces
from store.audit import COMMAND_LINE, Actor, Filter, Line, lines, record, words
from store.invitations import Invitation, Opened
from store.outlets import NewOutlet, Outlet
from store.passwords import MINIMUM_LENGTH
from store.problems import problem
from store.studiosessions import Refused, Session, SignedIn, say
from store.users import NEEDS_SECOND_STEP, Member, Membership, Role, User, may
from store.workplaces import Employee, Workplace

__all__ = [
    "COMMAND_LINE",
    "MINIMUM_LENGTH",
    "NEEDS_SECOND_STEP",
    "Actor",
    "Employee",
    "Filter",
    "Invitation",
    "Line",
    "Member",
    "Membership",
    "NewOutlet",
    "Opened",
    "Outlet",
    "Refused",
    "Role",
    "Session",
    "SignedIn",
    "User",
    "Workplace",
    "invitations",
    "lines",
    "may",
    "outlets",
    "problem",
    "record",
    "say",
    "secondstep",
    "studiosessions",
    "users",
    "words",
    "workplaces",
]
