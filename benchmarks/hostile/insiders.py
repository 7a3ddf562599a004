"""Attacks of those who have a connection, and send on it what no honest client would: properly encrypted."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Final

from benchmarks.hostile.attack import Attack, Sending, transmit
from benchmarks.hostile.payloads import ROOM, filled, piece, segment, whole
from benchmarks.hostile.peer import ANSWER_AT_ONCE, NotConnectedError, Peer, closed
from gamesockets.wire.frames import (
    RELATIVE,
    encode_ack,
    encode_reliable,
    encode_reliable_to_end,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    with_size,
)
from gamesockets.wire.messages_pb2 import ConnectionQuality, InstantaneousStats, LifetimeStats, UdpStats
from gamesockets.wire.packet import NO_TIME, encode_header
from gamesockets.wire.stream import encode_message_header

LANES: Final = 256
LARGE: Final = 100_000
_RECORDED: Final = 100
_WAITED_FOR: Final = 255
_JUMP: Final = 0x3FFF
_JUMP_OVER: Final = 99


class Insider(Attack):
    """Has some connections, and gets new ones for those that the server ends."""

    identity = "hostile"
    count = 1
    stats = b""
    peers: list[Peer]

    def begin(self) -> None:
        self.peers = []
        for _ in range(self.count):
            self.peers.append(self.connect())

    def connect(self) -> Peer:
        """A new connection. Raises `NotConnectedError`."""
        peer = Peer(self.open_socket(), self.random, self.identity)
        try:
            peer.connect()
        except NotConnectedError:
            self.close_socket(peer.socket)
            raise
        return peer

    def datagrams(self) -> Iterator[Sending]:
        sources = [self.packets(peer) for peer in self.peers]
        for index in itertools.cycle(range(self.count)):
            peer = self.peers[index]
            if peer.is_over:
                with contextlib.suppress(NotConnectedError):
                    peer = self.connect()
                    self.close_socket(self.peers[index].socket)
                    self.peers[index] = peer
                    sources[index] = self.packets(peer)
            yield peer.socket, next(sources[index])

    def listen(self) -> None:
        for peer in self.peers:
            peer.listen()

    def end(self) -> None:
        """Says so, which frees the server's hands at once."""
        for peer in self.peers:
            transmit((peer.socket, closed(peer.server_id, peer.id)))
        super().end()

    def packets(self, peer: Peer) -> Iterator[bytes]:
        """The datagrams of one of them."""
        for payload in self.payloads():
            yield peer.packet(payload, self.stats)

    def payloads(self) -> Iterator[bytes]:
        """What is encrypted in them."""
        raise NotImplementedError


# ---------------------------------------------------------------------- packets


class Replays(Insider):
    """Its own packets again and again, from all that it has sent."""

    def packets(self, peer: Peer) -> Iterator[bytes]:
        recorded = [peer.packet(whole(b"replayed", number)) for number in range(1, _RECORDED)]
        yield from itertools.cycle(recorded)


class Duplicates(Insider):
    """One packet for ever."""

    def packets(self, peer: Peer) -> Iterator[bytes]:
        return itertools.repeat(peer.packet(whole(b"again", 1)))


class Undecryptable(Insider):
    """Packets with the numbers that are expected, whose contents are noise."""

    def packets(self, peer: Peer) -> Iterator[bytes]:
        pool = [
            encode_header(peer.server_id, number, b"", NO_TIME) + self.random.randbytes(200)
            for number in range(2, 2000)
        ]
        return itertools.cycle(pool)


class Jumps(Insider):
    """Packet numbers that jump as far as they may, and now and then just so far that all between stays in doubt."""

    def packets(self, peer: Peer) -> Iterator[bytes]:
        while True:
            for jump in (_JUMP, _JUMP_OVER, _JUMP_OVER, _JUMP_OVER):
                peer.number += jump - 1
                yield peer.packet(b"")


class Keepalives(Insider):
    """Packets without contents."""

    def payloads(self) -> Iterator[bytes]:
        return itertools.repeat(b"")


class ImmediateAcks(Keepalives):
    """Each wants an answer at once."""

    stats = ANSWER_AT_ONCE


class ManyStatistics(Keepalives):
    """Packets with as much statistics as there are."""

    def begin(self) -> None:
        super().begin()
        quality = ConnectionQuality(instantaneous=InstantaneousStats(), lifetime=LifetimeStats())
        for part in (quality.instantaneous, quality.lifetime):
            for field in part.DESCRIPTOR.fields:
                setattr(part, field.name, self.random.randrange(100))
        self.stats = UdpStats(stats=quality, flags=6).SerializeToString()


class Faulty(Insider):
    """Packets that break the rules, so that the connection has to end; then the next one."""

    def payloads(self) -> Iterator[bytes]:
        return itertools.repeat(b"\xff" * 100)


# ---------------------------------------------------------------------- acknowledgements


class _Acks(Insider):
    """The server has sent this peer a lot, and hears of it in the dearest ways."""

    identity = "pushed"

    def packets(self, peer: Peer) -> Iterator[bytes]:
        while True:
            payload = self.acks(peer.latest)
            for _ in range(64):
                yield peer.packet(payload)

    def acks(self, latest: int) -> bytes:
        raise NotImplementedError


