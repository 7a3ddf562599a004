"""Two sides choose the same cipher and the same keys, as in every recorded session."""

import pytest
from tests.support.credentials import (
    ADDRESS,
    ALICE,
    accepted,
    checked,
    ciphers,
    entropy,
    identity_of,
    introduce,
    recorded_local,
    recorded_messages,
    recorded_trust,
)
from tests.support.recorded import HANDSHAKES, load

from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.peer_check import Refusal
from gamesockets.crypto.session import NO_COMMON_CIPHER, choose_cipher, own_ciphers, session_ciphers
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import ConnectOK, ConnectRequest


@pytest.mark.parametrize("name", HANDSHAKES)
def test_recorded_sessions_can_be_read_with_the_ciphers_made_here(name: str) -> None:
    recording = load(name)
    role = recording["independent_role"]
    is_server = role == "server"
    local = recorded_local(recording)
    message = recorded_messages(name)[not is_server]
    identity = identity_of(message, ADDRESS, True)
    assert identity is not None
    peer = accepted(checked(message, identity, **recorded_trust(recording)))
    cipher = choose_cipher(local.ciphers, peer.ciphers)
    assert cipher is not None
    assert cipher == recording["negotiated_cipher"]
    ids = recording["client"]["connection_id"], recording["server"]["connection_id"]
    made = session_ciphers(is_server, local, peer, *ids, cipher)
    assert not isinstance(made, Refusal)
    sending, receiving = made
    for item in recording["datagrams"]:
        if item["kind"] == "Data":
            used = sending if item["sender"] == role else receiving
            assert used.open(item["packet_number"], bytes.fromhex(item["chunk_hex"])) == bytes.fromhex(
                item["plaintext_hex"]
            )


@pytest.mark.rule("1, 4.3")
@pytest.mark.parametrize(
    ("server_option", "client_option", "expected"),
    [
        (0, 0, 2), (0, 1, 2), (0, 2, 2), (0, 3, None),
        (1, 0, 2), (1, 1, 2), (1, 2, 2), (1, 3, 1),
        (2, 0, 2), (2, 1, 1), (2, 2, 1), (2, 3, 1),
        (3, 0, None), (3, 1, 1), (3, 2, 1), (3, 3, 1),
    ],
)  # fmt: skip
def test_the_preference_of_the_server_wins(server_option: int, client_option: int, expected: int | None) -> None:
    assert choose_cipher(own_ciphers(server_option), own_ciphers(client_option)) == expected


@pytest.mark.parametrize("option", [-1, 4])
def test_other_values_of_the_option_are_refused(option: int) -> None:
    with pytest.raises(ValueError, match=f"is {option}, must be 0..3"):
        own_ciphers(option)


@pytest.mark.parametrize("cipher", [CIPHER_AES_256_GCM, CIPHER_NULL])
def test_two_sides_made_here_understand_each_other(cipher: int) -> None:
    client = LocalCredentials(entropy(1), Credentials(ALICE), [CIPHER_AES_256_GCM, CIPHER_NULL])
    server = LocalCredentials(entropy(2), Credentials(NetworkingIdentity.localhost()), [cipher])
    request, ok = ConnectRequest(), ConnectOK()
    client.fill(request)
    server.fill(ok)
    at_client = session_ciphers(False, client, accepted(checked(ok)), 7, 8, cipher)
    at_server = session_ciphers(True, server, accepted(checked(request, ALICE)), 7, 8, cipher)
    assert not isinstance(at_client, Refusal)
    assert not isinstance(at_server, Refusal)
    assert at_server[1].open(2, at_client[0].seal(2, b"to server")) == b"to server"
    assert at_client[1].open(2, at_server[0].seal(2, b"to client")) == b"to client"
    if cipher == CIPHER_AES_256_GCM:
        other_ids = session_ciphers(True, server, accepted(checked(request, ALICE)), 7, 9, cipher)
        assert not isinstance(other_ids, Refusal)
        assert other_ids[1].open(2, at_client[0].seal(2, b"to server")) is None
        assert at_client[1].open(2, at_client[0].seal(2, b"sent back")) is None


@pytest.mark.rule("1, 4.3")
def test_both_sides_must_have_offered_the_cipher() -> None:
    local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
    peer = accepted(checked(introduce(ConnectRequest(), ciphers(1, 2))))
    assert session_ciphers(True, local, peer, 1, 2, CIPHER_NULL) == NO_COMMON_CIPHER
    peer = accepted(checked(introduce(ConnectRequest(), ciphers(1))))
    assert session_ciphers(True, local, peer, 1, 2, CIPHER_AES_256_GCM) == NO_COMMON_CIPHER
