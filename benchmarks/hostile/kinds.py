"""Which kinds of attack are there?"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.hostile import forgers, handshakes, insiders, strangers
from benchmarks.hostile.attack import Attack

GAME_LOOP: Final = "game-loop"
AIO: Final = "aio"
APIS: Final = (GAME_LOOP, AIO)

RAW: Final = "raw sockets"
IPV6: Final = "IPv6"
OWN_IPV4: Final = "an IPv4 address beside localhost"
OWN_IPV6: Final = "an IPv6 address beside localhost"

_DOCUMENTATION_IPV4: Final = "203.0.113.1"
_DOCUMENTATION_IPV6: Final = "2001:db8::1"


@dataclass(frozen=True)
class Kind:
    """One kind of attack, for tests and measurements alike.

    `limited_by` are counts of which at least one rises, because the library refuses something; empty where it only
    bounds what each packet costs. `datagrams` is how many a short test sends.
    """

    name: str
    text: str
    attack: type[Attack]
    limited_by: tuple[str, ...] = ()
    needs: str = ""
    apis: tuple[str, ...] = APIS
    datagrams: int = 400

    def missing(self) -> str:
        """What it needs and this machine lacks; empty if it can run."""
        return "" if not self.needs or _HAS[self.needs]() else f"needs {self.needs}"

    def target_ip(self) -> str:
        """Where it meets the server."""
        return {IPV6: "::1", OWN_IPV4: own_ipv4(), OWN_IPV6: own_ipv6()}.get(self.needs, "127.0.0.1")

    def listen_ip(self) -> str:
        """Where the server has to listen for it."""
        return "::" if self.needs in (IPV6, OWN_IPV4, OWN_IPV6) else "127.0.0.1"


def own_ipv4() -> str:
    """An address of this machine that is not localhost; empty without one."""
    return _own(socket.AF_INET, _DOCUMENTATION_IPV4)


def own_ipv6() -> str:
    """The same of IPv6."""
    return _own(socket.AF_INET6, _DOCUMENTATION_IPV6)


def _own(family: int, somewhere: str) -> str:
    """The address that datagrams to somewhere would leave from. None is sent."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((somewhere, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


_HAS: Final[dict[str, Callable[[], bool]]] = {
    RAW: forgers.may_forge,
    IPV6: _has_ipv6,
    OWN_IPV4: lambda: bool(own_ipv4()) and _has_ipv6(),
    OWN_IPV6: lambda: bool(own_ipv6()),
}

_BUDGET: Final = ("over_budget",)
_NOT_OPENED: Final = ("undecryptable", "duplicates")
_ENDED: Final = ("ended",)
_TOO_MANY: Final = ("too_fast", "no_room", "no_room_to_wait")

