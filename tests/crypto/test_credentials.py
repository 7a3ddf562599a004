"""What we show to a peer: the bytes of the reference library, our identity, and no secrets."""

import pytest
from tests.support.authority import Authority
from tests.support.credentials import (
    ADDRESS,
    ALICE,
    ANONYMOUS,
    VALID_STEAM_ID,
    accepted,
    checked,
    entropy,
    identity_of,
    recorded_local,
)
from tests.support.recorded import load

from gamesockets.crypto.certificate import SigningKey, verify
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.legacy_identity import identity_to_legacy
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.datagram import CONNECT_REQUEST, encode_control
from gamesockets.wire.messages_pb2 import Certificate, ConnectOK, ConnectRequest


@pytest.mark.rule("1, 2.3", "1, 2.7", "1, 4.2", "1, 5.1 rule 1", "1, 10 rule 2")
def test_a_recorded_connect_request_can_be_made_again() -> None:
    recording = load("handshake-client")
    recorded = next(item for item in recording["datagrams"] if item["kind"] == "ConnectRequest")
    fields = recorded["fields"]
    request = ConnectRequest(
        client_connection_id=fields["client_connection_id"],
        challenge=int(fields["challenge"]),
        my_timestamp=fields["my_timestamp"],
        ping_est_ms=fields["ping_est_ms"],
    )
    recorded_local(recording).fill(request)
    assert encode_control(CONNECT_REQUEST, request).hex() == recorded["hex"]


@pytest.mark.rule("1, 5.1 rule 1")
def test_the_unsigned_certificate_of_the_reference_library_with_a_name() -> None:
    """The one that it wrote for str:bob, except for the key."""
    recorded = Certificate()
    recorded.ParseFromString(bytes.fromhex(load("handshake-server-unencrypted")["client"]["cert_hex"]))
    ours = Certificate()
    ours.ParseFromString(LocalCredentials(entropy(), Credentials(NetworkingIdentity.parse("str:bob")), [2]).certificate)
    ours.key_data = recorded.key_data
    assert ours.SerializeToString() == recorded.SerializeToString()


@pytest.mark.parametrize(
    "text",
    ["ip:::1", "ip:10.0.0.1:5", "str:alice", "gen:0102", f"steamid:{VALID_STEAM_ID}", "psn:5", "new:kind"],
)
def test_peers_recognize_our_identity(text: str) -> None:
    identity = NetworkingIdentity.parse(text)
    local = LocalCredentials(entropy(), Credentials(identity), [CIPHER_AES_256_GCM, CIPHER_NULL])
    request, ok = ConnectRequest(), ConnectOK()
    local.fill(request)
    local.fill(ok)
    certificate = Certificate()
    certificate.ParseFromString(local.certificate)
    assert certificate.identity_string == text.encode()
    assert certificate.legacy_identity_binary == identity_to_legacy(identity)
    assert certificate.HasField("legacy_identity_binary")
    assert list(certificate.app_ids) == [0]
    assert (request.legacy_client_steam_id, ok.legacy_server_steam_id) == (identity.steam_id64,) * 2
    assert certificate.legacy_steam_id == identity.steam_id64
    for message in (request, ok):
        assert not message.cert.HasField("private_key_data")
        seen = identity_of(message, ADDRESS, True)
        assert seen == (ANONYMOUS if identity.is_localhost else identity)
        peer = accepted(checked(message, seen, challenge_version=13, local_lanes=8))
        assert peer.ciphers == [CIPHER_AES_256_GCM, CIPHER_NULL]
        assert peer.nonce == local.nonce
        assert peer.exchange_public == local.exchange.public
        assert not peer.authenticated


@pytest.mark.rule("1, 13 rule 1")
def test_secrets_are_in_no_message() -> None:
    secrets = entropy().answers[:2]
    local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
    request = ConnectRequest()
    local.fill(request)
    assert not any(secret in request.SerializeToString() for secret in secrets)


@pytest.mark.rule("1, 4.1", "1, 5.1 rule 4")
def test_connections_share_a_certificate_and_its_key_but_no_key_of_the_exchange() -> None:
    """Made once for all connections of a node, from the entropy of the first."""
    credentials = Credentials(ALICE)
    source = SeededEntropy(1)
    one, other = [LocalCredentials(source, credentials, [2]) for _ in range(2)]
    assert one.certificate == other.certificate
    assert one.exchange.public != other.exchange.public
    assert one.crypt_info != other.crypt_info
    assert one.nonce != other.nonce
    for local in (one, other):
        request = ConnectRequest()
        local.fill(request)
        assert accepted(checked(request, ALICE)).exchange_public == local.exchange.public


@pytest.mark.rule("1, 5.1 rule 4")
def test_credentials_that_were_made_separately_share_nothing() -> None:
    one, other = [LocalCredentials(entropy(seed), Credentials(ALICE), [2]) for seed in (1, 2)]
    assert one.certificate != other.certificate


@pytest.mark.rule("1, 6 rule 9")
def test_without_a_valid_identity_credentials_are_anonymous() -> None:
    """An invalid identity cannot be shown to peers; localhost is the anonymous one."""
    assert Credentials().identity.is_localhost
    assert Credentials(NetworkingIdentity.invalid()).identity.is_localhost


def test_credentials_need_a_cipher() -> None:
    with pytest.raises(ValueError, match="one or more of"):
        LocalCredentials(entropy(), Credentials(ALICE), [])
    with pytest.raises(ValueError, match="one or more of"):
        LocalCredentials(entropy(), Credentials(ALICE), [2, 3])


@pytest.mark.rule("1, 5.8 rule 5")
def test_credentials_with_a_certificate_show_it_and_sign_with_its_key() -> None:
    certified = Authority().credentials("alice", 3)
    local = LocalCredentials(SeededEntropy(1), certified, [CIPHER_AES_256_GCM])
    message = ConnectRequest()
    local.fill(message)
    assert certified.certificate is not None
    assert message.cert.SerializeToString() == certified.certificate.signed
    assert certified.key is not None
    assert verify(certified.key.public, message.crypt.signature, message.crypt.info)


@pytest.mark.rule("1, 5.3 rule 3")
def test_a_certificate_must_fit_its_key_and_state_an_identity() -> None:
    key, other = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
    signed = Authority().sign(ALICE, key)
    assert Credentials.certified(signed, key).identity == ALICE
    with pytest.raises(ValueError, match="about another key"):
        Credentials.certified(signed, other)
    with pytest.raises(ValueError, match="no certificate"):
        Credentials.certified(b"\xff\xff", key)
    with pytest.raises(ValueError, match="certificate is empty"):
        Credentials.certified(b"", key)
    with pytest.raises(ValueError, match="states no identity"):
        Credentials.certified(Authority().sign(None, key), key)
