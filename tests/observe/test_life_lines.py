"""What does debug output say about the life of real connections, and does it keep secrets?"""

import errno
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from tests.support.lines import Lines, listening_at
from tests.support.waiting import collect, wait_until

import gamesockets as gs
from gamesockets.connection.trace import TraceSink
from gamesockets.crypto.exchange import ExchangeKey, SessionKeys, derive_session_keys
from gamesockets.node.node import Config
from gamesockets.observe.life_lines import UNCLOSED_US
from gamesockets.sockets.status_events import COMPLAIN_ABOVE
from gamesockets.wire.frames import AckBlock

V: Final = gs.ConfigurationValue
ANYWHERE: Final = gs.Address("127.0.0.1", 0)
BAD_CRYPT: Final = 4002


class Meeting:
    """A server that accepts everybody, and a client; both in one process."""

    def __init__(self, server: gs.NetworkingSockets, client: gs.NetworkingSockets, config: Config | None) -> None:
        self.server = server
        self.client = client
        self.listener = server.create_listen_socket(ANYWHERE, config)
        address = server.get_listen_socket_address(self.listener)
        assert address is not None
        self.address = address
        self.accepted: list[gs.Connection] = []
        self.accepts = True
        server.set_status_callback(self._on_status)

    def _on_status(self, info: gs.StatusInfo) -> None:
        if info.connection_info.state == gs.ConnectionState.CONNECTING and self.accepts:
            self.server.accept_connection(info.connection)
            self.accepted.append(info.connection)

    def until(self, condition: Callable[[], object]) -> None:
        def is_true() -> object:
            self.server.run_callbacks()
            return condition()

        wait_until(is_true, pause=lambda: self.server.wait(0.01))

    def connect(self, config: Config | None = None) -> gs.Connection:
        connection = self.client.connect(self.address, config)
        before = len(self.accepted)
        self.until(lambda: self.state(connection) == gs.ConnectionState.CONNECTED and len(self.accepted) > before)
        return connection

    def state(self, connection: gs.Connection) -> gs.ConnectionState:
        info = self.client.get_connection_info(connection)
        assert info is not None
        return info.state

    def description(self, connection: gs.Connection) -> str:
        info = self.client.get_connection_info(connection)
        assert info is not None
        return f"[{info.connection_description}]"


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening_at(gs.DebugType.EVERYTHING) as found:
        yield found


@pytest.fixture
def two() -> Iterator[tuple[gs.NetworkingSockets, gs.NetworkingSockets]]:
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as client:
        yield server, client


@pytest.fixture
def meeting(lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets]) -> Meeting:
    return Meeting(*two, None)


def test_the_life_of_a_connection_is_told(meeting: Meeting, lines: Lines) -> None:
    connection = meeting.connect()
    who = meeting.description(connection)
    listening, connecting = lines.texts(gs.DebugType.VERBOSE)[:2]
    assert listening == f"listening on {meeting.address}"
    assert connecting.startswith(f"[#{connection} UDP ")
    assert connecting.endswith(f"{meeting.address}] connecting")
    assert len(lines.having("incoming request")) == 1
    assert len(lines.wait_for("] connected", 2)) == 2
    assert f"{who} connected" in lines.texts(gs.DebugType.MESSAGE)
    meeting.client.close_connection(connection, 1234, "enough")
    assert f"{who} closed by app (1234) enough" in lines.texts(gs.DebugType.MESSAGE)
    [told] = lines.wait_for("closed by peer (1234): enough")
    assert told.startswith(f"[#{meeting.accepted[0]} UDP ")
    assert told in lines.texts(gs.DebugType.MESSAGE)
    lines.lines.clear()
    meeting.server.close_connection(meeting.accepted[0])
    assert lines.texts() == []


def test_names_are_in_the_lines(meeting: Meeting, lines: Lines) -> None:
    connection = meeting.connect()
    meeting.client.set_connection_name(connection, "Oslo")
    meeting.client.close_connection(connection)
    [told] = lines.having("closed by app")
    assert "'Oslo'] closed by app (1000) Application closed connection" in told


def test_lingering_is_told(meeting: Meeting, lines: Lines) -> None:
    connection = meeting.connect()
    reliable = gs.SendFlags.RELIABLE
    assert meeting.client.send_message_to_connection(connection, bytes(100_000), reliable) == gs.Result.OK
    meeting.client.close_connection(connection, 1001, "later", enable_linger=True)
    assert len(lines.having("closed by app, lingering, (1001) later")) == 1
    lines.wait_for("closed by peer (1001): later")


