"""Does an event loop serve the sockets on time, on its own thread, and let go of them?"""

import asyncio
import gc
import logging
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support import selecting
from tests.support.fake_port import FakeEndpoint, FullSocket, Owner, ServiceBench, pump_soon
from tests.support.loops import on_every_loop, run
from tests.support.waiting import soon, until

import gamesockets as gs
from gamesockets import aio
from gamesockets.clock import now_us
from gamesockets.connection.path import Path
from gamesockets.drivers.aio import LoopService
from gamesockets.drivers.gathering import ALONE_AFTER_US, PUMP_PORT, SERVE
from gamesockets.drivers.port import DATAGRAMS_PER_TURN, TURN_US, Port
from gamesockets.drivers.service import SERVE_EVERY_US, SERVED_BESIDE_MAX
from gamesockets.drivers.udp import UdpSocket
from gamesockets.send.nagle import GATHER_US
from gamesockets.values.moments import NEVER

LOCAL = gs.Address.ipv4("127.0.0.1", 0)
FAR_US = 3_600_000_000


class Bench(ServiceBench[LoopService]):
    """The same on the running loop, and what the service has told."""

    def __init__(self) -> None:
        self.news = 0
        self.was_locked = False
        self.thread = threading.current_thread()
        owner = Owner()
        self.reminded = owner.reminded
        super().__init__(LoopService(owner, asyncio.get_running_loop(), self._on_news))
        self.peer.setblocking(False)

    def _on_news(self) -> None:
        assert threading.current_thread() is self.thread
        self.was_locked = self.was_locked or self.service.is_inside()
        self.news += 1

    async def take(self, count: int) -> list[bytes]:
        came: list[bytes] = []

        def is_complete() -> bool:
            try:
                while len(came) < count:
                    came.append(self.peer.recv(100))
            except BlockingIOError:
                return False
            return True

        await until(is_complete)
        return came


@on_every_loop
async def test_datagrams_are_served_on_the_loops_thread_and_then_told() -> None:
    with closing(Bench()) as bench:
        ports = [bench.port() for _ in range(3)]
        for number, (port, _) in enumerate(ports):
            for _ in range(3):
                bench.send_to(port, b"%d" % number)
        await until(lambda: all(len(endpoint.received) == 3 for _, endpoint in ports))
        assert [endpoint.received for _, endpoint in ports] == [[b"%d" % number] * 3 for number in range(3)]
        assert {thread for _, endpoint in ports for thread in endpoint.threads} == {bench.thread}
        assert bench.news > 0
        assert not bench.was_locked


@on_every_loop
async def test_what_was_read_and_not_served_in_one_turn_is_served_without_a_new_datagram() -> None:
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        endpoint.on_data = lambda: time.sleep(1.2 * TURN_US / 1_000_000)
        count = DATAGRAMS_PER_TURN + 50
        for _ in range(count):
            bench.send_to(port)
        await until(lambda: len(endpoint.received) == count)
        assert port.next_timer() == NEVER


@on_every_loop
async def test_deadlines_are_kept_also_those_that_move_ahead() -> None:
    with closing(Bench()) as bench:
        (far, far_endpoint), (near, near_endpoint) = bench.port(), bench.port()
        bench.set_timer(far, far_endpoint, FAR_US)
        deadline = bench.set_timer(near, near_endpoint, 5_000)
        await until(near_endpoint.timer_ran.is_set)
        assert now_us() >= deadline
        assert not far_endpoint.timer_ran.is_set()
        bench.set_timer(far, far_endpoint, 1_000)
        await until(far_endpoint.timer_ran.is_set)


@on_every_loop
async def test_a_timer_that_comes_too_early_goes_back_to_sleep() -> None:
    """A deadline that moved back leaves the timer where it was."""
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        bench.set_timer(port, endpoint, 2_000)
        with bench.service.lock:
            endpoint.timer = port.deadline = NEVER
        deadline = bench.set_timer(port, endpoint, 20_000)
        await until(endpoint.timer_ran.is_set)
        assert now_us() >= deadline


@on_every_loop
async def test_reminders() -> None:
    with closing(Bench()) as bench:
        with bench.service.lock:
            bench.service.remind(now_us() + 1_000, 7)
            bench.service.remind(now_us() + 2_000, 8)
        await until(lambda: len(bench.reminded) == 2)
        assert bench.reminded == [(7, bench.thread), (8, bench.thread)]


