"""An INSERT that can say ON CONFLICT: the same words on both databases, from either dialect's own class."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(table: Table, *, is_postgresql: bool) -> postgresql.Insert | sqlite.Insert:
    """The dialect's own INSERT; what is used of the two is the same."""
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)
