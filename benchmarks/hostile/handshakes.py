"""Attacks of those who ask for connections: bad requests, and more good ones than anybody needs."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from benchmarks.hostile.attack import Attack, Sending, take
from benchmarks.hostile.peer import Introduction, any_id, challenge_request, closed, connect_request
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import Certificate, ChallengeReply, ConnectOK, ConnectRequest

_RENEW_S: Final = 1.0
"""A challenge is good for three seconds."""
_AHEAD: Final = 64
_GIVE_UP_S: Final = 1.0
_KEPT_MAX: Final = 4000


class BadRequests(Attack):
    """Connect requests with a good challenge, and something wrong that only work finds."""

    identity = "hostile"

    def begin(self) -> None:
        self._socket = self.open_socket()
        self._introduction = Introduction(self.random, self.identity)
        self._challenge = 0
        self._renew_at = 0.0
        while not self._challenge:
            with contextlib.suppress(OSError):
                self._socket.send(challenge_request(any_id(self.random)))
            self._look(0.3)

    def datagrams(self) -> Iterator[Sending]:
        while True:
            if time.monotonic() >= self._renew_at:
                self._renew_at = time.monotonic() + _RENEW_S
                yield self._socket, challenge_request(any_id(self.random))
            request = self._introduction.request(any_id(self.random), self._challenge)
            self.spoil(request)
            yield self._socket, connect_request(request)

    def listen(self) -> None:
        self._look(0.0)

    def _look(self, patience_s: float) -> None:
        while (data := take(self._socket, patience_s)) is not None:
            reply = datagram.decode_control(data)
            if isinstance(reply, ChallengeReply):
                self._challenge = reply.challenge
                patience_s = 0.0

    def spoil(self, request: ConnectRequest) -> None:
        """Makes it bad."""
        raise NotImplementedError


class BadCrypto(BadRequests):
    def spoil(self, request: ConnectRequest) -> None:
        match self.random.randrange(4):
            case 0:
                request.crypt.signature = self.random.randbytes(64)
            case 1:
                request.crypt.info += b"\x00"
            case 2:
                request.crypt.ClearField("info")
            case _:
                request.crypt.info = self.random.randbytes(60)


class BadCertificates(BadRequests):
    def spoil(self, request: ConnectRequest) -> None:
        match self.random.randrange(3):
            case 0:  # signed by nobody known, and for no application
                certificate = Certificate.FromString(request.cert.cert)
                certificate.ClearField("app_ids")
                request.cert.cert = certificate.SerializeToString()
                request.cert.ca_signature = self.random.randbytes(64)
                request.cert.ca_key_id = self.random.getrandbits(64)
            case 1:
                request.cert.cert = self.random.randbytes(200)
            case _:
                request.cert.ClearField("cert")


class LongIdentities(BadRequests):
    def spoil(self, request: ConnectRequest) -> None:
        request.cert.cert = b""
        request.identity_string = b"str:" + self.random.randbytes(300).hex().encode()


class Doors(Attack):
    """Handshakes at full rate, each from a port of its own, with the cheapest work for the attacker."""

    identity = "hostile"
    keeps_open = False
    """Whether the ports stay, so that the server's packets meet no refusal of the attacker's system."""
    local_ip = ""

    def begin(self) -> None:
        self._introduction = Introduction(self.random, self.identity)
        self._open: deque[tuple[socket.socket, int, float]] = deque()
        self._asked: deque[tuple[socket.socket, int, float]] = deque()
        self._kept: deque[socket.socket] = deque()

    def datagrams(self) -> Iterator[Sending]:
        while True:
            opened, own_id = self.open_socket(self.local_ip), any_id(self.random)
            yield opened, challenge_request(own_id)
            self._open.append((opened, own_id, time.monotonic() + _GIVE_UP_S))
            if len(self._open) >= _AHEAD:
                yield from self._ask()

    def _ask(self) -> Iterator[Sending]:
        opened, own_id, give_up_at = self._open.popleft()
        data = take(opened, self.patience_s)
        reply = None if data is None else datagram.decode_control(data)
        if isinstance(reply, ChallengeReply):
            yield opened, connect_request(self._introduction.request(own_id, reply.challenge))
            yield from self.asked(opened, own_id)
        elif data is None and time.monotonic() < give_up_at and len(self._open) < 4 * _AHEAD:
            self._open.append((opened, own_id, give_up_at))
        else:
            self.close_socket(opened)

    def asked(self, opened: socket.socket, own_id: int) -> Iterator[Sending]:  # noqa: ARG002 - others need it
        """What comes after the connect request: nothing."""
        yield from ()
        if self.keeps_open:
            self._kept.append(opened)
            if len(self._kept) > _KEPT_MAX:
                self.close_socket(self._kept.popleft())
        else:
            self.close_socket(opened)


class HalfOpen(Doors):
    """Connect requests, and then the attacker is gone."""


class Silent(Doors):
    """Connections that are accepted, and on which nothing ever comes."""

    keeps_open = True


class Refused(Doors):
    identity = "refused"
    keeps_open = True


class Unaccepted(Doors):
    identity = "waiting"
    keeps_open = True


class Churn(Doors):
    """Connections that are ended as soon as they are there."""

    debug = ""

    def asked(self, opened: socket.socket, own_id: int) -> Iterator[Sending]:
        self._asked.append((opened, own_id, time.monotonic() + _GIVE_UP_S))
        while self._asked and (len(self._asked) >= _AHEAD or time.monotonic() > self._asked[0][2]):
            opened, own_id, give_up_at = self._asked.popleft()
            data = take(opened)
            ok = None if data is None else datagram.decode_control(data)
            if isinstance(ok, ConnectOK):
                yield opened, closed(ok.server_connection_id, own_id, self.debug)
            elif data is None and time.monotonic() < give_up_at and len(self._asked) < 4 * _AHEAD:
                self._asked.append((opened, own_id, give_up_at))
                return
            self.close_socket(opened)


class HugeDebug(Churn):
    """The same with the longest text that fits into the closing message."""

    debug = "x" * 1200


class OneHost(Silent):
    """All connections that one host can get. Not from localhost, which has no limit of its own."""

    def begin(self) -> None:
        super().begin()
        self.local_ip = self.target.ip
