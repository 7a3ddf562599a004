"""What stands between sender and receiver? A relay process, between two namespaces or in front of UDP sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.lossy import compiled
from benchmarks.lossy.namespaces import ADDRESSES, Namespaces
from benchmarks.lossy.words import DOWN, UP, Sample, as_words, figures, samples
from benchmarks.systems import needs
from benchmarks.systems.base import LOCALHOST
from gamesockets.bad_network.link import Conditions

SOCKET_BUFFER_BYTES: Final = 4 << 20
_PATIENCE_S: Final = 10.0
_UDP_TABLE: Final = Path("/proc/net/udp")


class Relay:
    """A relay process, in C where there is a compiler, between pairs of descriptors."""

    def __init__(self, kind: str, descriptors: Sequence[int], seed: int, is_compiled: bool = True) -> None:
        self.up: list[Sample] = []
        self.down: list[Sample] = []
        self._figures: dict[str, float] = {}
        program, _ = compiled.relay() if is_compiled else (None, "")
        command = [str(program)] if program else [sys.executable, "-m", "benchmarks.lossy.relay"]
        self._process = subprocess.Popen(
            [*command, "run", str(seed), kind, *map(str, descriptors)],
            cwd=needs.ROOT,
            env=needs.environment(needs.Program.SOURCE),
            pass_fds=descriptors,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._thread = threading.Thread(target=self._read, name="relay's words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith("sample"):
                up, down = samples(line)
                self.up.append(up)
                self.down.append(down)
            elif line.startswith("end"):
                self._figures = figures(line)

    def set(self, direction: int, conditions: Conditions) -> float:
        """From now on; when that was."""
        if self._process.stdin is None:
            raise RuntimeError("the relay has no standard input")
        self._process.stdin.write(as_words(direction, conditions) + "\n")
        self._process.stdin.flush()
        return time.monotonic()

    def close(self) -> dict[str, float]:
        """Ends it; its figures, none if it has failed."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(_PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._figures


class NamespaceLine:
    """A line between two network namespaces: everything passes it, the kernel's TCP too."""

    is_for_all = True
    hosts = ADDRESSES

    def __init__(self, up: Conditions, down: Conditions, seed: int, is_compiled: bool = True) -> None:
        self._namespaces = Namespaces()
        self.relay = Relay("tun", self._namespaces.devices, seed, is_compiled)
        self.set(up, down)

    def set(self, up: Conditions, down: Conditions) -> float:
        """Both ways from now on; when that was."""
        self.relay.set(DOWN, down)
        return self.relay.set(UP, up)

    @contextlib.contextmanager
    def at(self, end: int) -> Iterator[None]:
        """What this thread starts lives at that end: 0 sends, 1 receives."""
        with self._namespaces.inside(end):
            yield

    def addresses(self, receiver: str, flows: int) -> list[str]:
        """Where that many flows have to connect: all to the receiver itself."""
        return [receiver] * flows

    def close(self) -> dict[str, float]:
        """Ends it; the relay's figures."""
        overflowed = self._namespaces.overflowed()
        measured = self.relay.close()
        self._namespaces.close()
        if measured:
            measured["link_overflowed"] += overflowed
        return measured


class SocketLine:
    """A line between UDP sockets of this machine: for systems that run on UDP, one receiver a line."""

    is_for_all = False
    hosts = (LOCALHOST, LOCALHOST)

    def __init__(self, up: Conditions, down: Conditions, seed: int, is_compiled: bool = True) -> None:
        self._conditions = (up, down)
        self._seed = seed
        self._is_compiled = is_compiled
        self._sockets: list[socket.socket] = []
        self._relay: Relay | None = None

    @property
    def relay(self) -> Relay:
        """Runs once it is known where the receiver is."""
        if self._relay is None:
            raise RuntimeError("the line has no ends yet")
        return self._relay

    def set(self, up: Conditions, down: Conditions) -> float:
        """Both ways from now on; when that was."""
        self.relay.set(DOWN, down)
        return self.relay.set(UP, up)

    @contextlib.contextmanager
    def at(self, end: int) -> Iterator[None]:  # noqa: ARG002 - both ends are here
        """What this thread starts lives on this machine."""
        yield

    def addresses(self, receiver: str, flows: int) -> list[str]:
        """Where that many flows have to connect: each to a socket of its own."""
        host, _, port = receiver.rpartition(":")
        found = []
        for _ in range(flows):
            front, back = _socket(), _socket()
            front.bind((LOCALHOST, 0))
            back.connect((host, int(port)))
            self._sockets += [front, back]
            found.append(f"{LOCALHOST}:{front.getsockname()[1]}")
        self._relay = Relay("udp", [sock.fileno() for sock in self._sockets], self._seed, self._is_compiled)
        self.set(*self._conditions)
        return found

    def close(self) -> dict[str, float]:
        """Ends it; the relay's figures, none if nobody asked for an address."""
        if self._relay is None:
            return {}
        overflowed = sum(map(_overflowed, self._sockets))
        measured = self._relay.close()
        for sock in self._sockets:
            sock.close()
        if measured:
            measured["link_overflowed"] += overflowed
        return measured


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    return sock


def _overflowed(sock: socket.socket) -> int:
    """Datagrams that found the socket's buffer full, as the kernel counted them; 0 where it does not tell."""
    if not _UDP_TABLE.exists():
        return 0
    inode = str(os.fstat(sock.fileno()).st_ino)
    for line in _UDP_TABLE.read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[9] == inode:
            return int(fields[12])
    return 0