_ALL: Final = (
    # strangers
    Kind("one-byte", "datagrams of one byte", strangers.OneByte, ("stray",)),
    Kind("small-garbage", "5 to 60 random bytes", strangers.SmallGarbage, ("malformed", "stray")),
    Kind("large-garbage", "1200 random bytes", strangers.LargeGarbage, ("malformed", "stray")),
    Kind("oversize", "9000 random bytes", strangers.Oversize, ("oversize_dropped",)),
    Kind("malformed", "control messages with faults", strangers.MalformedControl, ("malformed",)),
    Kind("challenges", "challenge requests", strangers.ChallengeRequests),
    Kind("challenges-ports", "the same from 200 ports", strangers.ChallengeRequestsOfManyPorts),
    Kind("bad-challenge", "connect requests, challenge guessed", strangers.BadChallenges, ("bad_challenges",)),
    Kind("stray-data", "data of no connection", strangers.StrayData, ("replies_limited",), datagrams=2200),
    Kind("stray-closed", "ends of no connection", strangers.StrayClosed, ("stray",)),
    Kind("stray-none", "NoConnection for no connection", strangers.StrayNoConnection, ("stray",)),
    # handshakes
    Kind("bad-crypto", "connect requests, signature or keys bad", handshakes.BadCrypto, ("bad_requests", "too_fast")),
    Kind("bad-certificate", "connect requests, certificate bad", handshakes.BadCertificates, ("bad_requests",)),
    Kind("long-identity", "connect requests, identity too long", handshakes.LongIdentities, ("bad_requests",)),
    Kind("half-open", "connect requests, then gone", handshakes.HalfOpen, _TOO_MANY),
    Kind("silent", "accepted, then silent", handshakes.Silent, _TOO_MANY),
    Kind("refused", "refused by the application", handshakes.Refused, _TOO_MANY),
    Kind("unaccepted", "never accepted", handshakes.Unaccepted, _TOO_MANY, apis=(GAME_LOOP,)),
    Kind("churn", "connect, disconnect", handshakes.Churn, _TOO_MANY),
    Kind("huge-debug", "the same with 1200 bytes of text", handshakes.HugeDebug, _TOO_MANY),
    Kind(
        "one-host",
        "one host takes all connections that it gets",
        handshakes.OneHost,
        ("no_room_for_address", "too_fast_for_address"),
        OWN_IPV4,
    ),
    # forgers
    Kind(
        "forged-data", "packets in a client's name, id known", forgers.ForgedData, ("undecryptable", "duplicates"), RAW
    ),
    Kind("forged-stray", "packets in a client's name, id guessed", forgers.ForgedStray, ("stray",), RAW),
    Kind("forged-closed", "ends in a client's name, ids guessed", forgers.ForgedClosed, (), RAW),
    Kind("forged-none", "NoConnection in a client's name, id known", forgers.ForgedNoConnection, (), RAW),
    Kind("forged-newcomer", "challenge requests from a client's address", forgers.ForgedChallengeRequests, (), RAW),
    # insiders: packets
    Kind("replays", "own packets recorded, sent again", insiders.Replays, ("duplicates",)),
    Kind("duplicates", "one own packet for ever", insiders.Duplicates, ("duplicates",)),
    Kind("undecryptable", "noise on an own connection", insiders.Undecryptable, ("undecryptable",)),
    Kind("jumps", "packet numbers that jump", insiders.Jumps),
    Kind("keepalives", "empty packets", insiders.Keepalives),
    Kind("immediate-acks", "each packet wants an answer at once", insiders.ImmediateAcks),
    Kind("statistics", "packets full of statistics", insiders.ManyStatistics),
    Kind("faulty", "packets that break the rules", insiders.Faulty, _ENDED),
    Kind("crowd", "100 connections that want answers", insiders.Crowd),
    # insiders: acknowledgements
    Kind("ack-frames", "packets of many ack frames", insiders.AckFrames),
    Kind("ack-blocks", "acks of 255 blocks", insiders.AckBlocks),
    Kind("future-acks", "acks of packets not sent", insiders.FutureAcks),
    Kind("stop-waiting", "packets of stop-waiting frames", insiders.StopWaiting),
    # insiders: what never gets complete
    Kind("descending", "reliable bytes from behind, singly", insiders.DescendingSegments),
    Kind("fragments", "unreliable messages without an end", insiders.Fragments, _BUDGET),
    Kind("lane-gaps", "holes in 256 reliable lanes", insiders.LaneGaps, _BUDGET),
    Kind("large-messages", "256 large messages at once", insiders.LargeMessages, _BUDGET, datagrams=700),
    Kind("huge-messages", "messages larger than allowed", insiders.HugeMessages, _ENDED),
    Kind("lanes", "packets full of selected lanes", insiders.SelectedLanes, ("queue_full",)),
    Kind("spread", "50 connections that hold much", insiders.Spread),
    # insiders: more than anybody reads
    Kind("tiny-messages", "messages of 1 byte, read slowly", insiders.TinyMessages, ("queue_full",)),
    Kind("late-messages", "messages in reverse, read slowly", insiders.LateMessages, ("queue_full",)),
    Kind("unread", "reliable messages that nobody reads", insiders.ReliableFlood, ("queue_full",)),
    Kind("unread-tiny", "the same with 1 byte each", insiders.TinyReliableFlood, ("queue_full",)),
    Kind("lingering", "closed by the server, nothing acknowledged", insiders.Lingering),
    # IPv6
    Kind("garbage-ipv6", "1200 random bytes over IPv6", strangers.LargeGarbage, ("malformed", "stray"), IPV6),
    Kind("half-open-ipv6", "half-open over IPv6", handshakes.HalfOpen, _TOO_MANY, IPV6),
    Kind(
        "one-network-ipv6",
        "one /64 takes all connections that it gets",
        handshakes.OneHost,
        ("no_room_for_address", "too_fast_for_address"),
        OWN_IPV6,
    ),
    Kind("ack-blocks-ipv6", "acks of 255 blocks over IPv6", insiders.AckBlocks, needs=IPV6),
)

KINDS: Final = {kind.name: kind for kind in _ALL}
