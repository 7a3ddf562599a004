"""How does an emulated link come about without a compiler? A process that passes real datagrams through `Link`.

    python -m benchmarks.lossy.relay run SEED tun|udp FD FD [FD FD ...]
    python -m benchmarks.lossy.relay replay SEED

`run` relays between the two descriptors of each pair, all through one link each way: the devices of two network
namespaces (`tun`), or bound sockets in front of connected ones (`udp`). `replay` relays nothing: it reads conditions
and lines `TIME_US BYTES`, and prints when each datagram would arrive, -1 for never. `relay.c` is the same in C; the
words on standard input and output are in `words.py`.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import suppress
from typing import Final

from benchmarks.lossy.words import IP_UDP_HEADER_BYTES, LATE_US, SAMPLE_S, SplitMix, from_words
from benchmarks.usage import cpu_s
from gamesockets.bad_network.link import Link
from gamesockets.values.moments import NEVER

SLOT_BYTES: Final = 2048
BATCH: Final = 64
TICK_S: Final = 0.0005
"""How long it sleeps while anything is on its way: one wake-up for several datagrams."""
IDLE_S: Final = 0.02
VIRTIO_HEADER_BYTES: Final = 10
"""In front of each packet of a TUN device."""
_IPV4: Final = 4
_SAMPLE_US: Final = int(SAMPLE_S * 1_000_000)


def now_us() -> int:
    """The clock of all that is measured."""
    return time.monotonic_ns() // 1000


class Relay:
    """Two links, and the pairs of descriptors at their ends."""

    def __init__(self, seed: int, is_tun: bool, descriptors: list[int]) -> None:
        self._links = (Link(SplitMix(seed)), Link(SplitMix(seed + 1)))
        self._is_tun = is_tun
        self._other = {fd: descriptors[index ^ 1] for index, fd in enumerate(descriptors)}
        self._link_of = {fd: self._links[index % 2] for index, fd in enumerate(descriptors)}
        self._strange = set() if is_tun else set(descriptors[::2])
        """Sockets whose client has not shown itself."""
        self._header_bytes = VIRTIO_HEADER_BYTES + IP_UDP_HEADER_BYTES if is_tun else 0
        self._words = b""
        self._delivered_bytes = [0, 0]
        self._refused = self._late = self._latest_us = 0
        for fd in (*descriptors, sys.stdin.fileno()):
            os.set_blocking(fd, False)

    def run(self) -> None:
        """Until standard input ends."""
        poll = select.poll()
        stdin = sys.stdin.fileno()
        for fd in (*self._other, stdin):
            poll.register(fd, select.POLLIN)
        cpu_before, begun, next_sample = cpu_s(), now_us(), 0
        while True:
            if any(link.waiting for link in self._links):
                time.sleep(TICK_S)
                found = poll.poll(0)
            else:
                found = poll.poll(IDLE_S * 1000)
            for direction in (0, 1):
                self._give(direction)
            readable = {fd for fd, _ in found}
            if stdin in readable and not self._listen():  # first: words hold for all that was sent after them
                break
            for fd in readable & self._other.keys():
                self._take(fd)
            now = now_us()
            if now >= next_sample:
                next_sample = now + _SAMPLE_US
                self._sample(now)
        up, down = self._links
        delivered = up.delivered + down.delivered - self._refused
        end = [int(1e6 * (cpu_s() - cpu_before)), now_us() - begun, 0, delivered, up.lost + down.lost, 0]
        print("end", *end, self._refused, self._late, self._latest_us, flush=True)

    def _take(self, fd: int) -> None:
        """What has arrived at one end, one batch."""
        link, other = self._link_of[fd], self._other[fd]
        for _ in range(BATCH):
            if fd in self._strange and not self._meet(fd):
                return
            try:
                data = os.read(fd, SLOT_BYTES)
            except OSError:  # nothing more; or the peer is gone: as lost as on a real line
                return
            if self._is_tun and (len(data) <= VIRTIO_HEADER_BYTES or data[VIRTIO_HEADER_BYTES] >> 4 != _IPV4):
                continue  # the kernel's own IPv6 neighbour talk
            if self._header_bytes:
                # the link counts what it is given; the headers go around it with the address
                head, data = data[: self._header_bytes], data[self._header_bytes :]
                link.receive_datagram(data, (other, head), now_us())
            else:
                link.receive_datagram(data, (other, b""), now_us())

    def _meet(self, fd: int) -> bool:
        """Connects a socket to its client, which shows itself by its first datagram; False if none has come."""
        with socket.socket(fileno=os.dup(fd)) as sock:
            try:
                _, client = sock.recvfrom(1, socket.MSG_PEEK)
            except OSError:
                return False
            sock.connect(client)
        self._strange.discard(fd)
        return True

    def _give(self, direction: int) -> None:
        """What is due, to the other end."""
        link = self._links[direction]
        while (due := link.next_timer()) <= (now := now_us()):
            for data, (fd, head) in link.datagrams_to_send(due):
                late_us = now - due
                self._late += late_us > LATE_US
                self._latest_us = max(self._latest_us, late_us)
                try:
                    os.write(fd, head + data)
                    self._delivered_bytes[direction] += len(head) + len(data)
                except OSError:
                    self._refused += 1

    def _listen(self) -> bool:
        """Sets what whole lines say; False at the end of standard input."""
        text = os.read(sys.stdin.fileno(), 65536)
        self._words += text
        *lines, self._words = self._words.split(b"\n")
        for line in lines:
            direction, conditions = from_words(line.decode())
            self._links[direction].conditions = conditions
        return bool(text)

    def _sample(self, now: int) -> None:
        words: list[int] = []
        for link, delivered in zip(self._links, self._delivered_bytes, strict=True):
            words += [link.bottleneck_wait_us(now), link.entered, link.lost, link.queue_dropped, delivered]
        print("sample", now, *words, flush=True)


def replay(seed: int) -> None:
    """Says when datagrams would arrive."""
    link = Link(SplitMix(seed))
    for line in sys.stdin:
        if line.startswith("set"):
            _, link.conditions = from_words(line)
            continue
        now, size = map(int, line.split())
        link.receive_datagram(bytes(size), None, now)
        print(link.next_timer() if link.waiting else -1)
        link.datagrams_to_send(NEVER)


def main() -> None:
    """Does what the arguments say."""
    if sys.argv[1] == "replay":
        replay(int(sys.argv[2]))
        return
    with suppress(BrokenPipeError):
        Relay(int(sys.argv[2]), sys.argv[3] == "tun", [int(word) for word in sys.argv[4:]]).run()


if __name__ == "__main__":
    main()