def test_a_text_of_the_peer_cannot_forge_lines(meeting: Meeting, lines: Lines) -> None:
    connection = meeting.connect()
    meeting.client.close_connection(connection, 1000, "bye\n[#1 UDP] connected\x1b[2J")
    [told] = lines.wait_for("closed by peer")
    assert told.endswith("bye\\n[#1 UDP] connected\\x1b[2J")


def test_problems_are_told(meeting: Meeting, lines: Lines) -> None:
    plain_only = 3
    meeting.client.connect(meeting.address, {V.UNENCRYPTED: plain_only})
    meeting.until(lambda: lines.having("problem detected locally"))
    [told] = lines.having("problem detected locally")
    assert f"problem detected locally ({BAD_CRYPT}): Failed to negotiate mutually-agreeable cipher" in told
    lines.wait_for(f"closed by peer ({BAD_CRYPT})")


def test_a_request_nobody_answers_is_a_bug_of_the_application(
    lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets]
) -> None:
    meeting = Meeting(*two, {V.TIMEOUT_INITIAL: 50})
    meeting.accepts = False
    meeting.client.connect(meeting.address)
    [told] = lines.wait_for("neither accepted nor closed")
    assert told in lines.texts(gs.DebugType.BUG)
    assert lines.having("problem detected locally (5003)")


@pytest.mark.parametrize(("level", "count"), [(1, 1), (2, 0)])
def test_peers_without_authentication_are_told_at_level_1(
    lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets], level: int, count: int
) -> None:
    config = {V.IP_ALLOW_WITHOUT_AUTH: level, V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH: level}
    meeting = Meeting(*two, config)
    meeting.connect()
    assert len(lines.having("peers without authentication are allowed")) == count
    assert len(lines.having("peer is not authenticated")) == count
    assert len(lines.texts(gs.DebugType.WARNING)) == 2 * count


def test_the_larger_value_counts_for_localhost(
    lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets]
) -> None:
    Meeting(*two, {V.IP_ALLOW_WITHOUT_AUTH: 1}).connect()
    assert len(lines.having("peers without authentication are allowed")) == 1
    assert lines.having("peer is not authenticated") == []


def test_failures_to_listen_and_to_connect_are_errors(meeting: Meeting, lines: Lines) -> None:
    with pytest.raises(OSError, match="cannot listen") as caught:
        meeting.server.create_listen_socket(meeting.address)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(ValueError, match="SYMMETRIC_CONNECT"):
        meeting.client.connect(meeting.address, {V.SYMMETRIC_CONNECT: 1})
    listen, connect = lines.texts(gs.DebugType.ERROR)
    assert listen.startswith(f"cannot listen on {meeting.address}: ")
    assert connect.startswith(f"cannot connect to {meeting.address}: SYMMETRIC_CONNECT must be 0")


