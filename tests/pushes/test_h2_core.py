"""The push connection's core against python-hyper's h2, and against frames that no honest server sends."""

from __future__ import annotations

import pytest
from h2.events import ConnectionTerminated, PingReceived, RemoteSettingsChanged, StreamReset, WindowUpdated
from h2.settings import SettingCodes

from pushes import h2frames as h2
from pushes.h2core import MAX_BODY, MAX_CHATTER, MAX_CONTINUATIONS, PushCore
from pushes.h2events import Accepted, Answered, Broken, Failed, GoingAway, Unprocessed
from pushes.h2watch import Limits
from tests.pushes.h2peer import AUTHORITY, EXPIRATION, TOPIC, Peer, new_core, push, settled, stateless_block, tickets

GREETING = h2.settings({})


@pytest.fixture
def core() -> PushCore:
    return new_core()


@pytest.fixture
def peer(core: PushCore) -> Peer:
    peer = Peer(core)
    peer.exchange()
    return peer


def greeted(limits: Limits | None = None, greeting: bytes = GREETING) -> PushCore:
    """A core that has had the server's SETTINGS and whose first bytes are out of the way."""
    core = new_core(limits)
    core.receive(greeting, 0.0)
    core.outgoing()
    return core


def block_frame(stream_id: int, block: bytes, flags: int = h2.END_HEADERS | h2.END_STREAM) -> bytes:
    return h2.frame(h2.HEADERS, flags, stream_id, block)


OK = b"\x88"


# What goes out.


def test_a_push_is_the_request_that_apple_describes(core: PushCore, peer: Peer) -> None:
    core.send([(push(7, token="ab" * 32), None)], 0.0)
    peer.exchange()
    (request,) = peer.requests
    assert request.headers == (
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", AUTHORITY),
        (":path", "/3/device/" + "ab" * 32),
        ("apns-topic", TOPIC),
        ("apns-push-type", "background"),
        ("apns-priority", "5"),
        ("apns-expiration", str(EXPIRATION)),
    )
    assert request.body == b"{}"


def test_nothing_is_sent_before_the_servers_settings_are_known(core: PushCore) -> None:
    assert core.free == 0
    with pytest.raises(ValueError, match="free"):
        core.send(tickets(1), 0.0)
    core.receive(GREETING, 0.0)
    assert core.free == core.limits.streams


def test_we_announce_an_empty_header_table_and_no_push(core: PushCore, peer: Peer) -> None:
    changed = next(event for event in peer.seen if isinstance(event, RemoteSettingsChanged)).changed_settings
    assert changed[SettingCodes.HEADER_TABLE_SIZE].new_value == 0
    assert changed[SettingCodes.ENABLE_PUSH].new_value == 0


def test_many_pushes_go_out_in_one_write_and_each_arrives_once(core: PushCore, peer: Peer) -> None:
    core.send(tickets(100), 0.0)
    peer.exchange()
    assert [request.token for request in peer.requests] == [f"{number:064x}" for number in range(100)]
    assert [request.stream_id for request in peer.requests] == list(range(1, 200, 2))


def test_the_constant_headers_are_written_once_and_then_referred_to() -> None:
    core = greeted()
    core.send(tickets(1), 0.0)
    first = core.outgoing()
    core.send(tickets(1, start=1), 0.0)
    second = core.outgoing()
    assert TOPIC.encode() in first
    assert TOPIC.encode() not in second
    # two frame heads, two static and five indexed fields, ":path" as name, length and "/3/device/", the token, "{}"
    assert len(second) == 9 + 2 + 5 + 1 + 1 + 10 + 64 + 9 + 2


@pytest.mark.parametrize("size", [0, 100, 200])
def test_a_server_with_a_small_header_table_gets_literals(size: int) -> None:
    core = new_core()
    peer = Peer(core, {SettingCodes.HEADER_TABLE_SIZE: size})
    peer.exchange()
    core.send(tickets(3), 0.0)
    peer.exchange()
    assert [dict(request.headers)["apns-topic"] for request in peer.requests] == [TOPIC] * 3
    assert len({request.headers[4:] for request in peer.requests}) == 1


