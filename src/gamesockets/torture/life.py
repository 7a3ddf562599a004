"""How does a scenario go? A world is made of it, its steps are taken, and every promise is checked on the way.

The promises (`Violation` says which was broken):

- reliable messages arrive once, whole, in order on their lane, or the connection ends with a reason on both sides;
- unreliable messages arrive as they were sent, and never twice;
- nothing comes after a close, and no change is told after an end;
- both ends agree how it ended; nobody times out while the network is well;
- queues, flights and memory stay within their limits, and every live connection has a deadline;
- in the end, on a network that is well, everything arrives, comes to rest, and is forgotten after closing.
"""

from typing import Final, final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.sim.host import Connection, Host
from gamesockets.sim.nat import Nat
from gamesockets.sim.world import World
from gamesockets.torture.attacks import Attacker
from gamesockets.torture.ledger import Violation
from gamesockets.torture.limits import check_emptied, check_end, check_host
from gamesockets.torture.outcome import Outcome, violation_of
from gamesockets.torture.pairing import ENDED, End, Pairing
from gamesockets.torture.reading_along import ReadingAlong
from gamesockets.torture.scenario import CLIENT, SERVER, SIDES, Action, Scenario, Step
from gamesockets.torture.weather import Weather
from gamesockets.values.address import Address
from gamesockets.values.enums import SendFlags
from gamesockets.values.records import StatusInfo
from gamesockets.values.results import Result

__all__ = ["life"]

_Value: Final = ConfigurationValue
_PORT: Final = 27015
_CALM_RATE: Final = 1_000_000
_SETTLE_S: Final = 180
"""How long a network that is well may take until all is delivered, and all ends that are alone know it."""

_NOTICED_AFTER_S: Final = 60
"""So long it takes until the end of a silent path is noticed, with the longest timeout of a scenario."""

_REST_S: Final = 60
_PACKETS_AT_REST_MAX: Final = 200
_FORGOTTEN_AFTER_S: Final = 12
_FOR_EVER_MS: Final = 1 << 40
_FORGOTTEN_MS: Final = 60_000
"""So long after a crash a peer may take the host for what it was before."""

_CLOSED_AFTER_S: Final = 0.2
_LOSSY: Final = 0.04
_MESSAGE_HEADER_BYTES: Final = 16
_PATHS: Final = (Action.CONDITIONS, Action.PARTITION, Action.CUT, Action.BLACK_HOLE, Action.RECORDING)
"""What happens to a path."""

_SEND_RESULTS: Final = frozenset({Result.OK, Result.LIMIT_EXCEEDED, Result.NO_CONNECTION, Result.IGNORED})


def life(scenario: Scenario) -> Outcome:
    """Runs a scenario to its end, or until a promise is broken. The same scenario has always the same outcome."""
    lived = _Life(scenario)
    return lived.outcome(violation_of(lived.run, lived.world))


