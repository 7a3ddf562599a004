"""Are the sockets served on time, in order and by the right thread, whoever waits, computes, fails or leaves?"""

import gc
import logging
import select
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support.fake_port import NOTHING_FAKE, FullSocket, Owner, ServiceBench, drain, new_port, pump_soon
from tests.support.selecting import SELECTORS, SelectOfWindows, use_selector
from tests.support.waiting import DEADLINE_S, wait_until

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.build import COMPILED
from gamesockets.clock import now_us
from gamesockets.drivers.gathering import ALONE_AFTER_US
from gamesockets.drivers.poller import READ, Poller, Ready
from gamesockets.drivers.port import DATAGRAMS_PER_TURN, TURN_US
from gamesockets.drivers.service import LISTENING_ROUNDS, MANY_DATAGRAMS, NAP_US
from gamesockets.drivers.switch_interval import SWITCH_INTERVAL
from gamesockets.drivers.threads import NAP_MIN_US, STEP_IN_AFTER_MAX_US, STEP_IN_AFTER_US, ThreadService
from gamesockets.drivers.udp import UdpSocket
from gamesockets.send.nagle import GATHER_NAGLE_US, GATHER_US
from gamesockets.values.moments import NEVER

SHORT_S = 0.03
FAR_US = 3_600_000_000


class Bench(ServiceBench[ThreadService]):
    """The same with news at the push of a button, and threads that wait for them."""

    def __init__(self) -> None:
        self.news = False
        owner = Owner()
        self.reminded = owner.reminded
        super().__init__(ThreadService(owner))
        self.peer.settimeout(DEADLINE_S)
        self.threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="waiter")

    def close(self) -> None:
        super().close()
        self.threads.shutdown()

    def wait(self, timeout_s: float | None = None, has_news: Callable[[], bool] | None = None) -> Future[bool]:
        """In a thread of its own."""

        def wait() -> bool:
            with self.service.lock:
                return self.service.wait(timeout_s, (lambda: self.news) if has_news is None else has_news)

        return self.threads.submit(wait)

    def lead(self, has_news: Callable[[], bool] | None = None) -> Future[bool]:
        """The same; returns when that thread serves alone."""
        waiting = self.wait(has_news=has_news)
        wait_until(lambda: self.service._leading and self.service._is_parked_for_long)
        return waiting

    def lead_until_told(self) -> Callable[[], None]:
        """The same; the result has the leader leave, and nobody else."""
        may_leave = threading.Event()
        leader = self.lead(may_leave.is_set)

        def leave() -> None:
            may_leave.set()
            with self.service.lock:
                self.service.notify()
            assert leader.result(DEADLINE_S)

        return leave

    def publish(self) -> None:
        with self.service.lock:
            self.news = True
            self.service.notify()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with closing(Bench()) as bench:
        yield bench


@pytest.fixture(params=SELECTORS, ids=[kind.__name__ for kind in SELECTORS])
def any_bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """On the selectors of other systems, too."""
    use_selector(request.param, monkeypatch)
    with closing(Bench()) as bench:
        yield bench


# ---------------------------------------------------------------------- timers and datagrams


@pytest.mark.rule("3, 14.1")
def test_the_service_thread_serves_when_nobody_waits(bench: Bench) -> None:
    port, endpoint = bench.port()
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S)
    deadline = bench.set_timer(port, endpoint, 20_000)
    assert endpoint.timer_ran.wait(DEADLINE_S)
    assert now_us() >= deadline
    assert {thread.name for thread in endpoint.threads} == {"gamesockets-service"}


def test_a_waiting_thread_serves_by_itself(bench: Bench) -> None:
    port, endpoint = bench.port()
    waiting = bench.lead()
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S)
    bench.set_timer(port, endpoint, 5_000)
    assert endpoint.timer_ran.wait(DEADLINE_S)
    assert {thread.name.split("_")[0] for thread in endpoint.threads} == {"waiter"}
    assert not waiting.done(), "a datagram is not news by itself"
    bench.publish()
    assert waiting.result(DEADLINE_S)


