"""Which lines come at which log level, and what do they say?"""

from collections.abc import Iterator
from typing import Final

import pytest
from tests.support.lines import Lines, listening_at
from tests.support.rig import pair

import gamesockets as gs
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.observe.trace_lines import FrameTexts, TraceLines, trace_lines
from gamesockets.values.message import NetworkingMessage
from gamesockets.wire.frames import (
    ACK_DELAY_UNKNOWN,
    RELATIVE,
    decode,
    encode_ack,
    encode_select_lane,
    encode_stop_waiting,
)

V: Final = gs.ConfigurationValue
NOW: Final = 1_000_000
SUBJECTS: Final = (V.LOG_LEVEL_ACK_RTT, V.LOG_LEVEL_PACKET_DECODE, V.LOG_LEVEL_MESSAGE, V.LOG_LEVEL_PACKET_GAPS)

LINES: Final = {
    V.LOG_LEVEL_ACK_RTT: [
        (6, "ack of packet 7: delay 1.0 ms, round trip 25.5 ms"),
        (5, "ack of packet 8: delay 9.0 ms, round trip -3.0 ms, useless"),
        (5, "ack of packet 9: delay 0.0 ms, round trip 2001.0 ms, useless"),
    ],
    V.LOG_LEVEL_PACKET_DECODE: [
        (6, "packet 3 sent, 60 bytes"),
        (7, "  packet 3 sent: lane 2"),
        (6, "packet 12 received, 40 bytes"),
        (7, "  packet 12 received: lane 5"),
        (7, "  packet 12 received: cannot be decoded further"),
        (6, "packet 11 received, 30 bytes"),
    ],
    V.LOG_LEVEL_MESSAGE: [
        (6, "message 4 queued, reliable, lane 1, 100 bytes"),
        (5, "message refused, LIMIT_EXCEEDED, unreliable, lane 0, 7 bytes"),
        (6, "message 9 received, reliable, lane 0, 6 bytes"),
        (5, "message 8 received, unreliable, lane 3, 6 bytes, late"),
    ],
    V.LOG_LEVEL_PACKET_GAPS: [
        (7, "peer misses packets [3,6)"),
        (5, "packets [10,12) missing: 2"),
        (6, "packet 11 came late, 12 is the newest"),
    ],
}


@pytest.fixture
def lines() -> Iterator[Lines]:
    with listening_at(gs.DebugType.BUG) as found:
        yield found


@pytest.fixture
def connection() -> DatagramConnection:
    return pair(ConnectionOptions(), NOW)[1]


def happenings(trace: TraceLines, connection: DatagramConnection) -> None:
    """One of each kind."""
    trace.acknowledged(7, 1_000, 25_500, [])
    trace.acknowledged(8, 9_000, -3_000, [(2, 0), (1, 3)])
    trace.acknowledged(9, 0, 2_001_000, [])
    trace.acknowledged(9, -1, -1, [])
    trace.packet_sent(3, encode_select_lane(2), 60, NOW)
    trace.packet_received(12, 10, encode_select_lane(5) + b"\xff", 40, NOW)
    trace.packet_received(11, 13, b"", 30, NOW)
    trace.message_queued(4, 100, 8, 1)
    trace.message_queued(-int(gs.Result.LIMIT_EXCEEDED), 7, 0, 0)
    trace.message_received(NetworkingMessage(b"secret", 9, 8, 0, NOW, connection.peer), False)
    trace.message_received(NetworkingMessage(b"secret", 8, 0, 3, NOW, connection.peer), True)


@pytest.mark.rule("3, 15.4 rule 2")
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("level", range(2, 9))
def test_each_subject_has_its_own_threshold(
    subject: gs.ConfigurationValue, level: int, lines: Lines, connection: DatagramConnection
) -> None:
    configuration = Configuration()
    assert configuration.set(subject, level)
    trace = trace_lines(connection, "", configuration)
    if level < gs.DebugType.MESSAGE:
        assert trace is None
        return
    assert trace is not None
    happenings(trace, connection)
    who = f"[#{connection.id} UDP 127.0.0.1:2222] "
    expected = [(kind, who + text) for kind, text in LINES[subject] if kind <= level]
    assert lines.lines == expected


def test_the_defaults_ask_for_nothing(connection: DatagramConnection) -> None:
    assert trace_lines(connection, "", Configuration()) is None


def test_relays_and_rendezvous_have_nothing_to_tell(connection: DatagramConnection) -> None:
    configuration = Configuration()
    assert configuration.set(V.LOG_LEVEL_P2P_RENDEZVOUS, 8)
    configuration.set(V.LOG_LEVEL_SDR_RELAY_PINGS, 8)
    assert trace_lines(connection, "", configuration) is None


def test_nothing_is_put_into_words_for_nobody(connection: DatagramConnection, caplog: pytest.LogCaptureFixture) -> None:
    happenings(TraceLines(connection, "", 8, 8, 8, 8), connection)
    assert caplog.records == []


def test_without_a_callback_logging_decides(connection: DatagramConnection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "gamesockets"):
        happenings(TraceLines(connection, "Bergen", 8, 8, 8, 8), connection)
    assert len(caplog.records) == sum(map(len, LINES.values()))
    assert all("'Bergen'] " in message for message in caplog.messages)


def test_frames_are_told_without_their_contents() -> None:
    texts = FrameTexts()
    payload = (
        encode_stop_waiting(4)
        + encode_ack(300, 64_000, [(3, 2), (1, 1)])
        + encode_ack(301, -1, [])
        + encode_select_lane(1)
    )
    assert decode(payload, texts) == ""
    texts.unreliable(16, 17, 0, True, b"secret")
    texts.unreliable(RELATIVE, 1, 1200, False, b"secret")
    texts.reliable(24, 5000, b"secret")
    texts.reliable(RELATIVE, 20, b"secret")
    texts.ack(16, 300, ACK_DELAY_UNKNOWN, [])
    assert texts.texts == [
        "no acks wanted up to 5 packets before this one",
        "ack of packet 300, delay 64.0 ms, 3 acked above 2 missing, 1 acked above 1 missing",
        "ack of packet 301, delay unknown",
        "lane 1",
        "unreliable message 17, 6 bytes from 0, ends it",
        "unreliable message +1, 6 bytes from 1200",
        "reliable stream, 6 bytes from 5000",
        "reliable stream, 6 bytes from +20",
        "ack of packet 300, delay unknown",
    ]
