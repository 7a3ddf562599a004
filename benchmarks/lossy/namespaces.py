"""How do the kernel's own protocols get through the link? Two network namespaces, each with a TUN device.

What one side sends leaves its namespace through its device and is read by the relay, which writes it to the other
side's device when its time has come. So TCP passes the same bottleneck as UDP. Needs Linux, /dev/net/tun and the
right to make namespaces: that of root, or of anybody where the kernel lets users have namespaces of their own.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.lossy.relay import VIRTIO_HEADER_BYTES
from benchmarks.systems import needs

ADDRESSES: Final = ("10.77.0.1", "10.77.0.2")
"""Of the sender and of the receiver."""
MTU_BYTES: Final = 1500

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_NEEDED_POWERS: Final = 1 << 21 | 1 << 12
"""CAP_SYS_ADMIN and CAP_NET_ADMIN."""
_TUNSETIFF: Final = 0x400454CA
_TUNSETOFFLOAD: Final = 0x400454D0
_TUN_F_CSUM: Final = 1
"""The kernel leaves checksums out, and may cut large sends into datagrams as it does for a real device."""
_IFF_TUN: Final = 1
_IFF_NO_PI: Final = 0x1000
_IFF_VNET_HDR: Final = 0x4000
_IFF_UP: Final = 1
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_SIOCSIFMTU: Final = 0x8922
_SIOCSIFTXQLEN: Final = 0x8943
_DEVICE: Final = b"link"
_DEVICE_QUEUE_PACKETS: Final = 10_000
"""So much a device keeps for a relay that is late: more than any window."""
_NET: Final = Path("/proc/sys/net")
_TCP_BUFFERS: Final = "4096 262144 67108864"
_CHECK_TIMEOUT_S: Final = 10.0
_libc: Final[Any] = ctypes.CDLL(None, use_errno=True)


def enter_user_namespace() -> None:
    """Becomes root of a user namespace of its own, unless it has the right; before any thread. Raises `OSError`."""
    if has_the_right():
        return
    user, group = os.geteuid(), os.getegid()
    _call(_libc.unshare, _CLONE_NEWUSER | _CLONE_NEWNET)  # a network of its own, too: one can come back to that
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")


def has_the_right() -> bool:
    """Whether this process may make network namespaces as it is."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    powers = int(status.read_text(encoding="ascii").partition("CapEff:")[2].split()[0], 16)
    return powers & _NEEDED_POWERS == _NEEDED_POWERS


def missing() -> str | None:
    """Why there can be none here; None if there can. Tried in a process of its own."""
    if sys.platform != "linux":
        return "only Linux has TUN devices in namespaces"
    check = subprocess.run(
        [sys.executable, "-m", "benchmarks.lossy.namespaces"],
        cwd=needs.ROOT,
        capture_output=True,
        text=True,
        timeout=_CHECK_TIMEOUT_S,
        check=False,
    )
    if check.returncode == 0:
        return None
    return (check.stderr.strip().splitlines() or ["no reason given"])[-1]


class Namespaces:
    """Both of them. Raises `OSError` when the system does not permit it."""

    def __init__(self) -> None:
        self.devices: list[int] = []
        """Descriptors of the TUN devices, for the relay."""
        self._names: list[int] = []
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            for index in (0, 1):
                self._add(ADDRESSES[index])
        except OSError:
            self.close()
            raise
        finally:
            self._return()

    def _add(self, address: str) -> None:
        _call(_libc.unshare, _CLONE_NEWNET)
        self._names.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        self.devices.append(device)
        flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE, flags))
        fcntl.ioctl(device, _TUNSETOFFLOAD, _TUN_F_CSUM)
        for name in ("tcp_rmem", "tcp_wmem"):
            (_NET / "ipv4" / name).write_text(_TCP_BUFFERS, encoding="ascii")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for request, value in (
                (_SIOCSIFADDR, _as_sockaddr(address)),
                (_SIOCSIFNETMASK, _as_sockaddr("255.255.255.252")),
                (_SIOCSIFMTU, struct.pack("i20x", MTU_BYTES)),
                (_SIOCSIFFLAGS, struct.pack("h22x", _IFF_UP)),
            ):
                fcntl.ioctl(sock, request, struct.pack("16s24s", _DEVICE, value))
            with contextlib.suppress(PermissionError):  # only the machine's root may; 500 packets are enough mostly
                length = struct.pack("16si20x", _DEVICE, _DEVICE_QUEUE_PACKETS)
                fcntl.ioctl(sock, _SIOCSIFTXQLEN, length)

    @contextlib.contextmanager
    def inside(self, index: int) -> Iterator[None]:
        """This thread, and what it starts, is in that namespace: 0 is the sender's."""
        _call(_libc.setns, self._names[index], _CLONE_NEWNET)
        try:
            yield
        finally:
            self._return()

    def _return(self) -> None:
        _call(_libc.setns, self._home, _CLONE_NEWNET)

    def overflowed(self) -> int:
        """Packets that found a device's queue full, because the relay was late."""
        count = 0
        for index in range(len(self._names)):
            with self.inside(index):
                table = Path("/proc/thread-self/net/dev").read_text(encoding="ascii")
            for line in table.splitlines():
                name, _, numbers = line.partition(":")
                if name.strip() == _DEVICE.decode():
                    count += int(numbers.split()[11])
        return count

    def close(self) -> None:
        """They are gone when the last process in them is."""
        for descriptor in (*self.devices, *self._names):
            os.close(descriptor)
        self.devices, self._names = [], []


def _as_sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s16x", socket.AF_INET, 0, socket.inet_aton(address))


def _call(function: Any, *arguments: int) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__} is not permitted: {os.strerror(number)}")


def _check() -> None:
    """Exits with a reason unless a packet of one namespace can be read."""
    try:
        enter_user_namespace()
        namespaces = Namespaces()
        with namespaces.inside(0), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", (ADDRESSES[1], 9))
        packet = os.read(namespaces.devices[0], 2048)
        while packet[VIRTIO_HEADER_BYTES] >> 4 != 4:
            packet = os.read(namespaces.devices[0], 2048)
        namespaces.close()
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _check()