def test_the_header_table_may_shrink_and_grow_while_we_send(core: PushCore, peer: Peer) -> None:
    sent = 0
    for size in (4096, 0, 300, 4096, 64, 8192, 4096):
        peer.change(SettingCodes.HEADER_TABLE_SIZE, size)
        peer.exchange()
        core.send(tickets(2, start=sent), 0.0)
        sent += 2
        peer.exchange()
    assert [request.token for request in peer.requests] == [f"{number:064x}" for number in range(sent)]
    assert {request.headers[4:] for request in peer.requests} == {peer.requests[0].headers[4:]}


def test_a_table_that_shrank_and_grew_between_two_pushes_is_said_to_have_done_both(core: PushCore, peer: Peer) -> None:
    core.send(tickets(2), 0.0)
    peer.exchange()
    for size in (0, 4096):
        core.receive(h2.settings({h2.HEADER_TABLE_SIZE: size}), 0.0)
    core.outgoing()
    core.send(tickets(1, start=2), 0.0)
    request = core.outgoing()
    assert request[9:13] == b"\x20\x3f\xe1\x1f"  # RFC 7541, 4.2: 0, then 4,096


def test_pushes_of_other_topics_expirations_and_token_lengths_share_a_connection(core: PushCore, peer: Peer) -> None:
    different = [
        push(1),
        push(2, expiration=EXPIRATION + 3600),
        push(3, topic="pass.com.example.salon"),
        push(4, token="ab" * 50),
        push(5),
    ]
    core.send([(one, None) for one in different], 0.0)
    peer.exchange()
    assert [
        (headers["apns-topic"], int(headers["apns-expiration"]), request.token)
        for request in peer.requests
        for headers in [dict(request.headers)]
    ] == [(one.topic, one.expiration, one.token) for one in different]


# The server's limits.