@on_every_loop
async def test_other_threads_may_set_deadlines_and_have_news() -> None:
    with closing(Bench()) as bench:
        port, endpoint = bench.port()

        def meddle() -> None:
            bench.set_timer(port, endpoint, 1_000)
            with bench.service.lock:
                for _ in range(5):
                    bench.service.notify()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(meddle).result(60)
        before = bench.news
        await until(endpoint.timer_ran.is_set)
        await until(lambda: bench.news > before)
        assert set(endpoint.threads) == {bench.thread}


@on_every_loop
async def test_news_of_one_turn_are_told_once() -> None:
    with closing(Bench()) as bench:
        with bench.service.lock:
            for _ in range(5):
                bench.service.notify()
            assert bench.news == 0
        await asyncio.sleep(0)
        assert bench.news == 1


@on_every_loop
async def test_what_was_served_at_once_is_told_once() -> None:
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        bench.send_to(port)
        await until(lambda: endpoint.received)
        await soon(lambda: bench.news == 1)


@on_every_loop
async def test_what_may_leave_together_does_so_in_the_next_turn_and_that_is_news() -> None:
    """Tasks that wait for room in a send buffer may go on."""
    with closing(Bench()) as bench:
        (port, endpoint), (gone, gone_endpoint) = bench.port(), bench.port()
        address = bench.peer.getsockname()
        endpoint.outgoing = [[([b"one"], address)], []]
        with bench.service.lock:
            bench.service.gathering.have_left(NEVER - ALONE_AFTER_US)  # something has left a moment ago
            now = now_us()
            for one in (port, port, gone):
                pump_soon(bench.service, one, GATHER_US, now)
            bench.service.remove(gone)
        assert (endpoint.asked, bench.news) == (0, 0)
        await soon(lambda: bench.news == 1)
        assert await bench.take(1) == [b"one"]
        assert gone_endpoint.asked == 0
        assert not bench.was_locked


@on_every_loop
async def test_a_task_that_sends_without_a_pause_takes_what_has_come() -> None:
    """Every millisecond: it gives the loop no turn to do so."""
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        service = bench.service
        bench.send_to(port)
        with service.lock:
            now = now_us()
            service.gathering.serve_from = now + SERVE_EVERY_US
            service.send_out(port, PUMP_PORT, now)
            assert not endpoint.received, "it was served a moment ago"
            service.send_out(port, SERVE, now + SERVE_EVERY_US)
            assert len(endpoint.received) == 1
            assert bench.news == 0
            bench.send_to(port)
            service.send_out(port, PUMP_PORT, now + SERVE_EVERY_US + 1)
            assert len(endpoint.received) == 1
        await until(lambda: len(endpoint.received) == 2)
        await until(lambda: bench.news > 0)
        assert not bench.was_locked


@on_every_loop
async def test_who_has_many_sockets_or_another_thread_leaves_them_to_the_loop() -> None:
    with closing(Bench()) as bench:
        ports = [bench.port() for _ in range(SERVED_BESIDE_MAX + 1)]
        (port, endpoint), *others = ports
        bench.send_to(port)
        with bench.service.lock:
            bench.service.gathering.serve_from = 0
            bench.service.send_out(port, SERVE, now_us())
            assert not endpoint.received
            bench.service.remove(others[0][0])

        def send_elsewhere() -> None:
            with bench.service.lock:
                bench.service.gathering.serve_from = 0
                bench.service.send_out(port, SERVE, now_us())

        thread = threading.Thread(target=send_elsewhere)
        thread.start()
        thread.join()
        assert not endpoint.received
        await until(lambda: len(endpoint.received) == 1)
        assert endpoint.threads == [bench.thread]


@pytest.mark.parametrize("gso", [False, True])
@pytest.mark.parametrize("from_another_thread", [False, True])
def test_what_the_system_refuses_leaves_later_in_order(gso: bool, from_another_thread: bool) -> None:
    async def main() -> None:
        with closing(Bench()) as bench:
            full = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
            full.bind(("127.0.0.1", 0))
            full.room, full.refusals = 2, 7
            port, endpoint = bench.port(UdpSocket(full, gso=gso))
            address = bench.peer.getsockname()
            data = [bytes([number]) * (10 + number % 3) for number in range(30)]
            endpoint.outgoing = [[(data[start : start + 5], address) for start in (0, 5, 10)], [(data[15:], address)]]

            def pump() -> None:
                with bench.service.lock:
                    bench.service.pump(port, now_us())
                    assert port.backlog
                    endpoint.timer = 0

            if from_another_thread:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(pump).result(60)
            else:
                pump()
            assert await bench.take(30) == data
            await until(lambda: not port.backlog)
            endpoint.timer = NEVER
            bench.send_to(port)
            await until(lambda: endpoint.received)

    for kind in ("asyncio", "debug", "fallback"):
        run(main, kind)


