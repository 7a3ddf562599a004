"""What is counted: two endpoints in memory, seeded, that move as many messages as asked; the same steps every time.

As a program: `python -m benchmarks.guard.workload SCENARIO TURNS`, for tools that watch a whole process.

Unencrypted: what AES costs depends on the processor and the cryptography library, and is not ours to change.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity

RELIABLE: Final = 8
CLIENT: Final = ("192.0.2.1", 1000)
SERVER: Final = ("192.0.2.2", 2000)
TURN_US: Final = 1000


@dataclass(frozen=True)
class Scenario:
    """What is sent in each turn of a millisecond."""

    message_bytes: int
    flags: int
    messages_per_turn: int


SCENARIOS: Final = {
    "bulk": Scenario(65_536, RELIABLE, 4),
    "reliable-flood": Scenario(64, RELIABLE, 600),
    "unreliable-flood": Scenario(64, 0, 600),
}
NOTHING: Final = Scenario(0, 0, 0)


class Pair:
    """A client and a server that are connected."""

    def __init__(self) -> None:
        entropy = SeededEntropy(1)
        options = ConnectionOptions(
            send_buffer_size_bytes=1 << 24,
            send_rate_min=1 << 28,
            send_rate_max=1 << 28,
            recv_buffer_size_bytes=1 << 26,
            recv_buffer_messages=1 << 20,
            unencrypted=3,
        )
        ids = ConnectionIds(entropy)
        self._now = 10**12
        self._server = Endpoint(entropy, ids, Credentials(NetworkingIdentity.localhost()), options, accepts=True)
        self._client = Endpoint(entropy, ids, Credentials(NetworkingIdentity.localhost()), options)
        connection = self._client.connect(SERVER, options, self._now)
        if connection is None:
            raise AssertionError("there is room for one connection")
        self.sending = connection
        while not self._server.connections or connection.state != State.CONNECTED:
            self._exchange()
        [self.receiving] = self._server.connections.values()
        while self._exchange():
            pass

    def _exchange(self) -> bool:
        """Carries what is waiting, once each way; whether there was anything."""
        sent = self._client.datagrams_to_send(self._now)
        for datagrams, _ in sent:
            self._server.receive_datagrams(datagrams, CLIENT, self._now)
        while (change := self._server.next_event()) is not None:
            if change.new_state == State.CONNECTING:
                self._server.accept(self._server.connections[CLIENT], self._now)
        answers = self._server.datagrams_to_send(self._now)
        for datagrams, _ in answers:
            self._client.receive_datagrams(datagrams, SERVER, self._now)
        return bool(sent or answers)

    def turn(self, scenario: Scenario) -> int:
        """Sends one turn's messages and carries them over; how many the application received."""
        data = bytes(scenario.message_bytes)
        send = self.sending.send
        for _ in range(scenario.messages_per_turn):
            if send(data, scenario.flags, 0, self._now) < 0:
                raise AssertionError("the send buffer holds a turn's messages")
        self._client.touch(self.sending)
        self._now += TURN_US
        self._client.handle_timer(self._now)
        self._server.handle_timer(self._now)
        while self._exchange():
            pass
        return len(self.receiving.inbox.take(1 << 20))

    def run(self, scenario: Scenario, turns: int) -> tuple[int, int]:
        """So many turns, and as many empty ones as the rest needs: (packets sent, messages received)."""
        before = self.sending.statistics.packets_sent
        received = sum([self.turn(scenario) for _ in range(turns)])
        while received < turns * scenario.messages_per_turn:
            received += self.turn(NOTHING)
        return self.sending.statistics.packets_sent - before, received


if __name__ == "__main__":
    print(*Pair().run(SCENARIOS[sys.argv[1]], int(sys.argv[2])))
