"""Are the credentials of a peer judged as the reference library does, and who does a peer say it is?"""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.credentials import (
    ADDRESS,
    ALICE,
    ANONYMOUS,
    AUTHORITY,
    CERT_KEY,
    EXCHANGE,
    NOW,
    VALID_STEAM_ID,
    Change,
    accepted,
    checked,
    ciphers,
    entropy,
    exchange_key,
    identity_of,
    introduce,
    named,
    no_change,
    recorded_messages,
    recorded_trust,
    signature,
    signed_by_authority,
    unknown_exchange_type,
    version,
    without_cert,
    without_identity,
    without_key_type,
)
from tests.support.recorded import HANDSHAKES, handshake_failures, load

from gamesockets.crypto.certificate import SigningKey, key_id
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.peer_check import PeerCredentials, Refusal
from gamesockets.crypto.session import NO_COMMON_CIPHER, choose_cipher, own_ciphers, session_ciphers
from gamesockets.crypto.trust import TrustStore
from gamesockets.values.address import Address
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.datagram import decode_control
from gamesockets.wire.messages_pb2 import (
    Certificate,
    CertificateSigned,
    ConnectOK,
    ConnectRequest,
    CryptInfo,
    IdentityLegacyBinary,
)


@pytest.mark.parametrize("name", HANDSHAKES)
@pytest.mark.parametrize("role", ["client", "server"])
def test_recorded_credentials_are_accepted(name: str, role: str) -> None:
    recording = load(name)
    message = recorded_messages(name)[role == "server"]
    trusting = recorded_trust(recording)
    identity = identity_of(message, ADDRESS, trusting == {})
    assert identity is not None
    assert str(identity) == recording.get(
        f"{role}_identity", "str:bob" if "626f62" in recording[role]["cert_hex"] else "ip:203.0.113.7:51820"
    )
    peer = accepted(checked(message, identity, challenge_version=13 if role == "server" else None, **trusting))
    own = recording[role]
    assert peer.identity == identity
    assert peer.certificate.hex() == own["cert_hex"]
    assert peer.crypt_info.hex() == own["crypt_info_hex"]
    assert peer.nonce == int(own["nonce"])
    assert peer.exchange_key_type == 1
    assert peer.exchange_public.hex() == own["x25519_public_hex"]
    assert peer.ciphers == own["ciphers"]
    assert peer.protocol_version == own["protocol_version"]
    assert peer.authenticated == (trusting != {})


@pytest.mark.rule("1, 13 rule 1")
def test_a_private_key_in_a_message_is_not_kept() -> None:
    """The reference library sends the one that it was given (spec 1, 13)."""
    _, message = recorded_messages("handshake-client-authenticated")
    private = message.cert.private_key_data
    assert private
    peer = accepted(checked(message, NetworkingIdentity.parse("str:server.example")))
    assert private not in peer.certificate + peer.crypt_info


# ---- Recorded failures ----

BAD_SIGNATURE = SigningKey(b"other".ljust(32)).sign(b"something else")

CLIENT_CASES: Final[dict[str, Change]] = {
    "challenge reply version 12": no_change,
    "crypt version 7": version(7),
    "crypt version 12": version(12),
    "two ciphers": ciphers(2, 1),
    "cipher not offered": ciphers(1),
    "unknown cipher number": ciphers(99),
    "no cert": no_change,
    "bad crypt signature": signature(BAD_SIGNATURE),
    "no crypt signature": signature(b""),
    "63 byte crypt signature": signature(BAD_SIGNATURE[:63]),
    "cert for another app": named(b"str:srv", 9),
    "cert for two other apps": named(b"str:srv", 9, 10),
    "identity without app id": named(b"str:srv"),
    "unparseable identity": named(b"nonsense", 0),
    "signed cert without identity": signed_by_authority(without_identity),
    "signed cert, unknown CA": signed_by_authority(named(b"str:srv", 0)),
}

