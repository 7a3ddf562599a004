"""Does the thread that watches for a loop tell of every readiness once, and end when it should?"""

import asyncio
import selectors
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.support.loops import LoopWithoutReaders, run
from tests.support.selecting import SELECTORS, SelectOfWindows, use_selector
from tests.support.waiting import until, wait_until

import gamesockets as gs
from gamesockets.drivers import watcher
from gamesockets.drivers.poller import READ, WRITE
from gamesockets.drivers.udp import UdpSocket

LOCAL = gs.Address.ipv4("127.0.0.1", 0)


class Watched:
    """A socket, and what the watcher told of it."""

    def __init__(self) -> None:
        self.udp = UdpSocket.bind(LOCAL)
        self.told: list[int] = []
        self.came: list[bytes] = []
        self.action: Callable[[], None] = lambda: None

    def on_ready(self, events: int) -> None:
        self.told.append(events)
        if events & READ:
            self.came += [data for group, _, _ in self.udp.receive(100) for data in group]
        self.action()

    def watch(self, events: int = READ) -> None:
        watcher.watch(asyncio.get_running_loop(), self.udp, events, self.on_ready)

    def forget(self) -> None:
        watcher.forget(asyncio.get_running_loop(), self.udp)
        self.udp.close()

    def poke(self, data: bytes = b"x") -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(data, (self.udp.local_address.ip, self.udp.local_address.port))


@pytest.fixture
def sockets() -> Iterator[Callable[[], Watched]]:
    made: list[Watched] = []

    def make() -> Watched:
        made.append(Watched())
        return made[-1]

    yield make
    for one in made:
        one.udp.close()


Make = Callable[[], Watched]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gamesockets-watcher"]


def test_one_thread_for_all_sockets_of_a_loop_and_none_after_the_last(sockets: Make) -> None:
    async def main() -> None:
        several = [sockets() for _ in range(4)]
        for one in several:
            one.watch()
        assert len(threads()) == 1
        for one in several:
            one.poke()
        await until(lambda: all(one.came for one in several))
        for one in several[:-1]:
            one.forget()
        assert len(threads()) == 1
        several[-1].forget()
        assert threads() == []
        several[-1].on_ready(0)
        again = sockets()
        again.watch()
        again.poke()
        await until(lambda: again.came)
        again.forget()

    run(main, "fallback")
    assert threads() == []


def test_a_socket_that_is_not_read_is_told_of_again_but_not_piled_up(sockets: Make) -> None:
    async def main() -> None:
        one, later = sockets(), sockets()
        later.watch()
        watcher.watch(asyncio.get_running_loop(), one.udp, READ, one.told.append)
        one.poke()
        await until(lambda: len(one.told) >= 3)
        one.forget()
        told = len(one.told)
        later.poke()
        await until(lambda: later.came)
        assert len(one.told) == told
        later.forget()

    run(main, "fallback")


def test_watching_for_writing_too(sockets: Make) -> None:
    async def main() -> None:
        one, later = sockets(), sockets()
        one.watch()
        later.watch()
        one.watch(READ | WRITE)
        await until(lambda: WRITE in one.told)
        one.watch(READ)
        later.poke()
        await until(lambda: later.came)  # what the thread had found before the change was told before this
        one.told.clear()
        one.poke()
        await until(lambda: one.came)
        assert set(one.told) == {READ}
        one.forget()
        later.forget()

    run(main, "fallback")


def test_a_change_while_it_is_being_told(sockets: Make) -> None:
    async def main() -> None:
        one = sockets()
        one.action = lambda: one.watch(READ | WRITE if len(one.told) < 2 else READ)
        one.watch()
        one.poke()
        await until(lambda: len(one.told) >= 2)
        assert one.told[:2] == [READ, WRITE]
        one.poke()
        await until(lambda: len(one.came) == 2)
        one.forget()

    run(main, "fallback")


