"""Credentials, challenges and session keys: recorded handshakes, recorded failures, and the rules behind."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authority import Authority
from tests.support.recorded import HANDSHAKES, handshake_failures, load

from gamesockets.crypto.certificate import SigningKey, key_id, verify
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.exchange import ExchangeKey
from gamesockets.crypto.legacy_identity import identity_from_legacy, identity_to_legacy
from gamesockets.crypto.peer_check import PeerCredentials, Refusal, check_peer, peer_identity
from gamesockets.crypto.session import NO_COMMON_CIPHER, choose_cipher, own_ciphers, session_ciphers
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy, SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.datagram import CONNECT_REQUEST, decode_control, encode_control
from gamesockets.wire.messages_pb2 import (
    Certificate,
    CertificateSigned,
    ConnectOK,
    ConnectRequest,
    CryptInfo,
    IdentityLegacyBinary,
)

NOW = 1_790_000_000
ADDRESS = Address("203.0.113.7", 51820)
ANONYMOUS = NetworkingIdentity.ip_address(ADDRESS)
CERT_KEY = SigningKey(b"c" * 32)
AUTHORITY = SigningKey(b"a" * 32)
EXCHANGE = ExchangeKey(b"x" * 32)


class Scripted(Entropy):
    """Gives the bytes it was given."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def random_bytes(self, count: int) -> bytes:
        answer = self.answers.pop(0)
        assert len(answer) == count
        return answer


def entropy(seed: int = 1) -> Scripted:
    return Scripted(bytes((seed,)) * 32, bytes((seed + 100,)) * 32, bytes((seed,)) * 8)


def checked(
    message: ConnectRequest | ConnectOK, identity: NetworkingIdentity = ANONYMOUS, **changes: Any
) -> PeerCredentials | Refusal:
    """`check_peer` with the defaults of the library."""
    arguments: dict[str, Any] = {
        "allow_without_auth": 2,
        "trust": None,
        "unix_time_s": NOW,
        "challenge_version": None,
        "local_lanes": 1,
    }
    return check_peer(message.cert, message.crypt, identity, **(arguments | changes))


def accepted(result: PeerCredentials | Refusal) -> PeerCredentials:
    assert isinstance(result, PeerCredentials), result
    return result


# ---- Recorded handshakes ----


def recorded_messages(name: str) -> tuple[ConnectRequest, ConnectOK]:
    found: dict[type, Any] = {}
    for item in load(name)["datagrams"]:
        if item["kind"] in ("ConnectRequest", "ConnectOK"):
            message = decode_control(bytes.fromhex(item["hex"]))
            found.setdefault(type(message), message)
    return found[ConnectRequest], found[ConnectOK]


def recorded_trust(recording: dict[str, Any]) -> dict[str, Any]:
    """Both sides of the authenticated recording insist on signatures of its root."""
    if "root_ca" not in recording:
        return {}
    root = bytes.fromhex(recording["root_ca"]["public_key_hex"])
    return {"trust": TrustStore([root]), "allow_without_auth": 0}


def recorded_local(recording: dict[str, Any]) -> LocalCredentials:
    """The credentials of the independent side, made again from its recorded secrets."""
    own = recording[recording["independent_role"]]
    secrets = [bytes.fromhex(own[name]) for name in ("cert_key_seed_hex", "x25519_private_hex")]
    nonce = int(own["nonce"]).to_bytes(8, "little")
    local = LocalCredentials(Scripted(*secrets, nonce), Credentials(NetworkingIdentity.localhost()), own["ciphers"])
    assert local.crypt_info.hex() == own["crypt_info_hex"]
    if "root_ca" in recording:
        local.certificate = bytes.fromhex(own["cert_hex"])  # ours would be unsigned
    assert local.certificate.hex() == own["cert_hex"]
    return local


@pytest.mark.parametrize("name", HANDSHAKES)
@pytest.mark.parametrize("role", ["client", "server"])
def test_recorded_credentials_are_accepted(name: str, role: str) -> None:
    recording = load(name)
    message = recorded_messages(name)[role == "server"]
    trusting = recorded_trust(recording)
    identity = peer_identity(message, ADDRESS, trusting == {})
    assert identity is not None
    assert str(identity) == recording.get(
        f"{role}_identity", "str:bob" if "626f62" in recording[role]["cert_hex"] else "ip:203.0.113.7:51820"
    )
    peer = accepted(checked(message, identity, challenge_version=13 if role == "server" else None, **trusting))
    own = recording[role]
    assert peer == PeerCredentials(
        identity=identity,
        certificate=bytes.fromhex(own["cert_hex"]),
        crypt_info=bytes.fromhex(own["crypt_info_hex"]),
        nonce=int(own["nonce"]),
        exchange_key_type=1,
        exchange_public=bytes.fromhex(own["x25519_public_hex"]),
        ciphers=own["ciphers"],
        protocol_version=own["protocol_version"],
        authenticated=trusting != {},
    )