CLIENT_CASES_OF_THE_STATE_MACHINE: Final = {
    "challenge reply version 7",
    "server id low half zero",
    "wrong client id",
    "silent server",
    "closed during connect",
    "closed during connect, no debug",
    "closed for somebody else",
    "no connection during connect",
    "no connection, wrong pair",
}

SERVER_CASES: Final[dict[str, Change]] = {
    "ok": no_change,
    "crypt version 7": version(7),
    "crypt version 8": version(8),
    "crypt version 99": version(99),
    "no cert": no_change,
    "bad crypt signature": signature(BAD_SIGNATURE),
    "zero X25519 key": exchange_key(bytes(32)),
    "31 byte X25519 key": exchange_key(EXCHANGE.public[:31]),
    "unknown key exchange type": unknown_exchange_type,
    "no ciphers listed": ciphers(),
    "only NULL cipher": ciphers(1),
    "only AES cipher, server requires plaintext": ciphers(2),
    "identity without app id": named(b"str:x"),
    "identity for another app": named(b"str:x", 1),
    "unparseable identity": named(b"nonsense", 0),
    "invalid steam id": named(b"steamid:5", 0),
    "cert without key type": without_key_type,
    "anonymous with a CA signature": signed_by_authority(),
    "identity with unknown CA signature": signed_by_authority(named(b"str:x", 0)),
    "authentication required, anonymous peer": no_change,
    "authentication required, unsigned identity": named(b"str:x", 0),
}

SERVER_CASES_OF_THE_STATE_MACHINE: Final = {
    "application never accepts",
    "duplicate identity and connection id from another port",
}


def test_every_recorded_failure_is_covered_here_or_by_the_tests_of_the_connection() -> None:
    assert set(handshake_failures("client")) == set(CLIENT_CASES) | CLIENT_CASES_OF_THE_STATE_MACHINE
    assert set(handshake_failures("server")) == set(SERVER_CASES) | SERVER_CASES_OF_THE_STATE_MACHINE


def recorded_outcome(case: dict[str, Any]) -> str:
    """Either "connected", "ignored", or reason and text of the ConnectionClosed."""
    for reply in case["reference_replied"]:
        if reply["kind"] == "ConnectionClosed":
            return f"{reply['fields']['reason_code']} {reply['fields']['debug']}"
    return "connected" if case["application_saw"] and case["application_saw"][-1]["state"] == 3 else "ignored"


def outcome(result: Any) -> str:
    return f"{result.reason} {result.text}" if isinstance(result, Refusal) else "connected"


@pytest.mark.rule("1, 3.6 rule 7", "1, 3.7")
@pytest.mark.parametrize("name", CLIENT_CASES)
def test_recorded_failures_of_a_client(name: str) -> None:
    case = handshake_failures("client")[name]
    message = introduce(ConnectOK(client_connection_id=1, server_connection_id=2), CLIENT_CASES[name])
    if name == "no cert":
        message = without_cert(message)
    address = Address("127.0.0.1", 28517)  # from the recorded text
    identity = identity_of(message, address, True)
    if identity is None:
        assert recorded_outcome(case) == "ignored"
        return
    result: Any = checked(message, identity, challenge_version=12 if name == "challenge reply version 12" else 13)
    if isinstance(result, PeerCredentials):
        local = LocalCredentials(entropy(), Credentials(NetworkingIdentity.localhost()), own_ciphers(0))
        result = session_ciphers(False, local, result, 1, 2, result.ciphers[0])
    assert outcome(result) == recorded_outcome(case)


@pytest.mark.rule("1, 3.5 rule 2", "1, 3.5 rule 5", "1, 3.7")
@pytest.mark.parametrize("name", SERVER_CASES)
def test_recorded_failures_of_a_server(name: str) -> None:
    """The server is silent about what fails before the application accepts, and tells what fails then."""
    case = handshake_failures("server")[name]
    message = introduce(ConnectRequest(client_connection_id=1, challenge=3), SERVER_CASES[name])
    if name == "no cert":
        message = without_cert(message)
    allow = 0 if name.startswith("authentication required") else 2
    identity = identity_of(message, ADDRESS, allow > 0)
    peer = None if identity is None else checked(message, identity, allow_without_auth=allow)
    if not isinstance(peer, PeerCredentials):
        assert recorded_outcome(case) == "ignored"
        return
    cipher = choose_cipher(own_ciphers(3 if name.endswith("requires plaintext") else 0), peer.ciphers)
    if cipher is None:
        assert recorded_outcome(case) == outcome(NO_COMMON_CIPHER)
        return
    local = LocalCredentials(entropy(), Credentials(NetworkingIdentity.localhost()), [cipher])
    result = session_ciphers(True, local, peer, 1, 2, cipher)
    assert outcome(result) == recorded_outcome(case)