@final
class _Life:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.world = World(scenario.seed)
        self._server_config = {_Value(value): number for value, number in scenario.server_config}
        self._client_config = {_Value(value): number for value, number in scenario.client_config}
        self._servers = [self._listen(number) for number in range(scenario.servers)]
        self._clients = [self._client_host(number) for number in range(len(scenario.slots))]
        self._nats: list[Nat | None] = []
        for place, host in zip(scenario.slots, self._clients, strict=True):
            idle_s = place.nat_idle_s or None
            self._nats.append(self.world.nat(host, idle_seconds=idle_s) if place.behind_nat else None)
        self._has_fixed_rate = any(
            _Value.SEND_RATE_MIN in config for config in (self._server_config, self._client_config)
        )
        self._pairings: list[Pairing] = []
        self._current: list[Pairing | None] = [None] * len(scenario.slots)
        self._ends: dict[Connection, End] = {}
        self._open: list[Pairing] = []
        """Pairings that are not over."""
        self._weather = Weather(self.world, scenario, self._host)
        self._troubled_until = [0.0] * len(scenario.slots)
        """Until when something is wrong between the two hosts of each slot that explains a timeout."""
        self._down: set[Host] = set()
        """Hosts that have died and are not back."""
        has_attacks = any(step.action == Action.ATTACK for step in scenario.steps)
        self._attacker = Attacker(self.world) if has_attacks else None
        self._reading_along = ReadingAlong() if scenario.has_reference else None

    def outcome(self, violation: str) -> Outcome:
        """What has come of it."""
        arrived = 0
        for pairing in self._pairings:
            for ledger in pairing.ledgers:
                arrived += ledger.reliable_arrived + ledger.unreliable_arrived
        datagrams = self.world.datagrams_entered
        return Outcome(self._scenario.seed, self.world.now, datagrams, arrived, len(self._pairings), violation)

    # ------------------------------------------------------------------ hosts

    def _listen(self, number: int) -> Host:
        host = self.world.listen(
            Address.ipv4(f"10.1.0.{number + 1}", _PORT), on_connecting=self._on_connecting, config=self._server_config
        )
        self._watch(host)
        return host

    def _client_host(self, number: int) -> Host:
        host = self.world.host(Address.ipv4(f"10.2.0.{number + 1}", _PORT), config=self._client_config)
        self._watch(host)
        return host

    def _watch(self, host: Host) -> None:
        host.on_status = self._on_status
        host.on_messages = self._on_messages

    def _host(self, slot: int, side: int) -> Host:
        return self._clients[slot] if side == CLIENT else self._servers[self._scenario.slots[slot].server]

    def _on_connecting(self, connection: Connection) -> None:
        """A server is asked. A request that an attacker repeats looks like one of a client that has gone."""
        remote_id = connection.core.remote_id
        for pairing in reversed(self._open):
            client = pairing.client.connection
            # Where the router has forgotten the client, or the server died, the same request makes another connection.
            is_new = pairing.server is None or not pairing.client.has_been_connected
            if is_new and client.core.id == remote_id:
                if pairing.server is not None:
                    self._ends.pop(pairing.server.connection, None)
                pairing.accept(connection)
                end = pairing.server
                if end is not None:
                    self._ends[connection] = end
                break
        connection.accept()

    def _on_status(self, connection: Connection, info: StatusInfo) -> None:
        end = self._ends.get(connection)
        if end is None:  # a request that was repeated, or whose client has gone
            if info.connection_info.state in ENDED:
                self.world.after(_CLOSED_AFTER_S, connection.close)
        else:
            end.on_status(info)
            if end.ended is not None and not end.is_closed:
                self.world.after(_CLOSED_AFTER_S, lambda: self._close_ended(end))
            if self._reading_along is not None and end.is_connected:
                self._reading_along.watch(end)

    def _close_ended(self, end: End) -> None:
        """Applications close what has ended, and only then its address is free for another connection."""
        if not end.is_closed and not end.is_gone:
            end.close(0, False)

    def _on_messages(self, connection: Connection) -> None:
        end = self._ends.get(connection)
        if end is None:
            if connection.receive():
                raise Violation(f"{connection!r} received messages that nobody sent")
        elif end.is_reading:
            self._read(end)

    def _read(self, end: End) -> None:
        end.read()
        if self._reading_along is not None:
            self._reading_along.was_read(end)

    # ------------------------------------------------------------------ the run

    def run(self) -> None:
        """All of it. Raises `Violation`."""
        world = self.world
        for step in self._scenario.steps:
            wait_s = step.at_ms / 1000 - world.now
            if wait_s > 0:
                world.run(wait_s)
                self._check()
            self._take(step)
        world.run(max(0.0, self._scenario.duration_ms / 1000 - world.now))
        self._check()
        self._settle()
        self._rest()
        self._part()

    def _check(self) -> None:
        for pairing in self._open:
            for end in pairing.ends:
                if end.is_gone:
                    continue
                check_end(end)
                if end.is_closed:
                    end.read()  # and there must be nothing
        for host in [*self._servers, *self._clients]:
            if host not in self._down:
                check_host(host)
        if self._reading_along is not None:
            self._reading_along.check()
        self._open = [pairing for pairing in self._open if not pairing.is_over]

    def _take(self, step: Step) -> None:
        action = step.action
        if action == Action.CONNECT:
            self._connect(step.slot)
        elif action in _PATHS:
            self._disturb(step)
        elif action in (Action.CRASH, Action.PAUSE, Action.DRIFT, Action.REBIND, Action.ATTACK):
            self._do_to_host(step)
        else:
            pairing = self._current[step.slot]
            end = None if pairing is None else pairing.end(step.side)
            if end is not None and not end.is_gone:
                self._do_to_end(end, step)

    # ------------------------------------------------------------------ steps

    def _connect(self, slot: int) -> None:
        current = self._current[slot]
        host = self._clients[slot]
        if host in self._down:
            return
        if current is not None and not current.client.is_closed and not current.client.is_gone:
            if current.client.ended is None:
                return
            current.client.close(0, False)
        server = self._host(slot, SERVER)
        if (server.address.ip, server.address.port) in host.endpoint.connections:
            return  # the one before is not forgotten yet
        connection = self.world.connect(server, host=host)
        pairing = Pairing(len(self._pairings) + 1, connection)
        self._note_conditions(pairing, slot)
        if self.world.now < self._troubled_until[slot]:
            pairing.trouble(self.world.now, self._troubled_until[slot])
        self._ends[connection] = pairing.client
        self._pairings.append(pairing)
        self._open.append(pairing)
        self._current[slot] = pairing

    def _disturb(self, step: Step) -> None:
        slot, side, numbers, weather = step.slot, step.side, step.numbers, self._weather
        if step.action == Action.CONDITIONS:
            weather.change(slot, side, numbers[0])
            current = self._current[slot]
            if current is not None and current in self._open:
                self._note_conditions(current, slot)
            return
        length_s = numbers[-1] / 1000
        if step.action == Action.PARTITION:
            weather.partition(slot, length_s)
        elif step.action == Action.CUT:
            weather.cut(slot, side, length_s)
        elif step.action == Action.BLACK_HOLE:
            weather.black_hole(slot, side, numbers[0], length_s)
        else:
            length_s = weather.play(slot, side, numbers)
        self._trouble(slot, round(length_s * 1000))

    def _do_to_host(self, step: Step) -> None:
        slot = step.slot
        host = self._host(slot, step.side)
        if host in self._down:
            return
        if step.action == Action.CRASH:
            self._crash(host, step.numbers[0])
        elif step.action == Action.PAUSE:
            host.pause(step.numbers[0] / 1000)
            self._trouble_at(host, step.numbers[0])
        elif step.action == Action.DRIFT:
            host.drift(step.numbers[0])
        elif step.action == Action.REBIND:
            nat = self._nats[slot]
            if nat is not None:
                nat.rebind()
                self._trouble(slot, _FOR_EVER_MS)
        elif self._attacker is not None:
            current = self._current[slot]
            kind, count, seed = step.numbers
            self._attacker.strike(host, kind, count, seed, current is not None and current.is_up)

    def _crash(self, host: Host, length_ms: int) -> None:
        self._trouble_at(host, length_ms + _FORGOTTEN_MS)
        for end in list(self._ends.values()):
            if end.host is host and not end.is_gone:
                end.is_gone = True
        host.crash()
        self._down.add(host)
        self.world.after(length_ms / 1000, lambda: self._come_back(host))

    def _come_back(self, host: Host) -> None:
        if host in self._down:
            host.restart()
            self._down.discard(host)

    def _do_to_end(self, end: End, step: Step) -> None:
        connection = end.connection
        numbers = step.numbers
        if end.is_closed:
            if connection.send(b"too late") != Result.INVALID_PARAM:
                raise Violation(f"{end} took a message after it was closed")
            return
        if step.action == Action.SEND:
            self._send(end, *numbers)
        elif step.action == Action.FLUSH:
            connection.flush()
        elif step.action == Action.READ:
            end.is_reading = bool(numbers[0])
            if end.is_reading:
                self._read(end)
        elif step.action == Action.LANES:
            connection.configure_lanes(numbers[::2], numbers[1::2])
        elif step.action == Action.CONFIGURE:
            connection.configure({_Value(numbers[0]): numbers[1]})
        elif step.action == Action.CLOSE:
            end.close(numbers[0], bool(numbers[1]))

    def _send(self, end: End, count: int, size_bytes: int, step_bytes: int, flags: int, lane: int) -> None:
        connection = end.connection
        sender = connection.core.sender
        for number in range(count):
            size = size_bytes + number * step_bytes
            result = connection.send(end.outgoing.next_message(size), SendFlags(flags), lane)
            if result == Result.OK:
                account = sender.lanes.lanes[lane]
                is_reliable = account.last_reliable_number == account.last_number
                end.outgoing.sent(size, lane, account.last_number, is_reliable)
                limit_bytes = connection.core.options.send_buffer_size_bytes
                if sender.pending_bytes() > limit_bytes + _MESSAGE_HEADER_BYTES:
                    raise Violation(f"{end} holds {sender.pending_bytes()} bytes to send, more than {limit_bytes}")
            elif result == Result.INVALID_PARAM and lane >= len(sender.lanes.lanes):
                return
            elif result not in _SEND_RESULTS:
                raise Violation(f"{end} answered a message of {size} bytes with {result.name}")

    # ------------------------------------------------------------------ what the network is like

    def _note_conditions(self, pairing: Pairing, slot: int) -> None:
        for conditions in self._weather.lasting(slot):
            if _is_lossy(conditions):
                pairing.began_lossy = True
            if conditions.bottleneck_bytes_per_second and self._has_fixed_rate:
                pairing.trouble(self.world.now, float("inf"))  # who sends faster than the path carries starves himself
            if conditions.corrupt:
                pairing.began_corrupt = True

    def _trouble(self, slot: int, length_ms: int) -> None:
        """Something is wrong between the hosts of a slot, now and for that long."""
        now = self.world.now
        until = now + length_ms / 1000
        if length_ms < _FOR_EVER_MS:  # what follows is a matter of the present connection alone
            self._troubled_until[slot] = max(self._troubled_until[slot], until)
        for pairing in self._open:
            if pairing.client.host is self._clients[slot]:
                pairing.trouble(now, until)

    def _trouble_at(self, host: Host, length_ms: int) -> None:
        for slot in range(len(self._clients)):
            if host in (self._host(slot, CLIENT), self._host(slot, SERVER)):
                self._trouble(slot, length_ms)

    # ------------------------------------------------------------------ the end

    def _settle(self) -> None:
        """The network is well from now on, and all applications read: everything has to arrive, or to have ended."""
        world = self.world
        self._weather.calm()
        for host in list(self._down):
            self._come_back(host)
        for slot in range(len(self._clients)):
            self._host(slot, CLIENT).resume()
            self._host(slot, SERVER).resume()
        for pairing in self._open:
            for end in pairing.ends:
                end.is_reading = True
                if not end.is_gone:
                    self._read(end)
                if end.is_connected and not end.connection.core.sender.path.control.is_adaptive:
                    end.connection.configure({_Value.SEND_RATE_MIN: _CALM_RATE, _Value.SEND_RATE_MAX: _CALM_RATE})
        world.run(_NOTICED_AFTER_S)
        world.run_until(self._is_settled, _SETTLE_S)
        for pairing in self._pairings:
            for end in pairing.ends:
                if not end.is_gone and not end.is_closed:
                    end.read()
            pairing.judge()

    def _is_settled(self) -> bool:
        for pairing in self._open:
            if not pairing.is_settled:
                return False
        return True

    def _rest(self) -> None:
        """Nothing is to be done: next to nothing is sent."""
        up = [pairing for pairing in self._pairings if pairing.is_up]
        before = self.world.datagrams_entered
        self.world.run(_REST_S)
        self._check()
        sent = self.world.datagrams_entered - before
        if sent > _PACKETS_AT_REST_MAX * max(len(up), 1):
            raise Violation(f"{sent} datagrams in {_REST_S} s, and nothing to be done on {len(up)} connections")
        for pairing in up:
            if not pairing.is_up:
                raise Violation(f"an idle connection ended: {pairing.client}, {pairing.server}")

    def _part(self) -> None:
        """All is closed: both ends agree on it, and nothing of them is left."""
        for number, pairing in enumerate(self._pairings):
            for side in SIDES if number % 2 else (SERVER, CLIENT):
                end = pairing.end(side)
                if end is not None and not end.is_closed and not end.is_gone:
                    end.close(1001 + side, number % 3 == 0)
                    self.world.run(0.5)
        self.world.run(_FORGOTTEN_AFTER_S)
        for pairing in self._pairings:
            pairing.judge()
        for host in [*self._servers, *self._clients]:
            for connection in host.connections:
                connection.close()
        self.world.run(_FORGOTTEN_AFTER_S)
        for host in [*self._servers, *self._clients]:
            check_emptied(host)


def _is_lossy(conditions: Conditions) -> bool:
    return bool(
        conditions.loss > _LOSSY
        or conditions.burst_start
        or conditions.corrupt
        or conditions.bottleneck_bytes_per_second
    )
