"""What do socket pairs do, asked in the same words of both libraries?

`observe` takes a pair through its life and returns what was seen, without handles and ports, which differ from run to
run.  Run as a module it does so with the reference library, which lives once in a process, and prints JSON.
"""

from __future__ import annotations

import abc
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tests.interop.gns import Config, GNSError, Library, Scope, Send, StatusEvent
from tests.support.waiting import collect, wait_until

SETTLE_S: Final = 0.1
INTERVAL_S: Final = 5.0

Row: TypeAlias = list[object]
Outgoing: TypeAlias = tuple[int, bytes, int, int]

VALUES: Final = [
    Config.SEND_RATE_MIN,
    Config.SEND_RATE_MAX,
    Config.NAGLE_TIME,
    Config.RECV_BUFFER_SIZE,
    Config.RECV_BUFFER_MESSAGES,
    Config.RECV_MAX_MESSAGE_SIZE,
    Config.UNENCRYPTED,
]
SETTABLE: Final = [*VALUES, Config.IP_ALLOW_WITHOUT_AUTH, Config.SYMMETRIC_CONNECT]


class Pairs(abc.ABC):
    """One library.  `events` are those told since it was last emptied."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, int, int, str]] = []

    @abc.abstractmethod
    def pair(self, network: bool, one: str | None, two: str | None) -> tuple[int, int]:
        """Make a pair."""

    @abc.abstractmethod
    def info(self, connection: int) -> Row | None:
        """Identity, address, listen socket, state, reason, text, flags, description."""

    @abc.abstractmethod
    def status(self, connection: int) -> Row:
        """State, ping, qualities, send rate, pending twice, unacknowledged, queue time, jitter."""

    @abc.abstractmethod
    def rates(self, connection: int) -> list[float]:
        """Packets and bytes per second, out and in; local quality."""

    @abc.abstractmethod
    def lanes(self, connection: int, count: int) -> list[Row]:
        """Pending twice, unacknowledged, queue time of each; none when there is no such lane."""

    @abc.abstractmethod
    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> int:
        """Configure lanes of equal weight."""

    @abc.abstractmethod
    def send(self, messages: Sequence[Outgoing]) -> list[int]:
        """Send (connection, data, flags, lane) in one call."""

    @abc.abstractmethod
    def flush(self, connection: int) -> int:
        """Flush."""

    @abc.abstractmethod
    def receive(self, connection: int) -> list[Row]:
        """Number, lane, flags, size, user data of each waiting message."""

    @abc.abstractmethod
    def accept(self, connection: int) -> int:
        """Accept."""

    @abc.abstractmethod
    def get_value(self, connection: int, value: Config) -> object:
        """A configuration value of a connection."""

    @abc.abstractmethod
    def set_value(self, connection: int, value: Config, content: int) -> bool:
        """Set a configuration value of a connection."""

    @abc.abstractmethod
    def set_user_data(self, connection: int, user_data: int) -> bool:
        """Attach a number."""

    @abc.abstractmethod
    def close_connection(self, connection: int, reason: int, text: str, linger: bool) -> bool:
        """Close one end."""

    @abc.abstractmethod
    def run_callbacks(self) -> None:
        """Append to `events` what waits."""

    def wait_for(self, connection: int, count: int) -> list[Row]:
        """Receive until so many messages came."""
        return collect(lambda: self.receive(connection), count)


class Reference(Pairs):
    """The reference library, in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.library = Library()
        self.library.start(None)
        self.library.on_status(self._on_status)

    def _on_status(self, event: StatusEvent) -> None:
        info = event.info
        self.events.append((event.connection, event.old_state, info.state, info.end_reason, info.end_debug))

    def pair(self, network: bool, one: str | None, two: str | None) -> tuple[int, int]:
        return self.library.socket_pair(network, one, two)

    def info(self, connection: int) -> Row | None:
        info = self.library.info(connection)
        if info is None:
            return None
        return [
            self.library.identity_text(info.identity),
            self.library.address_text(info.address),
            info.listen_socket,
            info.state,
            info.end_reason,
            info.end_debug,
            info.flags,
            info.description,
        ]

    def status(self, connection: int) -> Row:
        status, _ = self.library.status(connection)
        return [
            status.state,
            status.ping_ms,
            status.quality_local,
            status.quality_remote,
            status.send_rate,
            status.pending_unreliable,
            status.pending_reliable,
            status.sent_unacked_reliable,
            status.queue_time_us,
            status.max_jitter_us,
        ]

    def rates(self, connection: int) -> list[float]:
        status, _ = self.library.status(connection)
        out = [status.out_packets_per_second, status.out_bytes_per_second]
        return [*out, status.in_packets_per_second, status.in_bytes_per_second, status.quality_local]

    def lanes(self, connection: int, count: int) -> list[Row]:
        try:
            _, rows = self.library.status(connection, count)
        except GNSError:
            return []
        return [
            [row.pending_unreliable, row.pending_reliable, row.sent_unacked_reliable, row.queue_time_us] for row in rows
        ]

    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> int:
        return self.library.configure_lanes(connection, priorities, None)

    def send(self, messages: Sequence[Outgoing]) -> list[int]:
        return self.library.send_many(messages)

    def flush(self, connection: int) -> int:
        return self.library.flush(connection)

    def receive(self, connection: int) -> list[Row]:
        return [
            [message.number, message.lane, message.flags, len(message.data), message.connection_user_data]
            for message in self.library.receive(connection)
        ]

    def accept(self, connection: int) -> int:
        return self.library.accept(connection)

    def get_value(self, connection: int, value: Config) -> object:
        return self.library.get_value(value, Scope.CONNECTION, connection)[0]

    def set_value(self, connection: int, value: Config, content: int) -> bool:
        return self.library.set_value(value, content, Scope.CONNECTION, connection)

    def set_user_data(self, connection: int, user_data: int) -> bool:
        return self.library.set_user_data(connection, user_data)

    def close_connection(self, connection: int, reason: int, text: str, linger: bool) -> bool:
        return self.library.close(connection, reason, text, linger)

    def run_callbacks(self) -> None:
        self.library.run_callbacks()


