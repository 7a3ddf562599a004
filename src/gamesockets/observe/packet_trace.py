"""How does PacketTraceMaxBytes show the datagrams that enter and leave a socket? (spec 3, 4.7 row 41)

One line for each, then its first bytes as they are on the wire, 16 a line. Data packets are encrypted there.
"""

from typing import Final

from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_TRACE
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.enums import DebugType

OFF: Final = -1

_ROW_BYTES: Final = 16


def trace_sent(local: Address, peer: SocketAddress, datagrams: list[bytes], bytes_max: int) -> None:
    """Shows datagrams that were sent."""
    _trace(f"[Trace Send] {local} -> {Address.from_socket(peer)}", datagrams, bytes_max)


def trace_received(local: Address, peer: SocketAddress, datagrams: list[bytes], bytes_max: int) -> None:
    """Shows datagrams that were received."""
    _trace(f"[Trace Recv] {local} <- {Address.from_socket(peer)}", datagrams, bytes_max)


def _trace(between: str, datagrams: list[bytes], bytes_max: int) -> None:
    if not OUTPUT.hears(DebugType.MESSAGE, LOG_TRACE):
        return
    for data in datagrams:
        OUTPUT.trace(DebugType.MESSAGE, f"{between} | {len(data)} bytes", LOG_TRACE)
        for start in range(0, min(len(data), bytes_max), _ROW_BYTES):
            row = data[start : min(start + _ROW_BYTES, bytes_max)]
            OUTPUT.trace(DebugType.MESSAGE, f"    {row.hex(' ')}", LOG_TRACE)