class AckFrames(_Acks):
    """As many ack frames as fit, each of which says of all packets that they are missing."""

    def acks(self, latest: int) -> bytes:
        return filled(itertools.repeat(encode_ack(latest, -1, [(1, max(latest - 2, 0))])))


class AckBlocks(_Acks):
    """Ack frames of 255 blocks: every second packet is missing."""

    def acks(self, latest: int) -> bytes:
        return filled(itertools.repeat(encode_ack(latest, 0, [(1, 1)] * min(255, latest // 2)), 8))


class FutureAcks(_Acks):
    """Acks of packets that were never sent."""

    def acks(self, latest: int) -> bytes:
        return encode_ack(latest + 5000, 0, [])


class StopWaiting(Insider):
    def packets(self, peer: Peer) -> Iterator[bytes]:
        while True:
            peer.number += _WAITED_FOR  # each value has to be above those before
            yield peer.packet(filled(map(encode_stop_waiting, range(_WAITED_FOR - 1, -1, -1))))


# ---------------------------------------------------------------------- what never gets complete


class DescendingSegments(Insider):
    """The reliable stream from behind, a byte at a time."""

    def payloads(self) -> Iterator[bytes]:
        while True:
            positions = iter(range(399_999, 1, -1))
            while payload := filled(segment(position, b"x") for position in positions):
                yield payload


class Fragments(Insider):
    """Pieces of unreliable messages, of each of which one is missing."""

    def payloads(self) -> Iterator[bytes]:
        for number in itertools.count(1):
            lane = number % LANES
            yield piece(number // LANES + 1, 1 + number % 20 * 1100, self.random.randbytes(1100), lane=lane)


class LaneGaps(Insider):
    """Reliable bytes behind holes, on all lanes."""

    def payloads(self) -> Iterator[bytes]:
        data = self.random.randbytes(1100)
        for number in itertools.count():
            yield segment(5000 + number // LANES % 25 * 4000, data, number % LANES)


class LargeMessages(Insider):
    """Reliable messages of 100 kB on all lanes at once, none of which is ever finished."""

    def payloads(self) -> Iterator[bytes]:
        header = encode_message_header(1, LARGE)
        data = self.random.randbytes(1100)
        for lane in range(LANES):
            yield segment(1, header, lane)
        for number in itertools.count():
            yield segment(1 + len(header) + number // LANES % 90 * len(data), data, number % LANES)


class HugeMessages(Insider):
    """Messages that are said to be larger than any may be: each ends the connection."""

    def payloads(self) -> Iterator[bytes]:
        return itertools.repeat(encode_reliable_to_end(1) + encode_message_header(1, 1 << 30) + bytes(1000))


class SelectedLanes(Insider):
    """Packets full of lanes that are selected, with an empty message each."""

    def payloads(self) -> Iterator[bytes]:
        while True:
            yield filled(encode_select_lane(lane % LANES) for lane in range(ROOM))
            yield filled(whole(b"", 1, lane % LANES) for lane in range(ROOM))


# ---------------------------------------------------------------------- more than anybody reads


class TinyMessages(Insider):
    """Packets full of messages of one byte, to a server that reads few of them."""

    identity = "slow"

    def payloads(self) -> Iterator[bytes]:
        frames = [with_size(encode_unreliable(RELATIVE, 1, 0, True), 1) + b"x"] * ROOM
        for number in itertools.count(1, 400):
            first = with_size(encode_unreliable(32, number, 0, True), 1) + b"x"
            yield filled([first, *frames])


class LateMessages(Insider):
    """Messages each of which belongs before the one before it."""

    identity = "slow"

    def payloads(self) -> Iterator[bytes]:
        yield whole(b"x", 20_000)
        while True:
            for top in range(19_999, 1000, -200):
                yield filled(whole(b"x", number) for number in range(top, top - 200, -1))


class ReliableFlood(Insider):
    """Reliable messages that nobody reads."""

    identity = "unread"

    def payloads(self) -> Iterator[bytes]:
        message = encode_message_header(1, 1000) + bytes(1000)
        position = 1
        while True:
            for _ in range(1100):
                yield with_size(encode_reliable(48, position), len(message)) + message
                position += len(message)
            position = 1


class TinyReliableFlood(Insider):
    """Packets full of reliable messages of one byte that nobody reads."""

    identity = "unread"

    def payloads(self) -> Iterator[bytes]:
        data = (encode_message_header(1, 1) + b"x") * 590
        for position in itertools.count(1, len(data)):
            yield encode_reliable_to_end(position) + data


class Lingering(Insider):
    """Gets data from a server that closes then, acknowledges none of it, and keeps the connection alive."""

    identity = "lingering"
    count = 20

    def payloads(self) -> Iterator[bytes]:
        return itertools.repeat(b"")


class Crowd(Insider):
    """Many connections, each of which asks for answers at once."""

    count = 100
    stats = ANSWER_AT_ONCE

    def payloads(self) -> Iterator[bytes]:
        for number in itertools.count(1):
            yield whole(b"x", number)


class Spread(Insider):
    """Many connections that hold as much memory as they may, in fragments and behind holes."""

    count = 50

    def payloads(self) -> Iterator[bytes]:
        data = self.random.randbytes(1100)
        for number in itertools.count():
            yield segment(5000 + number // LANES % 25 * 4000, data, number % LANES)