def _without_numbers(row: Row | None, connection: int) -> Row | None:
    if row is None:
        return None
    texts = [str(x).replace(f"#{connection} ", "#n ") if isinstance(x, str) else x for x in row]
    return [re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:p", x) if isinstance(x, str) else x for x in texts]


def observe(pairs: Pairs, network: bool) -> dict[str, object]:
    """The life of a pair, step by step."""
    seen: dict[str, object] = {}
    reliable, all_flags = int(Send.RELIABLE_NO_NAGLE), 29
    nobody, names = pairs.pair(network, None, None), ("str:me", "steamid:76561197960265729")
    one, two = pairs.pair(network, *names)
    seen["born of nobody"] = [_without_numbers(pairs.info(handle), handle) for handle in nobody]
    seen["born with names"] = [_without_numbers(pairs.info(handle), handle) for handle in (one, two)]
    labels = {one: "one", two: "two"}
    seen["status"] = pairs.status(one)
    seen["lanes"] = pairs.lanes(one, 1)
    seen["accept"] = pairs.accept(one)
    seen["values"] = [pairs.get_value(one, value) for value in VALUES]
    seen["settable"] = [pairs.set_value(two, value, _same(pairs.get_value(two, value))) for value in SETTABLE]
    pairs.set_user_data(two, 77)

    first = [(one, b"x" * size, flags, 0) for size, flags in ((0, all_flags), (1, reliable), (9_000, reliable))]
    seen["sent"] = pairs.send(first)
    seen["received"] = pairs.wait_for(two, len(first))
    seen["no such lane"] = pairs.send([(one, b"", reliable, 1), (one, b"not tried", reliable, 0)])
    seen["configured"] = [pairs.configure_lanes(one, priorities) for priorities in ([1, 0, 0], [0, 0])]
    several = [(one, b"x" * lane, reliable, lane) for lane in (0, 1, 2, 2)]
    seen["sent on lanes"] = pairs.send(several)
    # The reference library sorts unread messages by number, those of a pipe across lanes; ours keeps the order.
    seen["received on lanes"] = sorted(pairs.wait_for(two, len(several)), key=str)
    seen["status with lanes"] = [len(pairs.lanes(one, 3)), pairs.lanes(one, 4), pairs.status(one)[8]]
    seen["back"] = [pairs.send([(two, b"back", reliable, 0)]), pairs.wait_for(one, 1)]
    seen["flush"] = pairs.flush(one)
    if network:
        seen["too large"] = pairs.send([(two, bytes(524_289), reliable, 0)])
    else:
        seen["limits"] = _limits(pairs)
    pairs.run_callbacks()
    seen["events before closing"] = list(pairs.events)
    seen["life after closing"] = _closing(pairs, one, two, labels)
    return seen


def _same(content: object) -> int:
    assert isinstance(content, int)
    return content


def _limits(pairs: Pairs) -> list[object]:
    """What only the receiver's settings limit."""
    one, two = pairs.pair(False, None, None)
    seen: list[object] = [pairs.send([(one, bytes(2_000_000), 0, 0)]), pairs.receive(two)]
    pairs.set_value(two, Config.RECV_MAX_MESSAGE_SIZE, 100)
    seen += [pairs.send([(one, bytes(size), 0, 0)]) for size in (101, 100)]
    seen.append(pairs.send([(two, bytes(101), 0, 0)]))
    pairs.set_value(two, Config.RECV_BUFFER_MESSAGES, 2)
    seen.append(pairs.send([(one, b"", 8, 0) for _ in range(3)]))
    seen.append(pairs.receive(two))
    pairs.set_value(two, Config.RECV_BUFFER_MESSAGES, 100)
    pairs.set_value(two, Config.RECV_BUFFER_SIZE, 4096)
    seen.append(pairs.send([(one, bytes(100), 8, 0) for _ in range(45)]))
    seen.append(pairs.receive(two))
    return seen


def _closing(pairs: Pairs, one: int, two: int, labels: dict[int, str]) -> list[object]:
    seen: list[object] = []

    def take_events(count: int) -> None:
        def have_come() -> bool:
            pairs.run_callbacks()
            return len(pairs.events) >= count

        wait_until(have_come, lambda: f"{count} events, only {pairs.events}")
        seen.append([[labels[row[0]], *row[1:]] for row in pairs.events])
        pairs.events.clear()

    sent = pairs.send([(one, b"unread", int(Send.RELIABLE_NO_NAGLE), 0)])
    time.sleep(SETTLE_S)
    seen += [sent, pairs.close_connection(one, 1234, "so long", True)]
    take_events(2)
    seen += [pairs.info(one), pairs.close_connection(one, 0, "", False)]
    seen.append(_without_numbers(pairs.info(two), two))
    seen += [pairs.receive(two), pairs.send([(two, b"", 0, 0)]), pairs.flush(two), pairs.accept(two)]
    seen += [pairs.lanes(two, 1), pairs.configure_lanes(two, [0])]
    seen.append(pairs.close_connection(two, 1500, "other words", False))
    take_events(1)
    return seen


def observe_rates(pairs: Pairs) -> dict[str, object]:
    """Rates and quality of a pipe over its first measuring interval."""
    one, two = pairs.pair(False, None, None)
    pairs.send([(one, bytes(1000), 8, 0) for _ in range(50)])
    time.sleep(INTERVAL_S + 0.5)
    return {"sender": pairs.rates(one), "receiver": pairs.rates(two)}


SCENES: Final[dict[str, Callable[[Pairs], dict[str, object]]]] = {
    "pipe": lambda pairs: observe(pairs, False),
    "network": lambda pairs: observe(pairs, True),
    "rates": observe_rates,
}


if __name__ == "__main__":
    reference = Reference()
    scene = SCENES[sys.argv[1]](reference)
    reference.library.stop()
    json.dump(scene, sys.stdout)
