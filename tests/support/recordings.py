"""A conversation over a bad simulated network, as capture files with the keys that open them."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gamesockets as gs
from gamesockets import sim
from gamesockets.sim.passage import Passage

RAW: Final = 101
ETHERNET: Final = 1


@dataclass(frozen=True)
class Recording:
    """What a capture holds.

    Attributes:
        passages: the datagrams in it, in order.
        keys: the file with the keys.
        messages: the bodies of the reliable messages, in order, and those of the unreliable ones.
        port: of the server.
    """

    passages: list[Passage]
    keys: Path
    reliable: list[bytes]
    unreliable: list[bytes]
    port: int


def record(folder: Path, seed: int = 5) -> Recording:
    """Two lanes, messages of both kinds, some loss, and a farewell; what left the senders."""
    passages: list[Passage] = []
    keys = folder / "keys.log"
    gs.Library.set_key_log(keys)
    try:
        conditions = sim.Conditions(latency=0.02, loss=0.1)
        world = sim.World(seed, conditions)
        world.trace = lambda passage: None if passage.is_arrival else passages.append(passage)
        server = world.listen()
        client = world.connect(server)
        assert world.run_until(lambda: client.is_connected)
        client.configure_lanes([0, 0])
        reliable = [bytes([index]) * (index * 40 + 1) for index in range(1, 30)]
        unreliable = [b"%d unreliable" % index for index in range(20)]
        for index, body in enumerate(reliable):
            client.send(body, gs.SendFlags.RELIABLE, index % 2)
            world.run(0.01)
        for body in unreliable:
            client.send(body, gs.SendFlags.UNRELIABLE)
            world.run(0.01)
        world.run(2.0)
        client.close(1234, "the end")
        world.run(1.0)
    finally:
        gs.Library.set_key_log(None)
    return Recording(passages, keys, reliable, unreliable, server.address.port)


def ip_packet(passage: Passage) -> bytes:
    """The datagram with its UDP and IPv4 headers."""
    source, destination = passage.source, passage.destination
    udp = struct.pack("!HHHH", source.port, destination.port, len(passage.data) + 8, 0) + passage.data
    addresses = bytes(map(int, source.ip.split("."))) + bytes(map(int, destination.ip.split(".")))
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + addresses + udp


def ethernet(packet: bytes) -> bytes:
    """The same on Ethernet, in a VLAN."""
    return bytes(12) + b"\x81\x00\x00\x07\x08\x00" + packet


def pcap(passages: list[Passage], order: str = "<", link: int = RAW, nanoseconds: bool = False) -> bytes:
    """A capture in the older format."""
    magic, units = (0xA1B23C4D, 1000) if nanoseconds else (0xA1B2C3D4, 1)
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)]
    for passage in passages:
        packet = ip_packet(passage) if link == RAW else ethernet(ip_packet(passage))
        seconds, rest = divmod(passage.time_us, 1_000_000)
        parts.append(struct.pack(order + "IIII", seconds, rest * units, len(packet), len(packet)) + packet)
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body = body.ljust((len(body) + 3) // 4 * 4, b"\0")
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(passages: list[Passage], order: str = "<", resolution: int | None = None) -> bytes:
    """A capture in the newer format; time stamps in units of 10**-resolution s."""
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = struct.pack(order + "HHI", RAW, 0, 0)
    if resolution is not None:
        interface += struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
    parts = [_block(order, 0x0A0D0D0A, section), _block(order, 1, interface), _block(order, 5, bytes(12))]
    for passage in passages:
        packet = ip_packet(passage)
        stamp = passage.time_us * 10 ** ((6 if resolution is None else resolution) - 6)
        head = struct.pack(order + "IIIII", 0, stamp >> 32, stamp & 0xFFFF_FFFF, len(packet), len(packet))
        parts.append(_block(order, 6, head + packet))
    return b"".join(parts)
