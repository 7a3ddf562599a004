"""Which lines do the log-level values of a connection ask for? (spec 3, 4.7 rows 13 to 18, and 15.4)

Each value is the chattiest type that is produced for its subject, whatever the detail level of the debug callback:

| Value | MESSAGE | VERBOSE | DEBUG |
|---|---|---|---|
| LOG_LEVEL_ACK_RTT | useless round trips | round trips | |
| LOG_LEVEL_PACKET_DECODE | | packets, both ways | their frames |
| LOG_LEVEL_MESSAGE | late messages, refused ones | messages, both ways | |
| LOG_LEVEL_PACKET_GAPS | gaps in what came | packets that came late into a gap | gaps that the peer reports |

So the default of 4, WARNING, asks for nothing. LOG_LEVEL_P2P_RENDEZVOUS and LOG_LEVEL_SDR_RELAY_PINGS have no effect:
there are no peer-to-peer connections and no relays here.
"""

from typing import final

from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.trace import TraceSink
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_TRACE, About
from gamesockets.observe.snapshots import describe
from gamesockets.send.round_trip import UNKNOWN, sample_from_ack_us
from gamesockets.values.enums import DebugType, SendFlags
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.moments import US_PER_MS
from gamesockets.values.results import Result
from gamesockets.wire.frames import ACK_DELAY_SHIFT, ACK_DELAY_UNKNOWN, RELATIVE, AckBlock, FrameSink, decode

_V = ConfigurationValue


def trace_lines(connection: DatagramConnection, name: str, configuration: Configuration) -> "TraceLines | None":
    """What to give to `Connection.set_trace`; None if no value asks for lines that exist."""
    levels = [
        _level(configuration, value)
        for value in (_V.LOG_LEVEL_ACK_RTT, _V.LOG_LEVEL_PACKET_DECODE, _V.LOG_LEVEL_MESSAGE, _V.LOG_LEVEL_PACKET_GAPS)
    ]
    if max(levels) < DebugType.MESSAGE:
        return None
    return TraceLines(connection, name, *levels)


def _ms(duration_us: int) -> str:
    return f"{duration_us / US_PER_MS:.1f} ms"


def _level(configuration: Configuration, value: ConfigurationValue) -> int:
    x = configuration.effective(value)
    return x if isinstance(x, int) else 0


@final
class TraceLines(TraceSink):
    """Turns packets and messages into lines of numbers and sizes, never with their contents."""

    __slots__ = ("_ack_rtt", "_connection", "_message", "_name", "_packet_decode", "_packet_gaps")

    def __init__(
        self,
        connection: DatagramConnection,
        name: str,
        ack_rtt: int,
        packet_decode: int,
        message: int,
        packet_gaps: int,
    ) -> None:
        self._connection = connection
        self._name = name
        self._ack_rtt = ack_rtt
        self._packet_decode = packet_decode
        self._message = message
        self._packet_gaps = packet_gaps

    def packet_received(
        self,
        number: int,
        expected: int,
        payload: bytes,
        size_bytes: int,
        now: int,  # noqa: ARG002 - who takes the lines has a clock
    ) -> None:
        gaps = self._packet_gaps
        if number > expected:
            missing = number - expected
            self._line(DebugType.MESSAGE, gaps, f"packets [{expected},{number}) missing: {missing}")
        elif number < expected:
            self._line(DebugType.VERBOSE, gaps, f"packet {number} came late, {expected - 1} is the newest")
        self._packet("received", number, payload, size_bytes)

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:  # noqa: ARG002 - as above
        self._packet("sent", number, payload, size_bytes)

    def _packet(self, what: str, number: int, payload: bytes, size_bytes: int) -> None:
        level = self._packet_decode
        self._line(DebugType.VERBOSE, level, f"packet {number} {what}, {size_bytes} bytes")
        if level >= DebugType.DEBUG and OUTPUT.hears(DebugType.DEBUG, LOG_TRACE):
            frames = FrameTexts()
            fault = decode(payload, frames)
            for text in frames.texts:
                self._line(DebugType.DEBUG, level, f"  packet {number} {what}: {text}")
            if fault:
                self._line(DebugType.DEBUG, level, f"  packet {number} {what}: cannot be decoded further")

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        if delay_us >= 0:
            is_useless = sample_from_ack_us(round_trip_us) == UNKNOWN
            kind = DebugType.MESSAGE if is_useless else DebugType.VERBOSE
            note = ", useless" if is_useless else ""
            text = f"ack of packet {latest}: delay {_ms(delay_us)}, round trip {_ms(round_trip_us)}"
            self._line(kind, self._ack_rtt, text + note)
        end = latest + 1
        for acks, nacks in blocks:
            middle = end - acks
            end = middle - nacks
            if nacks:
                self._line(DebugType.DEBUG, self._packet_gaps, f"peer misses packets [{end},{middle})")

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        """What the peer reports has said it already."""

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        how = "reliable" if flags & SendFlags.RELIABLE else "unreliable"
        if outcome > 0:
            text = f"message {outcome} queued, {how}, lane {lane}, {size_bytes} bytes"
            self._line(DebugType.VERBOSE, self._message, text)
        else:
            text = f"message refused, {Result(-outcome).name}, {how}, lane {lane}, {size_bytes} bytes"
            self._line(DebugType.MESSAGE, self._message, text)

    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        how = "reliable" if message.flags & SendFlags.RELIABLE else "unreliable"
        kind = DebugType.MESSAGE if is_late else DebugType.VERBOSE
        note = ", late" if is_late else ""
        text = f"message {message.message_number} received, {how}, lane {message.lane}, {message.length} bytes{note}"
        self._line(kind, self._message, text)

    def _line(self, kind: DebugType, level: int, text: str) -> None:
        if kind <= level and OUTPUT.hears(kind, LOG_TRACE):
            text = f"[{describe(self._connection, self._name)}] {text}"
            OUTPUT.trace(kind, text, LOG_TRACE, About(self._connection))


@final
class FrameTexts(FrameSink):
    """One text for each frame. Numbers are those on the wire, where some are only the lower bits of the full ones."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        which = f"+{number}" if number_bits == RELATIVE else str(number)
        end = ", ends it" if is_last else ""
        self.texts.append(f"unreliable message {which}, {len(data)} bytes from {offset}{end}")
        return True

    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        where = f"+{position}" if position_bits == RELATIVE else str(position)
        self.texts.append(f"reliable stream, {len(data)} bytes from {where}")
        return True

    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[AckBlock]) -> bool:  # noqa: ARG002 - as sent
        held = "unknown" if delay == ACK_DELAY_UNKNOWN else _ms(delay << ACK_DELAY_SHIFT)
        runs = "".join([f", {acks} acked above {nacks} missing" for acks, nacks in blocks])
        self.texts.append(f"ack of packet {latest}, delay {held}{runs}")
        return True

    def stop_waiting(self, offset: int) -> bool:
        self.texts.append(f"no acks wanted up to {offset + 1} packets before this one")
        return True

    def select_lane(self, lane: int) -> bool:
        self.texts.append(f"lane {lane}")
        return True