@pytest.mark.parametrize("leads", [False, True])
def test_what_was_read_and_not_served_in_one_turn_is_served_without_a_new_datagram(bench: Bench, leads: bool) -> None:
    port, endpoint = bench.port()
    endpoint.on_data = lambda: time.sleep(1.2 * TURN_US / 1_000_000)
    count = DATAGRAMS_PER_TURN + 50
    with bench.service.lock:
        for _ in range(count):
            bench.send_to(port)
    if leads:
        bench.lead()
    wait_until(lambda: len(endpoint.received) == count, lambda: f"all datagrams, only {len(endpoint.received)}")
    with bench.service.lock:
        assert port.next_timer() == NEVER


@pytest.mark.parametrize("leads", [False, True])
def test_an_earlier_deadline_wakes_the_sleeper(bench: Bench, leads: bool) -> None:
    port, endpoint = bench.port()
    other_port, other = bench.port()
    bench.set_timer(port, endpoint, FAR_US)
    poller = bench.service._service_poller
    if leads:
        bench.lead()
        poller = bench.service._leader_poller
    wait_until(lambda: poller.sleeping_until != 0)
    bench.set_timer(other_port, other, 10_000)
    assert other.timer_ran.wait(DEADLINE_S)
    wait_until(lambda: poller.sleeping_until != 0)
    bench.set_timer(port, endpoint, 10_000)
    assert endpoint.timer_ran.wait(DEADLINE_S)
    bench.publish()


@pytest.mark.parametrize("leads", [False, True])
def test_reminders_come_on_time_and_in_order(bench: Bench, leads: bool) -> None:
    if leads:
        bench.lead()
    with bench.service.lock:
        due = now_us() + 10_000
        for what, delay_us in ((1, 0), (2, 5_000), (3, FAR_US)):
            bench.service.remind(due + delay_us, what)
    wait_until(lambda: len(bench.reminded) == 2)
    assert now_us() >= due + 5_000
    assert [what for what, _ in bench.reminded] == [1, 2]
    assert {thread.name.split("_")[0] for _, thread in bench.reminded} == {"waiter" if leads else "gamesockets-service"}
    bench.publish()


def test_a_later_deadline_is_kept_after_an_earlier_wake(bench: Bench) -> None:
    port, endpoint = bench.port()
    with bench.service.lock:  # so that the first does not come before the second is there
        bench.set_timer(port, endpoint, 10_000)
        deadline = endpoint.timer = now_us() + 60_000
    assert endpoint.timer_ran.wait(DEADLINE_S)
    assert now_us() >= deadline


def test_a_port_may_close_another_one_that_is_ready(bench: Bench) -> None:
    first, first_end = bench.port()
    second, second_end = bench.port()
    first_end.on_data = lambda: bench.service.remove(second)
    second_end.on_data = lambda: bench.service.remove(first)
    with bench.service.lock:
        bench.send_to(first)
        bench.send_to(second)
        select.select([first.udp], [], [], DEADLINE_S)
        select.select([second.udp], [], [], DEADLINE_S)
    wait_until(lambda: first_end.data_came.is_set() or second_end.data_came.is_set())
    third, third_end = bench.port()
    bench.send_to(third)
    assert third_end.data_came.wait(DEADLINE_S)
    assert first.is_open != second.is_open


def test_the_port_of_an_outgoing_connection_closes_with_it(bench: Bench) -> None:
    port, endpoint = bench.port()
    listening, listening_end = bench.port()
    listening.owner = 1
    endpoint.connections.clear()
    listening_end.connections.clear()
    with bench.service.lock:
        for one in (port, listening):
            bench.service.pump(one, now_us())
        assert bench.service.ports() == [listening]
        bench.service.remove(port)
    assert (port.udp.fileno(), port.is_open) == (-1, False)


# ---------------------------------------------------------------------- gathering


