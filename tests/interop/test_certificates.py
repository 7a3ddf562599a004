"""Who convinces whom, with certificates of our own authority, between us and the reference library? (spec 1, 5)

The reference library trusts one root, a line of text inside it.  A copy of its file with another line there, no longer
than the first, trusts ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from tests.interop.gns import ENVIRONMENT_VARIABLE, Scope
from tests.interop.reference import Reference
from tests.support.ports import free_port
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import pki

ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"interop root" + bytes(20)))
FOREIGN: Final = pki.CertificateAuthority(pki.SigningKey(b"another root" + bytes(20)))
BUILT_IN_ROOT: Final = re.compile(rb"ssh-ed25519 AAAA[A-Za-z0-9+/=]+ ID\d+\0")
OURS: Final = gs.NetworkingIdentity.generic_string("ours")
THEIRS: Final = "str:theirs"
VALUES: Final = (gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH, gs.ConfigurationValue.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH)
REQUIRED: Final = {**dict.fromkeys(VALUES, 0), gs.ConfigurationValue.TIMEOUT_INITIAL: 1500}
IMPATIENT: Final = {gs.ConfigurationValue.TIMEOUT_INITIAL: 1500}
CURRENT: Final = 100
CANNOT_TRY: Final = -102
CONNECTED: Final = int(gs.ConnectionState.CONNECTED)
UNAUTHENTICATED: Final = int(gs.ConnectionInfoFlags.UNAUTHENTICATED)
LONG_AGO_S: Final = 1_700_000_000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference library with our root in it."""
    original = os.environ.get(ENVIRONMENT_VARIABLE)
    if not original:
        pytest.skip(f"set {ENVIRONMENT_VARIABLE} to a GameNetworkingSockets shared library to test against it")
    data = Path(original).read_bytes()
    [line] = BUILT_IN_ROOT.findall(data)
    ours = pki.public_key_to_text(ROOT.public_key).encode()
    assert len(ours) < len(line)
    copy = tmp_path_factory.mktemp("library") / Path(original).name
    copy.write_bytes(data.replace(line, ours.ljust(len(line), b"\0")))
    return copy


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def theirs(stack: ExitStack, library: Path | None, how: str, identity: str | None = THEIRS) -> Reference:
    """The reference library with a certificate that is as `how` says."""
    side = Reference("theirs", identity, library=library)
    stack.callback(side.close)
    assert side.ask("authentication_status") == CANNOT_TRY
    if how == "none":
        return side
    request = bytes.fromhex(side.ask("certificate_request"))
    certificate = certified(request, how)
    taken, text = side.ask("set_certificate", certificate.signed.hex())
    assert (taken, text) == (True, "") or how == "expired", text
    assert side.ask("authentication_status") == CURRENT
    return side


def certified(subject: bytes, how: str) -> pki.Certificate:
    authority = FOREIGN if how == "foreign" else ROOT
    created_s = LONG_AGO_S if how == "expired" else None
    apps = (440,) if how == "another app" else (0,)
    return authority.issue(subject, days=1, app_ids=apps, created_s=created_s)


def ours(stack: ExitStack, how: str) -> gs.NetworkingSockets:
    """We, with a certificate that is as `how` says, shown without asking ourselves whether it is good."""
    key = pki.create_key()
    credentials = pki.Credentials(OURS)
    if how == "anonymous":
        credentials = pki.Credentials()
    elif how != "none":
        credentials = pki.Credentials.certified(certified(pki.create_request(key, OURS), how), key)
    if how == "expired":
        assert credentials.certificate is not None
        object.__setattr__(credentials.certificate, "expires_s", 1 << 32)  # so that it is shown all the same
    if how == "another app":
        assert credentials.certificate is not None
        object.__setattr__(credentials.certificate, "app_ids", (0,))
    return stack.enter_context(gs.NetworkingSockets(credentials=credentials, trust=ROOT.trust()))


def we_connect(
    us: gs.NetworkingSockets, them: Reference, required: bool, demanded: bool
) -> tuple[gs.ConnectionInfo, list[int]]:
    """What we know at the end, and the flags that they have seen of us once connected."""
    address = listen_demanding(them) if demanded else them.listen("127.0.0.1:0")
    connection = us.connect(gs.Address.parse(address), REQUIRED if required else IMPATIENT)

    def settled() -> bool:
        us.wait(0.01)
        info = us.get_connection_info(connection)
        return info is not None and info.state != gs.ConnectionState.CONNECTING

    wait_until(settled)
    info = us.get_connection_info(connection)
    assert info is not None
    if info.state == gs.ConnectionState.CONNECTED:
        wait_until(lambda: bool(flags_seen(them)))
    return info, flags_seen(them)