@on_every_loop
async def test_a_port_that_is_removed_is_served_no_more() -> None:
    with closing(Bench()) as bench:
        (gone, gone_endpoint), (kept, kept_endpoint) = bench.port(), bench.port()
        bench.send_to(gone)
        bench.send_to(kept)
        with bench.service.lock:
            bench.service.remove(gone)
            bench.service.remove(gone)
        await until(lambda: kept_endpoint.received)
        assert gone_endpoint.received == []
        assert gone.udp.fileno() == -1


def test_an_unexpected_error_is_logged_and_serving_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        with closing(Bench()) as bench:
            (bad, bad_endpoint), (good, good_endpoint) = bench.port(), bench.port()
            bad_endpoint.on_data = fail
            bench.send_to(bad)
            await until(lambda: bad_endpoint.received)
            bench.send_to(good)
            await until(lambda: good_endpoint.received)
            bad_endpoint.on_data = lambda: None
            bench.send_to(bad)
            await until(lambda: len(bad_endpoint.received) == 2)

    for kind in ("asyncio", "fallback"):
        run(main, kind)
    assert [r.levelno for r in caplog.records if "unexpected error" in r.getMessage()] == [logging.ERROR] * 2


@on_every_loop
async def test_an_unexpected_error_of_one_port_does_not_keep_others_from_sending() -> None:
    with closing(Bench()) as bench:
        (bad, bad_endpoint), (good, good_endpoint) = bench.port(), bench.port()
        bad_endpoint.outgoing = [[([b""], "nowhere")]]  # type: ignore[list-item]
        good_endpoint.outgoing = [[([b"one"], bench.peer.getsockname())]]
        good_endpoint.timer = 0
        with bench.service.lock:
            bench.service.gathering.have_left(NEVER - ALONE_AFTER_US)
            for port in (bad, good):
                pump_soon(bench.service, port, GATHER_US, now_us())
        assert await bench.take(1) == [b"one"]
        assert not bench.service.gathering.ports


@on_every_loop
async def test_stop_by_another_thread_happens_on_the_loop() -> None:
    bench = Bench()
    port, endpoint = bench.port()
    bench.set_timer(port, endpoint, FAR_US)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(bench.service.stop).result(60)
    await until(lambda: not port.is_open)
    assert port.udp.fileno() == -1
    bench.service.stop()
    bench.peer.close()


@pytest.mark.parametrize("ending", ["drop", "stop", "stop elsewhere"])
def test_a_loop_that_is_closed_first(ending: str, caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Bench, list[tuple[Port, FakeEndpoint]]]:
        bench = Bench()
        return bench, [bench.port() for _ in range(2)]

    bench, ports = loop.run_until_complete(begin())
    loop.close()
    bench.peer.close()
    bench.set_timer(*ports[0], 0)
    with bench.service.lock:
        bench.service.notify()
        ports[0][0].backlog.append(([b"x"], Path(("127.0.0.1", 9))))
        bench.service._watch_writing(ports[0][0])
    sockets, service = [port.udp for port, _ in ports], bench.service
    if ending == "stop":
        service.stop()
    elif ending == "stop elsewhere":
        with ThreadPoolExecutor(1) as pool:
            pool.submit(service.stop).result(60)
    assert [udp.fileno() == -1 for udp in sockets] == [ending != "drop"] * 2
    del service, bench, ports
    gc.collect()
    assert [udp.fileno() for udp in sockets] == [-1, -1]
    warnings = [r for r in caplog.records if "event loop ended before" in r.getMessage()]
    assert len(warnings) == (ending == "drop")


def test_one_socket_too_many_for_a_loop_on_select_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the whole loop the next time that it sleeps."""
    monkeypatch.setattr(select, "select", selecting._select_of_windows)
    monkeypatch.setattr(selecting.SelectOfWindows, "room", 4)

    opened: list[aio.Connection] = []

    async def open_more(address: gs.Address) -> None:
        while len(opened) < 8:
            opened.append(await aio.connect(address))

    async def crowd() -> None:
        async with aio.serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0) as server:
            with pytest.raises(OSError, match="too many open sockets for select"):
                await open_more(server.address)
            assert opened
            await opened[0].send(b"still here", gs.SendFlags.RELIABLE)
            for connection in opened:
                await connection.close()

    loop = asyncio.SelectorEventLoop(selecting.SelectOfWindows())
    try:
        loop.run_until_complete(crowd())
    finally:
        loop.close()