@pytest.mark.rule("1, 5.1 rule 2")
@pytest.mark.parametrize(
    "reply",
    [
        reply
        for case in handshake_failures("server").values()
        for reply in case["reference_replied"]
        if reply["kind"] == "ConnectOK"
    ],
    ids=lambda reply: str(reply["fields"]["client_connection_id"]),
)
def test_every_recorded_answer_to_an_odd_request_is_accepted(reply: dict[str, Any]) -> None:
    message = decode_control(bytes.fromhex(reply["hex"]))
    assert isinstance(message, ConnectOK)
    assert identity_of(message, ADDRESS, True) == ANONYMOUS
    peer = accepted(checked(message, challenge_version=13))
    assert peer.ciphers == [CIPHER_AES_256_GCM]


# ---- The table of checks, where no recording goes ----

ANONYMOUS_GAME_SERVER = NetworkingIdentity.steam_id(1 << 56 | 4 << 52 | 7)


def trusting(**changes: Any) -> dict[str, Any]:
    return {"trust": TrustStore([AUTHORITY.public]), "allow_without_auth": 0} | changes


def expired(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    named(b"str:alice", 0)(certificate, info, message)
    certificate.time_expiry = NOW - 1


def scoped_to_data_centre(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    without_identity(certificate, info, message)
    certificate.gameserver_datacenter_ids.append(6579574)


@pytest.mark.rule(
    "1, 2.7",
    "1, 3.7",
    "1, 5.1 rule 2",
    "1, 5.3 rule 3",
    "1, 5.9 rule 3",
    "1, 7.9 rule 1",
    "1, 13 rule 10",
    "1, 13 rule 12",
)
@pytest.mark.parametrize(
    ("change", "identity", "arguments", "expected"),
    [
        (signed_by_authority(named(b"str:alice", 0)), ALICE, trusting(), "connected"),
        (named(b"str:alice", 0), ALICE, trusting(), "4003 Unsigned certs are not allowed"),
        (named(b"str:alice", 0), ALICE, {"allow_without_auth": 1}, "connected"),
        (
            signed_by_authority(expired),
            ALICE,
            trusting(),
            f"4003 Bad cert: Cert expired 1 seconds ago at {NOW - 1} (current time {NOW})",
        ),
        (signed_by_authority(expired), ALICE, trusting(allow_without_auth=1), "connected"),
        (
            signed_by_authority(named(b"str:alice", 0)),
            ALICE,
            trusting(trust=None),
            f"4003 Bad cert: CA key {key_id(AUTHORITY.public)} is not known to us",
        ),
        (
            signed_by_authority(named(b"str:alice", 0)),
            NetworkingIdentity.parse("str:mallory"),
            trusting(),
            "4003 Cert was issued to str:alice, not str:mallory",
        ),
        (
            signed_by_authority(scoped_to_data_centre),
            ANONYMOUS_GAME_SERVER,
            trusting(),
            "connected",
        ),
        (
            signed_by_authority(without_identity),
            ANONYMOUS_GAME_SERVER,
            trusting(),
            "4003 Cert with no identity must be scoped to PoPID.",
        ),
        (
            signed_by_authority(named(b"str:alice", 3)),
            ALICE,
            trusting(app_id=3),
            "connected",
        ),
        (without_identity, ANONYMOUS, {}, "connected"),
        (version(8), ANONYMOUS, {}, "connected"),
        (version(10), ANONYMOUS, {"local_lanes": 1}, "connected"),
        (version(11), ANONYMOUS, {"local_lanes": 2}, "connected"),
        (
            version(10),
            ANONYMOUS,
            {"local_lanes": 2},
            "4006 Peer is using old protocol and cannot receive multiple lanes",
        ),
        (
            version(7),
            ANONYMOUS,
            {"challenge_version": 13},
            "4006 Peer is running old software and needs to be updated.  (V7, >=V8 is required)",
        ),
    ],
)
def test_checks_of_credentials(
    change: Change, identity: NetworkingIdentity, arguments: dict[str, Any], expected: str
) -> None:
    assert outcome(checked(introduce(ConnectOK(), change), identity, **arguments)) == expected


@pytest.mark.rule("1, 5.9 rule 4", "1, 13 rule 9")
def test_only_a_trusted_name_is_authenticated() -> None:
    def authenticated(change: Change, identity: NetworkingIdentity, **arguments: Any) -> bool:
        return accepted(checked(introduce(ConnectOK(), change), identity, **arguments)).authenticated

    bare_address = NetworkingIdentity.parse("ip:10.0.0.1")
    signed = signed_by_authority(named(b"str:alice", 0))
    assert authenticated(signed, ALICE, **trusting())
    assert not authenticated(signed, ALICE)
    assert not authenticated(named(b"str:alice", 0), ALICE)
    assert not authenticated(signed_by_authority(named(b"ip:10.0.0.1", 0)), bare_address, **trusting())


@pytest.mark.parametrize(
    ("content", "info", "expected"),
    [
        (b"\xff\xff", None, "4002 Cert failed protobuf decode"),
        (b"", None, "4002 No public key"),
        (None, b"\xff\xff", "4002 Crypt info failed protobuf decode"),
        (Certificate(identity_string=b"?").SerializeToString(), None, "4003 Bad cert identity.  "),
        (
            Certificate(identity_string=b"str:b").SerializeToString(),
            None,
            "4003 Cert was issued to str:b, not ",
        ),
    ],
)
def test_credentials_that_cannot_be_read(content: bytes | None, info: bytes | None, expected: str) -> None:
    message = introduce(ConnectOK())
    if content is not None:
        message.cert.cert = content
    if info is not None:
        message.crypt.info = info
        message.crypt.signature = CERT_KEY.sign(info)
    assert outcome(checked(message)).startswith(expected)


@pytest.mark.parametrize("field", ["cert", "crypt"])
def test_credentials_that_are_missing(field: str) -> None:
    message = introduce(ConnectRequest())
    message.ClearField(field)
    assert outcome(checked(message)) == "4002 Crypto handshake missing cert or session data"


@pytest.mark.rule("1, 3.7", "1, 13 rule 10")
def test_an_empty_signature_of_an_authority_counts_as_one() -> None:
    message = introduce(ConnectRequest())
    message.cert.ca_signature = b""
    assert outcome(checked(message)).startswith("4003 Certs with no identity can only by anonymous gameservers")


# ---- Whose message is it? ----


def stating(message: ConnectRequest | ConnectOK, **certificate: Any) -> ConnectRequest | ConnectOK:
    message.cert.cert = Certificate(**certificate).SerializeToString()
    return message


@pytest.mark.rule("1, 2.8 rule 2", "1, 3.5 rule 2", "1, 3.5 rule 3", "1, 3.6 rule 2", "1, 6 rule 9", "1, 6 rule 10")
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (ConnectRequest(), ANONYMOUS),
        (ConnectOK(), ANONYMOUS),
        (stating(ConnectRequest(), identity_string=b"ip:127.0.0.1:5"), ANONYMOUS),
        (stating(ConnectRequest(), identity_string=b"ip:10.0.0.1"), NetworkingIdentity.parse("ip:10.0.0.1")),
        (ConnectRequest(identity_string=b"ip:10.0.0.1"), None),
        (ConnectOK(identity_string=b"ip:::1"), ANONYMOUS),
        (ConnectOK(identity_string=b"str:bob"), NetworkingIdentity.parse("str:bob")),
        (ConnectOK(legacy_server_steam_id=VALID_STEAM_ID), NetworkingIdentity.steam_id(VALID_STEAM_ID)),
        (ConnectRequest(legacy_client_steam_id=VALID_STEAM_ID), NetworkingIdentity.steam_id(VALID_STEAM_ID)),
        (ConnectRequest(legacy_client_steam_id=5), None),
        # The certificate comes first; in each the text, then the old binary form, then the old SteamID.
        (
            stating(ConnectRequest(identity_string=b"str:message"), identity_string=b"str:cert"),
            NetworkingIdentity.parse("str:cert"),
        ),
        (
            stating(ConnectRequest(identity_string=b"str:message"), legacy_steam_id=VALID_STEAM_ID),
            NetworkingIdentity.steam_id(VALID_STEAM_ID),
        ),
        (
            stating(
                ConnectRequest(),
                legacy_steam_id=VALID_STEAM_ID,
                legacy_identity_binary=IdentityLegacyBinary(generic_string=b"bob"),
            ),
            NetworkingIdentity.parse("str:bob"),
        ),
        # The first one present decides, even if it is bad.
        (stating(ConnectRequest(identity_string=b"str:x"), identity_string=b""), None),
        (stating(ConnectRequest(identity_string=b"str:x"), identity_string=b"str:a\0b"), None),
        (stating(ConnectRequest(identity_string=b"str:x"), legacy_identity_binary={}), None),
        (ConnectRequest(identity_string=b"bad", legacy_client_steam_id=VALID_STEAM_ID), None),
        (ConnectRequest(cert=CertificateSigned(cert=b"\xff\xff")), None),
    ],
)
def test_who_a_peer_says_it_is(message: ConnectRequest | ConnectOK, expected: NetworkingIdentity | None) -> None:
    assert identity_of(message, ADDRESS, True) == expected