@pytest.mark.parametrize("how", ["wait", "the next one, later", "settle", "nothing more"])
def test_what_is_queued_behind_the_first_is_gathered_and_leaves_at_once(bench: Bench, how: str) -> None:
    (first, first_end), (second, second_end), (third, third_end) = bench.port(), bench.port(), bench.port()
    service = bench.service
    with service.lock:
        now = now_us()
        pump_soon(service, first, GATHER_US, now)
        assert first_end.asked == 1, "nothing has left a moment ago"
        service.gathering.have_left(NEVER - ALONE_AFTER_US)  # and now something has
        for port in (first, second, third, second):
            pump_soon(service, port, GATHER_US, now)
        assert (first_end.asked, second_end.asked, third_end.asked) == (1, 0, 0)
        if how == "the next one, later":
            pump_soon(service, second, GATHER_US, now + GATHER_US)
        elif how == "wait":
            assert service.has_news_at_once(lambda: True)
        elif how == "settle":
            service.pump_gathered()
        if how != "nothing more":
            assert (first_end.asked, second_end.asked, third_end.asked) == (2, 1, 1)
    wait_until(lambda: (first_end.asked, second_end.asked, third_end.asked) == (2, 1, 1))
    assert not service.gathering.ports


@pytest.mark.parametrize("owners", [[1], [1, 2, 3, 4], [1, 0], [1, 2, 3, 4, 5]])
def test_who_sends_without_a_pause_takes_what_has_come_if_that_serves_all(bench: Bench, owners: list[int]) -> None:
    """Few listen sockets, and the sender serves them; else the service thread does, as soon as it can."""
    service = bench.service
    with service.lock:
        (port, endpoint), *others = [bench.port() for _ in owners]
        for (one, _), owner in zip([(port, endpoint), *others], owners, strict=True):
            one.owner = owner
        bench.send_to(port)
        service.gathering.have_left(NEVER - ALONE_AFTER_US)
        now = now_us()
        service.gathering.serve_from = now + GATHER_US + 1
        pump_soon(service, port, GATHER_US, now)
        pump_soon(service, port, GATHER_US, now + GATHER_US)
        assert not endpoint.received, "it was served a moment ago"
        pump_soon(service, port, GATHER_US, now + 1)
        pump_soon(service, port, GATHER_US, now + 1 + GATHER_US)
        assert len(endpoint.received) == (1 if owners in ([1], [1, 2, 3, 4]) else 0)
    wait_until(lambda: len(endpoint.received) == 1)


def test_what_may_wait_gathers_longer_until_something_comes_that_may_not(bench: Bench) -> None:
    port, endpoint = bench.port()
    service = bench.service
    with service.lock:
        now = now_us()
        service.gathering.have_left(NEVER - ALONE_AFTER_US)
        pump_soon(service, port, GATHER_NAGLE_US, now)
        pump_soon(service, port, GATHER_NAGLE_US, now + GATHER_US)
        assert endpoint.asked == 0
        pump_soon(service, port, GATHER_US, now + GATHER_US)
        pump_soon(service, port, GATHER_NAGLE_US, now + 2 * GATHER_US)
        assert endpoint.asked == 1


