"""What ``doctor`` says of NATS: that the servers answer, and on how many of them rings are kept."""

from __future__ import annotations

from commands import doorbell
from commands.checks import Check, State
from commands.settings import Settings
from pushes.doorbell import CarrierAway


async def examine(settings: Settings) -> list[Check]:
    """The line, where NATS_URL is set; nothing is lost while it is away, so that is a warning."""
    carrier = doorbell.carrier_of(settings)
    if carrier is None:
        return []
    if settings.database_url.startswith("sqlite:"):
        fix = "Several hosts need PostgreSQL: set DATABASE_URL, or leave NATS_URL out."
        return [Check(State.WARN, "NATS", "SQLite lives on one machine, where nobody needs it.", fix)]
    try:
        return [Check(State.OK, "NATS", await carrier.examine())]
    except CarrierAway as error:
        fix = "Let this host reach every server of NATS_URL; until then the workers look at the database by themselves."
        return [Check(State.WARN, "NATS", f"{error}.", fix)]
