"""Does a client know a server again, and notice another one in its place?"""

import sys
import threading
from pathlib import Path
from typing import Final

import pytest

import gamesockets as gs
from gamesockets import pki
from gamesockets.pki.known_hosts import default_path

HOST: Final = "Play.example:27015"
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))


def shown(seed: int) -> pki.Certificate:
    """What a server with that key would show."""
    return ROOT.issue(pki.SigningKey(bytes([seed]) * 32).public, gs.NetworkingIdentity.parse("str:server"), days=1)


def test_the_first_key_is_taken_and_another_one_refused(tmp_path: Path) -> None:
    hosts = pki.KnownHosts(tmp_path / "new" / "known_hosts")
    assert hosts.key_of(HOST) is None
    assert hosts.remember(HOST, shown(1))
    assert not hosts.remember(HOST, shown(1))
    assert hosts.key_of("play.example:27015") == shown(1).public_key
    with pytest.raises(gs.HostKeyChanged, match=r"the key of Play.example:27015 has changed.*Somebody may stand in"):
        hosts.remember(HOST, shown(2))
    again = pki.KnownHosts(hosts.path)
    assert again.key_of(HOST) == shown(1).public_key
    assert again.forget(HOST)
    assert not again.forget(HOST)
    assert again.remember(HOST, shown(2))


def test_two_programs_may_note_servers_at_the_same_time(tmp_path: Path) -> None:
    one, other = [pki.KnownHosts(tmp_path / "known_hosts") for _ in range(2)]
    one.remember("a:1", shown(1))
    other.remember("b:1", shown(2))
    with pytest.raises(gs.HostKeyChanged):
        other.remember("a:1", shown(3))
    assert pki.KnownHosts(tmp_path / "known_hosts").key_of("a:1") == shown(1).public_key


def test_no_entry_is_lost_where_many_write_in_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    certificates = {f"{number}.example:1": shown(number) for number in range(24)}
    begin = threading.Barrier(len(certificates))

    def note(host: str) -> None:
        hosts = pki.KnownHosts(path)
        begin.wait()
        hosts.remember(host, certificates[host])

    threads = [threading.Thread(target=note, args=(host,)) for host in certificates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = pki.KnownHosts(path)
    assert {host: known.key_of(host) for host in certificates} == {
        host: certificate.public_key for host, certificate in certificates.items()
    }


@pytest.mark.parametrize(
    ("text", "problem"), [("host", "line 1"), ("# c\nhost ssh-rsa AAAA", "line 2"), ("h ssh-ed25519 AAAA", "line 1")]
)
def test_what_is_no_such_file(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(text)
    with pytest.raises(gs.CertificateError, match=problem):
        pki.KnownHosts(path)


@pytest.mark.parametrize("host", ["", "two words", "#comment", "line\nbreak"])
def test_names_that_would_break_the_file(tmp_path: Path, host: str) -> None:
    hosts = pki.KnownHosts(tmp_path / "known_hosts")
    with pytest.raises(ValueError, match="must be a name without blanks"):
        hosts.remember(host, shown(1))
    with pytest.raises(TypeError, match="host must be a str"):
        hosts.key_of(5)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="each system has another place")
def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "gamesockets" / "known_hosts"
    assert pki.KnownHosts().key_of(HOST) is None


def test_a_server_that_keeps_its_key_is_known_again(tmp_path: Path) -> None:
    hosts = pki.KnownHosts(tmp_path / "known_hosts")
    key = pki.create_key()
    assert _meet(hosts, key) == gs.ConnectionState.CONNECTED
    assert hosts.key_of(HOST) == key.public
    assert _meet(hosts, key) == gs.ConnectionState.CONNECTED
    assert _meet(hosts, pki.create_key()) == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    assert hosts.key_of(HOST) == key.public


def _meet(hosts: pki.KnownHosts, key: pki.SigningKey) -> gs.ConnectionState:
    """How a meeting with a server that has this key ends for a client that knows `hosts`."""
    name = gs.NetworkingIdentity.parse("str:server")
    with gs.NetworkingSockets(credentials=pki.Credentials(name, key)) as server, gs.NetworkingSockets() as client:
        server.set_status_callback(lambda status: server.accept_connection(status.connection))
        address = server.get_listen_socket_address(server.create_listen_socket(gs.Address("127.0.0.1", 0)))
        assert address is not None
        connection = client.connect(address, expected_key=hosts.key_of(HOST))
        while True:
            server.wait(0.01)
            server.run_callbacks()
            info = client.get_connection_info(connection)
            assert info is not None
            if info.state == gs.ConnectionState.CONNECTED:
                hosts.remember(HOST, info)
                return info.state
            if info.state != gs.ConnectionState.CONNECTING:
                assert info.end_reason == gs.EndReason.REMOTE_BAD_CERT
                assert "The peer's key has changed" in info.end_debug
                return info.state