def listen_demanding(them: Reference) -> str:
    """A listen socket that demands certificates: this can be said only once it is there (spec 1, 5.9)."""
    handle = them.ask("listen_handle", f"127.0.0.1:{free_port('127.0.0.1')}")
    for value in VALUES:
        them.ask("set_value", int(value), 0, int(Scope.LISTEN_SOCKET), handle)
    return str(them.ask("listen_address", handle))


def has_told(them: Reference, connection: int) -> bool:
    """Whether they ended it with a word; who ignores an answer times out later."""
    info = them.info(connection)
    return info is not None and info.reason != int(gs.EndReason.MISC_TIMEOUT)


def flags_seen(them: Reference) -> list[int]:
    return [event.flags for event in them._events if event.state == CONNECTED]


def they_connect(
    us: gs.NetworkingSockets, them: Reference, required: bool, demanded: bool
) -> tuple[gs.ConnectionInfo | None, int]:
    """What we know of the connection, if there ever was one, and the state that they ended in."""
    accepted: list[gs.Connection] = []

    def accept(status: gs.StatusInfo) -> None:
        if status.connection_info.state == gs.ConnectionState.CONNECTING:
            assert us.accept_connection(status.connection) == gs.Result.OK
            accepted.append(status.connection)

    us.set_status_callback(accept)
    listen_socket = us.create_listen_socket(gs.Address("127.0.0.1", 0), REQUIRED if required else None)
    address = us.get_listen_socket_address(listen_socket)
    options = {int(value): 0 for value in VALUES} if demanded else {}
    connection = them.connect(str(address), options | {int(gs.ConfigurationValue.TIMEOUT_INITIAL): 1500})
    final = 0

    def settled() -> bool:
        nonlocal final
        us.wait(0.01)
        us.run_callbacks()
        info = them.info(connection)
        assert info is not None
        final = info.state
        return info.state != int(gs.ConnectionState.CONNECTING)

    wait_until(settled)

    def knows_the_end() -> bool:
        us.wait(0.01)
        info = us.get_connection_info(accepted[0]) if accepted else None
        return info is None or final == CONNECTED or info.state != gs.ConnectionState.CONNECTED

    if final == int(gs.ConnectionState.PROBLEM_DETECTED_LOCALLY) and accepted and has_told(them, connection):
        wait_until(knows_the_end)
    return us.get_connection_info(accepted[0]) if accepted else None, final


def test_both_certified_and_required_we_connect(stack: ExitStack, library: Path) -> None:
    info, seen = we_connect(ours(stack, "good"), theirs(stack, library, "good"), required=True, demanded=True)
    assert info.state == gs.ConnectionState.CONNECTED
    assert str(info.identity) == THEIRS
    assert not info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED
    assert [flags & UNAUTHENTICATED for flags in seen] == [0]


def test_both_certified_and_required_they_connect(stack: ExitStack, library: Path) -> None:
    info, state = they_connect(ours(stack, "good"), theirs(stack, library, "good"), required=True, demanded=True)
    assert state == CONNECTED
    assert info is not None
    assert str(info.identity) == THEIRS
    assert not info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED


@pytest.mark.parametrize(("our", "their"), [("good", "none"), ("none", "good"), ("none", "none"), ("foreign", "good")])
def test_where_nothing_is_required_one_side_may_prove_itself(
    stack: ExitStack, library: Path, our: str, their: str
) -> None:
    info, seen = we_connect(ours(stack, our), theirs(stack, library, their), required=False, demanded=False)
    assert info.state == gs.ConnectionState.CONNECTED
    assert str(info.identity) == THEIRS
    assert bool(info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED) == (their != "good")
    assert [bool(flags & UNAUTHENTICATED) for flags in seen] == [our != "good"]


@pytest.mark.parametrize("our", ["none", "anonymous", "foreign", "expired", "another app"])
def test_they_refuse_us(stack: ExitStack, library: Path, our: str) -> None:
    """A server says nothing to whom it refuses, so we time out."""
    info, seen = we_connect(ours(stack, our), theirs(stack, library, "good"), required=False, demanded=True)
    assert info.end_reason == gs.EndReason.MISC_TIMEOUT
    assert seen == []


@pytest.mark.parametrize("our", ["none", "anonymous", "foreign", "expired", "another app"])
def test_they_refuse_us_as_their_server(stack: ExitStack, library: Path, our: str) -> None:
    info, state = they_connect(ours(stack, our), theirs(stack, library, "good"), required=False, demanded=True)
    assert state != CONNECTED
    assert info is None or info.state != gs.ConnectionState.CONNECTED or our == "anonymous"


@pytest.mark.parametrize("their", ["none", "expired"])
def test_we_refuse_them(stack: ExitStack, library: Path, their: str) -> None:
    info, _ = we_connect(ours(stack, "good"), theirs(stack, library, their), required=True, demanded=False)
    assert (info.end_reason, info.end_debug) == (gs.EndReason.REMOTE_BAD_CERT, "Unsigned certs are not allowed")
    nobody, state = they_connect(ours(stack, "good"), theirs(stack, library, their), required=True, demanded=False)
    assert nobody is None
    assert state != CONNECTED