def test_a_fault_of_one_port_does_not_keep_gathered_ones_back(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    (bad, bad_end), (good, good_end) = bench.port(), bench.port()
    bad_end.outgoing = [[([b""], "nowhere")]]  # type: ignore[list-item]
    good_end.timer = 0
    with caplog.at_level(logging.ERROR, "gamesockets"), bench.service.lock:
        bench.service.gathering.have_left(NEVER - ALONE_AFTER_US)
        for port in (bad, good):
            pump_soon(bench.service, port, GATHER_US, now_us())
        bench.service.pump_gathered()
    wait_until(lambda: good_end.asked > 0)
    good_end.timer = NEVER
    wait_until(lambda: "unexpected error" in caplog.text)


def test_who_interrupts_sending_with_an_exception_gets_it_and_the_service_thread_goes_on(bench: Bench) -> None:
    """As a program does that sends at the recursion limit."""
    port, endpoint = bench.port()
    endpoint.outgoing = [[([b""], "nowhere")], [([b"sent later"], bench.peer.getsockname())]]  # type: ignore[list-item]
    endpoint.timer_after_fault = 0
    with bench.service.lock, pytest.raises((TypeError, ValueError)):
        bench.service.pump(port, now_us())
    assert bench.peer.recv(100) == b"sent later"


# ---------------------------------------------------------------------- waiting


def test_the_service_thread_gets_its_turns_quickly_only_while_it_serves() -> None:
    """Else every system call of its would cost the 5 ms that an application which computes may keep the interpreter."""
    usual_s = sys.getswitchinterval()
    service = ThreadService(Owner())
    waiting = threading.Thread(target=lambda: wait_locked(service, DEADLINE_S))
    try:
        wait_until(lambda: sys.getswitchinterval() < usual_s)
        waiting.start()
        wait_until(lambda: sys.getswitchinterval() == pytest.approx(usual_s))
    finally:
        service.stop()
    waiting.join()
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_a_switch_interval_that_somebody_else_set_is_left_alone() -> None:
    usual_s = sys.getswitchinterval()
    service = ThreadService(Owner())
    try:
        wait_until(lambda: sys.getswitchinterval() < usual_s)
        sys.setswitchinterval(0.003)
        service.stop()
        assert sys.getswitchinterval() == pytest.approx(0.003)
    finally:
        sys.setswitchinterval(usual_s)


def wait_locked(service: ThreadService, timeout_s: float) -> None:
    with service.lock:
        service.wait(timeout_s, lambda: False)


def test_who_only_listens_is_woken_for_many_at_once(bench: Bench) -> None:
    """Each datagram comes when the one before it was taken: who answers takes each at once, who does not naps."""
    port, endpoint = bench.port()
    bench.lead()

    def exchange(count: int) -> int:
        before = now_us()
        for _ in range(count):
            bench.send_to(port)
            assert endpoint.data_came.wait(DEADLINE_S)
            endpoint.data_came.clear()
            if answers:
                with bench.service.lock:
                    bench.service.pump_due([port], now_us())
        return now_us() - before

    answers = False
    count = LISTENING_ROUNDS + 20
    assert exchange(count) > 20 * (NAP_US - 2 * NAP_MIN_US)
    assert bench.service._rounds_listened >= count
    answers = True
    exchange(10)
    assert bench.service._rounds_listened <= 1
    assert len(endpoint.received) == count + 10
    bench.publish()


def test_bulk_is_taken_as_it_comes(bench: Bench) -> None:
    """Where many datagrams come at once, a nap would only delay their acknowledgement."""
    port, _ = bench.port()
    service = bench.service

    def lets_gather_after(count: int) -> bool:
        with service.lock:  # so that nobody else takes them
            for _ in range(count):
                bench.send_to(port)
            port.receive(now_us())
            service._rounds_listened = LISTENING_ROUNDS
            return service._lets_gather([(port, READ)])

    assert lets_gather_after(1)
    assert not lets_gather_after(MANY_DATAGRAMS)
    assert lets_gather_after(MANY_DATAGRAMS - 1)


def test_who_is_about_to_connect_is_not_kept_waiting(bench: Bench) -> None:
    """Each step of a handshake would wait for its nap."""
    port, endpoint = bench.port()
    service = bench.service
    with service.lock:
        service._rounds_listened = LISTENING_ROUNDS
        endpoint.heard_control = True
        for _ in range(LISTENING_ROUNDS):
            assert not service._lets_gather([(port, READ)])
        assert service._lets_gather([(port, READ)])


def test_wait_gives_up_in_time(bench: Bench) -> None:
    before = time.monotonic()
    waiting = [bench.wait(SHORT_S) for _ in range(3)]
    assert [one.result(DEADLINE_S) for one in waiting] == [False] * 3
    assert time.monotonic() - before >= SHORT_S


@pytest.mark.parametrize("timeout_s", [None, 0.0, 3600.0, 1e7])
def test_wait_knows_of_news_at_once(bench: Bench, timeout_s: float | None) -> None:
    bench.news = True
    assert bench.wait(timeout_s).result(DEADLINE_S)


@pytest.mark.parametrize("timeout_s", [None, 3600.0, 1e7])
def test_wait_for_a_long_time(bench: Bench, timeout_s: float | None) -> None:
    waiting = [bench.wait(timeout_s) for _ in range(2)]
    wait_until(lambda: (bench.service._leading and len(bench.service._followers) == 1) or waiting[0].done())
    bench.publish()
    assert [one.result(DEADLINE_S) for one in waiting] == [True, True]


def test_everybody_who_waits_hears_of_news(bench: Bench) -> None:
    port, endpoint = bench.port()

    def news() -> None:
        bench.news = True

    endpoint.on_data = news
    waiting = [bench.lead(), *(bench.wait() for _ in range(5))]
    wait_until(lambda: len(bench.service._followers) == 5)
    bench.send_to(port)
    assert [one.result(DEADLINE_S) for one in waiting] == [True] * 6
    assert endpoint.threads[0].name.startswith("waiter")


def test_followers_are_served_after_the_leader_left(bench: Bench) -> None:
    port, endpoint = bench.port()

    def news() -> None:
        bench.news = True

    endpoint.on_data = news
    leave = bench.lead_until_told()
    follower = bench.wait()
    wait_until(lambda: bench.service._followers)
    leave()
    bench.set_timer(port, endpoint, 5_000)
    assert endpoint.timer_ran.wait(DEADLINE_S)
    assert not follower.done()
    bench.send_to(port)
    assert follower.result(DEADLINE_S)
    assert {thread.name for thread in endpoint.threads} == {"gamesockets-service"}


def test_a_new_leader_takes_over(bench: Bench) -> None:
    port, endpoint = bench.port()
    for _ in range(20):
        assert bench.wait(0.002).result(DEADLINE_S) is False
    follower_to_be = bench.lead()
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S)
    assert endpoint.threads[-1].name.startswith("waiter")
    bench.publish()
    assert follower_to_be.result(DEADLINE_S)