def test_no_more_streams_are_open_than_the_server_allows() -> None:
    core = new_core()
    peer = Peer(core, {SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    peer.exchange()
    assert core.free == 1
    core.send(tickets(1), 0.0)
    peer.exchange()
    assert core.free == 0
    peer.answer(1)
    peer.exchange()
    assert core.free == 1


@pytest.mark.parametrize("limits", [(100, 0, 1), (0, 100, 0), (1, 5, 3)])
def test_a_changed_stream_limit_holds_at_once(core: PushCore, peer: Peer, limits: tuple[int, ...]) -> None:
    for limit in limits:
        peer.change(SettingCodes.MAX_CONCURRENT_STREAMS, limit)
        peer.exchange()
        assert core.free == limit


def test_streams_above_a_lowered_limit_go_on_but_none_is_added(core: PushCore, peer: Peer) -> None:
    core.send(tickets(10), 0.0)
    peer.exchange()
    peer.change(SettingCodes.MAX_CONCURRENT_STREAMS, 4)
    peer.exchange()
    assert core.free == 0
    for stream_id in range(1, 15, 2):
        peer.answer(stream_id)
    assert sum(settled(peer.exchange()).values()) == 7
    assert core.free == 1


@pytest.mark.parametrize("window", [0, 1])
def test_a_body_waits_for_the_streams_window(window: int) -> None:
    core = new_core()
    peer = Peer(core, {SettingCodes.INITIAL_WINDOW_SIZE: window})
    peer.exchange()
    core.send(tickets(2), 0.0)
    peer.exchange()
    assert peer.requests == []
    peer.connection.increment_flow_control_window(10, stream_id=3)
    peer.exchange()
    assert [(request.stream_id, request.body) for request in peer.requests] == [(3, b"{}")]
    peer.change(SettingCodes.INITIAL_WINDOW_SIZE, 50)
    peer.exchange()
    assert [request.stream_id for request in peer.requests] == [3, 1]


def test_an_answer_before_the_body_went_out_ends_the_stream_for_both() -> None:
    core = new_core()
    peer = Peer(core, {SettingCodes.INITIAL_WINDOW_SIZE: 0})
    peer.exchange()
    core.send(tickets(1), 0.0)
    peer.exchange()
    peer.answer(1, 403, b'{"reason":"BadCertificate"}')
    assert settled(peer.exchange()) == {0: 1}
    assert any(isinstance(event, StreamReset) and event.stream_id == 1 for event in peer.seen)


def test_the_connections_window_limits_what_is_sent() -> None:
    core = greeted(Limits(streams=100_000))
    assert core.free == 65_535 // 2
    core.send(tickets(core.free), 0.0)
    core.outgoing()
    assert core.free == 0
    core.receive(h2.window_update(0, 11), 0.0)
    assert core.free == 6  # with the byte that was left


def test_a_connection_whose_stream_numbers_are_used_up_takes_no_more() -> None:
    core = new_core(first_stream_id=h2.MAX_STREAM_ID - 4)
    core.receive(GREETING, 0.0)
    assert core.free == 3
    core.send(tickets(3), 0.0)
    assert core.is_leaving
    assert core.free == 0
    events = core.receive(block_frame(h2.MAX_STREAM_ID, b"\x20" + OK), 0.0)
    assert settled(events) == {2: 1}


# What comes in.


def test_a_200_is_accepted_and_others_carry_status_headers_and_body(core: PushCore, peer: Peer) -> None:
    core.send(tickets(3), 0.0)
    peer.exchange()
    peer.answer(1, extra=[("apns-id", "a" * 36)])
    peer.answer(3, 410, b'{"reason":"Unregistered","timestamp":1730000000000}', [("apns-id", "b" * 36)])
    peer.answer(5, 503, extra=[("retry-after", "7")])
    events = peer.exchange()
    assert [one.tickets[0][1] for one in events if isinstance(one, Accepted)] == [0]
    answers = {one.ticket[1]: one for one in events if isinstance(one, Answered)}
    assert (answers[1].status, answers[1].headers["apns-id"]) == (410, "b" * 36)
    assert answers[1].body == b'{"reason":"Unregistered","timestamp":1730000000000}'
    assert (answers[2].status, answers[2].headers["retry-after"], answers[2].body) == (503, "7", b"")


def test_answers_may_come_in_any_order_and_cut_anywhere() -> None:
    core = greeted()
    core.send(tickets(50), 0.0)
    frames = [block_frame(1, stateless_block((":status", "200"), first=True))]
    frames += [
        block_frame(stream_id, stateless_block((":status", "200"), ("apns-id", str(stream_id))))
        for stream_id in range(99, 1, -2)
    ]
    events = [event for byte in b"".join(frames) for event in core.receive(bytes([byte]), 0.0)]
    assert settled(events) == dict.fromkeys(range(50), 1)
    assert all(isinstance(event, Accepted) for event in events)


def test_received_data_is_acknowledged_so_that_error_answers_never_freeze() -> None:
    core = new_core()
    peer = Peer(core)
    peer.exchange()
    body = b'{"reason":"Unregistered","timestamp":1730000000000}'.ljust(1_000)
    for start in range(0, 2_500, 500):  # 2.5 MB, twice what we let come unacknowledged
        core.send(tickets(500, start), 0.0)
        peer.exchange()
        for request in peer.requests[-500:]:
            assert peer.connection.local_flow_control_window(request.stream_id) >= len(body)
            peer.answer(request.stream_id, 410, body)
        assert sum(settled(peer.exchange()).values()) == 500
    acknowledged = sum(one.delta or 0 for one in peer.seen if isinstance(one, WindowUpdated) and one.stream_id == 0)
    assert acknowledged >= 2_500 * len(body)


def test_a_ping_is_answered(core: PushCore, peer: Peer) -> None:
    core.receive(h2.frame(h2.PING, 0, 0, b"12345678"), 0.0)
    assert core.outgoing() == h2.frame(h2.PING, h2.ACK, 0, b"12345678")


def test_settings_are_acknowledged_each_time() -> None:
    core = greeted()
    core.receive(h2.settings({h2.MAX_CONCURRENT_STREAMS: 3}) * 2, 0.0)
    assert core.outgoing() == h2.settings_ack() * 2


def test_padding_priority_continuation_1xx_and_trailers_are_understood() -> None:
    core = greeted()
    core.send(tickets(4), 0.0)
    padded = h2.frame(
        h2.HEADERS,
        h2.END_HEADERS | h2.END_STREAM | h2.PADDED | h2.WITH_PRIORITY,
        1,
        b"\x03" + bytes(5) + stateless_block((":status", "200"), first=True) + bytes(3),
    )
    block = stateless_block((":status", "200"), ("apns-id", "x" * 36))
    continued = (
        h2.frame(h2.HEADERS, h2.END_STREAM, 3, block[:1])
        + h2.frame(h2.CONTINUATION, 0, 3, block[1:5])
        + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 3, block[5:])
    )
    early = block_frame(5, stateless_block((":status", "103")), h2.END_HEADERS) + block_frame(5, OK)
    trailed = (
        block_frame(7, stateless_block((":status", "429")), h2.END_HEADERS)
        + h2.frame(h2.DATA, h2.PADDED, 7, b"\x02{}" + bytes(2))
        + block_frame(7, stateless_block(("x-trailer", "1")))
    )
    unknown = h2.frame(0xBE, 0xFF, 1, b"whatever") + h2.frame(h2.PRIORITY, 0, 1, bytes(5))
    events = core.receive(padded + unknown + continued + early + trailed, 0.0)
    assert settled(events) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert [(one.status, one.body) for one in events if isinstance(one, Answered)] == [(429, b"{}")]


def test_a_long_body_is_cut_off_and_costs_its_stream_only(core: PushCore, peer: Peer) -> None:
    core.send(tickets(2), 0.0)
    peer.exchange()
    peer.connection.send_headers(1, [(":status", "502")])
    peer.connection.send_data(1, b"x" * 10_000)
    events = peer.exchange()
    assert [(one.status, len(one.body)) for one in events if isinstance(one, Answered)] == [(502, MAX_BODY)]
    peer.answer(3)
    assert settled(peer.exchange()) == {1: 1}


def test_a_200_with_a_body_is_no_plain_acceptance(core: PushCore, peer: Peer) -> None:
    core.send(tickets(1), 0.0)
    peer.exchange()
    peer.answer(1, 200, b"<html>welcome</html>")
    (event,) = peer.exchange()
    assert isinstance(event, Answered)


# The end of streams and connections.


def test_streams_above_goaways_last_one_may_be_sent_again_and_the_rest_finishes(core: PushCore, peer: Peer) -> None:
    core.send(tickets(4), 0.0)
    peer.exchange()
    goaway = (3).to_bytes(4) + bytes(4) + b'{"reason":"Shutdown"}'
    events = core.receive(h2.frame(h2.GOAWAY, 0, 0, goaway), 0.0)
    assert events[0] == GoingAway(h2.NO_ERROR, b'{"reason":"Shutdown"}')
    assert [event.ticket[1] for event in events if isinstance(event, Unprocessed)] == [2, 3]
    assert core.free == 0
    peer.answer(1)
    peer.answer(3)
    assert settled(peer.exchange()) == {0: 1, 1: 1}
    assert core.is_leaving
    assert core.open_streams == 0


def test_a_refused_stream_may_be_sent_again_and_another_reset_may_not(core: PushCore, peer: Peer) -> None:
    core.send(tickets(2), 0.0)
    peer.exchange()
    peer.connection.reset_stream(1, h2.REFUSED_STREAM)
    peer.connection.reset_stream(3, 2)
    first, second = peer.exchange()
    assert isinstance(first, Unprocessed)
    assert second == Broken((push(1), 1), "Reset INTERNAL_ERROR")


def test_a_reset_of_a_stream_that_has_its_answer_changes_nothing(core: PushCore, peer: Peer) -> None:
    core.send(tickets(2), 0.0)
    peer.exchange()
    peer.answer(1)
    assert settled(peer.exchange()) == {0: 1}
    assert core.receive(h2.rst_stream(1, h2.NO_ERROR), 0.0) == []
    assert core.open_streams == 1


def test_a_silent_stream_ends_at_its_deadline_and_holds_up_no_other() -> None:
    core = greeted(Limits(deadline=10))
    core.send(tickets(2), 0.0)
    core.receive(block_frame(3, b"\x20" + OK), 1.0)
    core.send(tickets(1, start=2), 5.0)
    core.outgoing()
    assert core.tick(9.9) == []
    assert core.tick(10.0) == [Broken((push(0), 0), "NoAnswer")]
    assert h2.rst_stream(1, h2.CANCEL) in core.outgoing()
    assert settled(core.tick(15.0)) == {2: 1}
    assert core.receive(block_frame(1, OK), 16.0) == []  # too late


def test_a_dead_peer_is_found_by_ping_while_answers_are_due() -> None:
    core = greeted(Limits(deadline=60, ping_busy=5, ping_timeout=5))
    core.send(tickets(3), 0.0)
    core.outgoing()
    assert core.tick(4.9) == []
    assert core.outgoing() == b""
    core.tick(5.0)
    assert core.outgoing()[3] == h2.PING
    events = core.tick(10.0)
    assert settled(events) == {0: 1, 1: 1, 2: 1}
    assert isinstance(events[-1], Failed)
    assert core.is_over


def test_an_idle_connection_is_pinged_and_kept_when_it_answers(core: PushCore, peer: Peer) -> None:
    for minute in range(1, 5):
        core.tick(minute * 61.0)
        peer.exchange(minute * 61.0 + 0.05)
    assert sum(isinstance(event, PingReceived) for event in peer.seen) == 4
    assert core.round_trip == pytest.approx(0.05)
    assert not core.is_over


def test_a_push_on_a_connection_that_was_idle_does_not_end_it() -> None:
    core = greeted()
    core.send(tickets(1), 50.0)
    core.outgoing()
    assert core.tick(51.0) == []
    assert core.outgoing() == b""


def test_a_server_that_never_says_its_settings_is_given_up() -> None:
    core = new_core(Limits(settings_timeout=10))
    assert core.tick(9.9) == []
    assert [type(event) for event in core.tick(10.0)] == [Failed]


def test_a_cut_gives_every_stream_its_one_event(core: PushCore, peer: Peer) -> None:
    core.send(tickets(5), 0.0)
    peer.exchange()
    peer.answer(1)
    events = peer.exchange() + core.cut("ConnectionLost", "cut")
    assert settled(events) == dict.fromkeys(range(5), 1)
    assert core.cut("ConnectionLost", "again") == []


def test_leaving_says_goodbye(core: PushCore, peer: Peer) -> None:
    core.leave()
    peer.exchange()
    assert any(isinstance(event, ConnectionTerminated) and event.error_code == h2.NO_ERROR for event in peer.seen)


# What no honest server sends.

STATUS_BOMB = b"\x08\x03200" + b"".join(b"\x00\x7f\x80\x08" + b"n" * 1151 + b"\x01v" for _ in range(14))

ONE_STREAM_LOST = {
    "data before its headers": h2.frame(h2.DATA, h2.END_STREAM, 1, b"{}"),
    "an answer without a status": block_frame(1, b"\x20" + stateless_block(("apns-id", "1"))),
    "a status that is none": block_frame(1, b"\x20" + stateless_block((":status", "2000"))),
    "an end after 100": block_frame(1, b"\x20" + stateless_block((":status", "100"))),
    "two answers": block_frame(1, b"\x20" + OK, h2.END_HEADERS) + block_frame(1, OK, h2.END_HEADERS),
}

CONNECTION_LOST = {
    "no settings first": (h2.PROTOCOL_ERROR, None),
    "a frame on stream 0": (h2.PROTOCOL_ERROR, block_frame(0, OK)),
    "data on stream 0": (h2.PROTOCOL_ERROR, h2.frame(h2.DATA, 0, 0, b"x")),
    "an answer nobody asked for": (h2.PROTOCOL_ERROR, block_frame(99, OK)),
    "a stream of the server's": (h2.PROTOCOL_ERROR, block_frame(2, OK)),
    "a push promise": (h2.PROTOCOL_ERROR, h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, bytes(4) + OK)),
    "padding longer than the frame": (h2.PROTOCOL_ERROR, block_frame(1, b"\x09\x88", 0xD)),
    "settings on a stream": (h2.PROTOCOL_ERROR, h2.frame(h2.SETTINGS, 0, 1)),
    "settings of five bytes": (h2.FRAME_SIZE_ERROR, h2.frame(h2.SETTINGS, 0, 0, bytes(5))),
    "acknowledged settings with a value": (h2.FRAME_SIZE_ERROR, h2.frame(h2.SETTINGS, h2.ACK, 0, bytes(6))),
    "push enabled by a server": (h2.PROTOCOL_ERROR, h2.settings({h2.ENABLE_PUSH: 1})),
    "a window beyond 2^31-1": (h2.FLOW_CONTROL_ERROR, h2.settings({h2.INITIAL_WINDOW_SIZE: 1 << 31})),
    "a window that overflows": (h2.FLOW_CONTROL_ERROR, h2.window_update(0, h2.MAX_WINDOW)),
    "a window update by 0": (h2.PROTOCOL_ERROR, h2.window_update(0, 0)),
    "a frame size of 1": (h2.PROTOCOL_ERROR, h2.settings({h2.MAX_FRAME_SIZE: 1})),
    "a ping of 7 bytes": (h2.FRAME_SIZE_ERROR, h2.frame(h2.PING, 0, 0, bytes(7))),
    "a ping on a stream": (h2.PROTOCOL_ERROR, h2.frame(h2.PING, 0, 1, bytes(8))),
    "a short goaway": (h2.PROTOCOL_ERROR, h2.frame(h2.GOAWAY, 0, 0, bytes(4))),
    "a short reset": (h2.FRAME_SIZE_ERROR, h2.frame(h2.RST_STREAM, 0, 1, bytes(3))),
    "a reset of an idle stream": (h2.PROTOCOL_ERROR, h2.rst_stream(77, 0)),
    "a reset of a stream of the server's": (h2.PROTOCOL_ERROR, h2.rst_stream(2, 0)),
    "a reset within a block": (h2.PROTOCOL_ERROR, block_frame(1, OK, 0) + h2.rst_stream(1, 0)),
    "a continuation of nothing": (h2.PROTOCOL_ERROR, h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, OK)),
    "a block that is not continued": (h2.PROTOCOL_ERROR, block_frame(1, OK, 0) + h2.frame(h2.PING, 0, 0, bytes(8))),
    "a block continued on another stream": (
        h2.PROTOCOL_ERROR,
        block_frame(1, OK, 0) + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 3, OK),
    ),
    "a block without end": (
        h2.ENHANCE_YOUR_CALM,
        block_frame(1, OK, 0) + h2.frame(h2.CONTINUATION, 0, 1, bytes(16_384)) * 3,
    ),
    "a block of empty frames": (
        h2.ENHANCE_YOUR_CALM,
        block_frame(1, OK, 0) + h2.frame(h2.CONTINUATION, 0, 1) * (MAX_CONTINUATIONS + 1),
    ),
    "a header bomb": (h2.COMPRESSION_ERROR, block_frame(1, STATUS_BOMB)),
    "an index that is not in the table": (h2.COMPRESSION_ERROR, block_frame(1, b"\xbe")),
    "a block that ends in a string": (h2.COMPRESSION_ERROR, block_frame(1, b"\x88\x00\x05ab")),
    "a frame of 16,385 bytes": (h2.FRAME_SIZE_ERROR, h2.frame(h2.DATA, 0, 1, bytes(16_385))),
    "the head of an endless frame": (h2.FRAME_SIZE_ERROR, b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"),
    "a flood of pings": (h2.ENHANCE_YOUR_CALM, h2.frame(h2.PING, 0, 0, bytes(8)) * (MAX_CHATTER + 1)),
    "a flood of settings": (h2.ENHANCE_YOUR_CALM, h2.settings({}) * (MAX_CHATTER + 1)),
    "a flood of nothing": (
        h2.ENHANCE_YOUR_CALM,
        block_frame(1, b"\x20" + OK, h2.END_HEADERS) + h2.frame(h2.DATA, 0, 1) * (MAX_CHATTER + 1),
    ),
    "an HTTP/1.1 answer": (h2.FRAME_SIZE_ERROR, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}


@pytest.mark.parametrize("what", ONE_STREAM_LOST)
def test_a_malformed_answer_costs_its_stream_alone(what: str) -> None:
    core = greeted()
    core.send(tickets(2), 0.0)
    core.outgoing()
    events = core.receive(ONE_STREAM_LOST[what], 0.0)
    assert events == [Broken((push(0), 0), "MalformedAnswer")]
    assert h2.rst_stream(1, h2.PROTOCOL_ERROR) in core.outgoing()
    assert settled(core.receive(block_frame(3, OK), 0.0)) == {1: 1}


@pytest.mark.parametrize("what", CONNECTION_LOST)
def test_a_broken_rule_ends_the_connection_and_every_stream_is_accounted_for(what: str) -> None:
    code, frames = CONNECTION_LOST[what]
    core = new_core() if frames is None else greeted()
    if frames is None:
        events = core.receive(h2.frame(h2.PING, 0, 0, bytes(8)), 0.0)
    else:
        core.send(tickets(2), 0.0)
        core.outgoing()
        events = core.receive(frames, 0.0)
        assert settled(events) == {0: 1, 1: 1}
    assert isinstance(events[-1], Failed)
    assert core.is_over
    goodbye = core.outgoing()
    goodbye = goodbye[goodbye.index(bytes([h2.GOAWAY]) + bytes(5)) - 3 :]
    assert int.from_bytes(goodbye[13:17]) == code
    assert core.receive(block_frame(3, OK), 0.0) == []