@pytest.mark.rule("1, 3.5 rule 3", "1, 5.9 rule 1", "3, 5.11")
def test_anonymous_peers_may_be_unwelcome() -> None:
    assert identity_of(ConnectRequest(), ADDRESS, False) is None
    assert identity_of(ConnectRequest(identity_string=b"ip:::1"), ADDRESS, False) is None
    named_peer = ConnectRequest(identity_string=b"str:bob")
    assert identity_of(named_peer, ADDRESS, False) == NetworkingIdentity.parse("str:bob")


# ---- Hostile bytes ----


@given(st.binary(max_size=120), st.binary(max_size=120), st.binary(max_size=80), st.booleans())
def test_random_credentials_never_raise(cert: bytes, crypt: bytes, signed: bytes, client: bool) -> None:
    message = introduce(ConnectRequest() if client else ConnectOK())
    message.cert.cert = cert
    message.cert.ca_signature = signed
    message.crypt.info = crypt
    identity = identity_of(message, ADDRESS, True) or ANONYMOUS
    assert isinstance(checked(message, identity), Refusal)


@given(st.data())
def test_damaged_credentials_never_raise(data: st.DataObject) -> None:
    """Only the content is damaged: it is signed again, so that all of the checks are reached."""
    message = recorded_messages(data.draw(st.sampled_from(HANDSHAKES)))[data.draw(st.integers(0, 1))]
    certificate = Certificate()
    certificate.ParseFromString(message.cert.cert)
    certificate.key_data = CERT_KEY.public
    parts = [bytearray(certificate.SerializeToString()), bytearray(message.crypt.info)]
    for part in parts:
        for _ in range(data.draw(st.integers(0, 2))):
            part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    forged = ConnectRequest()
    forged.cert.cert = bytes(parts[0])
    forged.crypt.info = bytes(parts[1])
    forged.crypt.signature = CERT_KEY.sign(forged.crypt.info)
    identity = identity_of(forged, ADDRESS, True) or ANONYMOUS
    peer = checked(forged, identity)
    if isinstance(peer, PeerCredentials):
        local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
        session_ciphers(True, local, peer, 1, 2, CIPHER_AES_256_GCM)