def test_we_refuse_their_anonymous_client(stack: ExitStack, library: Path) -> None:
    nobody, state = they_connect(
        ours(stack, "good"), theirs(stack, library, "none", identity=None), required=True, demanded=False
    )
    assert nobody is None
    assert state != CONNECTED


def test_what_both_refuse_to_install(stack: ExitStack, library: Path) -> None:
    """The reference library's texts are ours, where it does not compare what it has not read."""
    them = theirs(stack, library, "none")
    us = stack.enter_context(gs.NetworkingSockets(gs.NetworkingIdentity.parse(THEIRS), trust=ROOT.trust()))
    other = pki.create_key().public
    me = gs.NetworkingIdentity.parse(THEIRS)
    cases: dict[str, Callable[[bytes], pki.Certificate]] = {
        "another app": lambda request: ROOT.issue(request, days=1, app_ids=(440,)),
        "another key": lambda request: ROOT.issue(other, me, days=1),
        "somebody else": lambda request: ROOT.issue(other, gs.NetworkingIdentity.parse("str:bob"), days=1),
    }
    for name, make in cases.items():
        taken, text = them.ask("set_certificate", make(bytes.fromhex(them.ask("certificate_request"))).signed.hex())
        assert not taken, name
        with pytest.raises(gs.CertificateError) as raised:
            us.set_certificate(make(us.get_certificate_request()).signed)
        assert str(raised.value) == text, name
    taken, text = them.ask("set_certificate", "ffff")
    assert not taken
    with pytest.raises(gs.CertificateError) as raised:
        us.set_certificate(b"\xff\xff")
    assert str(raised.value) == text


def test_a_request_of_ours_looks_like_theirs(stack: ExitStack, library: Path) -> None:
    them = theirs(stack, library, "none")
    us = stack.enter_context(gs.NetworkingSockets(gs.NetworkingIdentity.parse(THEIRS)))
    request, own = bytes.fromhex(them.ask("certificate_request")), us.get_certificate_request()
    their_key, identity = pki.read_request(request)
    our_key, _ = pki.read_request(own)
    assert str(identity) == THEIRS
    assert own == request.replace(their_key, our_key)


def test_renewed_on_both_sides_while_connected(stack: ExitStack, library: Path) -> None:
    us, them = ours(stack, "good"), theirs(stack, library, "good")
    info, _ = we_connect(us, them, required=True, demanded=True)
    assert info.state == gs.ConnectionState.CONNECTED
    us.set_certificate(ROOT.issue(us.get_certificate_request(), days=2).signed)
    request = bytes.fromhex(them.ask("certificate_request"))
    assert them.ask("set_certificate", ROOT.issue(request, days=2).signed.hex()) == [True, ""]
    info, _ = we_connect(us, them, required=True, demanded=True)
    assert info.state == gs.ConnectionState.CONNECTED
    assert info.certificate is not None
    assert info.certificate.expires_s - info.certificate.created_s == 2 * 86_400


def test_an_intermediate_of_ours_proves_them_to_us_alone(stack: ExitStack, library: Path) -> None:
    """Their build takes no certificates of authorities, so it cannot even install one that an intermediate signed."""
    key = pki.create_key()
    middle = pki.CertificateAuthority(key, ROOT.issue_authority(key.public, days=1))
    assert middle.certificate is not None
    trust = ROOT.trust()
    trust.add_certificate(middle.certificate)
    own = pki.create_key()
    credentials = pki.Credentials.certified(middle.issue(own.public, OURS, days=1), own)
    us = stack.enter_context(gs.NetworkingSockets(credentials=credentials, trust=trust))
    them = theirs(stack, library, "good")
    info, seen = we_connect(us, them, required=True, demanded=False)
    assert info.state == gs.ConnectionState.CONNECTED
    assert [bool(flags & UNAUTHENTICATED) for flags in seen] == [True]
    request = bytes.fromhex(them.ask("certificate_request"))
    taken, _ = them.ask("set_certificate", middle.issue(request, days=1).signed.hex())
    assert not taken


def test_the_stock_library_takes_none_of_ours(stack: ExitStack, library: Path) -> None:
    """Our certificate counts as none there; it lets us in, and shows us none (spec 1, 5.10)."""
    assert library
    them = theirs(stack, None, "none")
    taken, _ = them.ask(
        "set_certificate", ROOT.issue(bytes.fromhex(them.ask("certificate_request")), days=1).signed.hex()
    )
    assert not taken
    info, seen = we_connect(ours(stack, "good"), them, required=False, demanded=False)
    assert info.state == gs.ConnectionState.CONNECTED
    assert info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED
    assert [bool(flags & UNAUTHENTICATED) for flags in seen] == [True]