@pytest.mark.parametrize("name", HANDSHAKES)
def test_recorded_sessions_can_be_read_with_the_ciphers_made_here(name: str) -> None:
    recording = load(name)
    role = recording["independent_role"]
    is_server = role == "server"
    local = recorded_local(recording)
    message = recorded_messages(name)[not is_server]
    identity = peer_identity(message, ADDRESS, True)
    assert identity is not None
    peer = accepted(checked(message, identity, **recorded_trust(recording)))
    cipher = choose_cipher(local.ciphers, peer.ciphers)
    assert cipher is not None
    assert cipher == recording["negotiated_cipher"]
    ids = recording["client"]["connection_id"], recording["server"]["connection_id"]
    ciphers = session_ciphers(is_server, local, peer, *ids, cipher)
    assert not isinstance(ciphers, Refusal)
    sending, receiving = ciphers
    for item in recording["datagrams"]:
        if item["kind"] == "Data":
            used = sending if item["sender"] == role else receiving
            assert used.open(item["packet_number"], bytes.fromhex(item["chunk_hex"])) == bytes.fromhex(
                item["plaintext_hex"]
            )


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


def test_the_unsigned_certificate_of_the_reference_library_with_a_name() -> None:
    """What it wrote for str:bob, except for the key."""
    recorded = Certificate()
    recorded.ParseFromString(bytes.fromhex(load("handshake-server-unencrypted")["client"]["cert_hex"]))
    ours = Certificate()
    ours.ParseFromString(LocalCredentials(entropy(), Credentials(NetworkingIdentity.parse("str:bob")), [2]).certificate)
    ours.key_data = recorded.key_data
    assert ours.SerializeToString() == recorded.SerializeToString()


def test_a_private_key_in_a_message_is_not_kept() -> None:
    """The reference library sends the one that it was given (spec 1, 13)."""
    _, message = recorded_messages("handshake-client-authenticated")
    private = message.cert.private_key_data
    assert private
    peer = accepted(checked(message, NetworkingIdentity.parse("str:server.example")))
    assert private not in peer.certificate + peer.crypt_info


# ---- Recorded failures ----

Change = Callable[[Certificate, CryptInfo, ConnectRequest | ConnectOK], None]


def introduce(message: ConnectRequest | ConnectOK, change: Change | None = None) -> ConnectRequest | ConnectOK:
    """Puts good anonymous credentials into a message, after `change` has made them bad.

    What `change` sets in the message itself stays as it is.
    """
    certificate = Certificate(key_type="ED25519", key_data=CERT_KEY.public, app_ids=[0])
    certificate.identity_string = b"ip:::1"
    info = CryptInfo(key_type="CURVE25519", key_data=EXCHANGE.public, nonce=5, protocol_version=13)
    info.ciphers.append(CryptInfo.CIPHER_AES_256_GCM)
    if change is not None:
        change(certificate, info, message)
    if not message.cert.HasField("cert"):
        message.cert.cert = certificate.SerializeToString()
    if not message.crypt.HasField("info"):
        message.crypt.info = info.SerializeToString()
    if not message.crypt.HasField("signature"):
        message.crypt.signature = CERT_KEY.sign(message.crypt.info)
    return message


def no_change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    """All is well."""


def version(number: int) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        info.protocol_version = number

    return change


def ciphers(*numbers: int) -> Change:
    """Also numbers that the message type does not know, so written by hand."""

    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        del info.ciphers[:]
        message.crypt.info = info.SerializeToString() + b"".join([bytes((0x28, number)) for number in numbers])

    return change


def exchange_key(key_data: bytes) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        info.key_data = key_data

    return change


