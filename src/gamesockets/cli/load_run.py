"""How do many clients in one process connect, send on time, and take in what comes back?

One task a client connects and receives. A single task sends for all of them, from a heap of due times, because a timer
a message would cost more than the message. A third looks at the clock and at the connections.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, final

import gamesockets as gs
from gamesockets import aio
from gamesockets.cli.load_report import Plan, Tally
from gamesockets.cli.load_script import Script, describe
from gamesockets.cli.load_traffic import ClientTraffic
from gamesockets.cli.proof import Proof
from gamesockets.cli.terminal import printable

BATCH_S: Final = 0.001
"""Messages that are due within this time leave together: a loop that wakes for each does little else."""
BURST_MAX: Final = 100
"""After so many in a row it is the turn of what came in: a sender that is behind must not starve the receivers."""
BACKLOG_S: Final = 0.5
"""After a stall, what was due longer ago is given up: a burst would measure the burst."""
TICK_S: Final = 0.01
LOOKS_PER_S: Final = 1.0
PAUSE_S: Final = 0.02
QUIET_S: Final = 1.0
"""So long nothing may come back before the rest counts as lost; twice the longest round trip is added."""
PROGRESS_S: Final = 0.25
REASON_DONE: Final = 1000
TOO_MANY_FILES: Final = "too many open files: allow more (ulimit -n) or use fewer clients"

Progress: TypeAlias = Callable[[], None]
NameClient: TypeAlias = Callable[[int], gs.NetworkingIdentity | None]


@final
class Client:
    """One connection of the test and what it sends."""

    __slots__ = ("connection", "traffic")

    def __init__(self, connection: aio.Connection, traffic: ClientTraffic) -> None:
        self.connection = connection
        self.traffic = traffic


@final
class LoadRun:
    """One run: connect all, send for the planned time, wait for the last echoes, close."""

    __slots__ = (
        "_address",
        "_alive",
        "_flags",
        "_host",
        "_look_at",
        "_name",
        "_proof",
        "_script",
        "_sending_began",
        "_stop",
        "phase",
        "plan",
        "tally",
    )

    def __init__(
        self,
        plan: Plan,
        host: str,
        address: gs.Address,
        name: NameClient,
        script: Script | None = None,
        proof: Proof | None = None,
    ) -> None:
        """`host` may be a name with several addresses; `address` is the first of them.

        `script` says what each client does; without one they send at a steady rate and count what comes back.
        """
        self.plan = plan
        self._host = host
        self._address = address
        self._name = name
        self._proof = Proof(None, None, None, {}) if proof is None else proof
        self._script = script
        self._flags = gs.SendFlags.RELIABLE_NO_NAGLE if plan.reliable else gs.SendFlags.UNRELIABLE_NO_NAGLE
        self._alive: dict[int, Client] = {}
        self._look_at: list[int] = []
        self._sending_began = 0.0
        self._stop = asyncio.Event()
        self.phase = "connecting"
        self.tally = Tally()

    def stop(self) -> None:
        """End early, in good order; what was measured so far is kept."""
        self.tally.interrupted = True
        self._stop.set()

    @property
    def address(self) -> gs.Address:
        """Where the clients go: the address of the name that has answered."""
        return self._address

    @property
    def sending_for_s(self) -> float:
        """Seconds since the first message was due; 0 before."""
        return time.monotonic() - self._sending_began if self._sending_began else 0.0

    async def run(self, progress: Progress) -> Tally:
        """The whole course; the tally at its end. `progress` is called a few times a second."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._watch(progress))]
            try:
                await self._course(group, tasks)
            finally:
                self._alive.clear()  # connections that end from here on have not ended early
                for task in tasks:
                    task.cancel()
        return self.tally

    async def _course(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> None:
        tally = self.tally
        began, cpu_began = time.monotonic(), time.process_time()
        await self._connect_all(group, tasks)
        if self._alive and not self._stop.is_set():
            self.phase = "sending"
            self._sending_began = time.monotonic()
            await self._send(self._sending_began)
            tally.sending_s = self.sending_for_s
            self.phase = "waiting for the last"
            await self._drain()
        tally.wall_s, tally.cpu_s = time.monotonic() - began, time.process_time() - cpu_began
        self._look(list(self._alive))
        self.phase = "closing"

    # ---- connecting

    async def _connect_all(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> None:
        """Start the clients at the planned rate; return when each is connected or has failed."""
        due = time.monotonic()
        for number in range(1, self.plan.clients + 1):
            if number == 2:
                await self._until_settled(1)  # the first finds out which address of the name answers
            while (left := due - time.monotonic()) > 0 and not self._stop.is_set():
                await asyncio.sleep(min(left, PAUSE_S))
            if self._stop.is_set():
                return
            tasks.append(group.create_task(self._client(number), name=f"load-client-{number}"))
            due += 1 / self.plan.connect_rate_hz
        await self._until_settled(self.plan.clients)

    async def _until_settled(self, count: int) -> None:
        """Wait until so many clients are connected or have failed."""
        while self.tally.connected + self.tally.failures.total < count and not self._stop.is_set():
            await asyncio.sleep(PAUSE_S)

    async def _client(self, number: int) -> None:
        """The life of one client, until its connection ends or the run is over."""
        tally = self.tally
        host, port = (self._host, self._address.port) if number == 1 else (self._address.ip, self._address.port)
        began = gs.Library.time()
        proof = self._proof
        config = proof.config | {gs.ConfigurationValue.TIMEOUT_INITIAL: round(self.plan.timeout_s * 1000)}
        name = self._name(number) if proof.credentials is None else None
        try:
            connection = await aio.connect(
                host, port, identity=name, config=config, credentials=proof.credentials, trust=proof.trust
            )
        except gs.ConnectionFailed as error:
            no_answer = error.reason == gs.EndReason.MISC_TIMEOUT
            tally.failures.add(
                f"no answer within {self.plan.timeout_s:g} s" if no_answer else _why(error.reason, error.debug)
            )
            return
        except OSError as error:
            tally.failures.add(TOO_MANY_FILES if error.errno == errno.EMFILE else str(error.strerror or error))
            return
        if number == 1:
            self._address = connection.address
        tally.connected += 1
        tally.connect_times.add(gs.Library.time() - began)
        client = Client(connection, ClientTraffic(number, self.plan.size_bytes, tally.totals))
        self._alive[number] = client
        try:
            if self._script is None:
                await self._receive(client)
            else:
                await self._play(self._script, client, number)
        except gs.ConnectionClosed as error:
            if self._alive.pop(number, None) is not None:
                tally.ended_early.add(_why(error.reason, error.debug))
        finally:
            await connection.close(REASON_DONE, "load test finished")

    async def _play(self, script: Script, client: Client, number: int) -> None:
        """What the user's script says, from when all are connected; then nothing until the run is over."""
        while not self._sending_began and not self._stop.is_set():
            await asyncio.sleep(PAUSE_S)
        try:
            await script(client.connection, number)
            self.tally.script_ended += 1
        except gs.ConnectionClosed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            self.tally.script_faults.add(describe(error))
        self._alive.pop(number, None)

    async def _receive(self, client: Client) -> None:
        """Take in what comes until the connection ends."""
        connection, traffic = client.connection, client.traffic
        counts = self.plan.echo
        while True:
            for message in await connection.receive_many():
                if counts:
                    traffic.receive(message.data, message.time_received)

    # ---- sending

    async def _send(self, began: float) -> None:
        """Send each client's messages when they are due, evenly spread over the period."""
        period = 1 / self.plan.rate_hz
        step = period / len(self._alive)
        until = began + self.plan.duration_s
        last = until - step / 2  # 30 Hz for 6 s are 180 messages, whatever floats add up to
        due = [(began + place * step, number) for place, number in enumerate(self._alive) if self._script is None]
        while self._alive and not self._stop.is_set():
            now = time.monotonic()
            # What was due in time is sent though it is a little late, as it would have been in the middle.
            if now >= (until + BACKLOG_S if due else until):
                break
            for _ in range(BURST_MAX):
                if not due or due[0][0] > now + BATCH_S:
                    break
                self._send_first(due, now, period, last)
            wake = due[0][0] if due else until
            await asyncio.sleep(min(max(wake - time.monotonic(), 0 if wake <= now else BATCH_S), PAUSE_S))
        if not self._stop.is_set():
            late = [at for at, number in due if at < last and number in self._alive]
            self.tally.totals.skipped += sum(int((last - at) / period) + 1 for at in late)

    def _send_first(self, due: list[tuple[float, int]], now: float, period: float, last: float) -> None:
        """Send what has been due longest; its client is due again a period later, unless that is after `last`."""
        at, number = due[0]
        client = self._alive.get(number)
        if client is not None:
            if now - at > BACKLOG_S:
                missed = int((min(now, last) - at) / period)
                self.tally.totals.skipped += missed
                at += missed * period
            self._send_one(client)
        if client is not None and at + period < last:
            heapq.heapreplace(due, (at + period, number))
        else:
            heapq.heappop(due)

    def _send_one(self, client: Client) -> None:
        traffic = client.traffic
        result = client.connection.send_nowait(traffic.next_message(gs.Library.time()), self._flags)
        if result == gs.Result.OK:
            traffic.count_sent()
        elif result == gs.Result.LIMIT_EXCEEDED:
            self.tally.totals.refused += 1
        # Any other result: the connection has ended, and its task is about to say why.

    async def _drain(self) -> None:
        """Wait for the echoes that are still under way: until all came, or none for a while."""
        was_stopped = self._stop.is_set()
        totals = self.tally.totals
        last_received, last_change = totals.received, time.monotonic()
        patience = min(self.plan.timeout_s, QUIET_S + 2 * totals.round_trips.maximum_us / 1_000_000)
        while self.plan.echo and self._alive and totals.missing and self._stop.is_set() == was_stopped:
            await asyncio.sleep(PAUSE_S)
            now = time.monotonic()
            if totals.received != last_received:
                last_received, last_change = totals.received, now
            elif now - last_change > patience:
                return

    # ---- watching

    async def _watch(self, progress: Progress) -> None:
        """Measure how late this program is, look at the connections in turn, and show the progress."""
        tally = self.tally
        due = show_at = time.monotonic()
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            now = time.monotonic()
            # After a stall every moment that passed in it counts as late: what a percentile of moments means.
            while due <= now:
                if self.phase == "sending":
                    tally.lateness.add(round((now - due) * 1_000_000))
                due += TICK_S
            self._look_at_some()
            if now >= show_at:
                show_at = now + PROGRESS_S
                progress()

    def _look_at_some(self) -> None:
        """Ask some connections for their status; each has its turn about once a second."""
        if self.phase != "sending":
            return
        if not self._look_at:
            self._look_at = list(self._alive)
        share = max(1, round(len(self._alive) * TICK_S * LOOKS_PER_S))
        turn, self._look_at = self._look_at[:share], self._look_at[share:]
        self._look(turn)

    def _look(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            client = self._alive.get(number)
            if client is None:
                continue
            status = client.connection.status()
            if status.ping >= 0:
                self.tally.pings.add(status.ping * 1000)
            self.tally.quality_local.add(status.connection_quality_local)
            self.tally.quality_remote.add(status.connection_quality_remote)
            self.tally.paths.add(status.path)


def _why(reason: int, debug: str) -> str:
    return f"{reason}: {printable(debug) or 'no text'}"
