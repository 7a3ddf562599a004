"""What does debug output say about the life of connections, and does it keep secrets?"""

import errno
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.support.lines import Lines, listening_at
from tests.support.pairs import Loopback, Side, data_of
from tests.support.waiting import collect

import gamesockets as gs
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.trace import TraceSink
from gamesockets.crypto import exchange
from gamesockets.observe.life_lines import UNCLOSED_US
from gamesockets.sockets.status_events import COMPLAIN_ABOVE
from gamesockets.wire.frames import AckBlock

V: Final = gs.ConfigurationValue
ANYWHERE: Final = gs.Address("127.0.0.1", 0)
BAD_CRYPT: Final = 4002


def description(side: Side, connection: gs.Connection) -> str:
    """How lines name a connection."""
    return f"[{side.info(connection).connection_description}]"


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening_at(gs.DebugType.EVERYTHING) as found:
        yield found


@pytest.fixture
def two() -> Iterator[tuple[Side, Side]]:
    with closing(Side()) as server, closing(Side()) as client:
        yield server, client


@pytest.fixture
def meeting(lines: Lines, two: tuple[Side, Side]) -> Iterator[Loopback]:
    with Loopback(*two) as meeting:
        yield meeting


@pytest.mark.rule("3, 6.6 rule 3", "3, 15.4 rule 3")
def test_the_life_of_a_connection_is_told(meeting: Loopback, lines: Lines) -> None:
    connection, accepted = meeting.connected()
    who = description(meeting.client, connection)
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
    assert told.startswith(f"[#{accepted} UDP ")
    assert told in lines.texts(gs.DebugType.MESSAGE)
    lines.lines.clear()
    meeting.server.close_connection(accepted)
    assert lines.texts() == []


def test_names_are_in_the_lines(meeting: Loopback, lines: Lines) -> None:
    connection, _ = meeting.connected()
    meeting.client.set_connection_name(connection, "Oslo")
    meeting.client.close_connection(connection)
    [told] = lines.wait_for("closed by app")
    assert "'Oslo'] closed by app (1000) Application closed connection" in told


def test_lingering_is_told(meeting: Loopback, lines: Lines) -> None:
    connection, _ = meeting.connected()
    reliable = gs.SendFlags.RELIABLE
    assert meeting.client.send_message_to_connection(connection, bytes(100_000), reliable) == gs.Result.OK
    meeting.client.close_connection(connection, 1001, "later", enable_linger=True)
    assert len(lines.having("closed by app, lingering, (1001) later")) == 1
    lines.wait_for("closed by peer (1001): later")


def test_a_text_of_the_peer_cannot_forge_lines(meeting: Loopback, lines: Lines) -> None:
    connection, _ = meeting.connected()
    meeting.client.close_connection(connection, 1000, "bye\n[#1 UDP] connected\x1b[2J")
    [told] = lines.wait_for("closed by peer")
    assert told.endswith("bye\\n[#1 UDP] connected\\x1b[2J")


@pytest.mark.rule("3, 15.4 rule 3")
def test_problems_are_told(meeting: Loopback, lines: Lines) -> None:
    plain_only = 3
    _, incoming = meeting.request({V.UNENCRYPTED: plain_only})
    assert meeting.server.accept_connection(incoming) == gs.Result.HANDSHAKE_FAILED
    [told] = lines.having("problem detected locally")
    assert f"problem detected locally ({BAD_CRYPT}): Failed to negotiate mutually-agreeable cipher" in told
    lines.wait_for(f"closed by peer ({BAD_CRYPT})")


def test_a_request_nobody_answers_is_a_bug_of_the_application(lines: Lines, two: tuple[Side, Side]) -> None:
    with Loopback(*two, {V.TIMEOUT_INITIAL: 50}) as meeting:
        meeting.client.connect(meeting.address)
        [told] = lines.wait_for("neither accepted nor closed")
    assert told in lines.texts(gs.DebugType.BUG)
    assert lines.wait_for("problem detected locally (5003)")


@pytest.mark.rule("3, 13.2")
@pytest.mark.parametrize(("level", "count"), [(1, 1), (2, 0)])
def test_peers_without_authentication_are_told_at_level_1(
    lines: Lines, two: tuple[Side, Side], level: int, count: int
) -> None:
    config = {V.IP_ALLOW_WITHOUT_AUTH: level, V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH: level}
    with Loopback(*two, config) as meeting:
        meeting.connected()
    assert len(lines.having("peers without authentication are allowed")) == count
    assert len(lines.having("peer is not authenticated")) == count
    assert len(lines.texts(gs.DebugType.WARNING)) == 2 * count