def unknown_exchange_type(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    message.crypt.info = info.SerializeToString().replace(b"\x08\x01", b"\x08\x02", 1)


def signature(value: bytes) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        message.crypt.signature = value

    return change


def named(text: bytes, *app_ids: int) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        certificate.identity_string = text
        del certificate.app_ids[:]
        certificate.app_ids.extend(app_ids)

    return change


def signed_by_authority(change_first: Change = no_change) -> Change:
    def change(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
        change_first(certificate, info, message)
        certificate.time_expiry = certificate.time_expiry or NOW + 1000
        content = certificate.SerializeToString()
        message.cert.CopyFrom(
            CertificateSigned(cert=content, ca_key_id=key_id(AUTHORITY.public), ca_signature=AUTHORITY.sign(content))
        )

    return change


def without_identity(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    certificate.ClearField("identity_string")


def without_key_type(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    certificate.ClearField("key_type")


def without_cert(message: ConnectRequest | ConnectOK) -> ConnectRequest | ConnectOK:
    message.ClearField("cert")
    return message


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
    """ "connected", "ignored", or reason and text of the ConnectionClosed."""
    for reply in case["reference_replied"]:
        if reply["kind"] == "ConnectionClosed":
            return f"{reply['fields']['reason_code']} {reply['fields']['debug']}"
    return "connected" if case["application_saw"] and case["application_saw"][-1]["state"] == 3 else "ignored"


def outcome(result: Any) -> str:
    return f"{result.reason} {result.text}" if isinstance(result, Refusal) else "connected"


@pytest.mark.parametrize("name", CLIENT_CASES)
def test_recorded_failures_of_a_client(name: str) -> None:
    case = handshake_failures("client")[name]
    message = introduce(ConnectOK(client_connection_id=1, server_connection_id=2), CLIENT_CASES[name])
    if name == "no cert":
        message = without_cert(message)
    address = Address("127.0.0.1", 28517)  # from the recorded text
    identity = peer_identity(message, address, True)
    if identity is None:
        assert recorded_outcome(case) == "ignored"
        return
    result: Any = checked(message, identity, challenge_version=12 if name == "challenge reply version 12" else 13)
    if isinstance(result, PeerCredentials):
        local = LocalCredentials(entropy(), Credentials(NetworkingIdentity.localhost()), own_ciphers(0))
        result = session_ciphers(False, local, result, 1, 2, result.ciphers[0])
    assert outcome(result) == recorded_outcome(case)


@pytest.mark.parametrize("name", SERVER_CASES)
def test_recorded_failures_of_a_server(name: str) -> None:
    """What fails before the application accepts is answered with silence, what fails then is told."""
    case = handshake_failures("server")[name]
    message = introduce(ConnectRequest(client_connection_id=1, challenge=3), SERVER_CASES[name])
    if name == "no cert":
        message = without_cert(message)
    allow = 0 if name.startswith("authentication required") else 2
    identity = peer_identity(message, ADDRESS, allow > 0)
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
    assert peer_identity(message, ADDRESS, True) == ANONYMOUS
    peer = accepted(checked(message, challenge_version=13))
    assert peer.ciphers == [CIPHER_AES_256_GCM]


# ---- The table of checks, where no recording goes ----


def trusting(**changes: Any) -> dict[str, Any]:
    return {"trust": TrustStore([AUTHORITY.public]), "allow_without_auth": 0} | changes


ALICE = NetworkingIdentity.parse("str:alice")
ANONYMOUS_GAME_SERVER = NetworkingIdentity.steam_id(1 << 56 | 4 << 52 | 7)


def expired(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    named(b"str:alice", 0)(certificate, info, message)
    certificate.time_expiry = NOW - 1


def scoped_to_data_centre(certificate: Certificate, info: CryptInfo, message: ConnectRequest | ConnectOK) -> None:
    without_identity(certificate, info, message)
    certificate.gameserver_datacenter_ids.append(6579574)


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


def test_an_empty_signature_of_an_authority_counts_as_one() -> None:
    message = introduce(ConnectRequest())
    message.cert.ca_signature = b""
    assert outcome(checked(message)).startswith("4003 Certs with no identity can only by anonymous gameservers")


# ---- Whose message is it? ----


def stating(message: ConnectRequest | ConnectOK, **certificate: Any) -> ConnectRequest | ConnectOK:
    message.cert.cert = Certificate(**certificate).SerializeToString()
    return message


VALID_STEAM_ID = 1 << 56 | 1 << 52 | 1 << 32 | 7


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
    assert peer_identity(message, ADDRESS, True) == expected


def test_anonymous_peers_may_be_unwelcome() -> None:
    assert peer_identity(ConnectRequest(), ADDRESS, False) is None
    assert peer_identity(ConnectRequest(identity_string=b"ip:::1"), ADDRESS, False) is None
    named_peer = ConnectRequest(identity_string=b"str:bob")
    assert peer_identity(named_peer, ADDRESS, False) == NetworkingIdentity.parse("str:bob")


@pytest.mark.parametrize(
    ("text", "legacy"),
    [
        ("str:bob", IdentityLegacyBinary(generic_string=b"bob")),
        ("str:", IdentityLegacyBinary(generic_string=b"")),
        ("gen:00ff", IdentityLegacyBinary(generic_bytes=b"\0\xff")),
        (f"steamid:{VALID_STEAM_ID}", IdentityLegacyBinary(steam_id=VALID_STEAM_ID)),
        ("ip:::1", IdentityLegacyBinary(ipv6_and_port=bytes(15) + b"\1\0\0")),
        ("ip:1.2.3.4:258", IdentityLegacyBinary(ipv6_and_port=bytes(10) + b"\xff\xff\1\2\3\4\1\2")),
    ],
)
def test_identities_in_the_old_binary_form(text: str, legacy: IdentityLegacyBinary) -> None:
    identity = NetworkingIdentity.parse(text)
    assert identity_to_legacy(identity) == legacy
    assert identity_from_legacy(legacy) == identity


@pytest.mark.parametrize("text", ["psn:5", "xboxpwid:abc", "future:thing"])
def test_identities_that_the_old_form_cannot_express(text: str) -> None:
    assert identity_to_legacy(NetworkingIdentity.parse(text)) == IdentityLegacyBinary()


@pytest.mark.parametrize(
    "legacy",
    [
        IdentityLegacyBinary(),
        IdentityLegacyBinary(ipv6_and_port=bytes(17)),
        IdentityLegacyBinary(generic_string=b"x" * 32),
        IdentityLegacyBinary(generic_bytes=b"x" * 33),
        IdentityLegacyBinary(steam_id=5),
        IdentityLegacyBinary(steam_id=1 << 56 | 1 << 52 | 1 << 32),  # account 0
        IdentityLegacyBinary(steam_id=1 << 56 | 7 << 52 | 9),  # a clan
        IdentityLegacyBinary(steam_id=5, generic_string=b"fine"),
    ],
)
def test_bad_identities_in_the_old_binary_form(legacy: IdentityLegacyBinary) -> None:
    with pytest.raises(ValueError, match=r"."):
        identity_from_legacy(legacy)


@pytest.mark.parametrize("account_type", [1, 3, 4, 9])
def test_steam_accounts_that_the_old_fields_may_hold(account_type: int) -> None:
    number = 1 << 56 | account_type << 52 | 9
    assert identity_from_legacy(IdentityLegacyBinary(steam_id=number)).steam_id64 == number


# ---- Our own credentials ----


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
        seen = peer_identity(message, ADDRESS, True)
        assert seen == (ANONYMOUS if identity.is_localhost else identity)
        peer = accepted(checked(message, seen, challenge_version=13, local_lanes=8))
        assert peer.ciphers == [CIPHER_AES_256_GCM, CIPHER_NULL]
        assert peer.nonce == local.nonce
        assert peer.exchange_public == local.exchange.public
        assert not peer.authenticated


def test_secrets_are_in_no_message() -> None:
    secrets = entropy().answers[:2]
    local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
    request = ConnectRequest()
    local.fill(request)
    assert not any(secret in request.SerializeToString() for secret in secrets)


def test_every_connection_has_keys_of_its_own() -> None:
    one, other = (LocalCredentials(entropy(seed), Credentials(ALICE), [2]) for seed in (1, 2))
    assert one.certificate != other.certificate
    assert one.crypt_info != other.crypt_info
    assert one.nonce != other.nonce


def test_who_is_nobody_is_nobody_in_particular() -> None:
    """An invalid identity cannot be shown to peers; localhost is the anonymous one."""
    assert Credentials().identity.is_localhost
    assert Credentials(NetworkingIdentity.invalid()).identity.is_localhost


def test_credentials_need_a_cipher() -> None:
    with pytest.raises(ValueError, match="one or more of"):
        LocalCredentials(entropy(), Credentials(ALICE), [])
    with pytest.raises(ValueError, match="one or more of"):
        LocalCredentials(entropy(), Credentials(ALICE), [2, 3])


def test_credentials_with_a_certificate_show_it_and_sign_with_its_key() -> None:
    certified = Authority().credentials("alice", 3)
    local = LocalCredentials(SeededEntropy(1), certified, [CIPHER_AES_256_GCM])
    message = ConnectRequest()
    local.fill(message)
    assert certified.certificate is not None
    assert message.cert == certified.certificate
    assert certified.key is not None
    assert verify(certified.key.public, message.crypt.signature, message.crypt.info)


def test_a_certificate_must_fit_its_key_and_state_an_identity() -> None:
    key, other = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
    signed = Authority().sign(ALICE, key)
    assert Credentials.certified(signed, key).identity == ALICE
    with pytest.raises(ValueError, match="about another key"):
        Credentials.certified(signed, other)
    with pytest.raises(ValueError, match="no certificate"):
        Credentials.certified(b"\xff\xff", key)
    with pytest.raises(ValueError, match="states no identity"):
        Credentials.certified(b"", key)


# ---- Ciphers ----


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


def test_both_sides_must_have_offered_the_cipher() -> None:
    local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
    peer = accepted(checked(introduce(ConnectRequest(), ciphers(1, 2))))
    assert session_ciphers(True, local, peer, 1, 2, CIPHER_NULL) == NO_COMMON_CIPHER
    peer = accepted(checked(introduce(ConnectRequest(), ciphers(1))))
    assert session_ciphers(True, local, peer, 1, 2, CIPHER_AES_256_GCM) == NO_COMMON_CIPHER


# ---- Hostile bytes ----


@given(st.binary(max_size=120), st.binary(max_size=120), st.binary(max_size=80), st.booleans())
def test_random_credentials_never_raise(cert: bytes, crypt: bytes, signed: bytes, client: bool) -> None:
    message = introduce(ConnectRequest() if client else ConnectOK())
    message.cert.cert = cert
    message.cert.ca_signature = signed
    message.crypt.info = crypt
    identity = peer_identity(message, ADDRESS, True) or ANONYMOUS
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
    identity = peer_identity(forged, ADDRESS, True) or ANONYMOUS
    peer = checked(forged, identity)
    if isinstance(peer, PeerCredentials):
        local = LocalCredentials(entropy(), Credentials(ALICE), [CIPHER_AES_256_GCM])
        session_ciphers(True, local, peer, 1, 2, CIPHER_AES_256_GCM)


# ---- Challenges ----

TICK_US = 1 << 20
CHALLENGES = ChallengeKey(b"secret of 16 byt")
PLACE = ADDRESS.packed + ADDRESS.port.to_bytes(2, "big")


@given(st.integers(0, 1 << 50), st.integers(0, 3 * TICK_US))
def test_a_challenge_lives_for_three_ticks(now_us: int, age_us: int) -> None:
    challenge = CHALLENGES.make(PLACE, now_us)
    assert 0 <= challenge < 1 << 64
    assert challenge & 0xFFFF == now_us // TICK_US % 0x10000
    assert CHALLENGES.check(challenge, PLACE, now_us + age_us)
    assert not CHALLENGES.check(challenge, PLACE, now_us + 4 * TICK_US + age_us)


@given(st.integers(0, 1 << 50), st.integers(0, 63))
def test_a_forged_challenge_is_refused(now_us: int, bit: int) -> None:
    assert not CHALLENGES.check(CHALLENGES.make(PLACE, now_us) ^ 1 << bit, PLACE, now_us)


def test_a_challenge_from_the_future_is_refused() -> None:
    assert not CHALLENGES.check(CHALLENGES.make(PLACE, 10 * TICK_US), PLACE, 9 * TICK_US)


def test_a_challenge_is_bound_to_its_address_port_and_server() -> None:
    challenge = CHALLENGES.make(PLACE, 0)
    assert CHALLENGES.make(PLACE, TICK_US - 1) == challenge
    assert not CHALLENGES.check(challenge, PLACE[:-1] + b"\0", 0)
    assert not CHALLENGES.check(challenge, b"\1" + PLACE[1:], 0)
    assert not ChallengeKey(b"secret of others").check(challenge, PLACE, 0)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 50))
def test_guessed_challenges_are_refused(challenge: int, now_us: int) -> None:
    assert not CHALLENGES.check(challenge, PLACE, now_us)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_the_secret_must_be_long_enough(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes, must have 16..64"):
        ChallengeKey(bytes(size))