def test_the_service_thread_steps_in_after_the_leader_left(bench: Bench) -> None:
    port, endpoint = bench.port()
    bench.lead_until_told()()
    bench.set_timer(port, endpoint, 1_000)
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S)
    assert endpoint.timer_ran.wait(DEADLINE_S)
    assert {thread.name for thread in endpoint.threads} == {"gamesockets-service"}


def test_leaders_who_are_always_back_are_left_alone_longer(bench: Bench) -> None:
    """Each look of the service thread takes the interpreter from the program for nothing."""
    port, endpoint = bench.port()
    service = bench.service

    def is_left_alone() -> bool:
        wait_locked(service, 0.0005)
        return service._step_in_after_us == STEP_IN_AFTER_MAX_US

    wait_until(is_left_alone)
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S), "it steps in all the same"
    wait_until(lambda: service._step_in_after_us == STEP_IN_AFTER_US)


def test_a_nap_that_is_over_does_not_wait_for_a_program_that_serves(bench: Bench) -> None:
    """The lock would go from thread to thread, and the interpreter with it, once for each look."""
    service = bench.service

    def serves() -> bool:
        service._led_until = now_us()
        time.sleep(0.0003)
        return service._step_in_after_us == STEP_IN_AFTER_MAX_US

    def is_left_alone_while_the_lock_is_held() -> bool:
        with service.lock:
            serves()
            service._service_poller.wake()  # it sleeps until something comes
        time.sleep(0.0003)
        with service.lock:
            service._step_in_after_us = STEP_IN_AFTER_US
            return any(serves() for _ in range(50))

    wait_until(is_left_alone_while_the_lock_is_held)


def test_what_is_put_off_is_done_beside_a_program_that_serves_without_end(bench: Bench) -> None:
    """A signal handler closes, and the program that it interrupted goes on sending."""
    service = bench.service
    done = threading.Event()

    def is_done() -> bool:
        with service.lock:
            service._led_until = now_us()
        return done.is_set()

    for _ in range(50):  # until the service thread leaves the sockets alone
        is_done()
        time.sleep(0.0005)
    service.put_off(done.set)
    wait_until(is_done, pause=lambda: time.sleep(0.0003))


def test_what_is_put_off_is_done_in_order_whichever_thread_comes_by(bench: Bench) -> None:
    """A finalizer closes and then sends: no other thread may send while the first is about to close."""
    service = bench.service
    began, go = threading.Event(), threading.Event()
    done: list[str] = []

    def close() -> None:
        began.set()
        assert go.wait(DEADLINE_S)
        done.append("closed")

    service.put_off(close)
    assert began.wait(DEADLINE_S)
    service.put_off(lambda: done.append("sent"))
    assert bench.wait(SHORT_S).result(DEADLINE_S) is False, "nobody waits for who closes"
    assert done == []
    go.set()
    wait_until(lambda: len(done) == 2)
    assert done == ["closed", "sent"]


