"""How does a bad network come about that is the same for all? A relay delays all datagrams and loses some.

Started by the runner as `python -m benchmarks.relay SERVER SECONDS LOSS SEED`: prints where the client has to connect,
relays until standard input ends, prints what it did. Datagrams are taken and given in batches, a system call each, so
that the relay costs little beside the systems it stands between; they stay in the memory they arrived in. The order of
losses is drawn from the seed, one draw a datagram and direction. Linux only: Python has no such calls of its own.
"""

from __future__ import annotations

import ctypes as c
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

from benchmarks.usage import cpu_s

SLOTS: Final = 16384
"""Datagrams that one direction holds at most."""
SLOT_BYTES: Final = 2048
BATCH: Final = 128
SOCKET_BUFFER_BYTES: Final = 4 << 20
_UDP_TABLE: Final = Path("/proc/net/udp")


class _Header(c.Structure):
    """The kernel's mmsghdr: where a datagram is, and how long it was."""

    _fields_ = (
        ("name", c.c_void_p),
        ("name_bytes", c.c_uint32),
        ("parts", c.c_void_p),
        ("part_count", c.c_size_t),
        ("control", c.c_void_p),
        ("control_bytes", c.c_size_t),
        ("flags", c.c_int),
        ("_padding", c.c_int),
        ("size", c.c_uint32),
    )


class _Part(c.Structure):
    """The kernel's iovec."""

    _fields_ = (("base", c.c_void_p), ("size", c.c_ulong))


class Direction:
    """A ring of slots between two sockets: filled at its head, emptied at its tail when the time has come."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay_s: float, loss: float, seed: int) -> None:
        self.source = source
        self.relayed = 0
        self.lost = 0
        self._sink = sink
        self._delay_s = delay_s
        self._loss = loss
        self._random = random.Random(seed).random
        self._waiting: deque[tuple[float, int, int, bool]] = deque()
        """Due when, first slot, slot behind the last, whether it is sent at all; together all slots in use."""
        self._head = 0
        self._used = 0
        libc: Any = c.CDLL(None, use_errno=True)
        self._receive, self._send = libc.recvmmsg, libc.sendmmsg
        self._memory = c.create_string_buffer(SLOTS * SLOT_BYTES)
        self._parts = (_Part * SLOTS)()
        self._headers = (_Header * SLOTS)()
        start = c.addressof(self._memory)
        for index, (part, header) in enumerate(zip(self._parts, self._headers, strict=True)):
            part.base, part.size = start + index * SLOT_BYTES, SLOT_BYTES
            header.parts, header.part_count = c.addressof(part), 1
        words = c.sizeof(_Header) // 4
        self._sizes = memoryview(self._headers).cast("B").cast("I")[_Header.size.offset // 4 :: words]
        self._part_sizes = memoryview(self._parts).cast("B").cast("L")[1::2]

    def due_s(self) -> float:
        """When the oldest datagram wants to be sent."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def fill(self) -> None:
        """Takes what has arrived, one batch, and draws lots."""
        room = min(BATCH, SLOTS - self._head, SLOTS - self._used)
        if not room:
            return
        first = self._head
        count = self._receive(
            self.source.fileno(), c.byref(self._headers, first * c.sizeof(_Header)), room, socket.MSG_DONTWAIT, None
        )
        if count <= 0:
            return
        due_s = time.monotonic() + self._delay_s
        self._part_sizes[first : first + count] = _as_sizes(self._sizes[first : first + count].tolist())
        begin = first
        for slot in range(first, first + count):
            if self._random() < self._loss:
                self.lost += 1
                if slot > begin:
                    self._waiting.append((due_s, begin, slot, True))
                self._waiting.append((due_s, slot, slot + 1, False))
                begin = slot + 1
        if first + count > begin:
            self._waiting.append((due_s, begin, first + count, True))
        self._head = (first + count) % SLOTS
        self._used += count

    def empty(self, now: float) -> None:
        """Sends what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            _, first, behind, is_sent = self._waiting.popleft()
            at = first
            while is_sent and at < behind:
                sent = self._send(
                    self._sink.fileno(),
                    c.byref(self._headers, at * c.sizeof(_Header)),
                    behind - at,
                    socket.MSG_DONTWAIT,
                )
                if sent <= 0:
                    break  # the peer is gone, or its socket is full: as lost as on a real link
                at += sent
                self.relayed += sent
            self._part_sizes[first:behind] = _as_sizes([SLOT_BYTES] * (behind - first))
            self._used -= behind - first


def _as_sizes(values: list[int]) -> memoryview:
    return memoryview(struct.pack(f"@{len(values)}L", *values)).cast("L")


def main() -> None:
    """Relays between one client and the server."""
    host, _, port = sys.argv[1].rpartition(":")
    delay_s, loss, seed = float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    front, back = _socket(), _socket()
    front.bind(("127.0.0.1", 0))
    back.connect((host, int(port)))
    print(json.dumps({"address": f"127.0.0.1:{front.getsockname()[1]}"}), flush=True)
    if _first_client(front):
        figures = _relay(
            Direction(front, back, delay_s, loss, seed), Direction(back, front, delay_s, loss, seed + 1), (front, back)
        )
        print(json.dumps(figures))


def _first_client(front: socket.socket) -> bool:
    """Learns who the client is, without taking its datagram; False if nobody ever comes."""
    readable, _, _ = select.select([front, sys.stdin], [], [])
    if front not in readable:
        return False
    _, client = front.recvfrom(1, socket.MSG_PEEK)
    front.connect(client)
    return True


def _relay(up: Direction, down: Direction, sockets: tuple[socket.socket, socket.socket]) -> dict[str, float]:
    cpu_before, begun = cpu_s(), time.monotonic()
    while True:
        now = time.monotonic()
        up.empty(now)
        down.empty(now)
        wait_s = max(0.0, min(up.due_s(), down.due_s(), now + 1.0) - now)
        readable, _, _ = select.select([up.source, down.source, sys.stdin], [], [], wait_s)
        if sys.stdin in readable:
            break
        for direction in (up, down):
            if direction.source in readable:
                direction.fill()
    return {
        "link_relayed": up.relayed + down.relayed,
        "link_lost": up.lost + down.lost,
        "link_overflowed": sum(map(_overflowed, sockets)),
        "link_cpu_percent": 100 * (cpu_s() - cpu_before) / (time.monotonic() - begun),
    }


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    sock.setblocking(False)
    return sock


def _overflowed(sock: socket.socket) -> int:
    """Datagrams that found the socket's buffer full, as the kernel counted them."""
    inode = str(os.fstat(sock.fileno()).st_ino)
    for line in _UDP_TABLE.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] == inode:
            return int(fields[12])
    return 0


if __name__ == "__main__":
    main()