@pytest.mark.rule("3, 13.2")
def test_the_larger_value_counts_for_localhost(lines: Lines, two: tuple[Side, Side]) -> None:
    with Loopback(*two, {V.IP_ALLOW_WITHOUT_AUTH: 1}) as meeting:
        meeting.connected()
    assert len(lines.having("peers without authentication are allowed")) == 1
    assert lines.having("peer is not authenticated") == []


def test_failures_to_listen_and_to_connect_are_errors(meeting: Loopback, lines: Lines) -> None:
    with pytest.raises(OSError, match="cannot listen") as caught:
        meeting.server.create_listen_socket(meeting.address)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(ValueError, match="SYMMETRIC_CONNECT"):
        meeting.client.connect(meeting.address, {V.SYMMETRIC_CONNECT: 1})
    listen, connect = lines.texts(gs.DebugType.ERROR)
    assert listen.startswith(f"cannot listen on {meeting.address}: ")
    assert connect.startswith(f"cannot connect to {meeting.address}: SYMMETRIC_CONNECT must be 0")


@pytest.mark.rule("1, 7.2", "3, 6.1 rule 1")
def test_an_ended_connection_that_is_not_closed_is_complained_about_once(
    meeting: Loopback, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UNCLOSED_US == 20_000_000
    monkeypatch.setattr("gamesockets.node.node.UNCLOSED_US", 60_000)
    left, closed = meeting.connected(), meeting.connected()
    for ends in (left, closed):
        meeting.server.close_connection(ends.incoming, 1002, "go")
    lines.wait_for("closed by peer (1002)", 2)
    who = description(meeting.client, left.outgoing)
    meeting.client.close_connection(closed.outgoing)
    assert lines.wait_for("was not closed") == [f"{who} ended over 20 s ago (1002) and was not closed"]
    later = meeting.connected()
    meeting.server.close_connection(later.incoming, 1003, "go")
    lines.wait_for("closed by peer (1003)")
    lines.wait_for(f"{description(meeting.client, later.outgoing)} ended over 20 s ago (1003) and was not closed")
    assert len(lines.having("was not closed")) == 2, "the first was not told again meanwhile, nor the closed one at all"
    assert lines.having("was not closed") == lines.texts(gs.DebugType.BUG)


def make_status_changes(sockets: gs.NetworkingSockets) -> None:
    """A few more than may wait without a complaint: two for each connection that is closed at once."""
    for _ in range(COMPLAIN_ABOVE // 2 + 1):
        sockets.close_connection(sockets.connect(gs.Address("127.0.0.1", 9)))


def test_many_at_once_are_no_fault(lines: Lines, two: tuple[Side, Side]) -> None:
    """A hundred bots connect in the same moment: the program will dispatch their changes in its next tick."""
    _, client = two
    client.set_status_callback(lambda _: None)
    make_status_changes(client)
    make_status_changes(client)
    assert lines.texts(gs.DebugType.BUG) == []


@pytest.mark.rule("3, 14.3 rule 4")
def test_many_waiting_status_changes_are_complained_about_once_a_burst(
    lines: Lines, two: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gamesockets.sockets.status_events.COMPLAIN_AFTER_US", -1)
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
    lines: Lines, two: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
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

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        pass

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        pass

    def message_received(self, message: gs.NetworkingMessage, is_late: bool) -> None:
        pass


def test_an_unexpected_exception_of_the_service_is_a_bug(
    meeting: Loopback, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    connection, accepted = meeting.connected()
    inner = meeting.client._node.members[connection].connection
    assert isinstance(inner, DatagramConnection)
    inner.set_trace(FailingSink())
    meeting.server.send_message_to_connection(accepted, b"x", gs.SendFlags.RELIABLE_NO_NAGLE)
    [told] = lines.wait_for("unexpected error")
    inner.set_trace(None)
    assert told in lines.texts(gs.DebugType.BUG)
    assert "RuntimeError" in caplog.text
    assert data_of(meeting.client.messages(connection)) == [b"x"]


# -------------------------------------------------------------------------- what configuration values ask for


@pytest.mark.rule("3, 15.4 rule 2")
def test_log_levels_do_not_depend_on_the_detail_level(
    two: tuple[Side, Side],
) -> None:
    with listening_at(gs.DebugType.BUG) as lines, Loopback(*two, {V.LOG_LEVEL_MESSAGE: 8}) as meeting:
        connection, _ = meeting.connected()
        meeting.client.send_message_to_connection(connection, b"secret", gs.SendFlags.RELIABLE_NO_NAGLE)
        [told] = lines.wait_for("message 1 received")
        assert told.endswith("message 1 received, reliable, lane 0, 6 bytes")
        assert lines.lines == [(gs.DebugType.VERBOSE, told)]


def test_log_levels_can_change_while_connected(meeting: Loopback, lines: Lines) -> None:
    connection, _ = meeting.connected()
    send = meeting.client.send_message_to_connection
    send(connection, b"silent", gs.SendFlags.NO_NAGLE)
    assert meeting.client.set_connection_configuration_value(connection, V.LOG_LEVEL_MESSAGE, gs.DebugType.VERBOSE)
    meeting.client.set_connection_name(connection, "Rome")
    send(connection, b"told", gs.SendFlags.NO_NAGLE)
    assert meeting.client.set_connection_configuration_value(connection, V.LOG_LEVEL_MESSAGE, None)
    send(connection, b"silent again", gs.SendFlags.NO_NAGLE)
    [told] = lines.having("queued")
    assert told == f"{description(meeting.client, connection)} message 2 queued, unreliable, lane 0, 4 bytes"


def test_packets_are_traced_at_the_socket(two: tuple[Side, Side]) -> None:
    client = two[1]
    with listening_at(gs.DebugType.BUG) as lines, Loopback(*two) as meeting:
        try:
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 20)
            meeting.connected()
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 0)
            shown = lines.texts()
            lines.lines.clear()
            meeting.connected()
            assert not [text for text in lines.texts() if not re.fullmatch(r"\[Trace .*\| \d+ bytes", text)]
        finally:
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, None)
        lines.lines.clear()
        meeting.connected()
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
    two: tuple[Side, Side], caplog: pytest.LogCaptureFixture
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

    class NotedKey:
        """An X25519 key that notes itself, and what it shares with a peer."""

        def __init__(self, private: bytes) -> None:
            secrets.append(private)
            self._key = X25519PrivateKey.from_private_bytes(private)
            self.public_key = self._key.public_key

        @classmethod
        def from_private_bytes(cls, private: bytes) -> "NotedKey":
            return cls(private)

        def exchange(self, peer: X25519PublicKey) -> bytes:
            shared = self._key.exchange(peer)
            secrets.append(shared)
            return shared

    class NotedHKDF:
        def __init__(self, **arguments: Any) -> None:
            self._hkdf = HKDF(**arguments)

        def derive(self, material: bytes) -> bytes:
            blocks = self._hkdf.derive(material)
            secrets.extend((blocks[:32], blocks[32:64], blocks[64:76], blocks[96:108]))
            return blocks

    monkeypatch.setattr(exchange, "X25519PrivateKey", NotedKey)
    monkeypatch.setattr(exchange, "HKDF", NotedHKDF)
    subjects = (V.LOG_LEVEL_ACK_RTT, V.LOG_LEVEL_PACKET_DECODE, V.LOG_LEVEL_MESSAGE, V.LOG_LEVEL_PACKET_GAPS)
    everything = dict.fromkeys(subjects, 8)
    marker = os.urandom(24)
    with (
        caplog.at_level(logging.DEBUG),
        listening_at(8) as lines,
        Loopback(Side(config=everything), Side(config=everything)) as meeting,
    ):
        client, server = meeting.client, meeting.server
        try:
            assert client.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, 20)
            assert client.set_configuration_value(V.PACKET_TRACE_MAX_BYTES, 99_999)
            connection, accepted = meeting.connected()
            for index in range(60):
                size = (1, 40, 600)[index % 3]
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if index & 1 else gs.SendFlags.NO_NAGLE
                client.send_message_to_connection(connection, marker * size, flags)
                time.sleep(0.002)

            def reliable_messages() -> list[gs.NetworkingMessage]:
                messages = server.receive_messages_on_connection(accepted)
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