def test_forgotten_while_it_is_being_told(sockets: Make) -> None:
    """The last socket: the thread ends under whoever hears of it."""

    async def main() -> None:
        one = sockets()
        one.action = one.forget
        one.watch()
        one.poke()
        await until(lambda: one.told)
        await asyncio.sleep(0)
        assert threads() == []

    run(main, "fallback")


def test_forgotten_after_the_loop_was_told_and_before_it_heard(sockets: Make) -> None:
    async def main() -> None:
        one, two = sockets(), sockets()
        one.watch()
        two.watch()
        one.poke()
        found = watcher._WATCHERS[asyncio.get_running_loop()]
        wait_until(lambda: one.udp in found._resting)  # the loop stands still meanwhile
        one.forget()
        two.poke()
        await until(lambda: two.came)
        assert one.told == []
        two.forget()

    run(main, "fallback")


def test_a_socket_is_watched_on_when_its_callback_raises(sockets: Make) -> None:
    reports: list[object] = []

    def fail() -> None:
        if len(one.told) == 1:
            raise ZeroDivisionError

    one = sockets()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))
        one.action = fail
        one.watch()
        one.poke()
        await until(lambda: one.told)
        one.poke()
        await until(lambda: len(one.came) == 2)
        one.forget()

    run(main, "fallback")
    assert [type(report) for report in reports] == [ZeroDivisionError]


@pytest.mark.parametrize("is_ready", [False, True])
def test_the_thread_ends_when_the_loop_was_closed(
    is_ready: bool, sockets: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0.02)
    one = sockets()
    loop = LoopWithoutReaders()

    async def begin() -> None:
        one.watch()

    loop.run_until_complete(begin())
    assert len(threads()) == 1
    loop.close()
    if is_ready:
        one.poke()
    wait_until(lambda: not threads(), "the end of the thread")
    assert loop not in watcher._WATCHERS


def test_two_loops_have_two_threads(sockets: Make) -> None:
    one, two = sockets(), sockets()
    loops = [LoopWithoutReaders(), LoopWithoutReaders()]

    async def begin(watched: Watched) -> None:
        watched.watch()

    async def end(watched: Watched) -> None:
        watched.poke()
        await until(lambda: watched.came)
        watched.forget()

    for loop, watched in zip(loops, (one, two), strict=True):
        loop.run_until_complete(begin(watched))
    assert len(threads()) == 2
    for loop, watched in zip(loops, (one, two), strict=True):
        loop.run_until_complete(end(watched))
        loop.close()
    assert threads() == []


@pytest.mark.parametrize("kind", SELECTORS)
def test_sockets_that_come_and_go_on_any_selector(
    kind: type[selectors.BaseSelector], sockets: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        use_selector(kind, monkeypatch)
        first = sockets()
        first.watch()
        for _ in range(3):
            one = sockets()
            one.watch()
            one.poke()
            wait_for = one.came
            await until(wait_for.copy)
            one.forget()
            UdpSocket.bind(one.udp.local_address).close()
        first.poke()
        await until(lambda: first.came)
        first.forget()

    run(main, "fallback")
    assert threads() == []


def test_a_socket_too_many_is_an_error_of_watching_it(sockets: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "ROOM_AGAIN_S", 0.01)

    async def main() -> None:
        use_selector(SelectOfWindows, monkeypatch)
        first, second = sockets(), sockets()
        monkeypatch.setattr(SelectOfWindows, "room", 1)
        with pytest.raises(OSError, match="too many open sockets"):
            first.watch()
        assert threads() == []
        monkeypatch.setattr(SelectOfWindows, "room", 2)
        first.watch()
        with pytest.raises(OSError, match="too many open sockets"):
            second.watch()
        first.poke()
        await until(lambda: first.came)
        monkeypatch.setattr(SelectOfWindows, "room", 1)
        first.poke()
        await until(lambda: len(first.came) == 2)
        monkeypatch.setattr(SelectOfWindows, "room", 2)
        first.poke()
        await until(lambda: len(first.came) == 3)
        first.forget()
        second.udp.close()

    run(main, "fallback")
    assert threads() == []
