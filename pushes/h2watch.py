"""Time on a push connection: the deadline of each stream, and whether the peer is still there. No clock: ``now`` is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Our own limits, in streams and seconds."""

    streams: int = 1_000
    """Requests under way at once; Apple's servers say 1,000 too."""
    deadline: float = 20.0
    """From a request to its answer; Apple takes milliseconds."""
    settings_timeout: float = 10.0
    """From the connection to the peer's SETTINGS, without which nothing is sent."""
    ping_busy: float = 5.0
    """Nothing heard for so long while answers are due: ask whether anybody is there."""
    ping_idle: float = 60.0
    """The same while nothing is due."""
    ping_timeout: float = 5.0


class Watch:
    """What has been heard when, and what is due."""

    def __init__(self, limits: Limits) -> None:
        self.round_trip: float | None = None
        """Seconds that the last PING took."""
        self._limits = limits
        self._deadlines: deque[tuple[float, int]] = deque()
        self._began = 0.0
        self._heard = 0.0
        self._quiet_since = 0.0
        self._pinged: float | None = None

    def begin(self, now: float) -> None:
        """The connection stands."""
        self._began = self._heard = self._quiet_since = now

    def hear(self, now: float) -> None:
        """Something came, whatever it was."""
        self._heard = self._quiet_since = now

    def opened(self, last: int, now: float, *, was_idle: bool) -> None:
        """Streams up to this number have been opened; an idle peer's time to answer begins here."""
        self._deadlines.append((now + self._limits.deadline, last))
        if was_idle:
            self._quiet_since = now

    def late(self, streams: Iterable[int], now: float) -> list[int]:
        """The streams whose deadline has come; they are given in the order of their numbers, and so of their deadlines."""
        last = 0
        while self._deadlines and self._deadlines[0][0] <= now:
            _, last = self._deadlines.popleft()
        late: list[int] = []
        for stream_id in streams:
            if stream_id > last:
                break
            late.append(stream_id)
        return late

    def has_no_settings(self, now: float) -> bool:
        """Whether a connection without SETTINGS has waited long enough for them."""
        return now - self._began >= self._limits.settings_timeout

    def is_silent(self, now: float) -> bool:
        """Whether a PING has had no answer, nor anything else come, in time."""
        if self._pinged is not None and self._heard > self._pinged:
            self._pinged = None  # something else has come: the peer is alive
        return self._pinged is not None and now - self._pinged >= self._limits.ping_timeout

    def should_ping(self, now: float, *, is_busy: bool) -> bool:
        """Whether it has been quiet for long enough to ask; the PING is then taken as sent."""
        quiet = self._limits.ping_busy if is_busy else self._limits.ping_idle
        if self._pinged is not None or now - self._quiet_since < quiet:
            return False
        self._pinged = now
        return True

    def pong(self, now: float) -> None:
        """Our PING has come back."""
        if self._pinged is not None:
            self.round_trip = now - self._pinged
            self._pinged = None
