"""Whatever a peer sends, the core does not hang, does not hoard, and gives every ticket exactly one event."""

from __future__ import annotations

from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from pushes import h2frames as h2
from pushes.h2core import MAX_BLOCK, PushCore
from pushes.h2events import Event
from tests.pushes.h2peer import new_core, settled, stateless_block, tickets

stream_ids = st.one_of(st.sampled_from([0, 1, 3, 5, 7, 9, 11, 13]), st.integers(0, 2**32 - 1))
flags = st.one_of(st.sampled_from([0, 1, 4, 5, 0xD, 0x2D]), st.integers(0, 255))
statuses = st.sampled_from(["200", "103", "410", "503", "abc"])


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return stateless_block((":status", draw(statuses)), first=draw(st.booleans()))
    if draw(st.booleans()):
        return bytes(Encoder().encode([(":status", draw(statuses)), ("apns-id", "1")]))
    return draw(st.binary(max_size=40))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    kind = draw(st.one_of(st.sampled_from([0, 1, 1, 1, 3, 4, 6, 7, 8, 9]), st.integers(0, 255)))
    if kind in (h2.HEADERS, h2.CONTINUATION):
        content = draw(blocks())
    elif kind == h2.SETTINGS:
        content = b"".join(
            key.to_bytes(2) + value.to_bytes(4)
            for key, value in draw(
                st.lists(
                    st.tuples(st.integers(0, 7), st.one_of(st.integers(0, 200), st.integers(0, 2**32 - 1))), max_size=3
                )
            )
        )
    elif kind in (h2.RST_STREAM, h2.WINDOW_UPDATE):
        content = draw(st.integers(0, 2**32 - 1)).to_bytes(4)
    elif kind in (h2.GOAWAY, h2.PING):
        content = draw(stream_ids).to_bytes(4) + bytes(4)
    else:
        content = draw(st.binary(max_size=50))
    return h2.frame(kind, draw(flags), draw(stream_ids), content)


def play(core: PushCore, moves: list[bytes | int | float]) -> tuple[int, list[Event]]:
    """Bytes are received, an integer is how many pushes are sent, a float is time that passes."""
    events: list[Event] = []
    sent, now = 0, 0.0
    for move in moves:
        if isinstance(move, bytes):
            events += core.receive(move, now)
        elif isinstance(move, int):
            count = min(move, core.free)
            core.send(tickets(count, sent), now)
            sent += count
        else:
            now += move
            events += core.tick(now)
        core.outgoing()
        assert len(core._rest) < h2.DEFAULT_MAX_FRAME + h2.HEADER_SIZE
        assert core._block is None or len(core._block.content) <= MAX_BLOCK
        assert sum(settled(events).values()) + core.open_streams == sent
    return sent, events + core.cut("ConnectionLost", "the end")


moves = st.one_of(frames(), st.binary(max_size=80), st.integers(0, 6), st.floats(0, 30))


@settings(max_examples=400, deadline=None)
@given(st.lists(moves, max_size=25))
def test_every_ticket_gets_exactly_one_event_whatever_comes(script: list[bytes | int | float]) -> None:
    sent, events = play(new_core(), [h2.settings({}), 4, *script])
    assert settled(events) == dict.fromkeys(range(sent), 1)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_honest_conversation_with_bytes_broken_anywhere_accounts_for_every_ticket(data: st.DataObject) -> None:
    answer = stateless_block((":status", "410"), ("apns-id", "1"))
    honest = h2.settings({h2.MAX_CONCURRENT_STREAMS: 100}) + h2.settings_ack()
    for stream_id in range(1, 9, 2):
        honest += h2.frame(h2.HEADERS, h2.END_HEADERS, stream_id, (b"\x20" if stream_id == 1 else b"") + answer)
        honest += h2.frame(h2.DATA, h2.END_STREAM, stream_id, b'{"reason":"Unregistered"}')
    honest += h2.frame(h2.GOAWAY, 0, 0, bytes(3) + b"\x07" + bytes(4))
    broken = bytearray(honest)
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    sent, events = play(new_core(), [h2.settings({}), 6, bytes(broken[:cut]), bytes(broken[cut:]), 2.0])
    assert settled(events) == dict.fromkeys(range(sent), 1)