def test_stopping_ends_all_who_wait(bench: Bench) -> None:
    port, _ = bench.port()
    waiting = [bench.lead(), *(bench.wait() for _ in range(4))]
    wait_until(lambda: len(bench.service._followers) == 4)
    bench.service.stop()
    assert [one.result(DEADLINE_S) for one in waiting] == [False] * 5
    assert not bench.service._service_thread.is_alive()
    assert not port.is_open
    bench.service.stop()
    assert bench.wait().result(DEADLINE_S) is False, "also who comes later"


# ---------------------------------------------------------------------- faults


def fault() -> None:
    raise RuntimeError("a fault on purpose")


def test_a_fault_is_logged_and_the_service_thread_goes_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    port, endpoint = bench.port()
    endpoint.on_data = fault
    with caplog.at_level(logging.ERROR, "gamesockets"):
        bench.send_to(port)
        assert endpoint.data_came.wait(DEADLINE_S)
        endpoint.data_came.clear()
        bench.send_to(port, b"again")
        assert endpoint.data_came.wait(DEADLINE_S)
        wait_until(lambda: len(caplog.records) >= 2)
    assert endpoint.received == [b"hello", b"again"]
    assert "a fault on purpose" in caplog.text
    assert bench.service._service_thread.is_alive()


def test_a_fault_does_not_come_out_of_wait(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    port, endpoint = bench.port()
    endpoint.on_data = fault
    waiting = bench.lead()
    with caplog.at_level(logging.ERROR, "gamesockets"):
        bench.send_to(port)
        assert endpoint.data_came.wait(DEADLINE_S)
        bench.publish()
        assert waiting.result(DEADLINE_S)
        wait_until(lambda: "a fault on purpose" in caplog.text)


@pytest.mark.parametrize("leads", [False, True])
def test_a_fault_of_one_port_silences_no_other(bench: Bench, caplog: pytest.LogCaptureFixture, leads: bool) -> None:
    faulty_port, faulty = bench.port()
    good_port, good = bench.port()
    faulty.on_timer = fault
    waiting = bench.lead() if leads else None
    with caplog.at_level(logging.ERROR, "gamesockets"):
        with bench.service.lock:
            due = now_us() + 5_000
            good.timer = faulty.timer = due
            good.on_timer = lambda: setattr(good, "timer", due + 20_000) if len(good.threads) == 1 else None
            bench.service.schedule(good_port)
            bench.service.schedule(faulty_port)
        assert faulty.timer_ran.wait(DEADLINE_S)
        wait_until(lambda: len(good.threads) == 2)
        wait_until(lambda: bool(caplog.records))
        bench.set_timer(faulty_port, faulty, 1_000)
        wait_until(lambda: len(faulty.threads) == 2)
    if waiting is not None:
        assert not waiting.done(), "who waits for messages is not bothered"
        bench.publish()
        assert waiting.result(DEADLINE_S)


# ---------------------------------------------------------------------- selectors


@pytest.mark.parametrize("leads", [False, True])
def test_sockets_come_and_go_while_everybody_sleeps(any_bench: Bench, leads: bool) -> None:
    bench = any_bench
    if leads:
        bench.lead()
    poller = bench.service._leader_poller if leads else bench.service._service_poller
    for _ in range(3):
        wait_until(lambda: poller.sleeping_until)
        port, endpoint = bench.port()
        bench.send_to(port)
        assert endpoint.data_came.wait(DEADLINE_S)
        wait_until(lambda: poller.sleeping_until)
        with bench.service.lock:
            bench.service.remove(port)
        UdpSocket.bind(port.udp.local_address).close()
    bench.publish()


@pytest.mark.parametrize("leads", [False, True])
def test_a_selector_that_fails_once_ends_no_thread(monkeypatch: pytest.MonkeyPatch, leads: bool) -> None:
    fails = threading.Event()

    class Failing(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            found = super().select(timeout)
            if fails.is_set():
                fails.clear()
                raise OSError(10038, "on purpose")
            return found

    use_selector(Failing, monkeypatch)
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        if leads:
            bench.lead()
        fails.set()
        bench.send_to(port)
        assert endpoint.data_came.wait(DEADLINE_S)
        assert not fails.is_set()
        assert bench.service._service_thread.is_alive()
        bench.publish()


def test_a_socket_too_many_is_an_error_of_adding_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use_selector(SelectOfWindows, monkeypatch)
    with closing(Bench()) as bench:
        port, endpoint = bench.port()
        monkeypatch.setattr(SelectOfWindows, "room", 2)
        udp = UdpSocket.bind(port.udp.local_address.__class__("127.0.0.1", 0))
        with pytest.raises(OSError, match="too many open sockets"):
            bench.port(udp)
        assert udp.fileno() == -1
        assert bench.service.ports() == [port]
        bench.send_to(port)
        assert endpoint.data_came.wait(DEADLINE_S)


def test_a_thread_that_cannot_be_had_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    open_before = SWITCH_INTERVAL._open.copy()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        ThreadService(Owner())
    assert open_before == SWITCH_INTERVAL._open
    gc.collect()  # a socket that was not closed would be a warning now


@pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched")
def test_who_waits_sleeps_in_slices_where_signals_end_no_sleep(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamesockets.drivers.threads.WAIT_SLICE_S", 0.005)
    slept: list[float | None] = []
    poller = bench.service._leader_poller
    waiting = [bench.lead(), bench.wait()]

    def select_and_note(timeout_s: float | None) -> Ready:
        slept.append(timeout_s)
        return Poller.select(poller, timeout_s)

    monkeypatch.setattr(poller, "select", select_and_note)
    wait_until(lambda: len(slept) > 3)
    assert all(timeout_s is not None and timeout_s <= 0.005 for timeout_s in slept)
    assert not any(one.done() for one in waiting)
    bench.publish()
    assert [one.result(DEADLINE_S) for one in waiting] == [True, True]


# ---------------------------------------------------------------------- backlog


@pytest.mark.parametrize("gso", [False, True])
def test_what_the_system_refuses_leaves_later_in_order(bench: Bench, gso: bool) -> None:
    full = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
    full.bind(("127.0.0.1", 0))
    full.room, full.refusals = 2, 7
    port, endpoint = new_port(UdpSocket(full, gso=gso))
    address = bench.peer.getsockname()
    data = [bytes([number]) * (10 + number % 3) for number in range(30)]
    endpoint.outgoing = [[(data[start : start + 5], address) for start in (0, 5, 10)], [(data[15:], address)]]
    with bench.service.lock:
        bench.service.add(port)
        bench.service.pump(port, now_us())
        assert port.backlog
        assert endpoint.asked == 1, "nothing new is asked for while something waits"
        assert port.next_timer() == NEVER
        endpoint.timer = 0
    assert drain(bench.peer, 30) == data
    assert full.refusals == 0
    wait_until(lambda: not port.backlog)
    endpoint.timer = NEVER


# ---------------------------------------------------------------------- simulated network


@pytest.mark.parametrize("leads", [False, True])
def test_delayed_datagrams_are_served_on_time(bench: Bench, leads: bool) -> None:
    port, endpoint = bench.port(conditions=NetworkConditions(lag_send_ms=30, lag_receive_ms=30))
    if leads:
        bench.lead()
    with bench.service.lock:
        before = now_us()
        endpoint.outgoing = [[([b"out"], bench.peer.getsockname())]]
        bench.service.pump(port, before)
    assert drain(bench.peer, 1) == [b"out"]
    assert now_us() - before >= 30_000
    before = now_us()
    bench.send_to(port)
    assert endpoint.data_came.wait(DEADLINE_S)
    assert now_us() - before >= 30_000
    bench.publish()


def test_new_conditions_hold_from_the_next_datagram_on(bench: Bench) -> None:
    port, endpoint = bench.port()
    with bench.service.lock:
        bench.service.set_conditions(NetworkConditions(loss_send_percent=100), now_us())
        endpoint.outgoing = [[([b"lost"], bench.peer.getsockname())]]
        bench.service.pump(port, now_us())
        endpoint.outgoing = [[([b"found"], bench.peer.getsockname())]]
        port.impairment.set_conditions(NOTHING_FAKE)
        bench.service.set_conditions(NOTHING_FAKE, now_us())
    assert drain(bench.peer, 1) == [b"found"]
