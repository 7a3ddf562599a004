"""Does what exists once for the process start, stop and tell time as spec 3, part 15 says?"""

import gc
import time
from collections.abc import Iterator

import pytest
from tests.support.pairs import LOCALHOST, NewSide

import gamesockets as gs
from gamesockets.node.process import PROCESS


@pytest.fixture(autouse=True)
def _own_identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(PROCESS, "identity", None)
    yield
    gs.Library.deinitialize()


@pytest.mark.rule("2, 2.1", "3, 1.1", "3, 5.13")
def test_numbers_of_the_protocol() -> None:
    assert gs.Library.MAX_CLOSE_MESSAGE_LENGTH == 128
    assert int(gs.EndReason.APP_EXCEPTION_MAX) == gs.Library.MAX_CLOSE_REASON_VALUE
    assert gs.Library.MAX_ERROR_MESSAGE_LENGTH == 1024
    assert gs.Library.MAX_MESSAGE_SIZE == 512 * 1024
    assert gs.Library.MAX_MESSAGES_PER_BATCH == 256


@pytest.mark.rule("3, 1.1", "3, 15.1")
def test_initializing_is_optional_and_may_be_repeated() -> None:
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_identity().is_localhost
    assert gs.Library.initialize()
    assert gs.Library.initialize(gs.NetworkingIdentity.generic_string("me"))
    with gs.NetworkingSockets() as sockets:
        assert str(sockets.get_identity()) == "str:me"


@pytest.mark.rule("1, 6 rule 9", "3, 1.1")
def test_an_invalid_identity_behaves_like_none() -> None:
    assert gs.Library.initialize(gs.NetworkingIdentity.invalid())
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_identity().is_localhost


def test_what_is_no_identity() -> None:
    with pytest.raises(TypeError, match="str"):
        gs.Library.initialize("me")  # type: ignore[arg-type]


@pytest.mark.rule("1, 7.1 rule 5", "3, 1.1", "3, 15.2")
def test_deinitializing_closes_everything() -> None:
    gs.Library.initialize(gs.NetworkingIdentity.generic_string("me"))
    first, second = gs.NetworkingSockets(), gs.NetworkingSockets()
    listener = first.create_listen_socket(LOCALHOST)
    gs.Library.deinitialize()
    assert first.get_listen_socket_address(listener) is None or not first.wait()
    for sockets in (first, second):
        assert not sockets.wait()
        with pytest.raises(OSError, match="closed"):
            sockets.create_listen_socket(LOCALHOST)
    gs.Library.deinitialize()
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_identity().is_localhost, "the identity was forgotten"


@pytest.mark.rule("3, 4.1 rule 6")
def test_global_values_survive_deinitializing() -> None:
    with gs.NetworkingSockets() as sockets:
        sockets.set_configuration_value(gs.ConfigurationValue.NAGLE_TIME, 7)
    gs.Library.deinitialize()
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_configuration_value(gs.ConfigurationValue.NAGLE_TIME) == 7


def test_closed_objects_are_forgotten() -> None:
    before = len(PROCESS._nodes)
    with gs.NetworkingSockets():
        assert len(PROCESS._nodes) == before + 1
    gc.collect()
    assert len(PROCESS._nodes) == before


@pytest.mark.rule("3, 0 rule 2", "3, 1.3", "3, 15.3")
def test_time_is_monotonic_microseconds() -> None:
    earlier, first, later = time.monotonic_ns(), gs.Library.time(), time.monotonic_ns()
    assert first >= 3_000_000_000_000
    assert first < 3_000_000_000_000 + 86_400_000_000, "near the agreed start"
    stamps = [gs.Library.time() for _ in range(1000)]
    assert stamps == sorted(stamps)
    least = time.monotonic_ns() - later
    passed = gs.Library.time() - first
    most = time.monotonic_ns() - earlier
    assert least - 2000 <= passed * 1000 <= most + 2000


def test_values_of_the_process_without_a_networking_sockets() -> None:
    value = gs.ConfigurationValue.NAGLE_TIME
    with gs.NetworkingSockets() as sockets:
        assert gs.Library.set_configuration_value(value, 8)
        assert gs.Library.get_configuration_value(value) == sockets.get_configuration_value(value) == 8
        assert sockets.set_configuration_value(value, 9)
        assert gs.Library.get_configuration_value(value) == 9
    assert gs.Library.set_configuration_value(value, None)
    assert gs.Library.get_configuration_value(value) == 5000


def test_values_of_the_process_that_cannot_be_set() -> None:
    unknown = gs.ConfigurationValue.NAGLE_TIME + 99_999
    assert not gs.Library.set_configuration_value(unknown, 1)  # type: ignore[arg-type]
    assert gs.Library.get_configuration_value(unknown) is None  # type: ignore[arg-type]
    assert not gs.Library.set_configuration_value(gs.ConfigurationValue.NAGLE_TIME, "much")
    with pytest.raises(TypeError, match="value must be int"):
        gs.Library.get_configuration_value("NagleTime")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="value must be int"):
        gs.Library.set_configuration_value(None, 1)  # type: ignore[arg-type]


@pytest.mark.rule("3, 1.3")
def test_library_constants() -> None:
    """The protocol's numbers (spec 3, 1.1 and 5.13)."""
    library = gs.Library
    assert library.MAX_CLOSE_MESSAGE_LENGTH == 128
    assert library.MAX_CLOSE_REASON_VALUE == 2999
    assert library.MAX_ERROR_MESSAGE_LENGTH == 1024
    assert library.MAX_MESSAGE_SIZE == 524_288
    assert library.MAX_MESSAGES_PER_BATCH == 256


@pytest.mark.rule("3, 15.1")
def test_a_process_may_start_and_stop_the_library() -> None:
    me = gs.NetworkingIdentity.generic_string("process")
    try:
        assert gs.Library.initialize(me)
        assert gs.Library.initialize(me)
        first = gs.NetworkingSockets()
        assert first.get_identity() == me
        with gs.NetworkingSockets(gs.NetworkingIdentity.steam_id(5)) as other:
            assert other.get_identity().steam_id64 == 5
        assert gs.Library.initialize(gs.NetworkingIdentity.invalid())
        with gs.NetworkingSockets() as anonymous:
            assert anonymous.get_identity() == gs.NetworkingIdentity.localhost()
    finally:
        gs.Library.deinitialize()
    with pytest.raises(OSError, match="was closed"):
        first.connect(LOCALHOST)
    gs.Library.deinitialize()
    with gs.NetworkingSockets() as again:
        assert again.get_identity() == gs.NetworkingIdentity.localhost()


@pytest.mark.rule("3, 15.3")
def test_time_runs_forward_in_microseconds() -> None:
    start, there = time.monotonic(), gs.Library.time()
    time.sleep(0.02)
    passed = gs.Library.time() - there
    assert 20_000 <= passed <= (time.monotonic() - start) * 1_000_000 + 1_000


def test_the_identity_of_the_library_is_the_default(new_side: NewSide) -> None:
    assert new_side().get_identity().is_localhost
    assert gs.Library.initialize(gs.NetworkingIdentity.generic_string("everyone"))
    assert str(new_side().get_identity()) == "str:everyone"
    assert str(new_side(gs.NetworkingIdentity.steam_id(7)).get_identity()) == "steamid:7"
    assert new_side(gs.NetworkingIdentity.invalid()).get_identity().is_localhost