def test_an_ended_connection_that_is_not_closed_is_complained_about_once(
    meeting: Meeting, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UNCLOSED_US == 20_000_000
    monkeypatch.setattr("gamesockets.node.node.UNCLOSED_US", 60_000)
    left, closed = meeting.connect(), meeting.connect()
    for connection in list(meeting.accepted):
        meeting.server.close_connection(connection, 1002, "go")
    lines.wait_for("closed by peer (1002)", 2)
    who = meeting.description(left)
    meeting.client.close_connection(closed)
    assert lines.wait_for("was not closed") == [f"{who} ended over 20 s ago (1002) and was not closed"]
    later = meeting.connect()
    meeting.server.close_connection(meeting.accepted[-1], 1003, "go")
    lines.wait_for("closed by peer (1003)")
    lines.wait_for(f"{meeting.description(later)} ended over 20 s ago (1003) and was not closed")
    assert len(lines.having("was not closed")) == 2, "the first was not told again meanwhile, nor the closed one at all"
    assert lines.having("was not closed") == lines.texts(gs.DebugType.BUG)


def make_status_changes(sockets: gs.NetworkingSockets) -> None:
    """A few more than may wait without a complaint: two for each connection that is closed at once."""
    for _ in range(COMPLAIN_ABOVE // 2 + 1):
        sockets.close_connection(sockets.connect(gs.Address("127.0.0.1", 9)))


def test_many_waiting_status_changes_are_complained_about_once_a_burst(
    lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets]
) -> None:
    uninterested, slow = two
    make_status_changes(uninterested)
    assert lines.having("status changes wait") == []
    seen: list[gs.StatusInfo] = []
    slow.set_status_callback(seen.append)
    for burst in (1, 2):
        make_status_changes(slow)
        make_status_changes(slow)
        assert len(lines.having("status changes wait")) == burst
        slow.run_callbacks()
    assert len(seen) == 8 * (COMPLAIN_ABOVE // 2 + 1)
    assert len(lines.texts(gs.DebugType.BUG)) == 2


def test_dropped_status_changes_are_a_bug_told_in_bursts(
    lines: Lines, two: tuple[gs.NetworkingSockets, gs.NetworkingSockets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gamesockets.sockets.status_events.EVENTS_MAX", 10)
    for _ in range(10):
        two[1].close_connection(two[1].connect(gs.Address("127.0.0.1", 9)))
    told = lines.having("the oldest was dropped")
    assert (
        told
        == lines.texts(gs.DebugType.BUG)
        == ["over 10 status changes wait undispatched; the oldest was dropped"] * 3
    )


class FailingSink(TraceSink):
    """Breaks its promise not to raise, which is the one way to have the service meet a bug."""

    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:
        raise RuntimeError("unexpected")

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:
        pass

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        pass

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        pass

    def message_received(self, message: gs.NetworkingMessage, is_late: bool) -> None:
        pass


def test_an_unexpected_exception_of_the_service_is_a_bug(
    meeting: Meeting, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    connection = meeting.connect()
    udp = meeting.client._entries[connection].udp
    assert udp is not None
    udp.set_trace(FailingSink())
    meeting.server.send_message_to_connection(meeting.accepted[0], b"x", gs.SendFlags.RELIABLE_NO_NAGLE)
    [told] = lines.wait_for("unexpected error")
    udp.set_trace(None)
    assert told in lines.texts(gs.DebugType.BUG)
    assert "RuntimeError" in caplog.text
    meeting.until(lambda: meeting.client.receive_messages_on_connection(connection))


# -------------------------------------------------------------------------- what configuration values ask for


def test_log_levels_do_not_depend_on_the_detail_level(
    two: tuple[gs.NetworkingSockets, gs.NetworkingSockets],
) -> None:
    with listening_at(gs.DebugType.BUG) as lines:
        meeting = Meeting(*two, {V.LOG_LEVEL_MESSAGE: 8})
        connection = meeting.connect()
        meeting.client.send_message_to_connection(connection, b"secret", gs.SendFlags.RELIABLE_NO_NAGLE)
        [told] = lines.wait_for("message 1 received")
        assert told.endswith("message 1 received, reliable, lane 0, 6 bytes")
        assert lines.lines == [(gs.DebugType.VERBOSE, told)]


def test_log_levels_can_change_while_connected(meeting: Meeting, lines: Lines) -> None:
    connection = meeting.connect()
    send = meeting.client.send_message_to_connection
    send(connection, b"silent", gs.SendFlags.NO_NAGLE)
    assert meeting.client.set_connection_configuration_value(connection, V.LOG_LEVEL_MESSAGE, gs.DebugType.VERBOSE)
    meeting.client.set_connection_name(connection, "Rome")
    send(connection, b"told", gs.SendFlags.NO_NAGLE)
    assert meeting.client.set_connection_configuration_value(connection, V.LOG_LEVEL_MESSAGE, None)
    send(connection, b"silent again", gs.SendFlags.NO_NAGLE)
    [told] = lines.having("queued")
    assert told == f"{meeting.description(connection)} message 2 queued, unreliable, lane 0, 4 bytes"


def test_packets_are_traced_at_the_socket(two: tuple[gs.NetworkingSockets, gs.NetworkingSockets]) -> None:
    server, client = two
    with listening_at(gs.DebugType.BUG) as lines:
        try:
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 20)
            meeting = Meeting(server, client, None)
            meeting.connect()
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 0)
            shown = lines.texts()
            lines.lines.clear()
            meeting.connect()
            assert not [text for text in lines.texts() if not re.fullmatch(r"\[Trace .*\| \d+ bytes", text)]
        finally:
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, None)
        lines.lines.clear()
        meeting.connect()
        assert lines.lines == []
    heads = [index for index, text in enumerate(shown) if text.startswith("[Trace ")]
    assert heads[0] == 0
    assert all(
        index in heads or re.fullmatch(r"    [0-9a-f]{2}( [0-9a-f]{2}){0,15}", x) for index, x in enumerate(shown)
    )
    sent = rf"\[Trace Send\] 0\.0\.0\.0:\d+ -> {re.escape(str(meeting.address))} \| 512 bytes"
    assert any(re.fullmatch(sent, text) for text in shown)
    assert any(text.startswith(f"[Trace Recv] {meeting.address} <- 127.0.0.1:") for text in shown)
    assert sum(len(text.split()) for text in shown if text not in {shown[index] for index in heads}) == 20 * len(heads)


def test_packet_traces_go_to_logging_as_well_if_that_wants_them(
    two: tuple[gs.NetworkingSockets, gs.NetworkingSockets], caplog: pytest.LogCaptureFixture
) -> None:
    client = two[1]
    nobody = gs.Address("127.0.0.1", 9)
    try:
        assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 16)
        client.close_connection(client.connect(nobody))
        assert caplog.records == []
        with caplog.at_level(logging.INFO, "gamesockets"):
            client.close_connection(client.connect(nobody))
    finally:
        assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, None)
    head, row, *_ = [text for text in caplog.messages if text.startswith(("[Trace", "    "))]
    assert re.fullmatch(r"\[Trace Send\] .* -> 127\.0\.0\.1:9 \| 512 bytes", head)
    assert len(row.split()) == 16


