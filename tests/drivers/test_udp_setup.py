"""Is a UDP socket set up as well as the system allows?"""

import errno
import select
import socket
from typing import Any

import pytest

from gamesockets.drivers.udp import UdpSocket
from gamesockets.drivers.udp_setup import poll_of


def test_a_smaller_buffer_than_wanted_is_accepted() -> None:
    class Poor(socket.socket):
        granted: tuple[int, ...] = ()

        def setsockopt(self, level: int, option: int, value: Any, *rest: Any) -> None:
            if level == socket.SOL_SOCKET:
                if value > 1 << 20:
                    raise OSError(errno.ENOBUFS, "on purpose")
                self.granted += (value,)
            super().setsockopt(level, option, value, *rest)

    with Poor(socket.AF_INET6, socket.SOCK_DGRAM) as poor:
        poor.bind(("::1", 0))
        UdpSocket(poor)
        assert poor.granted == (1 << 20, 1 << 20)


def test_poll_tells_whether_something_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound:
        bound.bind(("::1", 0))
        if hasattr(select, "poll"):
            poll = poll_of(bound)
            assert poll is not None
            assert not poll(0)
            bound.sendto(b"", bound.getsockname())
            assert poll(2_000), "an empty datagram, too"
            monkeypatch.delattr(select, "poll")
        assert poll_of(bound) is None
