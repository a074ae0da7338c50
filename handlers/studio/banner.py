"""What everybody in a brand should know on every page: its certificate ends soon, or has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from handlers.keys import OPTIONS, SIGNERS, root
from handlers.studio.me import Me

WITHIN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Banner:
    """Whole days until the newest certificate's end; below 0: it is over."""

    days: int

    @property
    def is_over(self) -> bool:
        """Whether nothing can be signed."""
        return self.days < 0


def banner(request: web.Request, me: Me) -> Banner | None:
    """From the certificates that this process signs with, so that no page asks the database for it."""
    if me.session is None or me.session.brand is None or not me.is_in:
        return None
    app = root(request)
    mine = (one for one in app[SIGNERS].all() if one.pass_type_identifier == me.brand.pass_type_identifier)
    last = max((one.not_after for one in mine), default=None)
    if last is None:
        return None
    days = (last - app[OPTIONS].clock()) // timedelta(days=1)
    return Banner(days) if days < WITHIN_DAYS else None