# -------------------------------------------------------------------------- secrets


def test_no_line_of_a_busy_encrypted_connection_has_keys_or_contents(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secrets: list[bytes] = []
    make_key = ExchangeKey.__init__

    def noted_key(self: ExchangeKey, private: bytes) -> None:
        secrets.append(private)
        make_key(self, private)

    def noted_keys(shared: bytes, **rest: object) -> SessionKeys:
        keys = derive_session_keys(shared, **rest)  # type: ignore[arg-type]
        secrets.extend((shared, keys.client_to_server_key, keys.server_to_client_key))
        secrets.extend((keys.client_to_server_iv, keys.server_to_client_iv))
        return keys

    monkeypatch.setattr(ExchangeKey, "__init__", noted_key)
    monkeypatch.setattr("gamesockets.crypto.credentials.derive_session_keys", noted_keys)
    subjects = (V.LOG_LEVEL_ACK_RTT, V.LOG_LEVEL_PACKET_DECODE, V.LOG_LEVEL_MESSAGE, V.LOG_LEVEL_PACKET_GAPS)
    everything = dict.fromkeys(subjects, 8)
    marker = os.urandom(24)
    with (
        caplog.at_level(logging.DEBUG),
        listening_at(8) as lines,
        gs.NetworkingSockets(config=everything) as server,
        gs.NetworkingSockets(config=everything) as client,
    ):
        try:
            assert client.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, 20)
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 99_999)
            meeting = Meeting(server, client, None)
            connection = meeting.connect()
            for index in range(60):
                size = (1, 40, 600)[index % 3]
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if index & 1 else gs.SendFlags.NO_NAGLE
                client.send_message_to_connection(connection, marker * size, flags)
                time.sleep(0.002)

            def reliable_messages() -> list[gs.NetworkingMessage]:
                messages = server.receive_messages_on_connection(meeting.accepted[0])
                return [message for message in messages if message.flags & gs.SendFlags.RELIABLE]

            assert len(collect(reliable_messages, 30, pause=lambda: server.wait(0.1))) == 30
        finally:
            assert client.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, None)
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, None)
    assert len(secrets) >= 12
    for subject in ("sent, ", "received, ", "missing", "round trip", "queued", "reliable stream", "ack of", "[Trace"):
        assert lines.having(subject), subject
    secrets.append(marker[:12])
    text = "\n".join(lines.texts() + caplog.messages)
    # The rows of a packet trace, joined, so that nothing hides behind the end of a row.
    dumped = re.sub(r"\n {4}|(?<=[0-9a-f]) (?=[0-9a-f]{2})", "", "\n".join(x for x in lines.texts() if x[:4] == "    "))
    for secret in secrets:
        for form in (secret.hex(), secret.hex(" "), repr(secret)[2:-1], str(int.from_bytes(secret, "little"))):
            assert form not in text
            assert form not in dumped
        assert secret.hex() not in text.replace(" ", "").replace("\n", "")
