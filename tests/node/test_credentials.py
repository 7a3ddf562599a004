"""Do credentials and trust reach the handshake from either API, and do they decide who gets in? (spec 1, 5)"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from tests.support.authority import Authority
from tests.support.loops import on_every_loop

import gamesockets as gs
from gamesockets import aio
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore

PATIENCE_S: Final = 10.0
LOCAL: Final = gs.Address("127.0.0.1", 0)
PROVEN_ONLY: Final = {
    gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0,
    gs.ConfigurationValue.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH: 0,
}
AUTHORITY: Final = Authority()
SERVER: Final = AUTHORITY.credentials("server", 1)
ALICE: Final = AUTHORITY.credentials("alice", 2)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def outcome(
    stack: ExitStack,
    server: Credentials | None,
    server_trust: TrustStore | None,
    client: Credentials | None,
    client_trust: TrustStore | None,
    config: dict[gs.ConfigurationValue, int] | None = None,
    is_refused: Callable[[], bool] = lambda: False,
) -> tuple[gs.ConnectionInfo, gs.ConnectionInfo | None]:
    """How a connection attempt ended: what the client and, if it heard of it, the server know.

    Once the server has refused without a word, `is_refused`, the client waits no longer.
    """
    host = stack.enter_context(gs.NetworkingSockets(credentials=server, trust=server_trust))
    guest = stack.enter_context(gs.NetworkingSockets(credentials=client, trust=client_trust))
    accepted: list[gs.Connection] = []

    def accept(status: gs.StatusInfo) -> None:
        if status.connection_info.state == gs.ConnectionState.CONNECTING:
            assert host.accept_connection(status.connection) == gs.Result.OK
            accepted.append(status.connection)

    host.set_status_callback(accept)
    socket = host.create_listen_socket(LOCAL, PROVEN_ONLY if server_trust else None)
    address = host.get_listen_socket_address(socket)
    assert address is not None
    connection = guest.connect(address, config)
    ended: list[gs.StatusInfo] = []
    guest.set_status_callback(ended.append)
    while True:
        info = guest.get_connection_info(connection)
        assert info is not None
        if info.state != gs.ConnectionState.CONNECTING:
            return info, host.get_connection_info(accepted[0]) if accepted else None
        if is_refused():
            guest.set_connection_configuration_value(connection, gs.ConfigurationValue.TIMEOUT_INITIAL, 1)
        host.wait(0.01)
        host.run_callbacks()


@pytest.mark.rule("1, 5.9 rule 4", "1, 5.10 rule 10")
def test_both_sides_prove_who_they_are(stack: ExitStack) -> None:
    seen, shown = outcome(stack, SERVER, AUTHORITY.trust(), ALICE, AUTHORITY.trust(), PROVEN_ONLY)
    assert seen.state == gs.ConnectionState.CONNECTED
    assert str(seen.identity) == "str:server"
    assert shown is not None
    assert str(shown.identity) == "str:alice"
    for info in (seen, shown):
        assert not info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED


@pytest.mark.rule("1, 5.10 rule 9")
def test_who_proves_nothing_does_not_get_in(stack: ExitStack, caplog: pytest.LogCaptureFixture) -> None:
    """The server drops such a request without a word (spec 1, 3.5); its own log says why."""
    claim = Credentials(gs.NetworkingIdentity.generic_string("alice"))
    seen, shown = outcome(
        stack, SERVER, AUTHORITY.trust(), claim, None, is_refused=lambda: "was refused on 127.0.0.1:" in caplog.text
    )
    assert seen.end_reason == gs.EndReason.MISC_TIMEOUT
    assert shown is None
    assert "Unsigned certs are not allowed" in caplog.text


@pytest.mark.rule("1, 5.9 rule 3")
def test_a_certificate_of_somebody_elses_authority_does_not_count(
    stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = Authority(seed=9).credentials("alice", 2)
    seen, shown = outcome(
        *(stack, SERVER, AUTHORITY.trust(), foreign, AUTHORITY.trust(), PROVEN_ONLY),
        is_refused=lambda: "was refused on 127.0.0.1:" in caplog.text,
    )
    assert seen.end_reason == gs.EndReason.MISC_TIMEOUT
    assert shown is None


@pytest.mark.rule("1, 5.4 rule 1")
def test_an_expired_certificate_is_as_good_as_none(stack: ExitStack) -> None:
    expired = AUTHORITY.credentials("alice", 2, expiry_s=1_000)
    seen, _ = outcome(stack, SERVER, AUTHORITY.trust(), expired, AUTHORITY.trust(), PROVEN_ONLY)
    assert seen.end_reason == gs.EndReason.MISC_INTERNAL_ERROR
    assert "Our own certificate has expired" in seen.end_debug
    seen, shown = outcome(stack, None, None, expired, None)
    assert seen.state == gs.ConnectionState.CONNECTED
    assert shown is not None
    assert str(shown.identity) == "str:alice"
    assert shown.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED


def test_a_client_that_insists_refuses_a_server_without_proof(stack: ExitStack) -> None:
    seen, _ = outcome(
        stack, Credentials(gs.NetworkingIdentity.generic_string("server")), None, ALICE, AUTHORITY.trust(), PROVEN_ONLY
    )
    assert seen.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    assert seen.end_reason == gs.EndReason.REMOTE_BAD_CERT
    assert "Unsigned certs are not allowed" in seen.end_debug


@pytest.mark.rule("1, 5.9 rule 2")
def test_proof_can_be_asked_for_only_with_somebody_to_trust() -> None:
    with (
        gs.NetworkingSockets() as sockets,
        pytest.raises(ValueError, match="needs a certificate authority"),
    ):
        sockets.create_listen_socket(LOCAL, PROVEN_ONLY)


def test_identity_and_credentials_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="leave out identity"):
        gs.NetworkingSockets(gs.NetworkingIdentity.generic_string("x"), credentials=ALICE)
    with pytest.raises(TypeError, match="credentials must be Credentials or None, not str"):
        gs.NetworkingSockets(credentials="alice")  # type: ignore[arg-type]


@on_every_loop
async def test_asyncio_takes_the_same_arguments() -> None:
    async def say_who(connection: aio.Connection) -> None:
        await connection.send(str(connection.identity).encode(), gs.SendFlags.RELIABLE)
        await connection.wait_closed()

    async with (
        aio.serve(say_who, LOCAL, config=PROVEN_ONLY, credentials=SERVER, trust=AUTHORITY.trust()) as server,
        aio.connect(server.address, config=PROVEN_ONLY, credentials=ALICE, trust=AUTHORITY.trust()) as connection,
    ):
        assert str(connection.identity) == "str:server"
        assert (await connection.receive()).data == b"str:alice"
    async with aio.serve(say_who, LOCAL, config=PROVEN_ONLY, trust=AUTHORITY.trust()) as server:
        with pytest.raises(gs.ConnectionFailed):
            await aio.connect(server.address, config={gs.ConfigurationValue.TIMEOUT_INITIAL: 300})


@pytest.mark.parametrize("end", [TrustStore.revoke, TrustStore.remove_root], ids=["revoked", "removed"])
def test_whom_one_expects_must_prove_it_although_the_last_root_is_gone(end: Callable[[TrustStore, int], Any]) -> None:
    """Else everybody could claim to be the server once its authority is known to be stolen."""
    trust = AUTHORITY.trust()
    [root] = trust.root_key_ids
    end(trust, root)
    assert not trust.has_roots
    expected = gs.NetworkingIdentity.generic_string("server")
    for shown in (Credentials(expected), SERVER):
        with gs.NetworkingSockets(credentials=shown) as host, gs.NetworkingSockets(trust=trust) as guest:
            socket = host.create_listen_socket(LOCAL)
            address = host.get_listen_socket_address(socket)
            assert address is not None
            host.set_status_callback(lambda status, host=host: host.accept_connection(status.connection))  # type: ignore[misc]
            connection = guest.connect(address, expected_identity=expected)
            while (info := guest.get_connection_info(connection)) and info.state == gs.ConnectionState.CONNECTING:
                host.wait(0.01)
                host.run_callbacks()
                guest.wait(0.01)
            assert info is not None
            assert info.end_reason == gs.EndReason.REMOTE_BAD_CERT, info


@on_every_loop
async def test_asyncio_says_whom_it_expects() -> None:
    async def stay(connection: aio.Connection) -> None:
        await connection.wait_closed()

    expected = gs.NetworkingIdentity.generic_string("server")
    other = gs.NetworkingIdentity.generic_string("lobby")
    assert SERVER.key is not None
    async with aio.serve(stay, LOCAL, credentials=SERVER) as server:
        async with aio.connect(server.address, trust=AUTHORITY.trust(), expected_identity=expected) as connection:
            assert connection.info().certificate is not None
        async with aio.connect(server.address, expected_key=SERVER.key.public):
            pass
        wrongs: list[dict[str, Any]] = [{"expected_identity": other}, {"expected_key": bytes(32)}]
        for wrong in wrongs:
            with pytest.raises(gs.ConnectionFailed) as raised:
                await aio.connect(server.address, trust=AUTHORITY.trust(), **wrong)
            assert raised.value.reason == gs.EndReason.REMOTE_BAD_CERT
        with pytest.raises(ValueError, match="expected_key has 3 bytes, must have 32"):
            await aio.connect(server.address, expected_key=b"key")
        with pytest.raises(ValueError, match="expected_identity must be one that a peer can prove"):
            await aio.connect(server.address, expected_identity=gs.NetworkingIdentity.localhost())
